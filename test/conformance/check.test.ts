/**
 * What `check` says of all rooms with known answers: no error in the rooms that are healthy, every fault that was put into the others, and
 * every event that Synapse's own library rejects. Both counts are printed.
 */
import {existsSync} from 'node:fs'
import {join} from 'node:path'
import {afterAll, describe, expect, test} from 'vitest'
import {checkRoom, type CheckRoomOptions} from '../../src/investigate/check-room.ts'
import {judgeRoom, type RoomOutcome} from '../../src/investigate/check-verdict.ts'
import {Dumps} from '../cli/dumps.ts'
import {REPORTED_ROOMS, type ReportedRoom, reportedRoom, reportedRoomIn, writeRoomCase} from '../scenarios/room-case.ts'
import {FAULTS, HEALTHY, LACKING, tells, type View, VIEWS} from './faults.ts'
import {DATA, oracleFolders, type OracleRoom, readOracleFolder, serverFolders, SHARED} from './fixtures.ts'
import {readPacks} from './packed.ts'

const dumps = new Dumps()
const OPTIONS: CheckRoomOptions = {
  access: {},
  place: {kind: 'cache', use: 'update'},
  devices: false,
  reading: 'synapse',
  trustIds: false,
  signal: new AbortController().signal,
  nowMs: () => Date.UTC(2026, 10, 22),
}
const MINUTES = 60_000
const [corpus, rooms] = [join(SHARED, 'corpus'), join(SHARED, 'rooms')]
const isShared = existsSync(corpus) && existsSync(rooms)

/** A room by each view that there is of it. */
async function outcomesOf(room: ReportedRoom): Promise<ReadonlyMap<View, RoomOutcome>> {
  const {name, lines, servers} = room
  const dump = dumps.write(`${name}.ndjson`, lines)
  const events = new Map(room.ids.map((id, at) => [id, JSON.parse(lines[at] ?? '') as object]))
  const reported = Object.entries(servers).map(([key, {name: server, current}]) => {
    const state = current.map((id) => ({...events.get(id), event_id: id}))
    return `${server}=${dumps.write(`${name}-${key}.json`, JSON.stringify(state))}`
  })
  const caseOf = (of: readonly ('hs1' | 'hs2')[]): string =>
    writeRoomCase(dumps.path(`${name}-${of.join('-')}.case`), room, {servers: of})
  const outcomes = new Map<View, RoomOutcome>()
  for (const view of VIEWS) {
    const path = view.startsWith('dump') ? dump : caseOf(view.split(' + ') as ('hs1' | 'hs2')[])
    const access = view === 'dump + states' ? {reported} : {}
    outcomes.set(view, await checkRoom({room: path}, {...OPTIONS, access}))
  }
  return outcomes
}

const counts = {healthy: 0, errors: 0, named: 0, found: 0, rejected: 0, told: 0, rooms: 0}
const table: string[] = []

/** Looks at a room of real servers by all views. */
async function expectKnown(room: ReportedRoom): Promise<void> {
  const {name} = room
  const outcomes = await outcomesOf(room)
  const failed = [...outcomes].flatMap(([view, {error}]) => (error === null ? [] : [`${view}: ${error.message}`]))
  expect(failed).toEqual([])
  const faults = FAULTS.filter((fault) => fault.room === name)
  const missed = faults.filter((fault) => !outcomes.get(fault.view)?.findings.some((one) => tells(one, fault)))
  counts.named += faults.length
  counts.found += faults.length - missed.length
  for (const {what, view, id, about} of faults) table.push(`${name}: ${what} (${view}) -> ${id}: ${about}`)
  const errors = [...outcomes].flatMap(([view, {findings}]) =>
    findings.filter(({severity}) => severity === 'error').map((one) => ({view, one})),
  )
  if (HEALTHY.includes(name)) {
    counts.healthy += 1
    counts.errors += errors.length
  }
  // Of another view the same fault may be told by the same words; what nobody did must not be told at all.
  const unnamed = errors.filter(({one}) => !faults.some((fault) => tells(one, fault)))
  expect({missed, unnamed: unnamed.map(({view, one}) => `${view}: ${one.id}: ${one.summary}`)}).toEqual({
    missed: [],
    unnamed: [],
  })
  for (const [view, outcome] of outcomes) {
    const {verdict} = judgeRoom(outcome, {baseline: null, ignore: new Set(), failOn: 'error'})
    const isLacking = LACKING.some((one) => one.room === name && one.view === view)
    const expected = isLacking ? 'inconclusive' : errors.some((one) => one.view === view) ? 'findings' : 'clean'
    expect([name, view, verdict]).toEqual([name, view, expected])
  }
}

/** Every event that the library rejects is told, and no other. */
async function expectRejections({name, lines, synapse}: OracleRoom): Promise<void> {
  const outcome = await checkRoom({room: dumps.write(`${name}.ndjson`, lines)}, OPTIONS)
  expect([name, outcome.error]).toEqual([name, null])
  const told = outcome.findings.flatMap(({id, subject}) =>
    (id === 'dag/rejected-event' || id === 'dag/refused-event') && subject.kind === 'event' ? [subject.event_id] : [],
  )
  const expected = synapse.events.filter(({reason}) => reason !== null).map(({eventId}) => eventId)
  counts.rooms += 1
  counts.rejected += expected.length
  counts.told += expected.filter((id) => told.includes(id)).length
  expect([name, told.toSorted()]).toEqual([name, expected.toSorted()])
}

const packed = readPacks(DATA).filter((room): room is OracleRoom => room.kind === 'oracle')

describe('rooms of two real servers, each by five views', () => {
  test.each(REPORTED_ROOMS)('%s', async (name) => {
    await expectKnown(reportedRoom(name))
  })

  test.skipIf(!isShared)('big-v11', {timeout: MINUTES}, async () => {
    await expectKnown(reportedRoomIn(rooms, 'big-v11'))
  })

  test('every room of a fault is there, and each fault is told by one kind of finding', () => {
    const all = new Set([...REPORTED_ROOMS, 'big-v11'])
    expect([...FAULTS, ...LACKING].filter(({room}) => !all.has(room))).toEqual([])
    expect((isShared ? serverFolders(rooms) : []).filter((name) => !all.has(name))).toEqual([])
  })
})

describe('generated rooms', () => {
  test.each(packed.map((room) => [room.name, room] as const))('%s', {timeout: MINUTES}, async (_, room) => {
    await expectRejections(room)
  })
})

describe.skipIf(!isShared)('generated rooms of the whole corpus', () => {
  const left = isShared ? oracleFolders(corpus).filter((name) => !packed.some((room) => room.name === name)) : []
  test.each(left)('%s', {timeout: 5 * MINUTES}, async (name) => {
    await expectRejections(readOracleFolder(corpus, name))
  })
})

afterAll(() => {
  const {healthy, errors, named, found, rejected, told, rooms: generated} = counts
  console.log(
    [
      ...table,
      `errors in ${String(healthy)} healthy rooms: ${String(errors)}`,
      `faults of real rooms: ${String(named)} named, ${String(found)} found`,
      `events that Synapse rejects in ${String(generated)} generated rooms: ${String(rejected)}, told: ${String(told)}`,
    ].join('\n'),
  )
})
