import {existsSync, readFileSync} from 'node:fs'
import {text as textOf} from 'node:stream/consumers'
import {StateError} from '../errors.ts'
import {CATALOGUE} from '../finding/finding.ts'
import {askedWith} from '../investigate/asked-with.ts'
import type {CheckQuestion} from '../investigate/check-journal.ts'
import {listAllRooms, parseRoomList} from '../investigate/check-list.ts'
import type {CheckReport, RoomCheck} from '../investigate/check-report.ts'
import type {CheckProgress, GivenRoom, RunJudging} from '../investigate/check-rooms.ts'
import {parseShard} from '../investigate/check-shard.ts'
import {checkRooms} from '../investigate/on-demand.ts'
import {isLiveRoom} from '../investigate/open-room.ts'
import type {FetchAccess} from '../investigate/open-routes.ts'
import {printable} from '../report/printable.ts'
import {withConfig} from './check-config.ts'
import type {CheckFlags} from './check-flags.ts'
import {openKnown} from './check-known.ts'
import {type CheckStyle, renderReport} from './check-formats.ts'
import {type CheckOutput, pairOutputs, refuseOutputs, type TypedFlag, writeReport} from './check-output.ts'
import {describeDevices} from './devices-command.ts'
import {EXIT, type ExitCode, worstOf} from './exit-codes.ts'
import {accessOf} from './fetch-flags.ts'
import type {Progress} from './progress.ts'
import {hintForEatenSigil, mustBeLiveRoom, roomIsMissing} from './room-argument.ts'
import {nearest} from './suggest.ts'

/** What the command line of `check` said. */
export interface CheckLine {
  readonly rooms: readonly string[]
  readonly flags: CheckFlags
  /** All its words in order, since an output belongs to the format before it. */
  readonly typed: readonly TypedFlag[]
}

/** What `check` needs of a terminal. */
export interface CheckTerminal {
  readonly style: CheckStyle
  readonly progress: Progress
  /** Fires at Ctrl-C. */
  readonly signal: AbortSignal
  readonly print: (text: string) => Promise<void>
  readonly printJsonLines: (lines: Iterable<string>) => Promise<void>
  readonly note: (text: string) => Promise<void>
}

/**
 * Checks the rooms that a command line names, and gives the report in each form that was asked for.
 *
 * @returns the exit code: the gravest of all rooms'
 * @throws StateError USAGE, and what keeps all rooms from being checked
 */
export async function runCheck(line: CheckLine, terminal: CheckTerminal): Promise<ExitCode> {
  const {signal, progress} = terminal
  const {rooms: typed, flags, typed: words, ignoredFor, notes} = withConfig(line)
  const style = {...terminal.style, full: flags.full}
  const outputs = pairOutputs(words, style.json)
  const shard = flags.shard === undefined ? undefined : parseShard(flags.shard)
  const kinds = judgingOf(flags)
  refuseTwoPlaces(flags)
  await refuseOutputs(outputs, [...typed, ...filesOf(flags)])
  const known = await openKnown(flags)
  const judging: RunJudging = {...kinds, ignoredFor, baselineOf: known.baselineOf}
  const given = await givenRooms(typed, flags)
  const namedFiles = given.filter(({room}) => !isLiveRoom(room)).map(({room}) => room)
  await refuseOutputs(outputs, namedFiles)
  const base = await checkAccessOf(given, flags)
  const all = flags['all-rooms'] ? await listAllRooms(base, {signal}) : null
  const access = all?.access ?? base
  const rooms = [...given, ...(all?.rooms ?? []).map((room): GivenRoom => ({...room, listed: true}))]
  if (rooms.length === 0) throw noRooms(flags)
  const lines = outputs.find(({path, format}) => path === null && format === 'ndjson')
  const {checkLine, checkEndLine} = await import('../report/check-document.ts')
  const bugs: string[] = []
  try {
    const found = await checkRooms({
      rooms,
      access,
      judging,
      devices: flags.devices,
      reading: flags.reading,
      trustIds: flags['trust-ids'],
      cache: flags['no-cache'] ? 'none' : flags.offline ? 'offline' : flags.refresh ? 'refresh' : 'update',
      signal,
      nowMs: Date.now,
      onProgress: (step) => {
        progress.update(describe(step))
      },
      onBug: (stack) => bugs.push(stack),
      ...(lines === undefined ? {} : {onRoom: (check: RoomCheck) => terminal.printJsonLines([checkLine(check)])}),
      ...(flags['keep-cases'] === undefined ? {} : {keepCases: flags['keep-cases']}),
      ...(flags.jobs === undefined ? {} : {jobs: flags.jobs}),
      ...(flags.timeout === undefined ? {} : {timeoutMs: flags.timeout * 1000}),
      ...(flags.memory === undefined ? {} : {memoryMb: flags.memory}),
      ...(shard === undefined ? {} : {shard}),
      ...(flags.journal === undefined
        ? {}
        : {journal: {path: flags.journal, question: await questionOf(access, flags)}}),
    })
    progress.end()
    const {report, failure} = known.told({...found, notes: [...notes, ...(all?.notes ?? []), ...found.notes]})
    for (const stack of new Set(bugs)) await terminal.note(printable(stack).replaceAll('\\u{a}', '\n'))
    if (lines !== undefined) await terminal.printJsonLines([checkEndLine(report)])
    const failures = [...failure, ...(await show(report, outputs, {...terminal, style}))]
    await tellInterruption(report, flags, terminal)
    const [first] = failures
    if (first !== undefined) throw first
    return worstOf(exitCodeOfReport(report), signal.aborted ? EXIT.interrupted : EXIT.done)
  } finally {
    progress.end()
  }
}

/** @returns what files could not be written: the others are, since what was found may have taken hours */
async function show(
  report: CheckReport,
  outputs: readonly CheckOutput[],
  terminal: CheckTerminal,
): Promise<readonly StateError[]> {
  const failures: StateError[] = []
  for (const {format, path} of outputs) {
    if (path === null) {
      if (format !== 'ndjson') await terminal.print(await renderReport(format, report, terminal.style))
      continue
    }
    try {
      await writeReport({format, path}, report, terminal.style)
    } catch (error) {
      if (!(error instanceof StateError)) throw error
      failures.push(error)
    }
  }
  return failures
}

/** The gravest of all rooms'. */
export function exitCodeOfReport({rooms}: Pick<CheckReport, 'rooms'>): ExitCode {
  const OF = {clean: EXIT.done, findings: EXIT.findings, inconclusive: EXIT.inconclusive, failed: EXIT.failed} as const
  return worstOf(...rooms.map(({verdict, error}) => (error?.code === 'BUG' ? EXIT.bug : OF[verdict])))
}

async function tellInterruption(report: CheckReport, {journal}: CheckFlags, {note}: CheckTerminal): Promise<void> {
  const {unfinished = 0, rooms} = report
  if (unfinished === 0) return
  const what = `interrupted: ${String(rooms.length)} of ${String(rooms.length + unfinished)} rooms were checked`
  await note(
    journal === undefined
      ? `${what}; with --journal FILE, the same command goes on from there`
      : `${what}; ${journal} keeps them, and the same command goes on from there`,
  )
}

/** All files that are read or written beside the rooms and the reports. */
function filesOf(flags: CheckFlags): readonly string[] {
  const {rooms, journal, baseline, config, file = [], reported = [], keys = []} = flags
  const {'token-file': token, 'admin-token-file': adminToken, 'signing-key': signingKey} = flags
  const single = [rooms, journal, baseline, config, token, adminToken, signingKey]
  return [...single.filter((path) => path !== undefined), ...file, ...reported, ...keys]
}

/** There is one place for the case of a room. @throws StateError USAGE */
function refuseTwoPlaces(flags: CheckFlags): void {
  const given = (['keep-cases', 'no-cache', 'refresh', 'offline'] as const).filter((name) => isGiven(flags[name]))
  if (given.length < 2) return
  throw new StateError(
    'USAGE',
    `${given.map((name) => `--${name}`).join(' and ')} exclude each other: give one of them`,
  )
}

/** The rooms that were typed, and those of the list. @throws StateError USAGE, INPUT_NOT_FOUND, INPUT_EMPTY */
async function givenRooms(
  typed: readonly string[],
  {rooms: list, ...flags}: CheckFlags,
): Promise<readonly GivenRoom[]> {
  const rooms = typed.map((room): GivenRoom => ({room, listed: false}))
  if (list !== undefined) {
    if (list === '-' && typed.includes('-'))
      throw new StateError('USAGE', 'standard input is either a room or the list')
    const named = parseRoomList(list === '-' ? await textOf(process.stdin) : readList(list))
    if (named.length === 0) {
      const name = list === '-' ? 'standard input' : JSON.stringify(list)
      throw new StateError('INPUT_EMPTY', `there is no room in the list ${name}`, {hint: 'Write one room a line.'})
    }
    rooms.push(...named.map((room): GivenRoom => ({room, listed: true})))
  }
  for (const {room} of rooms) {
    if (isLiveRoom(room)) {
      mustBeLiveRoom(room)
      continue
    }
    // A file that is not there is a room that failed, unless a shell ate the beginning of an ID.
    const hint = room === '-' || existsSync(room) ? null : hintForEatenSigil(room, 'room')
    if (hint !== null) throw new StateError('INPUT_NOT_FOUND', `there is no file ${JSON.stringify(room)}`, {hint})
  }
  const alone = flags['all-rooms'] ? rooms.length + 2 : rooms.length
  for (const name of ['file', 'reported'] as const) {
    if (alone > 1 && (flags[name] ?? []).length > 0) {
      throw new StateError('USAGE', `--${name} is evidence on one room, and several are to be checked`)
    }
  }
  return rooms
}

function readList(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    const why = error instanceof Error && 'code' in error ? String(error.code) : String(error)
    throw new StateError('INPUT_NOT_FOUND', `the list of rooms ${JSON.stringify(path)} cannot be read: ${why}`, {
      cause: error,
      hint: 'Check the path.',
    })
  }
}

function noRooms(flags: CheckFlags): StateError {
  if (flags['all-rooms']) {
    return new StateError('INPUT_EMPTY', 'the server lists no room of which it has a history', {
      hint: "Synapse's admin API lists only rooms of which it keeps statistics (stats: enabled in its configuration); its database has them all (--database).",
    })
  }
  return new StateError('USAGE', 'no room was given', {hint: `${roomIsMissing}; or give --rooms FILE or --all-rooms`})
}

/** Access to rooms on servers; for files alone, none. @throws StateError as `accessOf` */
async function checkAccessOf(given: readonly GivenRoom[], flags: CheckFlags): Promise<FetchAccess> {
  const live = given.find(({room}) => isLiveRoom(room))?.room ?? null
  const subject = flags['all-rooms'] ? 'every room' : live
  if (subject !== null && flags['trust-ids']) {
    throw new StateError('USAGE', '--trust-ids is for test data in files, not for a room on a server')
  }
  const {MATRIX_STATE_HOMESERVER: fromEnvironment} = process.env
  const homeserver = flags.homeserver === fromEnvironment ? undefined : flags.homeserver
  if (flags.offline && subject !== null) {
    if (flags['all-rooms']) throw new StateError('USAGE', '--all-rooms asks a server, and --offline asks nobody')
    return accessOf({...flags, homeserver}, {messages: true, secrets: false, subject: null})
  }
  if (subject !== null) return accessOf(flags, {messages: true, subject})
  const ofServers = SERVER_FLAGS.find((name) => name !== 'homeserver' && isGiven(flags[name]))
  const wrong = homeserver === undefined ? ofServers : 'homeserver'
  if (wrong !== undefined) {
    throw new StateError('USAGE', `--${wrong} is for rooms on servers, and files are read as they are`, {
      hint: 'Name a room by its ID, or give --all-rooms.',
    })
  }
  return accessOf({...flags, homeserver}, {messages: true, subject: null})
}

const SERVER_FLAGS = [
  ...(['homeserver', 'profile', 'database', 'signing-key', 'server-name', 'with', 'all-servers', 'as-user'] as const),
  ...(['from', 'refresh', 'offline', 'no-cache', 'keep-cases'] as const),
]

function isGiven(value: string | boolean | readonly string[] | undefined): boolean {
  return value !== undefined && value !== false && !(Array.isArray(value) && value.length === 0)
}

function judgingOf(flags: CheckFlags): Omit<RunJudging, 'baselineOf'> {
  const ignore = flags.ignore ?? []
  for (const id of ignore) {
    if (Object.hasOwn(CATALOGUE, id)) continue
    const near = nearest(id, Object.keys(CATALOGUE))
    throw new StateError('USAGE', `--ignore: there is no kind of finding ${JSON.stringify(id.slice(0, 60))}`, {
      hint: near === undefined ? 'Their names stand in docs/findings.md.' : `Did you mean ${near}?`,
    })
  }
  return {ignore: new Set(ignore), failOn: flags['fail-on']}
}

/** All that the outcome of a room depends on, beside the room. Nothing of it is a secret. */
async function questionOf(access: FetchAccess, flags: CheckFlags): Promise<CheckQuestion> {
  const {homeserver, databases, servers, serverName} = await askedWith(access)
  return {
    all_rooms: isSet(flags['all-rooms']),
    shard: flags.shard ?? null,
    // A flag that is unset and one that a config file sets to false are the same question.
    devices: isSet(flags.devices),
    reading: flags.reading,
    trust_ids: isSet(flags['trust-ids']),
    offline: isSet(flags.offline),
    homeserver,
    databases,
    with: servers,
    server_name: serverName,
    from: access.from ?? null,
    all_servers: access.allServers === true,
    as_user: access.asUser ?? null,
    file: access.files ?? [],
    reported: access.reported ?? [],
    keys: access.keyFiles ?? [],
  }
}

/** oclif leaves a flag out that was not given, whatever its type says. */
function isSet(flag: boolean | undefined): boolean {
  return flag === true
}

function describe({done, total, verdicts, now}: CheckProgress): string {
  const bad = [
    verdicts.findings === 0 ? '' : `${String(verdicts.findings)} with findings`,
    verdicts.inconclusive === 0 ? '' : `${String(verdicts.inconclusive)} inconclusive`,
    verdicts.failed === 0 ? '' : `${String(verdicts.failed)} failed`,
  ].filter((part) => part !== '')
  const counts = `checked ${String(done)} of ${String(total)} rooms${bad.length === 0 ? '' : ` (${bad.join(', ')})`}`
  return now === undefined ? counts : `${counts}; ${printable(now.room, 40)}: ${describeDevices(now.step)}`
}
