import {createHash} from 'node:crypto'
import {createWriteStream, mkdirSync} from 'node:fs'
import {availableParallelism, totalmem} from 'node:os'
import {join} from 'node:path'
import {pipeline} from 'node:stream/promises'
import {removeCase} from '../casefile/open-case.ts'
import type {Reading} from '../resolve/auth-difference.ts'
import type {DevicesStep} from './audit-devices.ts'
import {CheckJournal, type CheckQuestion, holdingJournal, keyOf, stampOf} from './check-journal.ts'
import {checkInProcesses, type PoolTask} from './check-pool.ts'
import type {CheckReport, RoomCheck, RoomVerdict} from './check-report.ts'
import type {CasePlace, RoomToCheck} from './check-room.ts'
import {isInShard, type Shard} from './check-shard.ts'
import {judgeRoom, type Judging, type RoomOutcome} from './check-verdict.ts'
import type {CacheUse} from './live-room.ts'
import {inTemporaryFolder} from './more-evidence.ts'
import {isLiveRoom} from './open-room.ts'
import type {DeviceAccess} from './open-device-routes.ts'

/** A room of a run. `listed`: it came in a list, so that nobody expects its case to stay. */
export interface GivenRoom extends RoomToCheck {
  readonly listed: boolean
}

/** How findings count. `baselineOf`: what is known of a room; `null` without a baseline. */
export interface RunJudging extends Omit<Judging, 'baseline'> {
  readonly baselineOf: ((roomId: string) => Judging['baseline']) | null
}

export interface CheckOptions {
  readonly rooms: readonly GivenRoom[]
  /** How to get at rooms on servers. */
  readonly access: DeviceAccess
  readonly judging: RunJudging
  /** Audit the encryption, too. @defaultValue false */
  readonly devices?: boolean
  /** @defaultValue `synapse` */
  readonly reading?: Reading
  /** See `PduOptions.trustIds`. */
  readonly trustIds?: boolean
  /** What becomes of cases in the cache; `none`: a room is fetched into a case that is gone afterwards. @defaultValue `update` */
  readonly cache?: CacheUse | 'none'
  /** A folder in which the cases of all rooms on servers are kept instead. */
  readonly keepCases?: string
  /** Rooms side by side. @defaultValue `defaultJobs()` */
  readonly jobs?: number
  /** The longest that a room may take, milliseconds. */
  readonly timeoutMs?: number
  /** What a room may take of memory, MiB. @defaultValue `defaultMemoryMb(jobs)` */
  readonly memoryMb?: number
  readonly shard?: Shard
  /** See `CheckJournal`. */
  readonly journal?: {readonly path: string; readonly question: CheckQuestion}
  /** When it fires, what is done by then is the report; `unfinished` says that it is not all. */
  readonly signal: AbortSignal
  readonly nowMs: () => number
  /** Told each room as it is done, those of an earlier run first. */
  readonly onRoom?: (check: RoomCheck) => Promise<void> | void
  readonly onProgress?: (progress: CheckProgress) => void
  /** Told where a bug is. */
  readonly onBug?: (stack: string) => void
  /** Another program for the processes, for tests. */
  readonly workerUrl?: URL
}

export interface CheckProgress {
  readonly done: number
  readonly total: number
  readonly verdicts: Readonly<Record<RoomVerdict, number>>
  /** What is going on in one of the rooms. */
  readonly now?: {readonly room: string; readonly step: DevicesStep}
}

/** Rooms side by side: as many as there are cores, but no crowd before one server. */
export function defaultJobs(): number {
  return Math.min(4, availableParallelism())
}

/** What a room may take: all of them together about half of what the machine, or the container, has. MiB. */
export function defaultMemoryMb(jobs: number): number {
  const all = Math.min(totalmem(), process.constrainedMemory() || Infinity) / 2 ** 20
  return Math.round(Math.min(8192, Math.max(256, (0.6 * all) / jobs)))
}

/**
 * Checks many rooms side by side, each in a process of its own.
 *
 * @throws StateError as `CheckJournal`; what a room has against it is in its own entry
 * @remarks Memory is bounded by `jobs` times `memoryMb`, and by what was found: about 1 kB a finding.
 */
export async function checkRooms(options: CheckOptions): Promise<CheckReport> {
  const {journal, signal} = options
  const run = (): Promise<CheckReport> => inTemporaryFolder((temporary) => new Run(options, temporary).run())
  return journal === undefined ? run() : holdingJournal(journal.path, signal, run)
}

class Run {
  readonly #options: CheckOptions
  readonly #temporary: string
  readonly #rooms: readonly GivenRoom[]
  /** Taken before anything is read: what changes meanwhile is read again the next time. */
  readonly #stamps: readonly (string | null)[]
  readonly #done: (RoomCheck | undefined)[] = []
  readonly #verdicts: Record<RoomVerdict, number> = {clean: 0, findings: 0, inconclusive: 0, failed: 0}
  readonly #notes: string[] = []
  #resumed = 0
  #notCompared = 0

  constructor(options: CheckOptions, temporary: string) {
    this.#options = options
    this.#temporary = temporary
    const {shard} = options
    const unique = [...new Map(options.rooms.map((room) => [keyOf(room), room])).values()]
    const twice = options.rooms.length - unique.length
    if (twice > 0)
      this.#notes.push(twice === 1 ? '1 room was given twice.' : `${String(twice)} rooms were given twice.`)
    this.#rooms = shard === undefined ? unique : unique.filter(({room}) => isInShard(room, shard))
    this.#stamps = options.journal === undefined ? [] : this.#rooms.map((room) => stampOf(this.#filesOf(room)))
  }

  /** All files that the outcome of a room depends on. */
  #filesOf({room, path = room}: GivenRoom): readonly string[] {
    const {files = [], reported = [], keyFiles = []} = this.#options.access
    return [...(isLiveRoom(room) || room === '-' ? [] : [path]), ...files, ...reported, ...keyFiles]
  }

  async run(): Promise<CheckReport> {
    const {nowMs, journal: asked, judging, shard} = this.#options
    const startedTs = nowMs()
    const journal = asked === undefined ? null : new CheckJournal(asked.path, asked.question, startedTs)
    try {
      await this.#takeEarlier(journal)
      await this.#check(journal)
      const unfinished = this.#rooms.length - this.#count
      if (unfinished === 0) journal?.end(nowMs())
      return {
        rooms: this.#done.filter((one) => one !== undefined),
        failOn: judging.failOn,
        baseline: null,
        shard: shard ?? null,
        resumed: this.#resumed,
        startedTs,
        endedTs: nowMs(),
        notes: [...this.#notes, ...this.#lastNotes()],
        ...(unfinished === 0 ? {} : {unfinished}),
      }
    } finally {
      journal?.close()
    }
  }

  get #count(): number {
    return Object.values(this.#verdicts).reduce((sum, count) => sum + count, 0)
  }

  async #takeEarlier(journal: CheckJournal | null): Promise<void> {
    if (typeof journal?.earlierTs !== 'number') return
    let changed = 0
    for (const [index, room] of this.#rooms.entries()) {
      const key = keyOf(room)
      const outcome = journal.earlier.get(key)
      // What came from standard input then is not what comes now.
      if (outcome === undefined || room.room === '-') continue
      if ((journal.stamps.get(key) ?? null) !== (this.#stamps[index] ?? null)) {
        changed += 1
        continue
      }
      this.#resumed += 1
      await this.#take(index, outcome)
    }
    const since = new Date(journal.earlierTs).toISOString().slice(0, 19).replace('T', ' ')
    const rooms = this.#resumed === 1 ? '1 room was' : `${String(this.#resumed)} rooms were`
    this.#notes.push(`Gone on with a run that began ${since} UTC: ${rooms} checked by it.`)
    if (changed > 0) {
      const those = changed === 1 ? '1 room was' : `${String(changed)} rooms were`
      this.#notes.push(`${those} checked again: a file that was read for it has changed since.`)
    }
  }

  async #check(journal: CheckJournal | null): Promise<void> {
    const {access, devices = false, reading = 'synapse', trustIds = false, timeoutMs = null, onProgress} = this.#options
    const {jobs = defaultJobs(), memoryMb = defaultMemoryMb(jobs), signal, onBug, workerUrl} = this.#options
    const open = this.#rooms.flatMap((_, index) => (this.#done[index] === undefined ? [index] : []))
    if (open.length === 0) return
    const tasks: PoolTask[] = []
    for (const index of open) tasks.push(await this.#task(index))
    this.#tell()
    await checkInProcesses({
      setUp: {access, devices, reading, trustIds},
      jobs,
      tasks,
      timeoutMs,
      memoryMb,
      temporary: this.#temporary,
      signal,
      onOutcome: async (at, outcome) => {
        const index = open[at] ?? 0
        const room = this.#rooms[index]
        if (room !== undefined) journal?.add(keyOf(room), outcome, this.#stamps[index] ?? null)
        removeTemporary(tasks[at], this.#temporary)
        await this.#take(index, outcome)
      },
      onStep: (at, step) => {
        const room = tasks[at]?.toCheck.room
        if (room !== undefined && onProgress !== undefined) this.#tell({room, step})
      },
      ...(onBug === undefined ? {} : {onBug}),
      ...(workerUrl === undefined ? {} : {workerUrl}),
    })
  }

  async #take(index: number, outcome: RoomOutcome): Promise<void> {
    const {judging, onRoom} = this.#options
    const {roomId} = outcome
    const baseline = roomId === null ? null : (judging.baselineOf?.(roomId) ?? null)
    const check = judgeRoom(outcome, {...judging, baseline})
    this.#done[index] = check
    this.#verdicts[check.verdict] += 1
    if (outcome.error === null && outcome.compared === 0) this.#notCompared += 1
    this.#tell()
    await onRoom?.(check)
  }

  #tell(now?: CheckProgress['now']): void {
    const verdicts = {...this.#verdicts}
    this.#options.onProgress?.({
      done: this.#count,
      total: this.#rooms.length,
      verdicts,
      ...(now === undefined ? {} : {now}),
    })
  }

  async #task(index: number): Promise<PoolTask> {
    const {listed, ...toCheck} = this.#rooms[index] ?? {room: '', listed: true}
    if (toCheck.room === '-') return {toCheck: {...toCheck, path: await this.#standardInput()}, place: FILE}
    return {toCheck, place: this.#placeOf(toCheck, listed, index)}
  }

  #placeOf({room}: RoomToCheck, listed: boolean, index: number): CasePlace {
    const {cache = 'update', keepCases} = this.#options
    if (!isLiveRoom(room)) return FILE
    if (keepCases !== undefined) {
      mkdirSync(keepCases, {recursive: true, mode: 0o700})
      return {kind: 'file', path: join(keepCases, caseNameOf(room))}
    }
    if (cache === 'offline' || (cache !== 'none' && !listed)) return {kind: 'cache', use: cache}
    return {kind: 'file', path: join(this.#temporary, `room-${String(index)}.case`)}
  }

  /** The processes have no standard input. */
  async #standardInput(): Promise<string> {
    const path = join(this.#temporary, 'standard-input')
    await pipeline(process.stdin, createWriteStream(path, {mode: 0o600}), {signal: this.#options.signal})
    return path
  }

  #lastNotes(): readonly string[] {
    const count = this.#notCompared
    if (count === 0) return []
    const rooms = count === 1 ? '1 room was' : `${count.toLocaleString('en-US')} rooms were`
    return [
      `${rooms} compared with no server's state: what was given tells none. Only the events themselves were checked.`,
    ]
  }
}

/** A file is opened where it is. */
const FILE: CasePlace = {kind: 'cache', use: 'update'}

/** A name that is safe in any file system and tells people which room it is; two rooms never share one. */
export function caseNameOf(room: string): string {
  const hash = createHash('sha256').update(room).digest('hex').slice(0, 8)
  const legible = room
    .slice(1)
    .replace(/[^A-Za-z0-9.-]+/g, '_')
    .slice(0, 80)
  return `${legible}-${hash}.case`
}

/** Thousands of rooms would fill a disk. */
function removeTemporary(task: PoolTask | undefined, temporary: string): void {
  if (task?.place.kind === 'file' && task.place.path.startsWith(temporary)) removeCase(task.place.path)
}
