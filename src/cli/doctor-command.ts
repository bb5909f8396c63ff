import {fstatSync} from 'node:fs'
import {Args, Flags} from '@oclif/core'
import {StateError} from '../errors.ts'
import {rememberCase} from '../investigate/cache-folder.ts'
import type {DevicesReport} from '../investigate/devices-report.ts'
import type {HeardComplaint} from '../investigate/doctor.ts'
import type {DoctorReport} from '../investigate/doctor-report.ts'
import {auditDevices, doctorDevices, doctorMessage, doctorRoom, hearComplaint} from '../investigate/on-demand.ts'
import {isLiveRoom} from '../investigate/open-room.ts'
import {describeDevices} from './devices-command.ts'
import {readWords} from './doctor-arguments.ts'
import {EXIT, type ExitCode, exitCodeForFindings, type FailOn, worstOf} from './exit-codes.ts'
import {accessOf, namesRoute} from './fetch-flags.ts'
import type {Progress} from './progress.ts'
import {openFromFlags, roomFlags, type RoomFlags} from './room-command.ts'

/** Flags of `doctor`, beside what all commands have. */
export const doctorFlags = {
  ...roomFlags,
  message: Flags.string({
    char: 'm',
    summary: 'The message, to be explicit: otherwise all words that are no room, user, event or server are it.',
    helpValue: 'TEXT',
    helpGroup: 'COMPLAINT',
  }),
  log: Flags.string({
    summary: 'A log (plain or gzip) to look for known messages in; - is standard input.',
    helpValue: 'FILE',
    exclusive: ['message'],
    helpGroup: 'COMPLAINT',
  }),
  user: Flags.string({
    summary: 'Who was told it, or tried; the same as an argument @name:server.',
    helpValue: 'USER',
    helpGroup: 'COMPLAINT',
  }),
  server: Flags.string({
    summary: 'Which server was refused, or complains.',
    helpValue: 'NAME',
    helpGroup: 'COMPLAINT',
  }),
  event: Flags.string({summary: 'Which event it is about.', helpValue: 'EVENT', helpGroup: 'COMPLAINT'}),
  devices: Flags.boolean({
    summary: 'Look at the encryption of the room, too; done by itself for messages about decryption.',
  }),
}

export const doctorArg = Args.string({
  ignoreStdin: true,
  description:
    "the message, in quotes; a room ID or alias (in single quotes), a case file or a dump; a user ID, an event ID, a server; or '-': a log on standard input",
})

export interface DoctorFlags extends RoomFlags {
  readonly message: string | undefined
  readonly log: string | undefined
  readonly user: string | undefined
  readonly server: string | undefined
  readonly event: string | undefined
  readonly devices: boolean
}

/**
 * Reads the complaint, opens what it is about, and looks for the cause.
 *
 * @throws StateError USAGE, and what opening a room or auditing a user throws
 */
export async function doctorFromArguments(
  words: readonly string[],
  flags: DoctorFlags,
  progress: Progress,
  signal: AbortSignal,
): Promise<DoctorReport> {
  const typed = readWords(words, {...flags, log: flags.log ?? logOnInput(words, flags)})
  const {room, user, server, eventId, message, log} = typed
  const given = {room, user, server, eventId}
  try {
    const complaint = await hearComplaint({given, message, log, signal})
    const named = complaint.rooms.length === 1 ? complaint.rooms[0]?.roomId : undefined
    const wanted = room ?? (hasRoute(flags) ? (named ?? null) : null)
    if (wanted !== null) return await inRoom(wanted, complaint, flags, {progress, signal, log})
    const asked = complaint.of(null)
    if (user !== null) {
      const devices = await auditOf(user, flags, {progress, signal, log, isLive: true})
      return await doctorDevices(asked, devices)
    }
    if (message === null && log === null) {
      throw new StateError('USAGE', 'neither a message nor a room was given', {
        hint: "for example: matrix-state doctor 'You are not invited to this room.' '!room:example.org' --user @you:example.org",
      })
    }
    return await doctorMessage(asked, complaint.rooms)
  } finally {
    progress.end()
  }
}

interface Work {
  readonly progress: Progress
  readonly signal: AbortSignal
  readonly log: string | null
}

async function inRoom(room: string, heard: HeardComplaint, flags: DoctorFlags, work: Work): Promise<DoctorReport> {
  const opened = await openFromFlags(room, flags, work.progress)
  const complaint = heard.of(room, opened.room.graph.roomId)
  const isLive = isLiveRoom(room)
  const isAboutDevices = flags.devices || complaint.recognised.some(({symptom}) => DEVICES.has(symptom))
  const devices = isAboutDevices
    ? await auditOf(opened.casePath ?? room, flags, {...work, isLive: false, asks: isLive ? room : null})
    : null
  return doctorRoom(opened, complaint, {reading: flags.reading, isLive, nowMs: Date.now(), devices})
}

const DEVICES: ReadonlySet<string> = new Set(['unable-to-decrypt', 'one-time-key-exists'])

/** @param work.asks - the live room that a case was just fetched for: its servers are asked for devices */
async function auditOf(
  subject: string,
  flags: DoctorFlags,
  {progress, signal, log, isLive, asks = null}: Work & {readonly isLive: boolean; readonly asks?: string | null},
): Promise<DevicesReport> {
  const asked = isLive ? subject : asks
  const {MATRIX_STATE_HOMESERVER: fromEnvironment} = process.env
  const isAsIs = asked === null || flags.offline
  const homeserver = isAsIs && flags.homeserver === fromEnvironment ? undefined : flags.homeserver
  const access = await accessOf(
    {...flags, homeserver},
    {messages: true, secrets: !flags.offline, subject: isAsIs ? null : asked},
  )
  const {files: _1, reported: _2, ...servers} = access
  const report = await auditDevices(subject, {
    access: {...(asks === null ? access : servers), logs: log === null || log === '-' ? [] : [log]},
    cache: flags.offline ? 'offline' : 'update',
    settleMs: SETTLE_MS,
    signal,
    nowMs: Date.now,
    onProgress: (step) => {
      progress.update(describeDevices(step))
    },
  })
  if (report.casePath !== null) rememberCase(report.casePath)
  return report
}

/** How long a difference between device lists must last to count, milliseconds. */
const SETTLE_MS = 10_000

function hasRoute(flags: DoctorFlags): boolean {
  return flags.profile !== undefined || flags.offline || namesRoute({...flags, log: undefined})
}

/** `doctor room.case < error.log`: only a file is taken without being asked for, since it comes to its end. */
function logOnInput(words: readonly string[], {message}: DoctorFlags): string | undefined {
  if (message !== undefined || words.includes('-') || words.some((word) => /\s/.test(word))) return undefined
  try {
    const {size} = fstatSync(0)
    return fstatSync(0).isFile() && size > 0 ? '-' : undefined
  } catch {
    return undefined
  }
}

/** A cause that is more than a hint, or a finding that counts, outweighs what is open. */
export function exitCodeOf(report: DoctorReport, failOn: FailOn): ExitCode {
  const {diagnoses, others, open, gather, symptoms, unrecognised, message, notShown} = report
  const isCause = diagnoses.some(({symptom, certainty}) => symptom !== null && certainty !== 'hint')
  const findings = [...diagnoses.flatMap((one) => one.findings), ...others]
  const lacks = open.length > 0 || (gather.length > 0 && !isCause)
  const undecided =
    message !== null &&
    (unrecognised !== null || (symptoms.length > 0 && !isCause && (notShown.length === 0 || diagnoses.length > 0)))
  return worstOf(
    isCause && failOn !== 'never' ? EXIT.findings : EXIT.done,
    exitCodeForFindings(findings, failOn),
    lacks || undecided ? EXIT.inconclusive : EXIT.done,
  )
}
