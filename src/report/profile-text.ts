import type {ProfileEntry, ProfileReport} from '../investigate/profile-report.ts'
import type {ProfileRemoval, RemovedDevice, RemovedProfile} from '../investigate/remove-profile.ts'
import {date, printable} from './printable.ts'
import {joinSections, title} from './sections.ts'
import {paint, table, type TextStyle} from './table.ts'
import {wrap} from './width.ts'

/** Values stand in one column. */
const LABEL = 18

/** All profiles, and why one cannot be used. */
export function profileListText(folder: string, entries: readonly ProfileEntry[], style: TextStyle): string {
  if (entries.length === 0) {
    return wrap(`There are no profiles in ${printable(folder)}. To make one: matrix-state setup`, 0, style.columns)
  }
  const rows = entries.map(({name, report}) =>
    report === null
      ? [name, '', '', '', '', '', 'unusable']
      : [
          name,
          report.account?.user_id ?? '',
          report.account?.device_id ?? '',
          report.homeserver ?? '',
          report.routes.join(', '),
          report.bot?.device_id ?? '',
          'ok',
        ],
  )
  const columns = [
    {head: 'name'},
    {head: 'user', min: 12},
    {head: 'device', min: 6},
    {head: 'homeserver', min: 12, first: true as const},
    {head: 'routes', min: 8},
    {head: 'bot', min: 6},
    {head: 'state'},
  ]
  const problems = entries.flatMap(({name, problem}) =>
    problem === null
      ? []
      : [
          joined([
            title(printable(name), style),
            wrap(`  ${printable(problem.message)}`, 2, style.columns),
            problem.hint === undefined
              ? ''
              : paint(style).dim(wrap(`  → ${printable(problem.hint)}`, 4, style.columns)),
          ]),
        ],
  )
  return joinSections([
    `${title(`Profiles in ${printable(folder)}`, style)}\n${table(columns, rows, style)}`,
    ...problems,
  ])
}

const joined = (lines: readonly string[]): string => lines.filter((line) => line !== '').join('\n')

/** One profile: all fields, and of secrets that they are set. */
export function profileShowText(report: ProfileReport, style: TextStyle): string {
  const {account, bot} = report
  const line = (label: string, value: string): string =>
    wrap(`  ${label.padEnd(LABEL)}${printable(value)}`, LABEL + 2, style.columns)
  const secret = (isSet: boolean): string => (isSet ? 'set, not shown' : 'not set')
  const none = (value: string | null): string => value ?? 'none'
  const of = [
    line('file', report.path),
    line('created', date(report.created_ts)),
    line('changed', date(report.changed_ts)),
    line('homeserver', none(report.homeserver)),
    line('server name', none(report.server_name)),
    ...(report.insecure ? [line('TLS', 'any certificate is accepted')] : []),
    line('user', none(account?.user_id ?? null)),
    ...(account === null
      ? []
      : [line('device', account.device_id ?? 'not told'), line('login', loginWords(account.own_login))]),
    line('access token', secret(account !== null)),
    line('admin token', secret(report.hasAdminToken)),
    line('signing key', none(report.signing_key_file)),
    ...(report.databases.length === 0 ? [line('databases', 'none')] : []),
    ...report.databases.map((database, index) => line(index === 0 ? 'databases' : '', database)),
    line('routes', report.routes.length === 0 ? 'none' : report.routes.join(', ')),
    ...(bot === null ? [line('bot', 'no baseline')] : []),
  ]
  if (bot === null) return joinSections([joined([title(`Profile ${printable(report.name)}`, style), ...of])])
  const {store} = bot
  const check = store?.check ?? null
  const ofBot = [
    line('recorded', date(bot.recorded_ts)),
    line('user', bot.user_id),
    line('device', bot.device_id),
    line('ed25519', bot.ed25519),
    line('curve25519', bot.curve25519),
    line('master key', none(bot.master_key)),
    line('self-signing key', none(bot.self_signing_key)),
    line('cross-signed', bot.cross_signed ? 'yes' : 'no'),
    line('backup', backupWords(bot.backup)),
    line('store', store === null ? 'not looked at' : store.path),
    ...(check === null
      ? []
      : [line('store check', check.kind === 'file' ? `file ${check.path}` : `command ${check.command}`)]),
  ]
  return joinSections([
    joined([title(`Profile ${printable(report.name)}`, style), ...of]),
    joined([title('Bot, as it was recorded', style), ...ofBot]),
  ])
}

function loginWords(own: boolean): string {
  return own ? 'made by setup: profile remove logs it out' : 'given to setup: it stays when the profile is removed'
}

function backupWords(
  backup: {readonly version: string; readonly public_key: string | null} | null | undefined,
): string {
  if (backup === undefined) return 'not told'
  return backup === null ? 'none' : `version ${backup.version}, public key ${backup.public_key ?? 'none'}`
}

/** What removing would do, to be asked before it is done. */
export function removalQuestion({name, path, logsOut, problem}: ProfileRemoval): string {
  const unusable = problem === null ? '' : ', which cannot be read'
  const login = logsOut === null ? '' : ` and log out ${deviceWords(logsOut)}`
  return `Remove the profile ${name} (${printable(path)}${unusable})${login}?`
}

export function removedText(removed: RemovedProfile, style: TextStyle): string {
  const {loggedOut, stays, staysUnknown, linkedFile} = removed
  const lines = [
    ...(loggedOut === null
      ? []
      : [
          loggedOut.already
            ? `${capital(deviceWords(loggedOut))} was logged out already.`
            : `Logged out ${deviceWords(loggedOut)}.`,
        ]),
    `Removed ${printable(removed.path)}.`,
    ...(stays === null
      ? []
      : [
          stays.own_login
            ? `${capital(deviceWords(stays))} stays logged in: log it out by another client.`
            : `${capital(deviceWords(stays))} was not logged out by this: its token was given to setup, and stays its giver's.`,
        ]),
    ...(staysUnknown
      ? ['Whether a device of it stays logged in is not known: look into the account’s list of devices.']
      : []),
    ...(linkedFile === null
      ? []
      : [`It was a symbolic link: ${printable(linkedFile)} is still there, with the tokens in it.`]),
  ]
  return lines.map((line) => wrap(line, 0, style.columns)).join('\n')
}

function deviceWords({user_id, device_id}: RemovedDevice): string {
  return device_id === null
    ? `the device of ${printable(user_id)}`
    : `the device ${printable(device_id)} of ${printable(user_id)}`
}

const capital = (text: string): string => `${text.slice(0, 1).toUpperCase()}${text.slice(1)}`
