import {Flags} from '@oclif/core'
import {StateError} from '../errors.ts'
import type {ModifyRequest} from '../investigate/setup-request.ts'
import {profileNameOf} from './profile-flags.ts'
import {optionalToken, readSecret} from './secrets.ts'

/** Secrets as values of flags, which people try. They are known so that they can be refused without being repeated. */
const REFUSED = {
  password: ['MATRIX_STATE_PASSWORD', '--password-file'],
  token: ['MATRIX_STATE_TOKEN', '--token-file'],
  'access-token': ['MATRIX_STATE_TOKEN', '--token-file'],
  'admin-token': ['MATRIX_STATE_ADMIN_TOKEN', '--admin-token-file'],
} as const

const hidden = () => Flags.string({hidden: true})

/** What `setup` takes. */
export const setupFlags = {
  profile: Flags.string({
    summary: 'Name of the profile.',
    description: 'Without it MATRIX_STATE_PROFILE, else "default".',
    helpValue: 'NAME',
  }),
  modify: Flags.boolean({summary: 'Change a profile that is there; who it is stays.'}),
  homeserver: Flags.string({
    summary:
      'Client and admin API: URL or server name. Or set MATRIX_STATE_HOMESERVER, which moves no profile (--modify).',
    helpValue: 'URL',
    helpGroup: 'ACCOUNT',
  }),
  user: Flags.string({
    summary: 'Log in as this user, as a device of its own; the password is asked for, or in MATRIX_STATE_PASSWORD.',
    helpValue: 'ID',
    helpGroup: 'ACCOUNT',
  }),
  'password-file': Flags.string({
    summary: "Read the user's password from this file; - is standard input.",
    helpValue: 'FILE',
    helpGroup: 'ACCOUNT',
  }),
  'token-file': Flags.string({
    summary: 'Read an access token from this file; - is standard input. Or set MATRIX_STATE_TOKEN.',
    helpValue: 'FILE',
    helpGroup: 'ACCOUNT',
  }),
  insecure: Flags.boolean({
    summary: 'Accept any TLS certificate, now and later.',
    helpGroup: 'ACCOUNT',
    allowNo: true,
  }),
  'admin-token-file': Flags.string({
    summary: "Read a server admin's access token from this file; - is standard input. Or set MATRIX_STATE_ADMIN_TOKEN.",
    helpValue: 'FILE',
    helpGroup: 'ROUTES',
  }),
  'signing-key': Flags.string({
    summary: "A homeserver's own signing key file, as Synapse writes it: its path is kept, not the key.",
    helpValue: 'FILE',
    helpGroup: 'ROUTES',
  }),
  'server-name': Flags.string({
    summary: "The server whose key that is; the account's own unless given.",
    helpValue: 'NAME',
    helpGroup: 'ROUTES',
  }),
  database: Flags.string({
    summary: "Synapse's database: [NAME=]sqlite:PATH or [NAME=]postgres://user@host/db; repeatable.",
    helpValue: 'DATABASE',
    multiple: true,
    multipleNonGreedy: true,
    helpGroup: 'ROUTES',
  }),
  'no-admin': Flags.boolean({
    summary: "With --modify: take the admin's token out.",
    dependsOn: ['modify'],
    exclusive: ['admin-token-file'],
    helpGroup: 'ROUTES',
  }),
  'no-signing-key': Flags.boolean({
    summary: 'With --modify: take the signing key out.',
    dependsOn: ['modify'],
    exclusive: ['signing-key'],
    helpGroup: 'ROUTES',
  }),
  'no-database': Flags.boolean({
    summary: 'With --modify: take all databases out; those of --database are put in.',
    dependsOn: ['modify'],
    helpGroup: 'ROUTES',
  }),
  password: hidden(),
  token: hidden(),
  'access-token': hidden(),
  'admin-token': hidden(),
}

/** `setupFlags` as they were parsed. */
export interface SetupFlags {
  readonly profile: string | undefined
  readonly modify: boolean
  readonly homeserver: string | undefined
  readonly user: string | undefined
  readonly 'password-file': string | undefined
  readonly 'token-file': string | undefined
  readonly insecure: boolean | undefined
  readonly 'admin-token-file': string | undefined
  readonly 'signing-key': string | undefined
  readonly 'server-name': string | undefined
  readonly database: readonly string[] | undefined
  readonly 'no-admin': boolean
  readonly 'no-signing-key': boolean
  readonly 'no-database': boolean
}

/** With the flags that are refused. */
export type GivenSetupFlags = SetupFlags & {readonly [name in keyof typeof REFUSED]?: string | undefined}

/**
 * What flags, environment, files and standard input give for a profile.
 *
 * @param bothCredentials - a token and a password may be there together: the password is for something else than the login
 * @throws StateError USAGE, CREDENTIALS_ABSENT, INPUT_NOT_FOUND
 */
export async function setupRequestOf(
  flags: GivenSetupFlags,
  {bothCredentials}: {readonly bothCredentials: boolean},
): Promise<ModifyRequest> {
  refuseSecrets(flags)
  const files = (['password-file', 'token-file', 'admin-token-file'] as const).filter((name) => flags[name] === '-')
  if (files.length > 1) {
    throw new StateError('USAGE', `standard input can be only one of ${files.map((name) => `--${name}`).join(', ')}`)
  }
  let [accessToken, password] = [
    await optionalToken('MATRIX_STATE_TOKEN', flags['token-file']),
    await optionalPassword(flags['password-file']),
  ]
  if (accessToken !== undefined && password !== undefined && !bothCredentials) {
    // What was typed counts more than what a shell has around.
    const [typedToken, typedPassword] = [flags['token-file'] !== undefined, flags['password-file'] !== undefined]
    if (typedToken === typedPassword) {
      const [token, word] = typedToken
        ? ['--token-file', '--password-file']
        : ['MATRIX_STATE_TOKEN', 'MATRIX_STATE_PASSWORD']
      throw new StateError('USAGE', `there are both an access token (${token}) and a password (${word}): give one`)
    }
    if (typedToken) password = undefined
    else accessToken = undefined
  }
  const {MATRIX_STATE_HOMESERVER: variable = ''} = process.env
  const around = variable.trim() === '' ? undefined : variable
  const adminToken = flags['no-admin']
    ? undefined
    : await optionalToken('MATRIX_STATE_ADMIN_TOKEN', flags['admin-token-file'])
  return {
    profile: profileNameOf(flags.profile),
    ...given('homeserver', flags.homeserver ?? (flags.modify ? undefined : around)),
    ...given('environmentHomeserver', flags.modify ? around : undefined),
    ...given('user', flags.user),
    ...given('password', password),
    ...given('accessToken', accessToken),
    ...given('adminToken', adminToken),
    ...given('signingKeyFile', flags['signing-key']),
    ...given('serverName', flags['server-name']),
    ...given('insecure', flags.insecure),
    databases: flags.database ?? [],
    drop: {admin: flags['no-admin'], signingKey: flags['no-signing-key'], databases: flags['no-database']},
  }
}

function given<K extends string, V>(key: K, value: V | undefined): Partial<Record<K, V>> {
  return (value === undefined ? {} : {[key]: value}) as Partial<Record<K, V>>
}

function refuseSecrets(flags: {readonly [name in keyof typeof REFUSED]?: string | undefined}): void {
  for (const [name, [variable, file]] of Object.entries(REFUSED)) {
    if (flags[name as keyof typeof REFUSED] === undefined) continue
    throw new StateError('USAGE', `--${name} is refused: other users see command lines, and shells keep them`, {
      hint: `What was typed should be considered known: change it. Put it into ${variable}, a file for ${file}, or leave it out to be asked at a terminal.`,
    })
  }
}

/** A password has whatever it has: only the end of its line is taken off. */
async function optionalPassword(file: string | undefined): Promise<string | undefined> {
  if (file === undefined) {
    const password = process.env['MATRIX_STATE_PASSWORD'] ?? ''
    return password === '' ? undefined : password
  }
  const password = (await readSecret(file, 'password file')).replace(/\r?\n$/u, '')
  if (password === '') {
    throw new StateError('CREDENTIALS_ABSENT', `the password file ${JSON.stringify(file)} is empty`)
  }
  if (/[\r\n]/u.test(password)) {
    throw new StateError('CREDENTIALS_ABSENT', `the password file ${JSON.stringify(file)} has more than one line`)
  }
  return password
}
