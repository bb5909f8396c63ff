import {createHash} from 'node:crypto'
import {mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {afterAll} from 'vitest'
import {canonicalJson} from '../../src/matrix/canonical-json.ts'
import {eventIdOf} from '../../src/matrix/hashes.ts'
import {type JsonObject, parseJson} from '../../src/matrix/json.ts'
import {rulesFor} from '../../src/matrix/room-version.ts'
import {DATA, type Fixture, type OracleRoom, type ServerRoom} from '../conformance/fixtures.ts'
import {unpack} from '../conformance/packed.ts'
import type {Room} from '../rules/build.ts'

/** A folder for the files of one test file; it goes when the tests have run. */
export class Dumps {
  readonly folder = mkdtempSync(join(tmpdir(), 'matrix-state-'))

  constructor() {
    afterAll(() => {
      rmSync(this.folder, {recursive: true, force: true})
    })
  }

  path(name: string): string {
    return join(this.folder, name)
  }

  /** A list is written as lines. Returns the path. */
  write(name: string, content: string | Buffer | readonly string[]): string {
    const path = this.path(name)
    writeFileSync(path, typeof content === 'string' || Buffer.isBuffer(content) ? content : `${content.join('\n')}\n`)
    return path
  }
}

export const linesOf = (room: Room): string[] => room.pdus.map((pdu) => canonicalJson(pdu, 'python'))

/** An event as a test spoils it. */
export type Spoiled = Record<string, unknown> & {content: Record<string, unknown>}

/** The lines with one event changed, so that neither its hash nor its ID is what it was. */
export function changed(lines: readonly string[], index: number, change: (event: Spoiled) => void): string[] {
  return lines.map((line, at) => {
    if (at !== index) return line
    const event = JSON.parse(line) as Spoiled
    change(event)
    return JSON.stringify(event)
  })
}

function fixture(name: string): Fixture {
  return unpack(readFileSync(join(DATA, `${name}.json.gz`)))
}

/** A room with the answers of Synapse's library. */
export function oracleRoom(name: string): OracleRoom {
  const room = fixture(name)
  if (room.kind !== 'oracle') throw new Error(`${name} is not judged by the oracle`)
  return room
}

/** A room with the answers of a server's database. */
export function serverRoom(name: string): ServerRoom {
  const room = fixture(name)
  if (room.kind !== 'server') throw new Error(`${name} is not of a server`)
  return room
}

/** Prev events of every event of a room of version 3 or later. */
export function prevEventsOf({lines, version}: OracleRoom): ReadonlyMap<string, readonly string[]> {
  const rules = rulesFor(version)
  if (rules === undefined) throw new Error(`no room version ${version}`)
  return new Map(
    lines.map((line) => {
      const event = parseJson(line) as JsonObject
      return [eventIdOf(event, rules), event['prev_events'] as readonly string[]]
    }),
  )
}

export interface Slot {
  readonly type: string
  readonly state_key: string
  readonly event_id: string
}

/** The digest of the contract, computed here by the letter of its definition. */
export function digestOf(state: readonly Slot[]): {size: number; sha256: string} {
  const lines = state
    .map(({type, state_key, event_id}) => Buffer.from(`${type}\0${state_key}\0${event_id}\n`))
    .sort((a, b) => Buffer.compare(a, b))
  return {size: lines.length, sha256: createHash('sha256').update(Buffer.concat(lines)).digest('hex')}
}

/** In an order that is as bad as any, and always the same. */
export function shuffled<T>(items: readonly T[]): T[] {
  const result = [...items]
  let seed = 1
  for (let last = result.length - 1; last > 0; last -= 1) {
    seed = (seed * 48_271) % 0x7fffffff
    const other = seed % (last + 1)
    const [a, b] = [result[last], result[other]]
    if (a !== undefined && b !== undefined) [result[last], result[other]] = [b, a]
  }
  return result
}
