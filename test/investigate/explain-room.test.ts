import {readFileSync} from 'node:fs'
import {join} from 'node:path'
import {describe, expect, test} from 'vitest'
import type {Explanation} from '../../src/forensics/explain/explanation.ts'
import type {ServerView, ToldMarks} from '../../src/forensics/server-view.ts'
import {parseQuestion} from '../../src/investigate/can-question.ts'
import {parseDraft} from '../../src/investigate/draft-event.ts'
import {eventEvidence} from '../../src/investigate/event-evidence.ts'
import {explainCan, explainDraft, explainEvent, type ExplainableRoom} from '../../src/investigate/explain-room.ts'
import {type LoadedRoom, loadRoomFrom} from '../../src/investigate/load-room.ts'
import {Dumps, linesOf, serverRoom} from '../cli/dumps.ts'
import {ALICE, BOB, CAROL, DAVE, member, message, MO, publicRoom, type Room, topic} from '../rules/build.ts'

const dumps = new Dumps()

const load = (name: string, lines: readonly string[]): LoadedRoom =>
  loadRoomFrom(
    name,
    lines.map((text, index) => ({text, line: index + 1})),
  )
const served = (name: string): LoadedRoom => load(name, serverRoom(name).lines)
const opened = (room: Room): ExplainableRoom => ({room: load('room', linesOf(room))})

type Flagged = readonly [server: string, eventId: string, order: number, flag: string]

/** What the two servers of the room think of its events; the order in their databases stands for times of arrival. */
function viewsOfRejected(): readonly ServerView[] {
  const file = join(import.meta.dirname, 'data/rejected-v6-flags.json')
  const flags = JSON.parse(readFileSync(file, 'utf8')) as readonly Flagged[]
  return ['hs1', 'hs2'].map((server) => {
    const marks = flags
      .filter(([of]) => of === server)
      .map(([, eventId, order, flag]): [string, ToldMarks] => [
        eventId,
        {
          rejected: flag === 'rejected' ? 'auth_error' : null,
          softFailed: flag === 'soft-failed',
          outlier: flag === 'outlier',
          receivedTs: order,
        },
      ])
    const known = new Map(marks)
    return {server, states: [], extremities: null, marks: known, has: (id) => known.has(id), recorded: null}
  })
}

const {servers: serverKeys} = JSON.parse(
  readFileSync(join(import.meta.dirname, '../matrix/room-keys.json'), 'utf8'),
) as {readonly servers: Readonly<Record<string, unknown>>}
/** A day before the keys' validity ends. */
const FETCHED = 1_795_286_000_000

const checksOf = ({checks}: Explanation): Record<string, string> =>
  Object.fromEntries(checks.map(({name, outcome}) => [name, outcome]))

describe('rejected-v6, a room of two real servers', () => {
  const room = {room: served('rejected-v6'), views: viewsOfRejected()}
  const explain = (beginning: string): Promise<Explanation> => explainEvent(room, beginning)

  test('no power: the rule, the values, the checks, and what would have to differ', async () => {
    const explained = await explain('$DDvfMF')
    expect(explained.answer).toBe(
      'Rejected by rule 7 of room version 6 (by its auth events): @erin:localhost:28448 has power 0, sending m.room.topic takes 50.',
    )
    expect(checksOf(explained)).toEqual({
      format: 'passed',
      signatures: 'not-checked',
      'content-hash': 'passed',
      'auth-events': 'failed',
      'state-before': 'failed',
      'current-state': 'not-reached',
    })
    const failed = explained.rules.before?.lines.filter(({outcome}) => outcome === 'rejected')
    expect(failed).toMatchObject([
      {
        number: '7',
        values: [
          {what: 'power', of: '@erin:localhost:28448', value: '0'},
          {what: 'level', of: 'm.room.topic', value: '50'},
        ],
      },
    ])
    expect(explained.remedies.map(({says}) => says)).toEqual([
      'if @erin:localhost:28448 had power 50 (now 0)',
      'if sending m.room.topic took power 0 (now 50)',
    ])
    expect(explained.couldSend?.users).toEqual([
      {user: '@alice:localhost:18448', power: '100'},
      {user: '@bob:localhost:28448', power: '100'},
      {user: '@dave:localhost:28448', power: '50'},
    ])
    expect(explained.servers).toMatchObject([
      {server: 'hs1', rejected: 'auth_error'},
      {server: 'hs2', has: false},
    ])
  })

  test('a rejected auth event, and one cited twice: what to leave out', async () => {
    const rejected = await explain('$RFpLNg')
    expect(rejected.citations.at(-1)).toMatchObject({relation: 'no-part', problems: ['rejected']})
    expect(rejected.remedies.map(({says}) => says)).toEqual([
      'without $DDvfMFSZ2DBmw-hXVf5-VugzD2zQPMA2nROvK5NR81c among its auth_events',
    ])
    const twice = await explain('$0ZS_FP')
    expect(twice.rejection?.rule).toBe('v6:2.1@auth')
    expect(twice.citations.map(({problems}) => problems)).toContainEqual(['duplicate'])
    expect(twice.remedies).toHaveLength(1)
    expect(twice.couldSend).toBe(null)
    // What is asked of the event itself is not asked of the state.
    expect(twice.rules.before).toMatchObject({passes: true})
    expect(twice.rules.before?.lines.find(({number}) => number === '2.1')?.outcome).toBe('on-receipt-only')
  })

  test('soft-failed by one server and taken by the other: not rejected', async () => {
    const explained = await explain('$chl7DzRtHVY')
    expect(explained).toMatchObject({
      verdict: 'accepted',
      rejection: null,
      softFailedBy: ['hs1'],
      answer: 'Accepted, but soft-failed by hs1.',
      servers: [
        {server: 'hs1', softFailed: true, estimate: {passes: false, by: 'arrival'}},
        {server: 'hs2', softFailed: false},
      ],
    })
    expect(explained.checks.at(-1)).toMatchObject({
      outcome: 'failed',
      rule: 'v6:5@before',
      says: expect.stringContaining('soft-failed by hs1, not by hs2: its sender @mallory') as string,
    })
  })

  test('the estimate by arrival says of every event what the server said', async () => {
    const wrong: string[] = []
    for (const [eventId, marks] of room.views[0]!.marks) {
      const explained = await explain(eventId)
      const estimate = explained.servers.find(({server}) => server === 'hs1')?.estimate ?? null
      if (estimate !== null && estimate.passes !== !marks.softFailed!) wrong.push(eventId)
    }
    expect(wrong).toEqual([])
  })

  test('what a server soft-failed is no part of its current state', async () => {
    const fork = publicRoom('10').member('bob', BOB, 'join').add('hello', message(BOB))
    const marks = new Map(fork.names.map((name, index): [string, ToldMarks] => [fork.id(name), {receivedTs: index}]))
    const view = (softFailed: boolean): ServerView => ({
      server: 'late.example',
      states: [],
      extremities: null,
      marks: new Map([...marks, [fork.id('bob'), {receivedTs: 5, softFailed}]]),
      has: () => true,
      recorded: null,
    })
    const estimated = async (softFailed: boolean): Promise<string | null | undefined> => {
      const {servers} = await explainEvent({...opened(fork), views: [view(softFailed)]}, fork.id('hello'))
      return servers[0]?.estimate?.rejection?.name ?? null
    }
    expect(await estimated(false)).toBe(null)
    expect(await estimated(true)).toBe('sender-not-joined')
  })

  test('without what servers say: not known, but what a late receiver would have done', async () => {
    const explained = await explainEvent({room: room.room}, '$chl7Dz')
    expect(explained.checks.at(-1)).toMatchObject({
      outcome: 'not-known',
      says: expect.stringContaining('whoever received it after all else soft-failed it') as string,
    })
    expect(explained.softFailedBy).toEqual([])
  })

  test('an ID that is none, and beginnings', async () => {
    await expect(explain('$DDvfMFxx')).rejects.toMatchObject({
      code: 'EVENT_UNKNOWN',
      hint: "Did you mean '$DDvfMFSZ2DBmw-hXVf5-VugzD2zQPMA2nROvK5NR81c'?",
    })
    await expect(explain('$DDvfM')).rejects.toMatchObject({code: 'EVENT_UNKNOWN'})
    await expect(explain('$unheardOf')).rejects.toMatchObject({code: 'EVENT_UNKNOWN'})
  })

  test('signatures and hash, where the text and keys are at hand', async () => {
    const lines = serverRoom('rejected-v6').lines
    const path = dumps.write('rejected', lines)
    const keys = dumps.write('keys.json', JSON.stringify(serverKeys))
    const {graph} = room.room
    const row = graph.row('$P4YFApIqy-N17xYXelMwkBmlxFs72edORxx6ykgr6S8')
    const without = await eventEvidence(path, room.room, row, {keyFiles: [], nowMs: 0})
    expect(without).toEqual({contentHash: 'redacted', signatures: null})
    const text = await eventEvidence(path, room.room, graph.create, {keyFiles: [keys], nowMs: FETCHED})
    expect(text?.contentHash).toBe('ok')
    const good = await explainEvent(room, graph.id(graph.create), {text: () => Promise.resolve(text)})
    expect(good.checks[1]).toMatchObject({
      outcome: 'passed',
      says: expect.stringContaining('signed by localhost:18448 (ed25519:a_VDHz)') as string,
    })
    const tampered = lines.map((line) => line.replace(/("ed25519:a_VDHz": ?")./, '$1A'))
    const forged = dumps.write('tampered', tampered)
    const bad = await eventEvidence(forged, room.room, graph.create, {keyFiles: [keys], nowMs: FETCHED})
    const refused = await explainEvent(room, graph.id(graph.create), {text: () => Promise.resolve(bad)})
    expect(refused.checks[1]).toMatchObject({
      outcome: 'failed',
      says: 'the signature of localhost:18448 (ed25519:a_VDHz) is wrong: servers drop it',
    })
    const explained = await explainEvent(room, graph.id(row), {text: () => Promise.resolve(without)})
    expect(checksOf(explained)).toMatchObject({'content-hash': 'failed', 'auth-events': 'passed'})
  })
})

describe('events whose verdict is open', () => {
  const whole = publicRoom('10').add('topic', topic()).add('last', message())
  const holed = linesOf(whole).filter((_, index) => index !== 3)
  const room = {room: load('holed', holed)}
  const lost = whole.id('rules')

  test('one that is not here: who cites it', async () => {
    expect(await explainEvent(room, lost)).toMatchObject({
      verdict: 'undetermined',
      complete: false,
      missing: [lost],
      answer: expect.stringContaining('Not in the evidence:') as string,
    })
  })

  test('one that hangs on it: what is missing, nearest first', async () => {
    expect(await explainEvent(room, whole.id('last'))).toMatchObject({
      verdict: 'undetermined',
      complete: false,
      missing: [lost],
      remedies: [],
    })
    expect(explainDraft(room, parseDraft('draft', '{"type":"m.room.message","sender":"@mo:a.example"}'))).toMatchObject(
      {complete: false, notes: [expect.stringContaining('Events are missing')]},
    )
  })

  test('a refused event', async () => {
    const refused = linesOf(whole).map((line, index) =>
      index === 6 ? line.replace(/"depth":\d+/, '"depth":"deep"') : line,
    )
    const {room: loaded} = {room: load('refused', refused)}
    const row = loaded.graph.columns.line.indexOf(7)
    const explained = await explainEvent({room: loaded}, loaded.graph.id(row))
    expect(explained.answer).toMatch(/^Refused by form: its "depth" is not/)
    expect(checksOf(explained)).toMatchObject({format: 'failed', 'auth-events': 'not-reached'})
  })
})

const can = (room: ExplainableRoom, user: string, action: string, target?: string, stateKey?: string): Explanation =>
  explainCan(room, parseQuestion({user, action, target, stateKey}))
const answerTo = (...args: Parameters<typeof can>): string | undefined => can(...args).can?.answer

describe('may somebody do something', () => {
  const room = opened(publicRoom('10'))
  const closed = opened(
    publicRoom('10').member('bob', BOB, 'join').joinRules('closed', 'invite').member('kicked', BOB, 'leave', ALICE),
  )

  test.each<[string, string, string | undefined, string]>([
    [BOB, 'join', undefined, 'yes'],
    [CAROL, 'leave', undefined, 'yes'],
    [BOB, 'leave', undefined, 'no'],
    [BOB, 'knock', undefined, 'no'],
    [CAROL, 'invite', BOB, 'yes'],
    [BOB, 'invite', DAVE, 'no'],
    [MO, 'kick', CAROL, 'yes'],
    [CAROL, 'kick', MO, 'no'],
    [MO, 'ban', ALICE, 'no'],
    [MO, 'ban', DAVE, 'yes'],
    [MO, 'unban', DAVE, 'yes'],
    [CAROL, 'send', 'm.room.message', 'yes'],
    [CAROL, 'send', 'm.room.topic', 'no'],
    [MO, 'send', 'm.room.topic', 'yes'],
    [CAROL, 'redact', undefined, 'yes'],
  ])('%s %s %s: %s', (user, action, target, answer) => {
    expect(answerTo(room, user, action, target)).toBe(answer)
  })

  test('who can let somebody in again', () => {
    const explained = can(closed, BOB, 'join')
    expect(explained.answer).toBe(`No, ${BOB} cannot join, by rule 4.3.7: the join rule is invite and ${BOB} has left.`)
    expect(explained.remedies).toMatchObject([
      {changes: [{kind: 'membership', user: BOB, to: 'invite'}], by: [{anyMember: true}]},
      {changes: [{kind: 'join-rule', to: 'public'}], by: [{users: [{user: ALICE, power: '100'}, {user: MO}]}]},
    ])
    // And so it is: each of these, done, lets him in.
    const invited = publicRoom('10')
      .member('bob', BOB, 'join')
      .joinRules('closed', 'invite')
      .member('kicked', BOB, 'leave', ALICE)
      .member('invited', BOB, 'invite', CAROL)
    expect(answerTo(opened(invited), BOB, 'join')).toBe('yes')
  })

  test('after an event: good there, soft-failed by now', () => {
    const {graph} = closed.room
    const before = graph.ids[graph.size - 2]!
    const draft = parseDraft('draft', JSON.stringify({type: 'm.room.message', sender: BOB}))
    const explained = explainDraft(closed, draft, {at: before})
    expect(explained.verdict).toBe('accepted')
    expect(explained.answer).toMatch(/^It would be accepted, but soft-failed: its sender/)
    expect(explainDraft(closed, draft)).toMatchObject({verdict: 'rejected', rejection: {rule: 'v10:5@auth'}})
  })

  test('restricted: it depends on another room', () => {
    const restricted = {room: served('restricted-v10')}
    // Synapse answered 403 "You do not belong to any of the required rooms/spaces to join this room" to such a user.
    const stranger = can(restricted, '@stranger:localhost:28448', 'join')
    expect(stranger.can?.answer).toBe('depends')
    expect(stranger.notes.join(' ')).toContain('!EdunmUldvikpjZFakm:localhost:18448')
    expect(stranger.remedies[0]?.changes[0]).toMatchObject({kind: 'authoriser', user: '@alice:localhost:18448'})
    // And zoe knocked, was invited, and joined.
    expect(answerTo(restricted, '@stranger:localhost:28448', 'knock')).toBe('yes')
    expect(answerTo(restricted, '@alice:localhost:18448', 'invite', '@stranger:localhost:28448')).toBe('yes')
  })

  test('who vanished at a merge: neither member nor banned', () => {
    const conflict = {room: served('conflict-v10')}
    const carol = can(conflict, '@carol:localhost:18448', 'join')
    expect(carol.can?.answer).toBe('no')
    expect(carol.rejection?.because).toContain('the join rule is invite')
  })

  test('questions that are none', () => {
    const ask = (user: string, action?: string, target?: string, stateKey?: string) => () =>
      parseQuestion({user, action, target, stateKey})
    expect(ask('bob', 'join')).toThrow('is no user ID')
    expect(ask(BOB)).toThrow('says not what')
    expect(ask(BOB, 'fly')).toThrow('does not know "fly"')
    expect(ask(BOB, 'invite')).toThrow('whom?')
    expect(ask(BOB, 'send')).toThrow('which event type?')
    expect(ask(BOB, 'join', CAROL)).toThrow('takes nothing more')
    expect(ask(BOB, 'join', undefined, '')).toThrow('--state-key')
  })
})

describe('drafts', () => {
  test('what is filled in', () => {
    const room = publicRoom('10')
    const explained = explainDraft(opened(room), parseDraft('draft', JSON.stringify(member(BOB, 'join'))))
    expect(explained.event).toMatchObject({
      eventId: null,
      prevEvents: [room.id('carol')],
      authEvents: ['create', 'levels', 'rules'].map((name) => room.id(name)),
      depth: 7,
      filled: ['room_id', 'prev_events', 'depth', 'origin_server_ts', 'auth_events'],
    })
    expect(explained.answer).toBe('It would be accepted.')
  })

  test.each(['1', '3', '6', '11', '12'])('in version %s, as it would be judged once sent', (version) => {
    const room = publicRoom(version)
    for (const draft of [message(CAROL), topic(CAROL), topic(MO), member(CAROL, 'ban', MO), member(DAVE, 'knock')]) {
      const judged = opened(room)
      const explained = explainDraft(judged, parseDraft('draft', JSON.stringify({sender: ALICE, ...draft})))
      const again = publicRoom(version).add('sent', draft)
      const {verdict, rule} = again.judge()
      expect([explained.verdict, explained.rejection?.rule ?? null]).toEqual([verdict, rule])
    }
  })

  test('what is no event', () => {
    expect(() => parseDraft('draft', 'hello')).toThrow('draft: it is not JSON')
    expect(() => parseDraft('draft', '[]')).toThrow('not a JSON object')
    expect(() => parseDraft('draft', '{"sender":"@a:b"}')).toThrow('no "type"')
    expect(() => parseDraft('draft', '{"type":"x","sender":"a"}')).toThrow('no "sender"')
    const large = {type: 'm.room.topic', state_key: '', sender: MO, content: {topic: 'x'.repeat(70_000)}}
    const explained = explainDraft(opened(publicRoom('10')), parseDraft('draft', JSON.stringify(large)))
    expect(explained.rejection?.rule).toBe('format:size')
  })
})
