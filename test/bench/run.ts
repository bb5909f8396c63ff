/**
 * `npm run bench`: how fast the engine is, as ratios to `JSON.parse` of the same lines in the same process, and how much memory it takes.
 *
 * - `--large`: also a room of 1,000,000 events (700 MB on disk, minutes)
 * - `--assert`: exit code 1 when an aim is missed by more than a quarter
 */
import {spawnSync} from 'node:child_process'
import {existsSync, mkdtempSync, readdirSync, rmSync, statfsSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {basename, join} from 'node:path'
import {performance} from 'node:perf_hooks'
import {parseArgs} from 'node:util'
import {writeRoom} from './generate.ts'
import {
  type Measured,
  type MeasuredForensics,
  type MeasuredMemory,
  type MeasuredPictures,
  type MeasuredReplays,
  median,
} from './measure.ts'

const ROOT = join(import.meta.dirname, '../..')
const CORPUS = join(ROOT, '../shared/corpus')
/** Fresh processes that are started for each figure. */
const STARTS = 7
/** By how much an aim may be missed before `--assert` fails. */
const TOLERANCE = 1.25
const SEED = 1
const FORK_RATE = 0.03
const MEBIBYTE = 2 ** 20
const PROGRAM = join(ROOT, 'bin/run.js')
const isBuilt = existsSync(join(ROOT, 'dist/commands'))

const {values: flags} = parseArgs({options: {large: {type: 'boolean'}, assert: {type: 'boolean'}}})
const folder = mkdtempSync(join(tmpdir(), 'matrix-state-bench-'))
let failures = 0

try {
  run()
} finally {
  rmSync(folder, {recursive: true})
}
process.exitCode = flags.assert === true && failures > 0 ? 1 : 0

function run(): void {
  const generated = generate(50_000)
  const larger = ['10-realistic-10000', '10-realistic-50000'].map(corpusFile).filter((path) => path !== null)
  for (const path of [...larger, generated]) benchRoom(path)
  benchForensics(larger.at(-1) ?? generated)
  benchPictures(generated)
  benchFuzz()
  benchCommand(larger.at(-1) ?? generated)
  benchStart()
  benchScaling()
}

/** The file of a corpus room, if the corpora are there. */
function corpusFile(name: string): string | null {
  const path = join(CORPUS, name, 'room.ndjson')
  if (existsSync(path)) return path
  return existsSync(`${path}.gz`) ? `${path}.gz` : null
}

function generate(events: number): string {
  const path = join(folder, `generated-${String(events)}.ndjson`)
  if (!existsSync(path)) writeRoom(path, {events, members: events / 50, forkRate: FORK_RATE, seed: SEED})
  return path
}

function measure(mode: 'fresh' | 'warm' | 'replays' | 'memory', ...paths: readonly string[]): unknown {
  const child = spawnSync(process.execPath, [join(import.meta.dirname, 'measure.ts'), mode, ...paths], {
    encoding: 'utf8',
  })
  if (child.status !== 0) throw new Error(`measuring ${paths.join(' ')} failed:\n${child.stderr}`)
  return JSON.parse(child.stdout)
}

function title(path: string): string {
  return path.startsWith(CORPUS) ? basename(join(path, '..')) : basename(path, '.ndjson')
}

function heading(text: string): void {
  process.stdout.write(`\n${text}\n`)
}

/** One figure; with an aim, whether it is met. */
function row(name: string, value: number, unit: string, aim: number | null = null): void {
  let verdict = ''
  if (aim !== null) {
    verdict = `  aim ${String(aim)}  ${value <= aim ? 'met' : 'MISSED'}`
    if (value > aim * TOLERANCE) failures += 1
  }
  const digits = value < 100 ? 2 : 0
  process.stdout.write(`  ${name.padEnd(40)}${value.toFixed(digits).padStart(9)} ${unit.padEnd(6)}${verdict}\n`)
}

function benchRoom(path: string): void {
  const warm = measure('warm', path) as Measured
  const fresh = Array.from({length: STARTS}, () => measure('fresh', path) as Measured)
  heading(
    `${title(path)}: JSON.parse ${warm.json.toFixed(1)} ms warm, ${median(fresh.map(({json}) => json)).toFixed(1)} ms fresh`,
  )
  row('parse, warm', warm.parse, 'x')
  row('parse + event IDs, warm', warm.ids, 'x')
  row('parse + event IDs + graph, warm', warm.load, 'x')
  row('replay, warm', warm.replay, 'x', 0.5)
  row('parse + event IDs + graph, fresh', median(fresh.map(({load}) => load)), 'x')
  row('replay, fresh', median(fresh.map((one) => one.replay)), 'x', 1.2)
  row('all of it, fresh', median(fresh.map((one) => one.load + one.replay)), 'x', 5)
}

/** In one process, warm, against the replay of the same room. */
function benchForensics(path: string): void {
  const child = spawnSync(process.execPath, [join(import.meta.dirname, 'forensics.ts'), path], {encoding: 'utf8'})
  if (child.status !== 0) throw new Error(`measuring ${path} failed:\n${child.stderr}`)
  const {replay, diff, resets, health, blame} = JSON.parse(child.stdout) as MeasuredForensics
  heading(`${title(path)}: forensics, warm, as ratios to the replay (${replay.toFixed(1)} ms)`)
  row('replay and resets', resets / replay, 'x', 2)
  row('diff with its replay, all state groups', diff / replay, 'x', 2)
  row('health', health / replay, 'x')
  row('blame of the join rules, with its replay', blame, 'ms', 1000)
}

/** What a page of `explore` does beside its replay; of rooms of two sizes, since layout has to be linear. */
function benchPictures(path: string): void {
  const [small, large] = [path, generate(200_000)].map((file): MeasuredPictures => {
    const child = spawnSync(process.execPath, [join(import.meta.dirname, 'pictures.ts'), file], {encoding: 'utf8'})
    if (child.status !== 0) throw new Error(`measuring ${file} failed:\n${child.stderr}`)
    return JSON.parse(child.stdout) as MeasuredPictures
  })
  if (small === undefined || large === undefined) return
  heading(`${title(path)}: what explore's page does, as ratios to the replay (${small.replay.toFixed(1)} ms)`)
  row('unpacking the graph', small.unpack / small.replay, 'x')
  row('lanes, levels of detail, long edges', small.layout / small.replay, 'x', 2)
  row('merges at which branches disagreed', small.disputes / small.replay, 'x', 2)
  const points = [small, large].map(({events, layout}) => [Math.log(events), Math.log(layout)] as const)
  row('exponent of the time of the layout', slope(points), '', 1.1)
}

/** Rooms that are all forks. */
function benchFuzz(): void {
  if (!existsSync(CORPUS)) {
    heading('fuzz rooms: skipped, there are no corpora beside this checkout')
    return
  }
  const rooms = readdirSync(CORPUS)
    .filter((name) => name.includes('-fuzz-'))
    .map(corpusFile)
    .filter((path) => path !== null)
  const ratios = measure('replays', ...rooms) as MeasuredReplays
  heading(`${String(rooms.length)} fuzz rooms, which are all forks`)
  row('replay, warm, median of the rooms', median(ratios), 'x')
  row('replay, warm, worst room', Math.max(...ratios), 'x', 10)
}

function timeProgram(script: string, args: readonly string[]): number {
  const times = Array.from({length: STARTS}, () => {
    const start = performance.now()
    const child = spawnSync(process.execPath, [script, ...args], {
      stdio: ['ignore', 'ignore', 'pipe'],
      encoding: 'utf8',
    })
    const took = performance.now() - start
    if (child.error !== undefined || child.status === null || child.status > 1) {
      throw new Error(`${script} ${args.join(' ')} failed:\n${child.stderr}`)
    }
    return took
  })
  return median(times)
}

function benchCommand(path: string): void {
  if (!isBuilt) {
    heading('whole commands: skipped, the program is not built (npm run build)')
    return
  }
  const json = median(Array.from({length: STARTS}, () => (measure('fresh', path) as Measured).json))
  heading(`whole commands on ${title(path)}`)
  row('replay --no-digest', timeProgram(PROGRAM, ['replay', '--no-digest', path]) / json, 'x')
  row('replay', timeProgram(PROGRAM, ['replay', path]) / json, 'x')
  const resolve = timeProgram(PROGRAM, ['resolve', path])
  row('resolve', resolve / json, 'x')
  const page = join(folder, 'page.html')
  row('explore, to resolve', timeProgram(PROGRAM, ['explore', path, '-o', page]) / resolve, 'x')
  for (const format of ['dot', 'graphml', 'gexf', 'json']) {
    const args = ['graph', path, '--format', format, '--limit', '1000000']
    row(`graph --format ${format}, to resolve`, timeProgram(PROGRAM, args) / resolve, 'x')
  }
}

function benchStart(): void {
  if (!isBuilt) return
  const path = generate(10)
  const ours = timeProgram(PROGRAM, ['resolve', path])
  const bare = timeProgram(join(import.meta.dirname, 'bare/run.js'), ['nothing'])
  heading(`start-up: a bare oclif command takes ${bare.toFixed(0)} ms`)
  row('resolve of ten events', ours / bare, 'x', 1.5)
}

/** Time must grow as the room does: the exponent is the slope of log time over log events. */
function benchScaling(): void {
  const sizes = [10_000, 100_000]
  const {bavail, bsize} = statfsSync(folder)
  if (flags.large !== true) heading('rooms from their files; 1,000,000 events only with --large')
  else if (bavail * bsize < 1500 * MEBIBYTE)
    heading('rooms from their files; 1,000,000 events skipped: less than 1.5 GiB free')
  else {
    heading('rooms from their files')
    sizes.push(1_000_000)
  }
  const points: (readonly [number, number])[] = []
  for (const size of sizes) {
    const path = generate(size)
    const runs = Array.from({length: size > 100_000 ? 1 : STARTS}, () => measure('memory', path) as MeasuredMemory)
    const load = median(runs.map((one) => one.load))
    const replayed = median(runs.map((one) => one.replay))
    row(`${String(size)} events: load`, load, 'ms')
    row(`${String(size)} events: replay`, replayed, 'ms')
    row(`${String(size)} events: memory`, median(runs.map(({peak}) => peak)), 'MiB', 500)
    points.push([Math.log(size), Math.log(load + replayed)])
    rmSync(path)
  }
  row('exponent of the time', slope(points), '', 1.1)
}

/** Of the line that fits best. */
function slope(points: readonly (readonly [number, number])[]): number {
  const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length
  const x = mean(points.map(([size]) => size))
  const y = mean(points.map(([, took]) => took))
  const rise = points.reduce((sum, [size, took]) => sum + (size - x) * (took - y), 0)
  return rise / points.reduce((sum, [size]) => sum + (size - x) ** 2, 0)
}
