import {expect} from 'vitest'
import type {Finding} from '../../../src/finding/finding.ts'
import {type Played, Story, type ToldReset} from '../story.ts'

/** Versions with the first algorithm, the second (at its ends and in the middle), and the third. */
export const V1 = ['1']
export const V2 = ['2', '6', '10', '11']
export const V21 = ['12']
export const ALL = [...V1, ...V2, ...V21]

/** Alice's power, where it can be listed: creators of version 12 stand above the list. */
export const aliceIn = (version: string): Readonly<Record<string, number>> => (version === '12' ? {} : {alice: 100})

/** Alice made the room and opened it; Mod (50) and Bob (0) came; Alice set the topic `old`. */
export function openRoom(version: string): Story {
  return Story.of(version)
    .power('power', 'alice', {...aliceIn(version), mod: 50}, {auth: ['alice']})
    .joinRule('open', 'alice', 'public', {auth: ['power', 'alice']})
    .member('mod', 'mod', 'join', {auth: ['power', 'open']})
    .member('bob', 'bob', 'join', {auth: ['power', 'open']})
    .topic('old', 'alice', {auth: ['power', 'alice']})
}

/** Nothing in the room but these resets, as findings, too: the order does not matter. */
export function expectResets(played: Played, wanted: readonly Partial<ToldReset>[]): void {
  const resets = played.resets()
  expect(resets).toHaveLength(wanted.length)
  for (const reset of wanted) expect(resets).toContainEqual(expect.objectContaining(reset))
  for (const {verdict} of verdictsOf(played)) expect(verdict).toBe('accepted')
  expectFindings(played.findings(), resets)
}

/** What the rooms are made to have, beside resets. */
const BESIDE = ['state/reading-dependent', 'dag/wrong-depth']

/** The findings that the resets become, and no other. */
export function expectFindings(findings: readonly Finding[], resets: readonly ToldReset[]): void {
  const found = findings.filter(({id}) => !BESIDE.includes(id))
  expect(found.map(({id, cause, subject}) => [id, cause, subject]).toSorted(byText)).toEqual(
    resets
      .map(({expected, cause, slot, at}) => [
        expected ? 'state/revoked-concurrently' : 'state/reset',
        cause,
        subjectOf(slot, at),
      ])
      .toSorted(byText),
  )
  for (const {severity, id, summary} of found) {
    expect(severity === 'error').toBe(id === 'state/reset')
    expect(summary).toMatch(/^[\p{Lu}@].*\.$/su)
  }
}

const byText = (a: unknown, b: unknown): number => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1)

function subjectOf(slot: string, at: string) {
  const [type = '', name] = slot.split(' ')
  const stateKey = name === undefined ? '' : `@${name}:${name}.example`
  const where = at === '-' ? {} : {event_id: `$${at}`}
  return {kind: 'slot', type: `m.room.${type}`, state_key: stateKey, ...where}
}

function verdictsOf(played: Played) {
  const {graph} = played.replay
  return graph.ids.map((id) => ({id, verdict: played.verdict(id.slice(1))}))
}
