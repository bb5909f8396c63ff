import {existsSync} from 'node:fs'
import {Flags} from '@oclif/core'
import {StateError} from '../errors.ts'
import {rememberCase} from '../investigate/cache-folder.ts'
import type {DevicesStep} from '../investigate/audit-devices.ts'
import type {DevicesReport} from '../investigate/devices-report.ts'
import {auditDevices, planAudit} from '../investigate/on-demand.ts'
import {isLiveRoom} from '../investigate/open-room.ts'
import type {AuditPlan} from '../investigate/plan-audit.ts'
import {isUserId} from '../matrix/ids.ts'
import {shellWord} from '../report/asked.ts'
import {accessFlags, type AccessFlags, accessOf} from './fetch-flags.ts'
import {describeFetch} from './fetch-progress.ts'
import type {Progress} from './progress.ts'
import {hintForEatenSigil, mustBeLiveRoom, roomIsMissing} from './room-argument.ts'
import {roomOrLastCase} from './room-command.ts'

/** Flags of `devices`, beside what all commands have. */
export const deviceFlags = {
  ...accessFlags,
  log: Flags.string({
    summary: 'A log of Synapse or of a client, for refused uploads of one-time keys; repeatable.',
    helpValue: 'FILE',
    multiple: true,
    multipleNonGreedy: true,
    helpGroup: 'ACCESS',
  }),
  case: Flags.string({summary: 'Keep the evidence in this case file: made, or gone on with.', helpValue: 'FILE'}),
  settle: Flags.integer({
    summary: 'How long a difference between device lists of two servers must last to count.',
    helpValue: 'SECONDS',
    default: 10,
    min: 0,
    max: 3600,
  }),
  refresh: Flags.boolean({
    summary: 'Fetch a live room anew, whatever the cache has of it; devices are always asked for anew.',
    exclusive: ['offline'],
    helpGroup: 'ACCESS',
  }),
  offline: Flags.boolean({
    summary: 'Take the evidence as the cache or the case has it, and ask nobody; its age is told.',
    helpGroup: 'ACCESS',
  }),
  plan: Flags.boolean({summary: 'Say what would be asked and what it does to the servers; ask nothing.'}),
}

export interface DeviceFlags extends AccessFlags {
  readonly log: readonly string[] | undefined
  readonly case: string | undefined
  readonly settle: number
  readonly refresh: boolean
  readonly offline: boolean
}

/**
 * Audits whom the argument names; without one, the last case.
 *
 * @throws StateError USAGE, and what `auditDevices` throws
 */
export async function auditFromArguments(
  typed: string | undefined,
  flags: DeviceFlags,
  progress: Progress,
  signal: AbortSignal,
): Promise<{readonly report: DevicesReport; readonly notes: readonly string[]}> {
  const argument = subjectOf(typed)
  const isFile = !argument.startsWith('@') && !isLiveRoom(argument)
  const access = await deviceAccessOf(argument, flags, isFile)
  try {
    const report = await auditDevices(argument, {
      access,
      ...(flags.case === undefined ? {} : {casePath: flags.case}),
      cache: flags.offline ? 'offline' : flags.refresh ? 'refresh' : 'update',
      settleMs: flags.settle * 1000,
      signal,
      nowMs: Date.now,
      onProgress: (step) => {
        progress.update(describeDevices(step))
      },
    })
    if (report.casePath !== null) rememberCase(report.casePath)
    return {report, notes: typed === undefined ? [`The last case: ${argument}`] : []}
  } finally {
    progress.end()
  }
}

/** What that would ask. @throws StateError as `planAudit` */
export async function planFromArguments(
  typed: string | undefined,
  flags: DeviceFlags,
  signal: AbortSignal,
): Promise<{readonly argument: string; readonly plan: AuditPlan}> {
  const argument = subjectOf(typed)
  const isFile = !argument.startsWith('@') && !isLiveRoom(argument)
  const plan = await planAudit(argument, await deviceAccessOf(argument, flags, isFile), {signal, nowMs: Date.now})
  return {argument, plan}
}

async function deviceAccessOf(argument: string, flags: DeviceFlags, isFile: boolean) {
  // A variable of the environment is meant for what is on servers; a file is taken as it stands.
  const {MATRIX_STATE_HOMESERVER: fromEnvironment} = process.env
  const isAsIs = isFile || flags.offline
  const isMeant = flags.homeserver !== fromEnvironment || !isAsIs || flags.profile !== undefined
  const homeserver = isMeant ? flags.homeserver : undefined
  const subject = isAsIs ? null : argument
  const access = await accessOf({...flags, homeserver}, {messages: true, secrets: !flags.offline, subject})
  return {...access, logs: flags.log ?? []}
}

function subjectOf(typed: string | undefined): string {
  const argument = roomOrLastCase(typed)
  if (argument.startsWith('@')) mustBeUser(argument)
  else if (isLiveRoom(argument)) mustBeLiveRoom(argument)
  else if (argument !== '-' && !existsSync(argument)) {
    throw new StateError('INPUT_NOT_FOUND', `there is no file ${JSON.stringify(argument)}`, {
      hint: hintFor(argument),
    })
  }
  return argument
}

function hintFor(argument: string): string {
  if (argument === '') return `write a user ID (@user:example.org); or ${roomIsMissing}`
  const room = hintForEatenSigil(argument, 'room')
  if (!/^[a-z0-9._=/+-]+:[^\s:]+(?::\d+)?$/.test(argument)) return room ?? `Check the path; or ${roomIsMissing}`
  const user = `a user ID begins with '@': ${shellWord(`@${argument}`)}`
  return room === null ? user : `${user}; or ${room}`
}

/** @throws StateError USAGE */
function mustBeUser(argument: string): void {
  if (isUserId(argument) && argument.length > 2 && !/[\p{Cc}\s]/u.test(argument)) return
  const hasServer = argument.includes(':')
  throw new StateError('USAGE', `${JSON.stringify(argument.slice(0, 80))} is no user ID`, {
    hint: hasServer
      ? 'A user ID is @name:server, 255 bytes at most, without spaces.'
      : `A user ID has a server: ${argument === '@' ? '@user' : argument.slice(0, 60)}:example.org`,
  })
}

/** One line of progress. */
export function describeDevices(step: DevicesStep): string {
  const number = (value: number): string => value.toLocaleString('en-US')
  switch (step.kind) {
    case 'reading':
      return `reading: ${number(step.events)} events`
    case 'waiting':
      return 'waiting for another matrix-state that works on the same case'
    case 'devices': {
      const {kind, route, done, all} = step.progress
      if (kind === 'waiting') return `device lists of ${number(all)} users differ: waiting to see whether that lasts`
      const again = kind === 'settling' ? 'asking again, ' : ''
      return `${route}: ${again}devices of ${number(done)} of ${number(all)} users`
    }
    case 'pause':
      return `${step.route}: waiting ${String(Math.ceil(step.ms / 1000))} s: ${step.reason}`
    case 'auditing':
      return `auditing: ${number(step.done)} of ${number(step.all)} users`
    case 'messages':
      return 'looking at the messages of the room'
    default:
      return describeFetch(step)
  }
}
