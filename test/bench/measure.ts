/**
 * One process's worth of measuring: `node measure.ts fresh|warm|memory <file>`, or `replays <file>…`, prints one line of JSON. `JSON.parse` of the same lines in
 * the same process is the measure of everything, so that machines can be compared.
 */
import {readFileSync} from 'node:fs'
import {performance} from 'node:perf_hooks'
import {gunzipSync} from 'node:zlib'
import {loadRoom, loadRoomFrom} from '../../src/investigate/load-room.ts'
import {parseJson} from '../../src/matrix/json.ts'
import {parsePdu} from '../../src/matrix/pdu.ts'
import {replay} from '../../src/resolve/replay.ts'
import {openDump} from '../../src/sources/files.ts'

/** All but `json` are ratios to it. */
export interface Measured {
  /** Milliseconds that `JSON.parse` of all lines takes. */
  readonly json: number
  readonly parse: number
  /** Parsing and event IDs. */
  readonly ids: number
  /** Parsing, event IDs, and the graph made of them. */
  readonly load: number
  readonly replay: number
}

/** From the file, as the program does it. */
export interface MeasuredMemory {
  /** Milliseconds. */
  readonly load: number
  readonly replay: number
  /** Greatest resident size of the process, MiB. */
  readonly peak: number
}

/** Of each room, by path: how long its replay takes in a process that has replayed rooms before. */
export type MeasuredReplays = readonly number[]

/** Runs of a warm process, and how many of the last ones count. */
const RUNS = 21
const COUNTED = 14

/** What `forensics.ts` prints: milliseconds, medians. */
export interface MeasuredForensics {
  readonly events: number
  readonly replay: number
  /** The replay, and the comparison with a server's current state and all that it recorded. */
  readonly diff: number
  /** The replay, and all resets in it. */
  readonly resets: number
  readonly health: number
  /** The replay, all resets, and the life of one slot. */
  readonly blame: number
}

/** Milliseconds, medians. */
export interface MeasuredPictures {
  readonly events: number
  readonly replay: number
  /** From what the page holds to the graph. */
  readonly unpack: number
  /** Lanes, places, levels of detail, long edges. */
  readonly layout: number
  /** Merges at which branches disagreed. */
  readonly disputes: number
}

export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN
}

function time(work: () => unknown): number {
  const start = performance.now()
  work()
  return performance.now() - start
}

function readLines(path: string): readonly string[] {
  const bytes = readFileSync(path)
  const text = (path.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('utf8')
  return text.split('\n').filter((line) => line !== '')
}

function parseAll(lines: readonly string[]): void {
  for (const line of lines) JSON.parse(line)
}

/** Everything once, as it is when the program is started for one room. */
function measureFresh(lines: readonly string[]): Measured {
  const json = time(() => {
    parseAll(lines)
  })
  const start = performance.now()
  const {graph} = loadRoomFrom('bench', rawPdus(lines))
  const load = performance.now() - start
  return {json, parse: Number.NaN, ids: Number.NaN, load: load / json, replay: time(() => replay(graph)) / json}
}

function measureWarm(lines: readonly string[]): Measured {
  const raw = rawPdus(lines)
  const {graph, rules, trustIds} = loadRoomFrom('bench', raw)
  const json = warmMedian(() => {
    parseAll(lines)
  })
  const parse = warmMedian(() => {
    for (const line of lines) parseJson(line)
  })
  const ids = warmMedian(() => {
    for (const line of lines) parsePdu(line, rules, {trustIds})
  })
  const load = warmMedian(() => loadRoomFrom('bench', raw))
  return {json, parse: parse / json, ids: ids / json, load: load / json, replay: warmMedian(() => replay(graph)) / json}
}

function measureReplays(paths: readonly string[]): MeasuredReplays {
  return paths.map((path) => {
    const lines = readLines(path)
    const {graph} = loadRoomFrom('bench', rawPdus(lines))
    const json = () => {
      parseAll(lines)
    }
    return warmMedian(() => replay(graph)) / warmMedian(json)
  })
}

function warmMedian(work: () => unknown): number {
  return median(Array.from({length: RUNS}, () => time(work)).slice(-COUNTED))
}

function rawPdus(lines: readonly string[]) {
  return lines.map((text, index) => ({text, line: index + 1}))
}

async function measureMemory(path: string): Promise<MeasuredMemory> {
  const start = performance.now()
  const {graph} = await loadRoom(openDump(path))
  const loaded = performance.now()
  replay(graph)
  return {load: loaded - start, replay: performance.now() - loaded, peak: process.resourceUsage().maxRSS / 1024}
}

async function measureAs(mode: string, paths: readonly string[]): Promise<Measured | MeasuredMemory | MeasuredReplays> {
  const [path = ''] = paths
  switch (mode) {
    case 'fresh':
      return measureFresh(readLines(path))
    case 'warm':
      return measureWarm(readLines(path))
    case 'replays':
      return measureReplays(paths)
    default:
      return measureMemory(path)
  }
}

if (import.meta.main) {
  const [mode = '', ...paths] = process.argv.slice(2)
  process.stdout.write(`${JSON.stringify(await measureAs(mode, paths))}\n`)
}
