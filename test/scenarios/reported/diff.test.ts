import {join} from 'node:path'
import {describe, expect, test} from 'vitest'
import {openCaseRoom} from '../../../src/investigate/open-case.ts'
import {diffEvents, diffRoom, diffSources} from '../../../src/investigate/diff-room.ts'
import type {DiffReport} from '../../../src/investigate/diff-report.ts'
import type {OpenedRoom} from '../../../src/investigate/opened-room.ts'
import {folder} from '../../casefile/cases.ts'
import {REPORTED_ROOMS, reportedRoom, type ReportedRoom, type RoomCaseOptions, writeRoomCase} from '../room-case.ts'

const where = folder()
let made = 0
const open = async (room: ReportedRoom, options: RoomCaseOptions = {}): Promise<OpenedRoom> => {
  made += 1
  return openCaseRoom(writeRoomCase(join(where, `${String(made)}.case`), room, options), {})
}
const [HS1, HS2] = ['localhost:18448', 'localhost:28448']
const ERIN = '@erin:localhost:28448'

/** Errors as `id server-or-subject`, sorted. */
const errors = ({findings}: DiffReport): readonly string[] =>
  findings
    .filter(({severity}) => severity === 'error')
    .map(({id, subject, evidence}) => {
      const about =
        subject.kind === 'slot'
          ? `${subject.type} ${subject.state_key}`
          : subject.kind === 'event'
            ? subject.event_id.slice(0, 7)
            : subject.kind === 'server'
              ? subject.server
              : subject.kind === 'room'
                ? subject.room_id
                : subject.kind
      const server = evidence.map(({source}) => source).find((source) => source !== 'replay')
      return `${id} ${about} ${server ?? ''}`
    })
    .sort()

/** Differences and wrong verdicts that are there, by `meta.json` and `scenario.log` of each room; none in all others. */
const WRONG: Readonly<Record<string, readonly string[]>> = {
  'creators-v12': [`server/disagrees-with-itself ${HS1} ${HS1}`, `state/divergence m.room.member ${ERIN} ${HS1}`],
  'split-sql-v11': [
    `server/wrong-record $CM8E24 ${HS2}`,
    `state/divergence m.room.member ${ERIN} ${HS2}`,
    `state/divergence m.room.topic  ${HS2}`,
  ],
  'split-reject-v10': [
    `server/accepted-there $_xxdRT ${HS2}`,
    `server/rejected-there $1tWyC7 ${HS2}`,
    `server/rejected-there $N2GvQg ${HS2}`,
    `server/wrong-record $kuwUmd ${HS2}`,
    `state/divergence m.room.power_levels  ${HS2}`,
  ],
}

describe('diff of the rooms of real servers', () => {
  test.each(REPORTED_ROOMS)('%s: errors are what is wrong, and nothing else', async (name) => {
    const report = await diffRoom(await open(reportedRoom(name)))
    expect(errors(report)).toEqual(WRONG[name] ?? [])
    expect(report.complete).toBe(true)
    if (WRONG[name] === undefined) {
      expect(report.differences).toEqual([])
      expect(report.agreeing.map(({server}) => server)).toEqual([HS1, HS2])
    }
    // What is proven is said to be: nothing is hidden from databases.
    expect(report.findings.every(({certainty}) => certainty === 'proof')).toBe(true)
  })

  test('creators-v12: one server disagrees with itself, its records are right all along, and erin is lost there', async () => {
    const {sides, differences, divergencePoints, agreeing, people} = await diffRoom(
      await open(reportedRoom('creators-v12')),
    )
    expect(sides.map(({id, server, what, differences: number}) => [id, server, what, number])).toEqual([
      ['replay', '', 'replay', 0],
      ['s1', HS1, 'current', 1],
      ['s2', HS1, 'at-extremity', 0],
      ['s3', HS2, 'current', 0],
      ['s4', HS2, 'at-extremity', 0],
    ])
    expect(differences).toMatchObject([
      {
        stateKey: ERIN,
        grade: 'diverged',
        grades: {s1: 'diverged'},
        matchesReplay: ['s2', 's3', 's4'],
        values: {s1: null},
      },
    ])
    expect(differences[0]?.values['replay']).toMatchObject({event: {sender: ERIN, content: {membership: 'join'}}})
    expect(divergencePoints).toEqual([])
    expect(agreeing.map(({compared}) => compared)).toEqual([25, 21])
    expect(people).toMatchObject([
      {side: 's1', memberships: [{userId: ERIN, ours: 'join', theirs: null, local: false}], powers: []},
    ])
    expect([people[0]?.moderators.ours?.get(ERIN), people[0]?.moderators.theirs?.get(ERIN)]).toEqual([
      ['kick', 'ban', 'redact'],
      undefined,
    ])
  })

  test('split-sql-v11: the edited state group is named by the first event that has it, and does not follow', async () => {
    const {divergencePoints, people} = await diffRoom(await open(reportedRoom('split-sql-v11')))
    expect(divergencePoints).toMatchObject([
      {
        eventId: '$CM8E24GGwrmNCC_zZD4IBd08T2e2wYQzPUbpVqd8jL8',
        server: HS2,
        side: 's3',
        position: 'after',
        provenEarliest: true,
        method: 'scan',
        origin: 'does-not-follow',
        slots: [{type: 'm.room.member', stateKey: ERIN}, {type: 'm.room.topic'}],
      },
    ])
    expect(people).toMatchObject([
      {server: HS2, memberships: [{userId: ERIN, ours: 'join', theirs: 'leave', local: true}]},
    ])
  })

  test('split-reject-v10: what hangs on the power levels that were rolled back', async () => {
    const {differences, people} = await diffRoom(await open(reportedRoom('split-reject-v10')))
    expect(differences.map(({type, grade}) => [type, grade])).toEqual([
      ['m.room.member', 'rejected-there'],
      ['m.room.power_levels', 'diverged'],
      ['m.room.topic', 'rejected-there'],
    ])
    const carol = '@carol:localhost:18448'
    expect(people).toMatchObject([{powers: [{userId: carol, ours: '50', theirs: '0', local: false}]}])
    expect(people[0]?.moderators.theirs?.has(carol)).toBe(false)
  })
})

describe('a server that is not where the replay is', () => {
  const room = reportedRoom('conflict-v10')

  /** hs2 as it was when its newest event was this one. */
  const cut = (at: string): ReportedRoom => {
    const {hs1, hs2} = room.servers
    return {
      ...room,
      servers: {hs1, hs2: {...hs2, name: 'late.example', extremities: [at], current: hs1.after[at] ?? []}},
    }
  }

  test('is behind, at every event that it could have stopped at', async () => {
    let differing = 0
    for (const at of room.ids.slice(10).filter((_, index) => index % 9 === 0)) {
      const report = await diffRoom(await open(cut(at)))
      expect(errors(report)).toEqual([])
      expect(report.complete).toBe(true)
      const of = new Set(report.differences.map(({grade}) => grade))
      differing += report.differences.length
      expect([...of].filter((grade) => grade !== 'behind' && grade !== 'soft-failed-there')).toEqual([])
      expect(report.findings.some(({id}) => id === 'server/behind')).toBe(of.has('behind'))
    }
    expect(differing).toBeGreaterThan(10)
  })

  test('and has diverged where being behind does not explain it', async () => {
    const at = room.ids[20] ?? ''
    const behind = cut(at)
    const {hs1, hs2} = behind.servers
    const dropped = hs2.current.find((id) => !hs1.current.includes(id)) ?? ''
    const wrong = {...behind, servers: {hs1, hs2: {...hs2, current: hs2.current.filter((id) => id !== dropped)}}}
    const report = await diffRoom(await open(wrong))
    expect(errors(report).filter((error) => error.startsWith('state/divergence'))).toHaveLength(1)
  })

  test('is not accused on incomplete evidence', async () => {
    const whole = reportedRoom('split-sql-v11')
    // Not the extremity, and no event that the states name.
    const index = whole.lines.findIndex((line) => line.includes('m.room.message'))
    const lines = whole.lines.filter((_, at) => at !== index)
    const ids = whole.ids.filter((_, at) => at !== index)
    const report = await diffRoom(await open({...whole, ids, lines}, {groups: false}))
    expect(report.complete).toBe(false)
    expect(errors(report)).toEqual([])
    expect(new Set(report.differences.map(({grade}) => grade))).toEqual(new Set(['unknown']))
  })

  test('names an event that nobody has: not proven', async () => {
    const {hs1, hs2} = room.servers
    const strange = {...room, servers: {hs1, hs2: {...hs2, current: [...hs2.current, '$stranger']}}}
    const report = await diffRoom(await open(strange))
    expect(report.complete).toBe(false)
    expect(report.differences).toMatchObject([{type: 'm.unknown', stateKey: '$stranger', grade: 'unknown'}])
    expect(errors(report)).toEqual([])
  })
})

describe('at one event', () => {
  test('state groups before and after every event are held against the replay', async () => {
    const room = reportedRoom('split-sql-v11')
    const opened = await open(room)
    const wrong = '$CM8E24GGwrmNCC_zZD4IBd08T2e2wYQzPUbpVqd8jL8'
    const after = await diffRoom(opened, {at: wrong})
    expect(after.sides.map(({what, server}) => [what, server])).toEqual([
      ['replay', ''],
      ['after', HS1],
      ['after', HS2],
    ])
    expect(after.differences.map(({type, matchesReplay}) => [type, matchesReplay])).toEqual([
      ['m.room.member', ['s1']],
      ['m.room.topic', ['s1']],
    ])
    const before = await diffRoom(opened, {before: wrong})
    expect([before.differences, before.complete, before.sides.length]).toEqual([[], true, 3])
  })

  test.each(['conflict-v10', 'creators-v12', 'gap-v11'])(
    '%s: what hs1 answered to /state_ids is the replay, at every event',
    async (name) => {
      const room = reportedRoom(name)
      const opened = await open(room, {servers: ['hs1'], groups: false})
      for (const [eventId, ids] of room.stateIds) {
        const state = {
          what: 'before',
          eventId,
          how: '/state_ids',
          slots: ids.map((id) => ({eventId: id})),
          ts: 0,
        } as const
        const views = (opened.views ?? []).map((view) => ({...view, states: [state]}))
        const report = await diffRoom({...opened, views}, {before: eventId})
        expect([eventId, report.differences, report.sides.length, report.complete]).toEqual([eventId, [], 2, true])
      }
    },
  )
})

describe('two states of the replay', () => {
  test('two events of a room', async () => {
    const room = reportedRoom('split-sql-v11')
    const [first = '', last = ''] = [room.ids[0], room.ids.at(-1)]
    const opened = await open(room)
    const report = diffEvents(opened, [first, last])
    expect(report.differences.length).toBe((room.servers.hs1.after[last]?.length ?? 0) - 1)
    expect(new Set(report.differences.map(({grade}) => grade))).toEqual(new Set(['changed']))
    expect(report.findings).toEqual([])
    expect(diffEvents(opened, [last, last]).differences).toEqual([])
  })

  test('two sources: one lacks the newest events, and says which', async () => {
    const room = reportedRoom('conflict-v10')
    const tip = room.servers.hs1.extremities[0] ?? ''
    const index = room.ids.indexOf(tip)
    const ids = room.ids.filter((id) => id !== tip)
    const lines = room.lines.filter((_, at) => at !== index)
    const [whole, part] = [await open(room), await open({...room, ids, lines})]
    const report = diffSources(whole, part)
    expect(report.lacking).toEqual([
      {side: 'replay', events: []},
      {side: 's1', events: [tip]},
    ])
    expect(diffSources(part, whole).lacking[0]).toEqual({side: 'replay', events: [tip]})
    expect(new Set(report.differences.map(({grade}) => grade)).difference(new Set(['behind']))).toEqual(new Set())
    expect(() => diffSources(whole, part)).not.toThrow()
    const other = await open(reportedRoom('conflict-v12'))
    expect(() => diffSources(whole, other)).toThrow(expect.objectContaining({code: 'CASE_OTHER_ROOM'}))
  })
})
