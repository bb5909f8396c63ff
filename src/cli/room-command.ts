import {existsSync} from 'node:fs'
import {Args, Flags} from '@oclif/core'
import {StateError} from '../errors.ts'
import {
  checkHomeserver,
  isLiveRoom,
  type LiveAccess,
  type OpenedRoom,
  openRoom,
  type OpenStep,
} from '../investigate/open-room.ts'
import {parseStates} from '../investigate/parse-states.ts'
import type {Progress} from './progress.ts'
import {hintForEatenSigil, roomIsMissing} from './room-argument.ts'
import {optionalToken, readSmallFile} from './secrets.ts'

/** The `<room>` argument of every command that takes one. */
export const roomArg = Args.string({
  required: true,
  description:
    "room ID or alias (in single quotes), a case file, a dump (NDJSON, JSON, gzip), or '-' for standard input",
})

/** The `<room>` argument of commands that ask servers. */
export const roomIdArg = Args.string({required: true, description: 'room ID or alias (in single quotes)'})

/** @throws StateError USAGE for what is no room ID or alias */
export function mustBeLiveRoom(argument: string): void {
  if (isLiveRoom(argument)) {
    if (argument.length > 1 && Buffer.byteLength(argument) <= 255 && !/\p{Cc}/u.test(argument)) return
    throw new StateError('USAGE', `${JSON.stringify(argument.slice(0, 80))} is no room ID or alias`, {
      hint: 'They have 2 to 255 bytes, none of them a control character.',
    })
  }
  throw new StateError('USAGE', `${JSON.stringify(argument)} is no room ID or alias`, {
    hint: hintForEatenSigil(argument, 'room') ?? roomIsMissing,
  })
}

/** @throws StateError USAGE for a flag's value that is no event ID */
export function mustBeEvent(flag: string, value: string): void {
  if (value.startsWith('$') && value.length > 1) return
  throw new StateError('USAGE', `${flag}: ${JSON.stringify(value.slice(0, 80))} is no event ID`, {
    hint: hintForEatenSigil(value, 'event') ?? "write the whole event ID in single quotes: '$…'",
  })
}

/** Flags that say how to get at a room and how to read it. */
export const roomFlags = {
  homeserver: Flags.string({
    summary: 'Fetch a live room from here (URL or server name).',
    description: 'The access token is taken from MATRIX_STATE_TOKEN or from --token-file.',
    helpValue: 'URL',
    env: 'MATRIX_STATE_HOMESERVER',
  }),
  'token-file': Flags.string({summary: 'Read the access token from this file.', helpValue: 'FILE'}),
  insecure: Flags.boolean({summary: "Accept any TLS certificate of the homeserver's."}),
  reading: Flags.option({
    options: ['synapse', 'spec'] as const,
    default: 'synapse',
    summary: 'Where the two differ: what deployed servers compute, or the letter of the spec.',
  })(),
  'trust-ids': Flags.boolean({
    summary: 'Take event IDs as given; ask for no hashes, signatures or depth (test data).',
  }),
}

export interface RoomFlags {
  readonly homeserver: string | undefined
  readonly 'token-file': string | undefined
  readonly insecure: boolean
  readonly reading: 'synapse' | 'spec'
  readonly 'trust-ids': boolean
}

/** Opens the room that a command was given. */
export async function openFromFlags(argument: string, flags: RoomFlags, progress: Progress): Promise<OpenedRoom> {
  const live = isLiveRoom(argument) ? await liveAccess(argument, flags) : undefined
  if (live === undefined) mustExist(argument)
  try {
    return await openRoom(argument, {
      trustIds: flags['trust-ids'],
      ...(live === undefined ? {} : {live}),
      onProgress: (step) => {
        progress.update(describe(step))
      },
    })
  } finally {
    progress.end()
  }
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

async function liveAccess(argument: string, flags: RoomFlags): Promise<LiveAccess> {
  if (flags.homeserver === undefined) {
    throw new StateError('USAGE', `${argument} is a room on a server: say which one to ask`, {
      hint: `MATRIX_STATE_TOKEN=… matrix-state resolve '${argument}' --homeserver https://…`,
    })
  }
  await checkHomeserver(flags.homeserver)
  const accessToken = await readToken(flags['token-file'])
  return {homeserver: flags.homeserver, accessToken, insecure: flags.insecure}
}

async function readToken(file: string | undefined): Promise<string> {
  const token = await optionalToken('MATRIX_STATE_TOKEN', file)
  if (token !== undefined) return token
  throw new StateError('CREDENTIALS_ABSENT', 'a live room needs an access token, and none was given', {
    hint: 'Set MATRIX_STATE_TOKEN, or name a file that holds it with --token-file.',
  })
}

/** The states that `--states` names; `undefined` without the flag. */
export async function readStates(file: string | undefined): Promise<readonly (readonly string[])[] | undefined> {
  return file === undefined ? undefined : parseStates(file, await readSmallFile(file, 'file of states'))
}

const ASKING = {
  address: 'finding the homeserver',
  account: 'checking the access token',
  versions: 'asking what the server speaks',
  alias: 'resolving the alias',
  state: 'fetching the current state',
  'state-pdus': 'fetching the state as events',
} as const

function describe(step: OpenStep): string {
  switch (step.kind) {
    case 'reading':
      return `reading: ${step.events.toLocaleString('en-US')} events`
    case 'asking':
      return ASKING[step.what]
    case 'page':
      return `fetching history: page ${String(step.page)}, ${step.pdus.toLocaleString('en-US')} events`
    case 'pause':
      return `waiting ${String(Math.ceil(step.ms / 1000))} s: ${step.reason}`
  }
}
