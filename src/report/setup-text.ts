import type {Baseline} from '../matrix/device-baseline.ts'
import type {SetupReport} from '../investigate/setup-request.ts'
import {printable} from './printable.ts'
import {joinLines, joinSections, notesSection, title} from './sections.ts'
import {profileRoutes} from './setup-document.ts'
import {paint, table, type TextStyle} from './table.ts'
import {wrap} from './width.ts'

/** `setup` for people: what was written and where, what it opens, what to keep, and what comes next. */
export function setupText(report: SetupReport, style: TextStyle): string {
  return joinSections([
    headline(report, style),
    changesSection(report, style),
    head(report, style),
    botSection(report, style),
    notesSection(report.notes, style),
    keepSection(report, style),
    nextLine(report, style),
  ])
}

function headline({profile, created, changes}: SetupReport, style: TextStyle): string {
  const {bold, green} = paint(style)
  const name = bold(printable(profile))
  if (created) return `${green('Made')} the profile ${name}.`
  return changes.length > 0 ? `${green('Changed')} the profile ${name}.` : `The profile ${name} is as it was.`
}

function changesSection({changes}: SetupReport, style: TextStyle): string {
  if (changes.length === 0) return ''
  const columns = [
    {head: '', min: 12},
    {head: 'before', min: 16},
    {head: 'now', min: 16},
  ]
  const rows = changes.map(({field, before, after}) => [FIELDS[field] ?? field.replaceAll('_', ' '), before, after])
  return table(columns, rows, style)
}

/** Names of fields that are not words with lines between them. */
const FIELDS: Readonly<Record<string, string>> = {
  insecure: 'any certificate accepted',
  user_id: 'user',
  device_id: 'device',
  bot: 'bot',
  'bot.user_id': 'bot: user',
  'bot.device_id': 'bot: device',
  'bot.ed25519': 'bot: signing key of the device (ed25519)',
  'bot.curve25519': 'bot: identity key of the device (curve25519)',
  'bot.master_key': 'bot: master key of the account',
  'bot.self_signing_key': 'bot: self-signing key of the account',
  'bot.cross_signed': 'bot: verified by its owner',
  'bot.backup': 'bot: key backup',
  'bot.store': 'bot: store',
}

/** Wider than elsewhere: names are longer. */
function line(name: string, value: string, style: TextStyle): string {
  return wrap(`  ${name.padEnd(12)}${value}`, 14, style.columns)
}

function head(report: SetupReport, style: TextStyle): string {
  const {account, homeserver, serverName, insecure, signingKeyFile, databases} = report
  const server = serverName === null ? '' : printable(serverName)
  const address = homeserver === null ? '' : `${printable(homeserver)}${insecure ? ', certificate not verified' : ''}`
  const both = [address, server === '' ? '' : `server name ${server}`].filter((part) => part !== '')
  return joinLines([
    line('file', `${printable(report.path)}, for its owner only (mode 0600)`, style),
    both.length === 0 ? '' : line('homeserver', both.join(', '), style),
    account === null ? '' : line('account', accountInWords(account), style),
    ...profileRoutes(report).map((route) => line(route, SHOWS[route], style)),
    signingKeyFile === null
      ? ''
      : line('signing key', `${printable(signingKeyFile)} (its path: the key stays there)`, style),
    ...databases.map((database) => line('opens', printable(database), style)),
  ])
}

function accountInWords({userId, deviceId, ownLogin}: NonNullable<SetupReport['account']>): string {
  const device = deviceId === null ? '' : `, device ${printable(deviceId)}`
  const whose = ownLogin ? 'logged in by setup, for matrix-state alone' : 'by the access token that was given'
  return `${printable(userId)}${device}: ${whose}`
}

const SHOWS = {
  database: "rejected events with the reason, and the server's own state before and after every event",
  federation: "events outside the timeline, other servers' states, and what fills holes",
  admin: 'soft-failed events, forward extremities, and what history visibility hides',
  client: 'what this account may see of its rooms, and the devices of everybody',
} as const

function botSection({bot, bootstrapped}: SetupReport, style: TextStyle): string {
  if (bot === null) return ''
  return joinLines([
    title('Bot', style),
    line('device', `${printable(bot.device_id)} of ${printable(bot.user_id)}`, style),
    line('ed25519', printable(bot.ed25519), style),
    line('curve25519', printable(bot.curve25519), style),
    line('signed', signedInWords(bot), style),
    bot.master_key === null ? '' : line('master key', printable(bot.master_key), style),
    bot.backup === undefined
      ? ''
      : line('backup', bot.backup === null ? 'none' : `version ${printable(bot.backup.version)}`, style),
    line('store', bot.store === null ? 'not named' : printable(bot.store.path), style),
    bootstrapped === null ? '' : line('new', 'cross-signing and secret storage were made for the account', style),
  ])
}

function signedInWords({master_key: master, cross_signed: signed}: Baseline): string {
  if (master === null) return 'no: the account has no cross-signing'
  return signed ? 'yes, by the account’s self-signing key' : 'no: others see it as not verified by its owner'
}

/** What only the operator can keep. */
function keepSection(report: SetupReport, style: TextStyle): string {
  const {account, created, bot, bootstrapped} = report
  const name = printable(report.profile)
  const keep: string[] = []
  if (created && (account !== null || report.admin)) {
    keep.push('Whoever can read this file can act as the account: do not copy it into images or repositories.')
  }
  if (created && account?.ownLogin === true) {
    keep.push(`This device stays logged in until: matrix-state profile remove ${name}`)
  }
  if (bootstrapped !== null) {
    const where =
      bootstrapped.recoveryKeyFile === null ? 'that was shown above' : `in ${printable(bootstrapped.recoveryKeyFile)}`
    keep.push(`Keep the recovery key ${where}, away from the bot: nothing else brings the account's keys back.`)
  }
  if (bot !== null && (created || report.changes.length > 0)) {
    keep.push(
      `Keep the bot's store in the backups${bot.store === null ? '' : ` (${printable(bot.store.path)})`}: without it the device cannot be had again.`,
      `For CI, without secrets: matrix-state profile export ${name} --output baseline.json`,
    )
  }
  if (keep.length === 0) return ''
  return joinLines([title('Keep in mind', style), ...keep.map((text) => wrap(`  ${text}`, 4, style.columns))])
}

function nextLine(report: SetupReport, style: TextStyle): string {
  const flag = flagOf(report)
  const command =
    report.bot === null ? `matrix-state resolve '!room:example.org'${flag}` : `matrix-state preflight${flag}`
  return paint(style).dim(wrap(`Next: ${command}`, 6, style.columns))
}

function flagOf({profile}: SetupReport): string {
  return profile === 'default' ? '' : ` --profile ${printable(profile)}`
}
