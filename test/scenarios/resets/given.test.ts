/** States that are given, or that a server recorded, rather than replayed. */
import {describe, expect, test} from 'vitest'
import {recordedResets} from '../../../src/forensics/recorded-resets.ts'
import {recorded, recordsOf, viewOf} from '../../forensics/views.ts'
import {type Played, Story, type ToldReset} from '../story.ts'
import {ALL, aliceIn, expectFindings, openRoom, V1, V2, V21} from './rooms.ts'

/** MSC4297, problem A: one state still has the open join rule, and both know that Alice, who closed the room, has left. */
const problemA = (version: string): Story =>
  Story.of(version)
    .power('power', 'alice', {...aliceIn(version), bob: 50}, {auth: ['alice']})
    .joinRule('open', 'alice', 'public', {auth: ['power', 'alice']})
    .member('bob', 'bob', 'join', {auth: ['power', 'open']})
    .joinRule('closed', 'alice', 'invite', {auth: ['power', 'alice']})
    .member('alice', 'alice', 'leave', {id: 'gone', auth: ['power', 'alice']})
const A = {
  slot: 'join_rules',
  cause: 'A-unconflicted-deauthorises',
  expected: false,
  lost: 'closed',
  got: '-',
  blockers: ['gone'],
  underV21: 'closed',
} as const

/** MSC4297, problem B: one state still has the first power levels; the second, by which Bob could send the third, is in every auth chain. */
const problemB = (version: string): Story =>
  Story.of(version)
    .power('first', 'alice', aliceIn(version), {auth: ['alice']})
    .joinRule('open', 'alice', 'public', {auth: ['first', 'alice']})
    .member('bob', 'bob', 'join', {auth: ['first', 'open']})
    .power('second', 'alice', {...aliceIn(version), bob: 60}, {auth: ['first', 'alice']})
    .topic('topic', 'alice', {auth: ['second', 'alice']})
    .member('bob', 'bob', 'join', {id: 'renamed', auth: ['second', 'open', 'bob']})
    .power('third', 'bob', {...aliceIn(version), bob: 60, carol: 40}, {auth: ['second', 'renamed']})
const B = {
  slot: 'power_levels',
  cause: 'B-missing-intermediate',
  expected: false,
  lost: 'third',
  got: 'first',
  lacking: 'second',
  underV21: 'third',
} as const

const statesA = ['closed', 'open'].map((rule) => ['create', 'power', 'bob', 'gone', rule])
const statesB = ['third', 'first'].map((levels) => ['create', 'alice', 'renamed', 'open', 'topic', levels])
const told = (reset: Partial<ToldReset>): ToldReset => ({at: '-', ...reset}) as ToldReset

describe.each(V2)('version %s: the two problems of MSC4297', (version) => {
  test.each([statesA, statesA.toReversed()])('A, in states that are given', (...states) => {
    expectFindings(problemA(version).play().findings(states), [told(A)])
  })
  test.each([statesB, statesB.toReversed()])('B, in states that are given', (...states) => {
    expectFindings(problemB(version).play().findings(states), [told(B)])
  })
  test.each(['synapse', 'spec'] as const)('B in the reading %s', (reading) => {
    expectFindings(problemB(version).play({reading}).findings(statesB), [told(B)])
  })
  test('what stood against it, what was not looked at again, and what version 12 would give is evidence', () => {
    const [a] = problemA(version).play().findings(statesA)
    expect(a?.evidence).toContainEqual(expect.objectContaining({value: '$gone'}))
    expect(a?.evidence).toContainEqual(
      expect.objectContaining({where: 'resolution of room version 12', value: '$closed'}),
    )
    const [b] = problemB(version).play().findings(statesB)
    expect(b?.evidence).toContainEqual(expect.objectContaining({where: 'not looked at again', value: '$second'}))
  })
})

describe.each(V21)('version %s: no problem', (version) => {
  test('A and B', () => {
    expect(problemA(version).play().findings(statesA)).toEqual([])
    expect(problemB(version).play().findings(statesB)).toEqual([])
  })
})

/** What a server would record that computes as the replay does, but for the state after one event, and what follows from it. */
function recordedWith(
  played: Played,
  at: string,
  slot: string,
  event: string,
  prevs: readonly string[],
  merge: string,
  side: 'before' | 'after' = 'after',
) {
  const {replay} = played
  const {graph, trie, resolver, after} = replay
  const row = (id: string): number => graph.row(`$${id}`)
  const index = graph.slots.findIndex(({type, stateKey}) => `${type}${stateKey}` === slot)
  const changed = trie.set(after[row(at)] ?? -1, index, row(event))
  const inputs = prevs.map((prev) => (prev === at ? changed : (after[row(prev)] ?? -1)))
  const {root} = resolver.resolve(inputs)
  const records = recordsOf(replay)
  const put = (id: string, side: 'before' | 'after', state: number): void => {
    const group = 1_000_000 + state
    const slots: {eventId: string; type: string; stateKey: string}[] = []
    trie.forEach(state, (one, value) => slots.push({eventId: graph.id(value), ...graph.slotAt(one)}))
    records.groups.set(group, {base: null, slots})
    records.around.set(`$${id}`, {...records.around.get(`$${id}`)!, [side]: group})
  }
  put(at, 'after', changed)
  put(merge, 'before', side === 'before' ? changed : root)
  put(merge, 'after', root)
  const view = viewOf(replay, 'stale.example', {recorded: recorded(records)})
  return recordedResets(replay, view).map((reset) => played.told(reset))
}

/** Both branches know the second topic, which claims less depth and an earlier time than the first. */
const twoTopics = (version: string): Played =>
  openRoom(version)
    .topic('first', 'alice', {auth: ['power', 'alice'], ts: 90_000, depth: 100})
    .topic('second', 'alice', {auth: ['power', 'alice'], ts: 80_000, depth: 20})
    .merge('left', 'alice', ['second'], ['power', 'alice'])
    .merge('right', 'alice', ['second'], ['power', 'alice'])
    .merge('merge', 'alice', ['left', 'right'], ['power', 'alice'])
    .play()

describe.each(ALL)('version %s: states that a server recorded', (version) => {
  test('stale-input: the state of one branch still has the first topic', () => {
    const played = twoTopics(version)
    expect(played.resets()).toEqual([])
    expect(recordedWith(played, 'right', 'm.room.topic', 'first', ['left', 'right'], 'merge')).toEqual([
      expect.objectContaining({slot: 'topic', cause: 'stale-input', lost: 'second', got: 'first', at: 'merge'}),
    ])
  })
  test('nothing where the server has what the replay has, or where its state is stale and does no harm', () => {
    const played = twoTopics(version)
    const inputs = ['left', 'right']
    expect(recordedWith(played, 'right', 'm.room.topic', 'second', inputs, 'merge')).toEqual([])
    expect(recordedWith(played, 'right', 'm.room.topic', 'old', inputs, 'merge')).toEqual([])
  })
  test('a state that the server changed at the merge itself is no reset of the merge', () => {
    const played = openRoom(version)
      .topic('new', 'alice', {auth: ['power', 'alice']})
      .merge('aside', 'alice', ['old'], ['power', 'alice'])
      .merge('merge', 'alice', ['new', 'aside'], ['power', 'alice'])
      .play()
    expect(recordedWith(played, 'merge', 'm.room.topic', 'old', ['new', 'aside'], 'merge', 'before')).toEqual([])
  })
  test('nothing of states that hold events which are not here', () => {
    const played = twoTopics(version)
    const {replay} = played
    const records = recordsOf(replay)
    for (const [group, {base, slots}] of records.groups) {
      const strange = slots.map((slot) => (slot.type === 'm.room.power_levels' ? {...slot, eventId: '$strange'} : slot))
      records.groups.set(group, {base, slots: strange})
    }
    const group = records.around.get('$right')?.after ?? -1
    const stale = records.groups.get(group)?.slots.filter(({type}) => type !== 'm.room.topic') ?? []
    const topics = {eventId: '$first', type: 'm.room.topic', stateKey: ''}
    records.groups.set(1_000_000, {base: null, slots: [...stale, topics]})
    records.around.set('$right', {before: null, after: 1_000_000})
    records.around.set('$merge', {before: 1_000_000, after: null})
    expect(recordedResets(replay, viewOf(replay, 'strange.example', {recorded: recorded(records)}))).toEqual([])
  })
  test('rejected-input: one state holds an event that the rules reject', () => {
    const played = openRoom(version)
      .topic('forbidden', 'bob', {auth: ['power', 'bob']})
      .merge('right', 'alice', ['old'], ['power', 'alice'])
      .merge('merge', 'alice', ['forbidden', 'right'], ['power', 'alice'])
      .play()
    expect(played.verdict('forbidden')).toMatch(/@auth$/)
    const found = recordedWith(played, 'forbidden', 'm.room.topic', 'forbidden', ['forbidden', 'right'], 'merge')
    expect(found).toEqual([
      expect.objectContaining({slot: 'topic', cause: 'rejected-input', lost: 'forbidden', got: 'old'}),
    ])
  })
  test('what the replay has as well is not told again', () => {
    const name = (told: object) => ({key: '', content: {name: 'x'}, auth: ['power', 'alice'], ...told})
    const played = openRoom(version)
      .tell('first', 'alice', 'm.room.name', name({ts: 90_000, depth: 100}))
      .tell('second', 'alice', 'm.room.name', name({ts: 80_000, depth: 20}))
      .topic('new', 'mod', {auth: ['power', 'mod']})
      .power('demoted', 'alice', aliceIn(version), {auth: ['power', 'alice']})
      .merge('aside', 'alice', ['second'], ['power', 'alice'])
      .merge('merge', 'alice', ['demoted', 'aside'], ['demoted', 'alice'])
      .play()
    expect(played.resets()).toEqual([expect.objectContaining({slot: 'topic', lost: 'new'})])
    const inputs = ['demoted', 'aside']
    expect(recordedWith(played, 'aside', 'm.room.topic', 'old', inputs, 'merge')).toEqual([])
    expect(recordedWith(played, 'aside', 'm.room.name', 'first', inputs, 'merge')).toEqual([
      expect.objectContaining({slot: 'name', cause: 'stale-input', lost: 'second', got: 'first'}),
    ])
  })
})

describe.each(V2)('version %s: problem A in the states of a server', (version) => {
  test('is found by its own records', () => {
    const played = problemA(version)
      .merge('left', 'bob', ['gone'], ['power', 'bob'])
      .merge('right', 'bob', ['gone'], ['power', 'bob'])
      .merge('merge', 'bob', ['left', 'right'], ['power', 'bob'])
      .play()
    expect(played.resets()).toEqual([])
    expect(recordedWith(played, 'right', 'm.room.join_rules', 'open', ['left', 'right'], 'merge')).toEqual([
      expect.objectContaining({...A, at: 'merge'}),
    ])
  })
})

describe.each([...V1, ...V2])('version %s: missing-events', (version) => {
  const story = openRoom(version)
    .power('promoted', 'alice', {...aliceIn(version), mod: 50, bob: 50}, {auth: ['power', 'alice']})
    .topic('new', 'bob', {prev: ['old'], auth: ['promoted', 'bob']})
  const common = ['create', 'alice', 'power', 'open', 'mod', 'bob']
  const states = ['new', 'old'].map((topic) => [...common, topic])
  const missing = {slot: 'topic', cause: 'missing-events', lost: 'new', got: 'old', expected: false} as const

  test('the power levels that the lost topic cites are not here, and nothing is proven', () => {
    const index = story.lines.findIndex((line) => line.includes('$promoted'))
    const holed = Object.assign(new Story(version), {lines: story.lines.toSpliced(index, 1)})
    const findings = holed.play().findings(states)
    const resets = findings.filter(({id}) => id === 'state/reset')
    expectFindings(resets, [told(missing)])
    expect(resets[0]?.certainty).toBe('hint')
    expect(findings.filter(({id}) => id !== 'state/reset').map(({id}) => id)).toEqual(['dag/missing-event'])
  })
  test('with them the cause can be told: version 1 does not look at them again, later versions do', () => {
    const wanted = version === '1' ? [told({...missing, cause: 'concurrent-rule-change'})] : []
    expectFindings(story.play().findings(states), wanted)
  })
})
