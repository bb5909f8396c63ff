/** The same events in another order give the same findings: the order of lines in a dump says nothing about the room. */
import fc from 'fast-check'
import {describe, expect, test} from 'vitest'
import type {Finding} from '../../src/finding/finding.ts'
import {loadRoomFrom} from '../../src/investigate/load-room.ts'
import {resolveRoom} from '../../src/investigate/resolve-room.ts'
import {DATA} from '../conformance/fixtures.ts'
import {readPacks} from '../conformance/packed.ts'
import {linesOf} from '../cli/dumps.ts'
import {BOB, CAROL, member, message, publicRoom} from '../rules/build.ts'

interface Line {
  readonly text: string
  /** Where the event stood before: what names a line as evidence names the same one. */
  readonly line: number
}

const numbered = (lines: readonly string[]): readonly Line[] => lines.map((text, index) => ({text, line: index + 1}))
const rooms = readPacks(DATA)
  .filter(({lines}) => lines.length < 2100)
  .map(({name, lines}) => ({name, lines: numbered(lines)}))
const MINUTES = 60_000
/** Later than no event: every clock is ahead of it. */
const LONG_AGO = 1e12

const findingsOf = (lines: readonly Line[]): readonly Finding[] =>
  resolveRoom(loadRoomFrom('dump', lines), {nowMs: LONG_AGO}).findings

const orders = <T>(list: readonly T[]): fc.Arbitrary<readonly T[]> =>
  fc.shuffledSubarray([...list], {minLength: list.length, maxLength: list.length})

describe('findings do not depend on the order of lines', () => {
  test(
    'of rooms as they are, and of what is left of them when every tenth event is missing',
    () => {
      const seen = new Set<string>()
      for (const {name, lines} of rooms) {
        const isCreate = ({text}: Line): boolean => text.includes('"m.room.create"')
        const part = lines.filter((one) => isCreate(one) || one.line % 10 !== 7)
        for (const given of [lines, part]) {
          const found = findingsOf(given)
          for (const {id} of found) seen.add(id)
          fc.assert(
            fc.property(orders(given), (shuffled) => {
              expect({name, findings: findingsOf(shuffled)}).toEqual({name, findings: found})
            }),
            {numRuns: 2},
          )
        }
      }
      // What counts or shows events in some order.
      expect([...seen]).toEqual(
        expect.arrayContaining([
          ...['dag/rejected-event', 'dag/missing-event', 'dag/missing-region', 'dag/duplicate-auth-events'],
          ...['room/wedged-member', 'server/clock-skew', 'state/mass-leave', 'state/reset'],
        ]),
      )
    },
    2 * MINUTES,
  )

  test(
    'nor does how long a server has sent nothing',
    () => {
      // Two branches of equal length, and the server that falls silent in the middle of one of them.
      const room = publicRoom('10').member('bob', BOB, 'join')
      for (let n = 0; n < 30; n += 1) room.add(`b${String(n)}`, message(BOB))
      for (let n = 0; n < 60; n += 1) room.add(`left${String(n)}`, message())
      room.at('bob')
      for (let n = 0; n < 60; n += 1) room.add(`right${String(n)}`, message(CAROL))
      room.add('end', {...member(CAROL, 'join'), prev: ['left59', 'right59']})
      const lines = numbered(linesOf(room))
      const found = findingsOf(lines)
      expect(found.map(({id}) => id)).toContain('server/vanished')
      fc.assert(
        fc.property(orders(lines), (shuffled) => {
          expect(findingsOf(shuffled)).toEqual(found)
        }),
        {numRuns: 20},
      )
    },
    MINUTES,
  )
})
