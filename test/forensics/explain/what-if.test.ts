import {describe, expect, test} from 'vitest'
import type {Change} from '../../../src/forensics/explain/changes.ts'
import {hearingOfRow} from '../../../src/forensics/explain/hearing-of-row.ts'
import {type Hearing, judge, type NamedSlot} from '../../../src/forensics/explain/hearing.ts'
import {applyChange, type Suggestion, whatWouldPass} from '../../../src/forensics/explain/what-if.ts'
import {loadRoomFrom} from '../../../src/investigate/load-room.ts'
import type {Json, JsonObject} from '../../../src/matrix/json.ts'
import {type Replay, replay, VERDICT_NAMES} from '../../../src/resolve/replay.ts'
import {ALICE, BOB, DAVE, member, message, MO, publicRoom, type Room, topic} from '../../rules/build.ts'
import {PAIRS} from '../../rules/cases/all.ts'
import {expectedRule, type Pair, versionsOf} from '../../rules/pair.ts'

const VERSIONS = new Set(['1', '6', '10', '12'])

interface Named {
  readonly pdus: readonly JsonObject[]
  readonly judged: string
}

/** The room with its events' IDs beside them, so that an event can be changed and keep its name. */
function named(room: Room): Named {
  const pdus = room.names.map((name, index) => ({...room.pdus[index], event_id: room.id(name)}))
  return {pdus, judged: room.id(room.last)}
}

function replayed(pdus: readonly JsonObject[]): Replay {
  const lines = pdus.map((pdu, index) => ({text: JSON.stringify(pdu), line: index + 1}))
  return replay(loadRoomFrom('room', lines, {trustIds: true}).graph)
}

const hearingIn = (result: Replay, id: string): Hearing => hearingOfRow(result, result.graph.row(id))

const text = (value: Json | undefined): string => (typeof value === 'string' ? value : '')

/** The whole room with the change done to its events, replayed; `null` where the change needs an event that nobody sent. */
function afterwards({pdus, judged}: Named, changed: Hearing): string | null {
  const {event, cited, state, rules} = changed
  const contents = new Map<string, JsonObject>([...cited].map(([id, pdu]) => [id, pdu.content]))
  for (const pdu of pdus) {
    if (pdu['state_key'] === undefined || state === null) continue
    const slot: NamedSlot = {type: text(pdu['type']), stateKey: text(pdu['state_key'])}
    const now = state.get(slot)
    if (now !== null) contents.set(now.eventId, now.content)
  }
  if ([...contents.keys(), ...event.authEvents].some((id) => id.startsWith('$new'))) return null
  if (changed.create !== null) contents.set(changed.create.eventId, changed.create.content)
  const cite = (id: string): Json => (rules.refsCarryHashes ? [id, {sha256: ''}] : id)
  // An event of another room that nobody cites any more would make it a dump of two rooms.
  const home = pdus.filter(
    (pdu) => pdu['room_id'] !== '!other:a.example' || event.authEvents.includes(text(pdu['event_id'])),
  )
  const rewritten = home.map((pdu) => {
    const id = text(pdu['event_id'])
    if (id !== judged) return contents.has(id) ? {...pdu, content: contents.get(id)} : pdu
    const {content, authEvents, sender, stateKey} = event
    // Where no rule reads it, the content is not kept.
    const said = Object.keys(content).length === 0 ? pdu['content'] : content
    return {
      ...pdu,
      sender,
      ...(stateKey === undefined ? {} : {state_key: stateKey}),
      content: said,
      auth_events: authEvents.map(cite),
    }
  })
  const result = replayed(rewritten)
  const {graph, verdicts, rejections} = result
  const row = graph.row(judged)
  return rejections.get(row)?.rule ?? VERDICT_NAMES[verdicts[row] as 0 | 1 | 2]
}

const rooms: readonly [string, () => Room, string][] = PAIRS.flatMap((pair: Pair) =>
  versionsOf(pair)
    .filter((version) => VERSIONS.has(version))
    .flatMap((version) => [
      [
        `${pair.rule}: ${pair.what}, version ${version}`,
        () => pair.fails(version),
        expectedRule(pair, version, 'auth'),
      ] as [string, () => Room, string],
      ...(pair.failsBefore === undefined
        ? []
        : [
            [
              `${pair.rule}: ${pair.what}, version ${version}, before`,
              () => pair.failsBefore!(version),
              expectedRule(pair, version, 'before'),
            ] as [string, () => Room, string],
          ]),
    ]),
)

/** What no change of the kinds that are tried can heal: the beginning of the room, and what is no event of its kind at all. */
const HOPELESS =
  /^(create|room-id)|^member\.(malformed|unknown)|aliases as a message|no create event, .*before|the creator, whom/

describe('every rule that rejects', () => {
  test.each(rooms)('%s', (title, build, rule) => {
    const room = build()
    const {graph, rejections, ...rest} = replay(room.graph())
    const row = graph.row(room.id(room.last))
    const hearing = hearingOfRow({graph, rejections, ...rest}, row)
    const stage = rule.endsWith('@auth') ? 'auth' : 'before'
    const {trace} = judge(hearing, stage)
    const failed = trace.lines.filter(({outcome}) => outcome === 'rejected')
    expect(failed.map(({number}) => `v${room.version}:${number}@${stage}`)).toEqual([rule])
    expect(failed[0]?.because).toBe(rejections.get(row)?.because)
    for (const suggestion of whatWouldPass(hearing)) {
      const changed = suggestion.reduce((given, change) => applyChange(given, change), hearing)
      expect(judge(changed, 'auth').rejection, JSON.stringify(suggestion)).toBe(null)
      // A membership that nobody was in a place to send would be rejected itself: that change is tried above only.
      if (suggestion.length > 1 || suggestion[0]?.kind === 'membership') continue
      const whole = named(room)
      const again = hearingIn(replayed(whole.pdus), whole.judged)
      const verdict = afterwards(whole, applyChange(again, suggestion[0]!))
      if (verdict !== null) expect(verdict, JSON.stringify(suggestion)).toBe('accepted')
    }
    if (!HOPELESS.test(title)) expect.soft(whatWouldPass(hearing).length, title).toBeGreaterThan(0)
  })
})

function suggested(room: Room): readonly Suggestion[] {
  return whatWouldPass(hearingIn(replay(room.graph()), room.id(room.last)))
}
const only = (...changes: readonly Change[]): readonly Suggestion[] => changes.map((change) => [change])

describe('what would have to differ', () => {
  test('power: the least that suffices, or less asked', () => {
    expect(suggested(publicRoom('10').add('topic', topic(MO)).add('bad', topic(MO)).add('x', topic(MO)))).toEqual([])
    const room = publicRoom('10', {state_default: 60}).add('bad', topic(MO))
    expect(suggested(room)).toEqual(
      only(
        {kind: 'power', user: MO, from: '50', to: '60'},
        {kind: 'level', name: 'm.room.topic', event: true, from: '60', to: '50'},
      ),
    )
  })

  test('a kick of somebody of equal power', () => {
    const room = publicRoom('10', {users: {[MO]: 50, [BOB]: 50}})
      .member('bob', BOB, 'join')
      .add('bad', member(BOB, 'leave', MO))
    expect(suggested(room)).toEqual(
      only({kind: 'power', user: MO, from: '50', to: '51'}, {kind: 'power', user: BOB, from: '50', to: '49'}),
    )
  })

  test('a message of somebody who is not there', () => {
    expect(suggested(publicRoom('10').add('bad', message(DAVE)))).toEqual(
      only({kind: 'membership', user: DAVE, from: 'none', to: 'join'}),
    )
  })

  test('banned and not invited: two changes', () => {
    const room = publicRoom('10')
      .member('ban', BOB, 'ban', ALICE)
      .joinRules('closed', 'invite')
      .member('bad', BOB, 'join')
    expect(suggested(room)).toEqual(only({kind: 'membership', user: BOB, from: 'ban', to: 'invite'}))
    const topicOfBanned = publicRoom('10').member('ban', BOB, 'ban', ALICE).add('bad', topic(BOB))
    expect(suggested(topicOfBanned).map((pair) => pair.map(({kind}) => kind))).toEqual([
      ['membership', 'power'],
      ['membership', 'level'],
    ])
  })
})
