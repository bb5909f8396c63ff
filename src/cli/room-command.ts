import {existsSync} from 'node:fs'
import {Args, Flags} from '@oclif/core'
import {StateError} from '../errors.ts'
import {lastCase, rememberCase} from '../investigate/cache-folder.ts'
import {isLiveRoom, type OpenedRoom, type OpenOptions, openRoom, type OpenStep} from '../investigate/open-room.ts'
import {parseStates} from '../investigate/parse-states.ts'
import {type AccessFlags, accessFlags, accessOf, typedHomeserver} from './fetch-flags.ts'
import {describeFetch} from './fetch-progress.ts'
import {interruption} from './interruption.ts'
import type {Progress} from './progress.ts'
import {hintForEatenSigil, mustBeLiveRoom, roomIsMissing} from './room-argument.ts'
import {readSmallFile} from './secrets.ts'
import {type Asked, shellWord} from '../report/asked.ts'

export {mustBeEvent, mustBeLiveRoom} from './room-argument.ts'

/** The `<room>` argument of every command that takes one. */
export const roomArg = Args.string({
  required: true,
  description:
    "room ID or alias (in single quotes), a case file, a dump (NDJSON, JSON, gzip), or '-' for standard input",
})

/** The `<room>` argument of commands that ask servers. */
export const roomIdArg = Args.string({required: true, description: 'room ID or alias (in single quotes)'})

/** Flags that say how to get at a room and how to read it. */
export const roomFlags = {
  ...accessFlags,
  refresh: Flags.boolean({
    summary: 'Fetch a live room anew, whatever the cache has of it.',
    description: 'Without it, the case in the cache is gone on with: what is new is asked for.',
    exclusive: ['offline'],
    helpGroup: 'ACCESS',
  }),
  offline: Flags.boolean({
    summary: 'Take a live room as the cache has it, and ask nobody; its age is told.',
    helpGroup: 'ACCESS',
  }),
  reading: Flags.option({
    options: ['synapse', 'spec'] as const,
    default: 'synapse',
    summary: 'Where the two differ: what deployed servers compute, or the letter of the spec.',
  })(),
  'trust-ids': Flags.boolean({
    summary: 'Take event IDs as given; ask for no hashes, signatures or depth (test data).',
  }),
}

export interface RoomFlags extends AccessFlags {
  readonly refresh: boolean
  readonly offline: boolean
  readonly reading: 'synapse' | 'spec'
  readonly 'trust-ids': boolean
}

/**
 * Opens the room that a command was given, and remembers its case as the last one.
 *
 * @param more - `messages`: see `LoadOptions`
 * @throws StateError see `openRoom`
 */
export async function openFromFlags(
  argument: string,
  flags: RoomFlags,
  progress: Progress,
  more: Pick<OpenOptions, 'messages'> = {},
): Promise<OpenedRoom> {
  const options = {
    ...more,
    trustIds: flags['trust-ids'],
    onProgress: (step: OpenStep): void => {
      progress.update(describe(step))
    },
  }
  try {
    const opened = isLiveRoom(argument)
      ? await openLive(argument, flags, options)
      : await openFile(argument, flags, options)
    if (opened.casePath !== undefined) rememberCase(opened.casePath)
    return opened
  } finally {
    progress.end()
  }
}

/**
 * The room of a command that can do without: the case that was used last.
 *
 * @throws StateError USAGE where none was used, or where it is gone
 */
export function roomOrLastCase(argument: string | undefined): string {
  const room = argument ?? lastCase()
  if (room !== null) return room
  throw new StateError('USAGE', 'no room was given, and there is no case that was used before', {hint: roomIsMissing})
}

async function openFile(argument: string, flags: RoomFlags, options: OpenOptions): Promise<OpenedRoom> {
  mustExist(argument)
  if (flags.profile !== undefined) {
    const name = argument === '-' ? 'standard input' : argument
    throw new StateError('USAGE', `--profile is for a room on servers, and ${name} is read as it is`, {
      hint: `Name the room by its ID, and the file beside it: '!id:example.org' --profile … --file ${argument}; or gather into a case: matrix-state fetch.`,
    })
  }
  const homeserver = typedHomeserver(flags)
  const cache = flags.refresh ? ({cache: 'refresh'} as const) : {}
  const access = await accessOf({...flags, homeserver}, {messages: true, subject: null})
  return openRoom(argument, {...options, ...cache, access})
}

async function openLive(argument: string, flags: RoomFlags, options: OpenOptions): Promise<OpenedRoom> {
  mustBeLiveRoom(argument)
  if (flags['trust-ids']) {
    throw new StateError('USAGE', '--trust-ids is for test data in files, not for a room on a server')
  }
  const signal = interruption()
  if (flags.offline) return openOffline(argument, flags, {...options, signal})
  const access = await accessOf(flags, {messages: true, subject: argument})
  return openRoom(argument, {...options, access, cache: flags.refresh ? 'refresh' : 'update', signal})
}

/** Flags of access choose among what the cache has; no secret is read. */
async function openOffline(argument: string, flags: RoomFlags, options: OpenOptions): Promise<OpenedRoom> {
  const homeserver = typedHomeserver(flags)
  const access = await accessOf({...flags, homeserver}, {messages: true, secrets: false, subject: null})
  try {
    return await openRoom(argument, {...options, access, cache: 'offline'})
  } catch (error) {
    if (!(error instanceof StateError) || error.code !== 'CASE_ABSENT') throw error
    const hint = `Fetch it first: ${commandLine()}`
    throw new StateError(error.code, error.message, {cause: error, hint})
  }
}

/** What was typed, without `--offline`, to be typed again. No secret is ever on a command line. */
function commandLine(): string {
  const words = process.argv.slice(2).filter((word) => word !== '--offline')
  return ['matrix-state', ...words.map(shellWord)].join(' ')
}

function mustExist(argument: string): void {
  if (argument === '-' || existsSync(argument)) return
  if (argument === '') throw new StateError('USAGE', 'no room was given', {hint: roomIsMissing})
  const isUrl = /^[a-z][a-z0-9+.-]+:\/\//i.test(argument)
  const elsewhere = isUrl
    ? 'A URL is not read: download it to a file first, or pipe it to `matrix-state … -`.'
    : `Check the path; or ${roomIsMissing}`
  throw new StateError('INPUT_NOT_FOUND', `there is no file ${JSON.stringify(argument)}`, {
    hint: hintForEatenSigil(argument, 'room') ?? elsewhere,
  })
}

/** How the room was asked for: a live one is in the cache by now. Nothing where it came by standard input, which is gone. */
export function askedFor(argument: string | undefined, flags: RoomFlags): {readonly asked?: Asked} {
  if (argument === undefined || argument === '-') return {}
  const each = (flag: string, values: readonly string[] = []): readonly string[] => values.flatMap((one) => [flag, one])
  const words = [
    argument,
    ...(isLiveRoom(argument) ? ['--offline'] : each('--file', flags.file)),
    ...(flags['trust-ids'] ? ['--trust-ids'] : []),
    ...(flags.reading === 'spec' ? ['--reading', 'spec'] : []),
  ]
  const line = (more: readonly string[]): string => [...words, ...more].map(shellWord).join(' ')
  return {asked: {room: line([]), withStates: line(each('--reported', flags.reported))}}
}

/** The states that `--states` names; `undefined` without the flag. */
export async function readStates(file: string | undefined): Promise<readonly (readonly string[])[] | undefined> {
  return file === undefined ? undefined : parseStates(file, await readSmallFile(file, 'file of states'))
}

function describe(step: OpenStep): string {
  switch (step.kind) {
    case 'reading':
      return `reading: ${step.events.toLocaleString('en-US')} events`
    case 'waiting':
      return 'waiting for another matrix-state that fetches the same room'
    default:
      return describeFetch(step)
  }
}
