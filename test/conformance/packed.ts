import {readdirSync, readFileSync} from 'node:fs'
import {join} from 'node:path'
import {gunzipSync, gzipSync} from 'node:zlib'
import type {StateDigest} from '../../src/resolve/digest.ts'
import type {Expected, ExpectedFinal, Fixture, OracleRoom, ServerRoom} from './fixtures.ts'

/** One room in one gzipped JSON file: digests and event IDs stand once and are named by their index. */
type Packed = PackedOracle | PackedServer
interface PackedOracle {
  readonly kind: 'oracle'
  readonly name: string
  readonly version: string
  readonly lines: readonly string[]
  readonly ids: readonly string[]
  /** `<size> <sha256>` */
  readonly digests: readonly string[]
  readonly synapse: PackedExpected
  readonly spec: PackedExpected | null
}
interface PackedExpected {
  /** ID, digest before, digest after, reason when rejected */
  readonly events: readonly (readonly [number, number, number, string?])[]
  readonly tips: PackedFinal
  readonly leaves: PackedFinal | null
}
interface PackedFinal {
  readonly events: readonly number[]
  readonly digest: number
}
interface PackedServer {
  readonly kind: 'server'
  readonly name: string
  readonly version: string
  readonly lines: readonly string[]
  readonly ids: readonly string[]
  readonly rejected: readonly number[]
  readonly after: Readonly<Record<'hs1' | 'hs2', readonly (readonly [number, readonly number[]])[]>>
}

class Table {
  readonly list: string[] = []
  readonly #index = new Map<string, number>()

  add(text: string): number {
    const known = this.#index.get(text)
    if (known !== undefined) return known
    this.#index.set(text, this.list.length)
    return this.list.push(text) - 1
  }
}

export function pack(room: Fixture): Buffer {
  const packed: Packed = room.kind === 'oracle' ? packOracle(room) : packServer(room)
  return gzipSync(JSON.stringify(packed), {level: 9})
}

function packOracle({kind, name, version, lines, synapse, spec}: OracleRoom): PackedOracle {
  const ids = new Table()
  const digests = new Table()
  const digest = ({size, sha256}: StateDigest): number => digests.add(`${String(size)} ${sha256}`)
  const final = (given: ExpectedFinal): PackedFinal => ({
    events: given.events.map((id) => ids.add(id)),
    digest: digest(given),
  })
  const expected = (given: Expected): PackedExpected => ({
    events: given.events.map(({eventId, reason, before, after}) => {
      const head = [ids.add(eventId), digest(before), digest(after)] as const
      return reason === null ? head : ([...head, reason] as const)
    }),
    tips: final(given.tips),
    leaves: given.leaves === null ? null : final(given.leaves),
  })
  const both = {synapse: expected(synapse), spec: spec === null ? null : expected(spec)}
  return {kind, name, version, lines, ids: ids.list, digests: digests.list, ...both}
}

function packServer({kind, name, version, lines, ids, rejected, after}: ServerRoom): PackedServer {
  const index = new Map(ids.map((id, at) => [id, at]))
  const at = (id: string): number => {
    const found = index.get(id)
    if (found === undefined) throw new Error(`${name}: ${id} is not in events.ids`)
    return found
  }
  const states = (server: 'hs1' | 'hs2') =>
    Object.entries(after[server]).map(([id, state]) => [at(id), state.map(at).sort((a, b) => a - b)] as const)
  return {kind, name, version, lines, ids, rejected: rejected.map(at), after: {hs1: states('hs1'), hs2: states('hs2')}}
}

export function unpack(bytes: Buffer): Fixture {
  const packed = JSON.parse(gunzipSync(bytes).toString('utf8')) as Packed
  const id = (index: number): string => packed.ids[index] ?? raise(packed.name, index)
  if (packed.kind === 'server') {
    const states = (server: 'hs1' | 'hs2') =>
      Object.fromEntries(packed.after[server].map(([at, state]) => [id(at), state.map(id)]))
    return {...packed, rejected: packed.rejected.map(id), after: {hs1: states('hs1'), hs2: states('hs2')}}
  }
  const digests = packed.digests.map((text): StateDigest => {
    const [size = '', sha256 = ''] = text.split(' ')
    return {size: Number(size), sha256}
  })
  const digest = (index: number): StateDigest => digests[index] ?? raise(packed.name, index)
  const final = (given: PackedFinal): ExpectedFinal => ({events: given.events.map(id), ...digest(given.digest)})
  const expected = (given: PackedExpected): Expected => ({
    events: given.events.map(([event, before, after, reason]) => ({
      eventId: id(event),
      reason: reason ?? null,
      before: digest(before),
      after: digest(after),
    })),
    tips: final(given.tips),
    leaves: given.leaves === null ? null : final(given.leaves),
  })
  const {kind, name, version, lines} = packed
  return {
    kind,
    name,
    version,
    lines,
    synapse: expected(packed.synapse),
    spec: packed.spec === null ? null : expected(packed.spec),
  }
}

function raise(name: string, index: number): never {
  throw new Error(`${name}: nothing has the index ${String(index)}`)
}

/** All packed rooms of a folder, by name. */
export function readPacks(folder: string): readonly Fixture[] {
  return readdirSync(folder)
    .filter((file) => file.endsWith('.json.gz'))
    .sort((a, b) => a.localeCompare(b, 'en', {numeric: true}))
    .map((file) => unpack(readFileSync(join(folder, file))))
}
