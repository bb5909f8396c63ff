import {StateError} from '../errors.ts'
import {openDump} from '../sources/files.ts'
import type {ServerView} from '../forensics/server-view.ts'
import type {ClientApiStep, ReportedState} from '../sources/client-api.ts'
import {isCaseFile} from '../casefile/header.ts'
import {viewOfState} from './case-views.ts'
import {loadRoom, loadRoomFrom} from './load-room.ts'
import type {OpenedRoom} from './opened-room.ts'

/** How to get at a room that is not in a file. */
export interface LiveAccess {
  /** URL, or a server name to be discovered. */
  readonly homeserver: string
  readonly accessToken: string
  /** Accept any TLS certificate. */
  readonly insecure?: boolean
}

export type {OpenedRoom}

export interface OpenOptions {
  /** See `PduOptions.trustIds`. */
  readonly trustIds?: boolean
  readonly live?: LiveAccess
  readonly onProgress?: (step: OpenStep) => void
}

/** What is going on, for whoever shows progress. */
export type OpenStep = {readonly kind: 'reading'; readonly events: number} | ClientApiStep

/** Whether an argument names a room on a server, rather than a file. */
export function isLiveRoom(argument: string): boolean {
  return argument.startsWith('!') || argument.startsWith('#')
}

/**
 * Looks at the address of a homeserver before anything secret is read.
 *
 * @throws StateError USAGE
 */
export async function checkHomeserver(typed: string): Promise<void> {
  const {parseHomeserver} = await import('../sources/client-address.ts')
  parseHomeserver(typed)
}

/**
 * Opens a room: a case file, a dump (a path, or `-` for standard input), or a room ID or alias, which is fetched by the client API.
 *
 * @throws StateError see `openDump`, `gatherByClientApi`, `loadRoom`; CREDENTIALS_ABSENT for a live room without access
 */
export async function openRoom(argument: string, options: OpenOptions = {}): Promise<OpenedRoom> {
  const {trustIds, onProgress} = options
  const loading = {
    ...(trustIds === undefined ? {} : {trustIds}),
    onProgress: (events: number): void => onProgress?.({kind: 'reading', events}),
  }
  if (isLiveRoom(argument)) return openLive(argument, options, loading)
  if (argument !== '-' && isCaseFile(argument)) {
    const {openCaseRoom} = await import('./open-case.ts')
    return openCaseRoom(argument, loading)
  }
  const room = await loadRoom(openDump(argument), loading)
  return {room, unknowable: [], reported: [], reportedExtremities: {}, findings: [], notes: []}
}

async function openLive(
  argument: string,
  {live, onProgress}: OpenOptions,
  loading: {readonly trustIds?: boolean; readonly onProgress: (events: number) => void},
): Promise<OpenedRoom> {
  if (live === undefined) {
    throw new StateError(
      'CREDENTIALS_ABSENT',
      `${argument} is a room on a server, and no server is given to fetch it from`,
    )
  }
  const {gatherByClientApi} = await import('../sources/client-api.ts')
  const evidence = await gatherByClientApi({
    ...live,
    room: argument,
    ...(onProgress === undefined ? {} : {onProgress}),
  })
  const room = loadRoomFrom(`${evidence.roomId} on ${evidence.serverName}`, evidence.pdus, loading)
  const notes = evidence.settled
    ? evidence.notes
    : [
        ...evidence.notes,
        "The room's state kept changing while it was fetched: the comparison with the server may be off.",
      ]
  return {
    room,
    unknowable: evidence.unknowable,
    reported: [evidence.reported],
    reportedExtremities: {},
    views: [liveView(evidence.reported)],
    findings: [],
    notes,
  }
}

function liveView({server, what, how, eventIds}: ReportedState): ServerView {
  const slots = eventIds.map((eventId) => ({eventId}))
  return viewOfState(server, {what, eventId: null, how, slots, ts: Date.now()})
}

/**
 * A room with states that servers reported, kept in files: each file one more view, beside what is known of the same server otherwise.
 *
 * @param files - see `openReportedFile`
 * @throws StateError as `openReportedFile`
 */
export async function withReportedFiles(opened: OpenedRoom, files: readonly string[]): Promise<OpenedRoom> {
  if (files.length === 0) return opened
  const {openReportedFile} = await import('../sources/reported-file.ts')
  const views: ServerView[] = []
  const notes: string[] = []
  for (const file of files) {
    const {identity, state, notes: told} = await openReportedFile(file)
    views.push(viewOfState(identity.server === '' ? identity.address : identity.server, {...state, ts: 0}))
    notes.push(...told)
  }
  return {...opened, views: [...(opened.views ?? []), ...views], notes: [...opened.notes, ...notes]}
}
