import {Flags} from '@oclif/core'
import {StateError} from '../errors.ts'
import type {FetchAccess} from '../investigate/open-routes.ts'
import {homeserverOf, withProfile} from '../investigate/profile-access.ts'
import type {OpenedProfile} from '../profile/profile.ts'
import {profileFlag} from './profile-flags.ts'
import {optionalToken} from './secrets.ts'

const KINDS = ['client', 'admin', 'federation', 'database', 'file'] as const
type Kind = (typeof KINDS)[number]

/** Flags that say by which routes evidence is to be had. */
export const accessFlags = {
  ...profileFlag,
  from: Flags.string({
    summary: `Use these routes only, in a list with commas: ${KINDS.join(', ')}.`,
    helpValue: 'ROUTES',
    helpGroup: 'ACCESS',
  }),
  homeserver: Flags.string({
    summary: 'Client and admin API: URL or server name.',
    description:
      'Access tokens are taken from MATRIX_STATE_TOKEN and MATRIX_STATE_ADMIN_TOKEN, or from files; else from the profile.',
    helpValue: 'URL',
    env: 'MATRIX_STATE_HOMESERVER',
    helpGroup: 'ACCESS',
  }),
  'token-file': Flags.string({
    summary: "Read a member's access token from this file.",
    helpValue: 'FILE',
    helpGroup: 'ACCESS',
  }),
  'admin-token-file': Flags.string({
    summary: "Read a server admin's access token from this file.",
    helpValue: 'FILE',
    helpGroup: 'ACCESS',
  }),
  'signing-key': Flags.string({
    summary: "Federation: a homeserver's own signing key file, as Synapse writes it.",
    helpValue: 'FILE',
    dependsOn: ['server-name'],
    helpGroup: 'ACCESS',
  }),
  'server-name': Flags.string({summary: 'The server whose key that is.', helpValue: 'NAME', helpGroup: 'ACCESS'}),
  with: Flags.string({
    summary: 'Ask this server by federation; repeatable. Without it, the own server is asked.',
    helpValue: 'SERVER',
    multiple: true,
    multipleNonGreedy: true,
    helpGroup: 'ACCESS',
  }),
  'all-servers': Flags.boolean({
    summary: 'Ask every server that has a joined member in what the other routes brought.',
    helpGroup: 'ACCESS',
  }),
  'as-user': Flags.string({
    summary: 'A user of the own server, for whom make_join asks the others for their extremities.',
    helpValue: 'USER',
    helpGroup: 'ACCESS',
  }),
  database: Flags.string({
    summary: "Synapse's database: [NAME=]sqlite:PATH or [NAME=]postgres://user@host/db; repeatable.",
    description: 'A password is taken from PGPASSWORD or ~/.pgpass, never from the URL.',
    helpValue: 'DATABASE',
    multiple: true,
    multipleNonGreedy: true,
    helpGroup: 'ACCESS',
  }),
  file: Flags.string({
    summary: 'A dump, an answer of a server, or another case file; repeatable.',
    helpValue: 'FILE',
    multiple: true,
    multipleNonGreedy: true,
    helpGroup: 'ACCESS',
  }),
  reported: Flags.string({
    summary: "A server's state, or its forward extremities, as it answered: [NAME=]FILE; repeatable.",
    helpValue: 'FILE',
    multiple: true,
    multipleNonGreedy: true,
    helpGroup: 'ACCESS',
  }),
  keys: Flags.string({
    summary: "Servers' signing keys, for work without asking for them; repeatable.",
    helpValue: 'FILE',
    multiple: true,
    multipleNonGreedy: true,
    helpGroup: 'ACCESS',
  }),
  insecure: Flags.boolean({
    summary: 'Accept any TLS certificate; the case file says so.',
    helpGroup: 'ACCESS',
  }),
}

/** What oclif's parser makes of `accessFlags`. */
export interface AccessFlags {
  readonly profile: string | undefined
  readonly from: string | undefined
  readonly homeserver: string | undefined
  readonly 'token-file': string | undefined
  readonly 'admin-token-file': string | undefined
  readonly 'signing-key': string | undefined
  readonly 'server-name': string | undefined
  readonly with: readonly string[] | undefined
  readonly 'all-servers': boolean
  readonly 'as-user': string | undefined
  readonly database: readonly string[] | undefined
  readonly file: readonly string[] | undefined
  readonly reported: readonly string[] | undefined
  readonly keys: readonly string[] | undefined
  readonly insecure: boolean
}

export interface AccessOptions {
  /** See `FetchAccess.messages`. */
  readonly messages: boolean
  /** `false` reads no tokens, where nobody will be asked. */
  readonly secrets?: boolean
  /**
   * What is on a server, as it was typed: where no flag names a route to it, a profile is expected. `null`: what is asked for is in a file,
   * or in the cache, and only a profile that was typed is opened.
   */
  readonly subject: string | null
}

/**
 * What the flags, the environment and the profile give access to.
 *
 * @throws StateError USAGE, CREDENTIALS_ABSENT, PROFILE_ABSENT, PROFILE_UNUSABLE
 */
export async function accessOf(flags: AccessFlags, options: AccessOptions): Promise<FetchAccess> {
  const {messages, secrets = true, subject} = options
  const from = flags.from === undefined ? undefined : parseKinds(flags.from)
  const wants = (kind: Kind): boolean => from?.includes(kind) ?? true
  const expectsProfile = flags.profile !== undefined || (subject !== null && !namesRoute(flags))
  const opened = expectsProfile ? (await import('./expect-profile.ts')).expectProfile(flags.profile, subject) : null
  const homeserver = opened === null ? flags.homeserver : await sameHomeserver(opened, flags.homeserver)
  for (const name of ['token-file', 'admin-token-file'] as const) {
    if (!secrets || flags[name] === undefined || homeserver !== undefined) continue
    throw new StateError('USAGE', `--${name} is of no use without --homeserver`)
  }
  const asksHomeserver = secrets && homeserver !== undefined && (wants('client') || wants('admin'))
  const accessToken = asksHomeserver ? await optionalToken('MATRIX_STATE_TOKEN', flags['token-file']) : undefined
  const adminToken = asksHomeserver
    ? await optionalToken('MATRIX_STATE_ADMIN_TOKEN', flags['admin-token-file'])
    : undefined
  const access: FetchAccess = {
    messages,
    insecure: flags.insecure,
    allServers: flags['all-servers'],
    servers: flags.with ?? [],
    databases: flags.database ?? [],
    files: flags.file ?? [],
    reported: flags.reported ?? [],
    keyFiles: flags.keys ?? [],
    ...(from === undefined ? {} : {from}),
    ...(homeserver === undefined ? {} : {homeserver}),
    ...(accessToken === undefined ? {} : {accessToken}),
    ...(adminToken === undefined ? {} : {adminToken}),
    ...(flags['signing-key'] === undefined ? {} : {signingKeyFile: flags['signing-key']}),
    ...(flags['server-name'] === undefined ? {} : {serverName: flags['server-name']}),
    ...(flags['as-user'] === undefined ? {} : {asUser: flags['as-user']}),
  }
  return opened === null ? access : withProfile(access, opened, {secrets})
}

/** The homeserver without the variable of the environment: that is meant for rooms on servers, while a flag beside a file is a mistake. */
export function typedHomeserver({homeserver}: Pick<AccessFlags, 'homeserver'>): string | undefined {
  const {MATRIX_STATE_HOMESERVER: fromEnvironment} = process.env
  return homeserver === fromEnvironment ? undefined : homeserver
}

/** Whether a flag, or MATRIX_STATE_HOMESERVER, is a way to evidence; what only says how or whom to ask is none. */
export function namesRoute(flags: AccessFlags & {readonly log?: readonly string[] | undefined}): boolean {
  const lists = [flags.database, flags.file, flags.reported, flags.log]
  return (
    flags.homeserver !== undefined || flags['signing-key'] !== undefined || lists.some((list = []) => list.length > 0)
  )
}

function sameHomeserver(opened: OpenedProfile, typed: string | undefined): Promise<string | undefined> {
  const {MATRIX_STATE_HOMESERVER: fromEnvironment} = process.env
  return homeserverOf(opened, typed, typed === fromEnvironment ? 'MATRIX_STATE_HOMESERVER' : '--homeserver')
}

function parseKinds(list: string): readonly Kind[] {
  return list.split(',').map((word) => {
    const kind = KINDS.find((known) => known === word.trim())
    if (kind !== undefined) return kind
    throw new StateError('USAGE', `--from: there is no route ${JSON.stringify(word)}`, {
      hint: `Routes are ${KINDS.join(', ')}; write several with commas between them.`,
    })
  })
}
