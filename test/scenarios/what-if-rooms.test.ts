import {join} from 'node:path'
import {describe, expect, test} from 'vitest'
import type {ServerView} from '../../src/forensics/server-view.ts'
import {loadRoomFrom} from '../../src/investigate/load-room.ts'
import {openCaseRoom} from '../../src/investigate/open-case.ts'
import type {OpenedRoom} from '../../src/investigate/opened-room.ts'
import type {RoomReport} from '../../src/investigate/room-report.ts'
import {resolveWhatIf, type WhatIfOptions} from '../../src/investigate/what-if.ts'
import {replay} from '../../src/resolve/replay.ts'
import {folder} from '../casefile/cases.ts'
import {recorded, recordsOf, viewOf} from '../forensics/views.ts'
import {reportedRoom, type RoomCaseOptions, writeRoomCase} from './room-case.ts'
import {Story, userId} from './story.ts'

const where = folder()
let made = 0
const open = async (name: string, options: RoomCaseOptions = {}): Promise<OpenedRoom> => {
  made += 1
  return openCaseRoom(writeRoomCase(join(where, `${String(made)}.case`), reportedRoom(name), options), {})
}
const whatIf = ({room, views = [], reported}: OpenedRoom, options: WhatIfOptions): RoomReport =>
  resolveWhatIf(room, {views, reported, ...options})

/** `slot: as it is -> as it would be`, with the beginnings of event IDs. */
const changes = ({whatIf: told}: RoomReport): readonly string[] | undefined =>
  told?.differences?.map(
    ({type, stateKey, value, wouldBe}) =>
      `${type.replace('m.room.', '')} ${stateKey}: ${value?.eventId.slice(0, 7) ?? '-'} -> ${wouldBe?.eventId.slice(0, 7) ?? '-'}`,
  )

const [HS1, HS2] = ['localhost:18448', 'localhost:28448']
const CAROL = `@carol:${HS1}`
/** Events of conflict-v10: Alice takes Bob's power, while Bob bans Carol. */
const DEMOTION = '$6bBhLiqLWD-AyxhuurlZFgH5JyxZILp59kbWoIUbP6o'
const BAN = '$Xt9lLivjLY7ekJuu1fA1ZwqEEhWhfByryk7YMqy4INA'
const MERGE = '$hgrY655g07rDcUJvjysfUomIagQFFsplSJRxQDEwxcE'

describe('conflict-v10, where a demotion and a ban meet and Carol vanishes', () => {
  test('v2.1 would not have helped: the room is the same', async () => {
    const report = whatIf(await open('conflict-v10'), {algorithm: 'v2.1'})
    expect(report.whatIf).toMatchObject({algorithm: {asked: 'v2.1', isOwn: false}, differences: [], verdicts: []})
    expect(report.findings.map(({id}) => id)).toContain('state/reset')
  })

  test('without the ban Carol stays, and can moderate', async () => {
    const report = whatIf(await open('conflict-v10'), {without: [BAN]})
    expect(changes(report)).toEqual([`member ${CAROL}: - -> $Ox3Hc-`])
    expect(report.whatIf).toMatchObject({
      without: [{eventId: BAN, verdict: 'accepted', stateKey: CAROL}],
      verdicts: [],
      powers: [],
      moderators: [{userId: CAROL, can: [], could: ['kick', 'ban', 'redact']}],
    })
    expect(report.findings.map(({id}) => id)).not.toContain('state/reset')
    // Assumed, and so nothing that is wrong with the room.
    expect([report.rejected, report.counts.rejected]).toEqual([[], 1])
    expect(report.findings.map(({id}) => id)).not.toContain('dag/rejected-event')
  })

  test("without the demotion the ban counts, and all that cites Alice's power levels falls", async () => {
    const report = whatIf(await open('conflict-v10'), {without: [DEMOTION]})
    expect(changes(report)).toContain(`member ${CAROL}: - -> $Xt9lLi`)
    expect(changes(report)).toContain('power_levels : $6bBhLi -> $1bnf0Z')
    const verdicts = report.whatIf?.verdicts ?? []
    expect(verdicts).toHaveLength(41)
    expect(verdicts[0]).toMatchObject({
      eventId: '$J3Mx9hvyp_5vfM88GOWtbxxS4an14BW_H0ahVOhN8bM',
      verdict: 'accepted',
      wouldBe: 'rejected',
      rejection: {rule: 'v10:2.3@auth', culprit: DEMOTION},
    })
    expect([report.rejected, report.counts.rejected]).toEqual([[], 42])
    expect(report.whatIf?.powers).toContainEqual({userId: `@bob:${HS2}`, level: '0', wouldBe: '90'})
  })

  test('both at once, before one event, and one slot only', async () => {
    const report = whatIf(await open('conflict-v10'), {
      without: [BAN],
      algorithm: 'v2.1',
      before: MERGE,
      type: 'm.room.member',
      stateKey: CAROL,
    })
    expect([report.position, report.atTips]).toEqual(['before', false])
    expect(changes(report)).toEqual([`member ${CAROL}: - -> $Ox3Hc-`])
    const other = whatIf(await open('conflict-v10'), {without: [BAN], before: MERGE, type: 'm.room.topic'})
    expect(other.whatIf).toMatchObject({differences: [], differing: 1})
  })

  test('at an event that is left out itself, its state is that before it', async () => {
    const opened = await open('conflict-v10')
    const report = whatIf(opened, {without: [DEMOTION], at: DEMOTION})
    expect(changes(report)).toEqual(['power_levels : $6bBhLi -> $vZHb8P'])
  })

  test('what servers say is not held against what is assumed', async () => {
    const opened = await open('conflict-v10')
    expect(resolveWhatIf(opened.room, {reported: opened.reported}).reported).toHaveLength(2)
    const report = whatIf(opened, {without: [DEMOTION]})
    expect(report.reported).toEqual([])
    expect(report.findings.filter(({id}) => id === 'state/divergence')).toEqual([])
  })
})

describe('split-sql-v11, whose second server has edited state groups', () => {
  test("with that server's inputs the edit comes out; with the other's nothing does", async () => {
    const opened = await open('split-sql-v11')
    const report = whatIf(opened, {inputsFrom: HS2})
    expect(changes(report)).toEqual([`member @erin:${HS2}: $CM8E24 -> $CYRCUn`, 'topic : $4i5B7w -> $hdaj5f'])
    expect(report.whatIf?.inputsFrom).toMatchObject({
      server: HS2,
      how: `state groups, database ${HS2}`,
      inputs: [{eventId: '$8fzneL9DNPjs0oaFDkrxHSFF8LZIYc-IS5oPFrEygBs', differences: 2}],
    })
    expect(report.whatIf?.verdicts).toBeNull()
    const right = whatIf(opened, {inputsFrom: HS1})
    expect(changes(right)).toEqual([])
    expect(right.whatIf?.inputsFrom?.inputs.map(({differences}) => differences)).toEqual([0])
  })

  test('before and after every event, where they are recorded: what that server has there', async () => {
    const opened = await open('split-sql-v11')
    const {after} = reportedRoom('split-sql-v11').servers.hs2
    let differing = 0
    let compared = 0
    for (const at of Object.keys(after)) {
      const row = opened.room.graph.row(at)
      const prevs = [...opened.room.graph.prevOf(row)].map((prev) => opened.room.graph.id(prev))
      if (prevs.some((id) => after[id] === undefined)) continue
      const report = whatIf(opened, {inputsFrom: HS2, at})
      const [prev] = prevs
      // With one prev event nothing is resolved: its state, and the event.
      if (prevs.length === 1 && prev !== undefined) {
        const before = whatIf(opened, {inputsFrom: HS2, before: at})
        expect(before.state?.map(({eventId}) => eventId).toSorted()).toEqual(after[prev]?.toSorted())
        compared += 1
      }
      differing += report.whatIf?.differences?.length ?? 0
    }
    expect(compared).toBeGreaterThan(5)
    expect(differing).toBeGreaterThan(0)
  })

  test('what is not recorded is named, with who has it', async () => {
    const opened = await open('split-sql-v11')
    expect(() => whatIf(opened, {inputsFrom: 'other.example'})).toThrow(
      expect.objectContaining({
        code: 'RECORD_ABSENT',
        message: 'nothing here tells the states that "other.example" recorded',
        hint: `Recorded states are here of: ${HS1}, ${HS2}`,
      }),
    )
    const without = await open('split-sql-v11', {groups: false})
    expect(() => whatIf(without, {inputsFrom: HS1})).toThrow(
      expect.objectContaining({code: 'RECORD_ABSENT', hint: expect.stringContaining('fetch … --database') as string}),
    )
  })
})

test('gap-v11: where a server recorded nothing the event is named, and another server that did', async () => {
  const opened = await open('gap-v11')
  const {hs1, hs2} = reportedRoom('gap-v11').servers
  const {graph} = opened.room
  const prevs = (id: string): readonly string[] => [...graph.prevOf(graph.row(id))].map((row) => graph.id(row))
  const only1 = Object.keys(hs1.after).find((id) =>
    prevs(id).some((prev) => hs1.after[prev] !== undefined && hs2.after[prev] === undefined),
  )!
  const lacking = prevs(only1).find((id) => hs2.after[id] === undefined)!
  expect(() => whatIf(opened, {inputsFrom: HS2, before: only1})).toThrow(
    expect.objectContaining({
      code: 'RECORD_ABSENT',
      message: expect.stringContaining(`${HS2} recorded no state after ${lacking} (a prev event)`) as string,
      hint: expect.stringContaining(`Recorded there by: ${HS1}`) as string,
    }),
  )
  expect(changes(whatIf(opened, {inputsFrom: HS1, before: only1}))).toEqual([])
})

describe('the problems of MSC4297, as a server with stale states would have them', () => {
  // Alice opened the room, Bob came, Alice closed it and left. One recorded state still has the open rule.
  const story = Story.of('11')
    .power('power', 'alice', {alice: 100, bob: 50}, {auth: ['alice']})
    .joinRule('open', 'alice', 'public', {auth: ['power', 'alice']})
    .member('bob', 'bob', 'join', {auth: ['power', 'open']})
    .joinRule('closed', 'alice', 'invite', {auth: ['power', 'alice']})
    .member('alice', 'alice', 'leave', {id: 'gone', auth: ['power', 'alice']})
    .tell('hello', 'bob', 'm.room.message', {prev: ['gone'], auth: ['power', 'bob']})
    .merge('merge', 'bob', ['gone', 'hello'], ['power', 'bob'])
  const room = loadRoomFrom(
    'story',
    story.lines.map((text, index) => ({text, line: index + 1})),
    {trustIds: true},
  )
  const result = replay(room.graph)
  const stale = (): ServerView => {
    const records = recordsOf(result)
    const slots = records.groups.get(records.around.get('$hello')?.after ?? -1)?.slots ?? []
    records.groups.set(9999, {
      base: null,
      slots: slots.map((slot) => (slot.eventId === '$closed' ? {...slot, eventId: '$open'} : slot)),
    })
    records.around.set('$hello', {before: 9999, after: 9999})
    return viewOf(result, 'stale.example', {recorded: recorded(records)})
  }

  test('v2 loses the join rules from those inputs, v2.1 keeps the newer one', () => {
    const options = {before: '$merge', views: [stale()], inputsFrom: 'stale.example'}
    const v2 = resolveWhatIf(room, options)
    expect(changes(v2)).toEqual(['join_rules : $closed -> -'])
    expect(v2.whatIf?.inputsFrom?.inputs).toEqual([
      {eventId: '$gone', differences: 0},
      {eventId: '$hello', differences: 1},
    ])
    expect(changes(resolveWhatIf(room, {...options, algorithm: 'v2.1'}))).toEqual([])
  })

  test('the same from given states', () => {
    const common = ['$create', '$power', '$bob', '$gone']
    const states = [
      [...common, '$closed'],
      [...common, '$open'],
    ]
    expect(changes(resolveWhatIf(room, {states, algorithm: 'v2.1'}))).toEqual(['join_rules : - -> $closed'])
    expect(resolveWhatIf(room, {states, algorithm: 'v2'}).whatIf).toMatchObject({
      algorithm: {asked: 'v2', isOwn: true},
      differences: [],
      verdicts: null,
    })
    for (const more of [{without: ['$open']}, {inputsFrom: 'stale.example', views: [stale()]}]) {
      expect(() => resolveWhatIf(room, {states, ...more})).toThrow(expect.objectContaining({code: 'USAGE'}))
    }
  })

  test('an event is judged by the state that the recorded inputs give', () => {
    // There Bob never joined: he could set no topic.
    const told = story.topic('topic', 'bob', {prev: ['merge'], auth: ['power', 'bob']})
    const more = loadRoomFrom(
      'story',
      told.lines.map((text, index) => ({text, line: index + 1})),
      {trustIds: true},
    )
    const records = recordsOf(replay(more.graph))
    const slots = records.groups.get(records.around.get('$merge')?.after ?? -1)?.slots ?? []
    records.groups.set(9999, {base: null, slots: slots.filter(({eventId}) => eventId !== '$bob')})
    records.around.set('$merge', {before: null, after: 9999})
    const views = [viewOf(replay(more.graph), 'a', {recorded: recorded(records)})]
    const after = resolveWhatIf(more, {at: '$topic', inputsFrom: 'a', views})
    expect(changes(after)).toEqual([`member ${userId('bob')}: $bob -> -`, 'topic : $topic -> -'])
  })

  test('a recorded state that holds what is not here cannot be resolved', () => {
    const records = recordsOf(result)
    records.groups.set(9999, {base: null, slots: [{eventId: '$nobody', type: 'm.room.topic', stateKey: ''}]})
    records.around.set('$gone', {before: null, after: 9999})
    const views = [viewOf(result, 'a', {recorded: recorded(records)})]
    expect(() => resolveWhatIf(room, {before: '$hello', inputsFrom: 'a', views})).toThrow(
      expect.objectContaining({
        code: 'RECORD_ABSENT',
        message: expect.stringContaining('recorded after $gone holds $nobody which is not here') as string,
      }),
    )
  })
})
