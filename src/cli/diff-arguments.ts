import {StateError} from '../errors.ts'
import type {DiffReport} from '../investigate/diff-report.ts'
import {diffEvents, diffRoom, diffSources} from '../investigate/diff-room.ts'
import {isLiveRoom} from '../investigate/open-room.ts'
import type {FetchAccess} from '../investigate/open-routes.ts'
import {accessOf} from './fetch-flags.ts'
import type {Progress} from './progress.ts'
import {hintForEatenSigil} from './room-argument.ts'
import {mustBeEvent, openFromFlags, roomOrLastCase, type RoomFlags} from './room-command.ts'

/** The arguments of `diff`, in the order in which they stand. */
export interface DiffArguments {
  readonly room: string | undefined
  readonly other: string | undefined
  readonly another: string | undefined
}

export interface DiffFlags extends RoomFlags {
  readonly at: string | undefined
  readonly before: string | undefined
}

/**
 * Compares what the arguments name: one room with what servers say of it, two sources of a room, or two events of it.
 *
 * @throws StateError USAGE, and what opening a room throws
 */
export async function compareFromArguments(
  {room, other, another}: DiffArguments,
  flags: DiffFlags,
  progress: Progress,
  signal: () => AbortSignal,
): Promise<{readonly report: DiffReport; readonly notes: readonly string[]}> {
  for (const name of ['at', 'before'] as const) {
    const value = flags[name]
    if (value === undefined) continue
    mustBeEvent(`--${name}`, value)
    if (other !== undefined) throw new StateError('USAGE', `--${name} goes with one room, not with two arguments`)
  }
  const events = eventsAmong(other, another)
  if (other !== undefined && flags.reported !== undefined) {
    throw new StateError('USAGE', '--reported goes with one room, not with two arguments')
  }
  const first = roomOrLastCase(room)
  // Beside a file they are for the questions below, not for gathering.
  const ofRoom = isLiveRoom(first) ? flags : {...flags, ...NO_FEDERATION}
  const opened = await openFromFlags(first, ofRoom, progress)
  const last = room === undefined ? [`The room of the last case: ${first}`] : []
  const notes = [...last, ...opened.notes]
  const reading = {reading: flags.reading}
  if (events !== null) return {report: diffEvents(opened, events, reading), notes}
  if (other !== undefined) {
    const second = await openFromFlags(other, flags, progress)
    return {report: diffSources(opened, second, reading), notes: [...notes, ...second.notes]}
  }
  const options = {
    ...reading,
    ...(flags.at === undefined ? {} : {at: flags.at}),
    ...(flags.before === undefined ? {} : {before: flags.before}),
  }
  const {from, signingKeyFile, serverName, servers = [], insecure = false} = await accessToAsk(first, flags)
  const mayAsk = !flags.offline && (from?.includes('federation') ?? true)
  if (signingKeyFile === undefined || serverName === undefined || !mayAsk) {
    return {report: await diffRoom(opened, options), notes}
  }
  const {openAsking} = await import('../investigate/ask-states.ts')
  const named = servers.length === 0 ? {} : {servers}
  const access = {signingKeyFile, serverName, insecure, ...named, signal: signal()}
  const asking = await openAsking(access, opened.room.graph.roomId)
  try {
    return {report: await diffRoom(opened, {...options, ask: asking.ask}), notes}
  } finally {
    await asking.close()
  }
}

/**
 * How servers are asked for earlier states.
 *
 * @throws StateError as `accessOf`; USAGE for a profile that was typed beside a file and has no signing key
 */
async function accessToAsk(first: string, flags: DiffFlags): Promise<FetchAccess> {
  const isLive = isLiveRoom(first)
  const subject = isLive && !flags.offline ? first : null
  // Beside a file it can only be a variable of the environment, which is meant for rooms on servers.
  const homeserver = isLive ? flags.homeserver : undefined
  const access = await accessOf({...flags, homeserver}, {messages: true, secrets: false, subject})
  if (flags.profile === undefined || isLive || access.signingKeyFile !== undefined) return access
  const {profile} = flags
  throw new StateError('USAGE', `the profile ${profile} has no signing key, by which servers are asked for states`, {
    hint: `Add it: matrix-state setup --modify --profile ${profile} --signing-key FILE --server-name NAME; or leave out --profile.`,
  })
}

const NO_FEDERATION = {
  profile: undefined,
  'signing-key': undefined,
  'server-name': undefined,
  with: undefined,
  insecure: false,
} as const

/** The two events, if the second and third argument are some. */
function eventsAmong(other: string | undefined, another: string | undefined): readonly [string, string] | null {
  if (other?.startsWith('$') === true) {
    if (another?.startsWith('$') === true) return [other, another]
    throw new StateError('USAGE', 'one event was given, and two are compared', {
      hint:
        (another === undefined ? null : hintForEatenSigil(another, 'event')) ??
        `To compare with what servers say of the state at one event: --at '${other.slice(0, 255)}'`,
    })
  }
  if (another === undefined) return null
  throw new StateError('USAGE', `a third argument goes with two events: ${JSON.stringify(another.slice(0, 80))}`, {
    hint:
      hintForEatenSigil(other ?? '', 'event') ?? "Two events of a room: matrix-state diff room.case '$one' '$another'",
  })
}
