import {readdirSync, readFileSync} from 'node:fs'
import {join} from 'node:path'
import {describe, expect, test} from 'vitest'
import {listRules} from '../../../src/auth/auth-rules.ts'
import {WORDED, wordsOf} from '../../../src/auth/rule-words.ts'
import {ROLES, selectSlots} from '../../../src/auth/view.ts'
import {hearingOfRow} from '../../../src/forensics/explain/hearing-of-row.ts'
import {judge, pduOfRow, provesDuplicate, slotsToCite} from '../../../src/forensics/explain/hearing.ts'
import {Flag} from '../../../src/graph/room-graph.ts'
import {loadRoomFrom} from '../../../src/investigate/load-room.ts'
import {KNOWN_ROOM_VERSIONS, rulesFor} from '../../../src/matrix/room-version.ts'
import {type Replay, replay, VERDICT_NAMES} from '../../../src/resolve/replay.ts'
import {DATA} from '../../conformance/fixtures.ts'
import {unpack} from '../../conformance/packed.ts'

const NAMES = readdirSync(DATA)
  .filter((file) => file.endsWith('.json.gz'))
  .filter((file) => !file.startsWith('12-realistic'))
  .map((file) => file.replace('.json.gz', ''))

function replayed(name: string): Replay {
  const {lines, kind} = unpack(readFileSync(join(DATA, `${name}.json.gz`)))
  const pdus = lines.map((text, index) => ({text, line: index + 1}))
  expect(kind).toMatch(/oracle|server/)
  return replay(loadRoomFrom(name, pdus).graph)
}

/** What the few events alone say, put as the replay puts it. */
function verdictOf(result: Replay, row: number): string {
  const hearing = hearingOfRow(result, row)
  const {fault} = hearing.event
  if (fault !== null) return `format:${fault.what}`
  if (hearing.open.size > 0) return provesDuplicate(hearing)?.rule ?? 'undetermined'
  const own = judge(hearing, 'auth')
  expect(own.trace.passes).toBe(own.passes)
  if (own.rejection !== null) return `${own.rejection.rule} ${own.rejection.because}`
  if (hearing.state === null) return 'undetermined'
  const before = judge(hearing, 'before')
  expect(before.trace.passes).toBe(before.passes)
  return before.rejection === null ? 'accepted' : `${before.rejection.rule} ${before.rejection.because}`
}

describe('a few events judge one as the whole room does', () => {
  test.each(NAMES)('%s', (name) => {
    const result = replayed(name)
    const {graph, verdicts, rejections} = result
    const wrong: string[] = []
    const slots = new Int32Array(ROLES)
    for (let row = 0; row < graph.size; row += 1) {
      if (graph.has(row, Flag.Missing | Flag.Foreign | Flag.Cyclic | Flag.Ambiguous)) continue
      const rejection = rejections.get(row)
      const said =
        rejection === undefined
          ? VERDICT_NAMES[verdicts[row] as 0 | 1 | 2]
          : rejection.rule.startsWith('format:')
            ? rejection.rule
            : `${rejection.rule} ${rejection.because}`
      if (verdictOf(result, row) !== said) wrong.push(`${graph.id(row)}: ${verdictOf(result, row)}, not ${said}`)
      selectSlots(graph, row, slots)
      const selected = new Set([...slots].filter((slot) => slot >= 0))
      const named = slotsToCite(pduOfRow(graph, row), graph.rules).map((slot) => graph.slotOf(slot.type, slot.stateKey))
      expect(new Set(named.filter((slot) => slot >= 0))).toEqual(selected)
    }
    expect(wrong).toEqual([])
  })
})

describe('the trace', () => {
  test('has words for every line of every version, and for no other', () => {
    const names = new Set<string>()
    for (const version of KNOWN_ROOM_VERSIONS) {
      const rules = rulesFor(version)
      if (rules !== undefined) for (const {name} of listRules(rules)) names.add(name)
    }
    for (const name of names) expect(wordsOf(name).asks).not.toBe('')
    const groups = WORDED.filter((name) => !names.has(name))
    expect(groups).toEqual([
      'create',
      'auth-events',
      'aliases',
      'member',
      'member.authoriser',
      'member.join',
      'member.join.restricted',
      'member.invite',
      'member.invite.third-party',
      'member.leave',
      'member.ban',
      'member.knock',
      'third-party-invite',
      'power-levels',
      'power-levels.named',
      'power-levels.events-old',
      'power-levels.events-new',
      'power-levels.users-old',
      'power-levels.users-new',
      'redaction',
    ])
  })
})
