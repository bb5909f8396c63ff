import {existsSync, readFileSync, readdirSync} from 'node:fs'
import {join} from 'node:path'
import {gunzipSync} from 'node:zlib'
import type {Reading} from '../../src/resolve/auth-difference.ts'
import type {StateDigest} from '../../src/resolve/digest.ts'

export const ROOT = join(import.meta.dirname, '../..')
/** Larger collections, of which `data/` holds a part; only where they stand beside the checkout. */
export const SHARED = join(ROOT, '..', 'shared')
export const DATA = join(import.meta.dirname, 'data')

/** What the oracle says of one event; `reason` is null when it is accepted. */
export interface ExpectedEvent {
  readonly eventId: string
  readonly reason: string | null
  readonly before: StateDigest
  readonly after: StateDigest
}

/** The state that results from several events together. */
export interface ExpectedFinal extends StateDigest {
  readonly events: readonly string[]
}

export interface Expected {
  readonly events: readonly ExpectedEvent[]
  /** Over accepted events without an accepted descendant. */
  readonly tips: ExpectedFinal
  /** Over all childless events; null: not given. */
  readonly leaves: ExpectedFinal | null
}

/** A generated room, judged by Synapse's own library. */
export interface OracleRoom {
  readonly kind: 'oracle'
  readonly name: string
  readonly version: string
  readonly lines: readonly string[]
  readonly synapse: Expected
  /** Null where the readings agree on every event and on the state over the tips. */
  readonly spec: Expected | null
}

/** A room of real servers. */
export interface ServerRoom {
  readonly kind: 'server'
  readonly name: string
  readonly version: string
  readonly lines: readonly string[]
  readonly ids: readonly string[]
  /** Rejected by hs1. */
  readonly rejected: readonly string[]
  /** By event: IDs of the state after it, in the server's database. */
  readonly after: Readonly<Record<'hs1' | 'hs2', Readonly<Record<string, readonly string[]>>>>
}
export type Fixture = OracleRoom | ServerRoom

export function expectedFor(room: OracleRoom, reading: Reading): Expected {
  if (reading === 'synapse') return room.synapse
  // The corpus has no files for the spec where only the state over the leaves differs (3-fuzz-17).
  return room.spec ?? {...room.synapse, leaves: null}
}

export function readText(path: string): string | null {
  if (existsSync(path)) return readFileSync(path, 'utf8')
  return existsSync(`${path}.gz`) ? gunzipSync(readFileSync(`${path}.gz`)).toString('utf8') : null
}

export const splitLines = (text: string | null): readonly string[] =>
  (text ?? '').split('\n').filter((line) => line !== '')

/** One line of the oracle's `expected.ndjson`, one file `final.json`. */
export interface OracleLine {
  readonly event_id: string
  readonly verdict: string
  readonly reason: string | null
  readonly before: StateDigest
  readonly after: StateDigest
}
export interface OracleFinal extends StateDigest {
  readonly forward_extremities: readonly string[]
  readonly leaves: StateDigest & {readonly events: readonly string[]}
}

export function toExpected(lines: readonly OracleLine[], final: OracleFinal): Expected {
  const events = lines.map(({event_id, verdict, reason, before, after}): ExpectedEvent => {
    if ((verdict === 'rejected') !== (reason !== null))
      throw new Error(`${event_id} is ${verdict}, with the reason ${String(reason)}`)
    return {eventId: event_id, reason, before, after}
  })
  const {forward_extremities, leaves} = final
  return {
    events,
    tips: {events: forward_extremities, size: final.size, sha256: final.sha256},
    leaves: {events: leaves.events, size: leaves.size, sha256: leaves.sha256},
  }
}

/** Rooms of a folder as the oracle writes them. */
export function oracleFolders(corpus: string): readonly string[] {
  return readdirSync(corpus).filter((name) => existsSync(join(corpus, name, 'meta.json')))
}

export function readOracleFolder(corpus: string, name: string): OracleRoom {
  const folder = join(corpus, name)
  const parse = (file: string): unknown => JSON.parse(readText(join(folder, file)) ?? '')
  const expected = (end: string): Expected =>
    toExpected(
      splitLines(readText(join(folder, `expected${end}.ndjson`))).map((line) => JSON.parse(line) as OracleLine),
      parse(`final${end}.json`) as OracleFinal,
    )
  const hasSpec = readText(join(folder, 'expected-spec.ndjson')) !== null
  const {room_version: version} = parse('meta.json') as {room_version: string}
  const lines = splitLines(readText(join(folder, 'room.ndjson')))
  return {kind: 'oracle', name, version, lines, synapse: expected(''), spec: hasSpec ? expected('-spec') : null}
}

export function serverFolders(rooms: string): readonly string[] {
  return readdirSync(rooms).filter((name) => existsSync(join(rooms, name, 'events.ndjson')))
}

export function readServerFolder(rooms: string, name: string): ServerRoom {
  const read = (file: string): readonly string[] => splitLines(readText(join(rooms, name, file)))
  const after = (file: string): Record<string, readonly string[]> => {
    const states: Record<string, readonly string[]> = {}
    for (const line of read(file)) {
      const {event_id, state_ids} = JSON.parse(line) as {event_id: string; state_ids?: readonly string[] | null}
      if (state_ids !== undefined && state_ids !== null) states[event_id] = state_ids
    }
    return states
  }
  const flags = read('flags.ndjson').map(
    (line) => JSON.parse(line) as {server: string; event_id: string; rejected: string | null},
  )
  const meta = JSON.parse(readText(join(rooms, name, 'meta.json')) ?? '') as {room_version: string}
  return {
    kind: 'server',
    name,
    version: meta.room_version,
    lines: read('events.ndjson'),
    ids: read('events.ids'),
    rejected: flags.filter(({server, rejected}) => server === 'hs1' && rejected !== null).map(({event_id}) => event_id),
    after: {hs1: after('state-after-db.ndjson'), hs2: after('state-after-db-hs2.ndjson')},
  }
}
