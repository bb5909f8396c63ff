import type {DeviceAudit, DeviceHealth, UserAudit} from '../devices/evidence.ts'
import type {Finding} from '../finding/finding.ts'
import type {DevicesReport} from '../investigate/devices-report.ts'
import {deviceFindingsText} from './devices-findings-text.ts'
import {count, date, printable} from './printable.ts'
import {field, GLANCE, glance, joinLines, joinSections, more, notesSection, title} from './sections.ts'
import {type Column, paint, table, type TextStyle} from './table.ts'
import {wrap} from './width.ts'

export interface DevicesStyle extends TextStyle {
  /** The time now, milliseconds since 1970, to which ages are counted. */
  readonly nowMs: number
}

/** `devices` for people: whose devices, what each is like, what changed, who does not reach them, what is wrong, what was not looked at. */
export function devicesText(report: DevicesReport, style: DevicesStyle): string {
  const [only] = report.users
  const isOne = report.room === null && report.users.length === 1 && only !== undefined
  return joinSections([
    isOne ? userHeader(report, only, style) : roomHeader(report, style),
    ...(isOne ? [devicesTable(only, style)] : usersSections(report, style)),
    changesSection(report.users, style),
    unreachedSection(report.users, style),
    deviceFindingsText(allFindings(report), style),
    notCheckedSection(report, style),
    notesSection(report.notes, style),
    verdictLine(report, style),
  ])
}

function allFindings({users, findings}: DevicesReport): readonly Finding[] {
  return [
    ...findings,
    ...users.flatMap((user) => [...user.findings, ...user.devices.flatMap((device) => device.findings)]),
  ]
}

function userHeader(report: DevicesReport, user: UserAudit, style: DevicesStyle): string {
  const lines = [
    paint(style).bold(printable(user.userId)),
    field('keys', keysText(user, style)),
    field('identity', identityText(user)),
    ...commonFields(report, style),
    field('devices', healthText([user])),
  ]
  return lines.map((line) => wrap(line, 11, style.columns)).join('\n')
}

function roomHeader(report: DevicesReport, style: DevicesStyle): string {
  const {room, users} = report
  const lines = [
    paint(style).bold(printable(room?.roomId ?? report.subject)),
    ...(room === null
      ? []
      : [
          field('room', `version ${printable(room.roomVersion)}, ${ENCRYPTED_WORDS[String(room.encrypted)] ?? ''}`),
          field('joined', joinedText(room)),
        ]),
    ...commonFields(report, style),
    field('devices', healthText(users)),
    ...(room === null ? [] : [field('messages', messagesText(room.messages))]),
  ]
  return lines.map((line) => wrap(line, 11, style.columns)).join('\n')
}

const ENCRYPTED_WORDS: Readonly<Record<string, string>> = {
  true: 'encrypted',
  false: 'not encrypted',
  null: 'not known whether encrypted',
}

function joinedText({joined, joinedElsewhere, lost, at}: NonNullable<DevicesReport['room']>): string {
  const gone = lost > 0 ? `, and ${String(lost)} until a merge lost that` : ''
  const elsewhere = joinedElsewhere > 0 ? `, and ${String(joinedElsewhere)} by a server only` : ''
  return `${count(joined, 'user')} by the replay at ${count(at.length, 'tip')}${elsewhere}${gone}`
}

function messagesText({messages, sessions, unreadable}: NonNullable<DevicesReport['room']>['messages']): string {
  const odd = unreadable > 0 ? `, ${String(unreadable)} of no form that is known` : ''
  return `${count(messages, 'encrypted message')} in ${count(sessions, 'session')}${odd}`
}

function commonFields({asked, oldTs, casePath, inCache}: DevicesReport, style: DevicesStyle): readonly string[] {
  const now = asked.filter((route) => route.now)
  const requests = now.reduce((sum, route) => sum + route.requests, 0)
  const age =
    oldTs === null
      ? []
      : [
          field(
            'told',
            `${paint(style).yellow(`${ageText(style.nowMs - oldTs)} ago`)}, ${date(oldTs)}; nobody was asked now`,
          ),
        ]
  const names = (now.length > 0 ? now : asked).map(
    ({name, insecure}) => `${printable(name)}${insecure ? ' (TLS not verified)' : ''}`,
  )
  const shown = names.slice(0, style.full === true ? undefined : 4)
  const rest = names.length - shown.length
  return [
    ...age,
    ...(names.length === 0
      ? [field('asked', 'nobody')]
      : [
          field(
            'asked',
            `${shown.join(', ')}${rest > 0 ? ` and ${String(rest)} more` : ''}${now.length > 0 && requests > 0 ? `: ${count(requests, 'request')}` : ''}`,
          ),
        ]),
    ...(casePath === null
      ? []
      : [field('case', inCache ? 'kept in the cache: the next run compares with it' : printable(casePath))]),
  ]
}

function keysText({keysBy}: UserAudit, style: DevicesStyle): string {
  if (keysBy === null) return paint(style).yellow('nobody told which keys are published')
  const {view, route, how} = keysBy
  return `${view === 'origin' ? 'as the user’s own server has them' : 'as another server’s copy has them'} (${printable(route)}, ${printable(how)})`
}

function identityText({identity, keysBy}: UserAudit): string {
  const {master, selfSigning, trusted} = identity
  if (keysBy === null) return 'not known'
  if (master === null) return 'no cross-signing keys'
  const signed =
    selfSigning === null
      ? ', and no self-signing key'
      : trusted === true
        ? `, which signs the self-signing key ${short(selfSigning)}`
        : `, which does not sign the self-signing key ${short(selfSigning)}`
  return `master key ${short(master)}${signed}`
}

const short = (key: string): string => `${printable(key.slice(0, 6))}…`

const HEALTH: readonly (readonly [DeviceHealth, string])[] = [
  ['broken', 'broken'],
  ['warning', 'with a warning'],
  ['unverified', 'unverified'],
  ['healthy', 'healthy'],
  ['without-keys', 'without keys'],
  ['dehydrated', 'dehydrated'],
]

function healthText(users: readonly UserAudit[]): string {
  const devices = users.flatMap((user) => user.devices)
  const parts = HEALTH.flatMap(([health, words]) => {
    const number = devices.filter((device) => device.health === health).length
    return number === 0 ? [] : [`${number.toLocaleString('en-US')} ${words}`]
  })
  const of = users.length > 1 ? ` of ${count(users.length, 'user')}` : ''
  return devices.length === 0 ? 'none' : `${devices.length.toLocaleString('en-US')}${of}: ${parts.join(', ')}`
}

/** Whether anything of a user asks to be looked at. */
function hasTrouble(user: UserAudit): boolean {
  const findings = [...user.findings, ...user.devices.flatMap((device) => device.findings)]
  return user.keysBy === null || findings.some(({severity}) => severity !== 'note')
}

function gravity(user: UserAudit): number {
  const findings = [...user.findings, ...user.devices.flatMap((device) => device.findings)]
  const of = (severity: Finding['severity']): number => findings.filter((one) => one.severity === severity).length
  return of('error') * 1_000_000 + of('warning') * 1000 + (user.keysBy === null ? 1 : 0)
}

/** Users with trouble first, each with a table; the others in one line unless everything was asked for. */
function usersSections({users}: DevicesReport, style: DevicesStyle): readonly string[] {
  const troubled = users.filter(hasTrouble).toSorted((a, b) => gravity(b) - gravity(a))
  const known = troubled.filter(({keysBy}) => keysBy !== null)
  const unknown = troubled.filter(({keysBy}) => keysBy === null)
  const others = users.filter((user) => !hasTrouble(user))
  const shown = glance(known, style)
  const sections = shown.map((user) => userTable(user, style))
  const rest = more(known.length - shown.length, style)
  return [
    ...sections,
    rest,
    namesLine('Keys not known', unknown, style),
    ...(style.full === true
      ? others.map((user) => userTable(user, style))
      : [namesLine('Without trouble', others, style)]),
  ]
}

function userTable(user: UserAudit, style: DevicesStyle): string {
  return joinLines([
    paint(style).bold(printable(user.userId)),
    wrap(field('identity', identityText(user)), 11, style.columns),
    devicesTable(user, style),
  ])
}

function namesLine(heading: string, users: readonly UserAudit[], style: DevicesStyle): string {
  if (users.length === 0) return ''
  const shown = users.slice(0, style.full === true ? undefined : 2 * GLANCE).map(({userId}) => printable(userId, 60))
  const rest = users.length - shown.length
  const text = `${heading} (${users.length.toLocaleString('en-US')}): ${shown.join(', ')}${rest > 0 ? ` and ${count(rest, 'more', 'more')}` : ''}`
  return wrap(text, 2, style.columns)
}

interface Cell {
  readonly column: Column
  readonly of: (device: DeviceAudit, style: DevicesStyle) => string
  /** Least columns of a terminal with room for it. */
  readonly from: number
}

const CELLS: readonly Cell[] = [
  {column: {head: 'device', min: 8}, of: ({deviceId}) => deviceId, from: 0},
  {column: {head: 'name', min: 4, first: true}, of: ({displayName}) => displayName ?? '', from: 84},
  {column: {head: 'ed25519'}, of: ({ed25519}) => (ed25519 === null ? 'none' : short(ed25519)), from: 72},
  {column: {head: 'curve25519'}, of: ({curve25519}) => (curve25519 === null ? 'none' : short(curve25519)), from: 100},
  {column: {head: 'verified'}, of: verifiedText, from: 0},
  {column: {head: 'last seen'}, of: lastSeenText, from: 0},
  {column: {head: 'one-time'}, of: oneTimeText, from: 78},
  {column: {head: 'waiting'}, of: ({waiting}) => waiting?.toLocaleString('en-US') ?? '?', from: 110},
  {column: {head: 'findings', min: 12, first: true}, of: findingsCell, from: 0},
]

function devicesTable({devices}: UserAudit, style: DevicesStyle): string {
  if (devices.length === 0) return ''
  const ordered = devices.toSorted((a, b) => grave(b) - grave(a))
  const shown = glance(ordered, style)
  const cells = CELLS.filter(({from}) => (style.columns ?? Infinity) >= from)
  const rows = shown.map((device) => cells.map(({of}) => of(device, style)))
  return joinLines([
    table(
      cells.map(({column}) => column),
      rows,
      style,
    ),
    more(devices.length - shown.length, style),
  ])
}

function grave({findings}: DeviceAudit): number {
  const of = (severity: Finding['severity']): number => findings.filter((one) => one.severity === severity).length
  return of('error') * 1000 + of('warning')
}

function verifiedText({crossSigned, ed25519}: DeviceAudit): string {
  if (ed25519 === null) return '-'
  return crossSigned === null ? '?' : crossSigned ? 'yes' : 'no'
}

function lastSeenText({lastSeenTs}: DeviceAudit, {nowMs}: DevicesStyle): string {
  return lastSeenTs === null ? '?' : `${ageText(nowMs - lastSeenTs)} ago`
}

function oneTimeText({oneTimeKeys, fallbackKey}: DeviceAudit): string {
  const number = oneTimeKeys === null ? '?' : oneTimeKeys.toLocaleString('en-US')
  return fallbackKey === 'unused' || fallbackKey === 'used' ? `${number}, fallback` : number
}

function findingsCell({findings, dehydrated}: DeviceAudit): string {
  const ids = [...new Set(findings.map(({id}) => id.replace(/^device\//, '')))]
  if (ids.length === 0) return dehydrated ? 'dehydrated' : 'none'
  return ids.join(', ')
}

const UNITS = [
  [86_400_000, 'd'],
  [3_600_000, 'h'],
  [60_000, 'min'],
] as const

function ageText(ms: number): string {
  for (const [length, unit] of UNITS)
    if (ms >= 2 * length) return `${Math.floor(ms / length).toLocaleString('en-US')} ${unit}`
  return `${String(Math.max(0, Math.floor(ms / 1000)))} s`
}

const CHANGE_WORDS: Readonly<Record<UserAudit['changes'][number]['kind'], string>> = {
  'device-new': 'new device',
  'device-gone': 'device gone',
  'device-keys-replaced': 'other keys of device',
  'cross-signing-new': 'cross-signing set up',
  'cross-signing-replaced': 'cross-signing identity replaced',
  'cross-signing-gone': 'cross-signing identity gone',
  'backup-replaced': 'key backup replaced',
}

function changesSection(users: readonly UserAudit[], style: DevicesStyle): string {
  const changes = users.flatMap(({userId, changes: own}) => own.map((change) => ({userId, ...change})))
  if (changes.length === 0) return ''
  const shown = glance(changes, style)
  const lines = shown.map(({userId, kind, deviceId, before, now, betweenTs, how}) => {
    const whose = users.length > 1 ? `${userId}: ` : ''
    const keys = before !== null && now !== null ? ` (${short(before)} → ${short(now)})` : ''
    const device = deviceId === null ? '' : ` ${deviceId}`
    const text = `  ${whose}${CHANGE_WORDS[kind]}${device}${keys}, between ${date(betweenTs[0])} and ${date(betweenTs[1])} (${how})`
    return wrap(printable(text), 4, style.columns)
  })
  return joinLines([
    title(`Changes since earlier snapshots: ${String(changes.length)}`, style),
    ...lines,
    more(changes.length - shown.length, style),
  ])
}

/** By room: in which of its rooms a bot is deaf to whom. */
function unreachedSection(users: readonly UserAudit[], style: DevicesStyle): string {
  const all = users.flatMap(({userId, unreached}) => unreached.map((one) => ({userId, ...one})))
  if (all.length === 0) return ''
  const byRoom = new Map<string, typeof all>()
  for (const one of all) {
    for (const room of one.roomIds.length === 0 ? [''] : one.roomIds)
      byRoom.set(room, [...(byRoom.get(room) ?? []), one])
  }
  const rows = [...byRoom]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([room, entries]) =>
      entries.map(({userId, deviceId, sender, because}, index) => [
        index > 0 ? '' : room === '' ? '(room not known)' : room,
        sender,
        users.length > 1 ? `${userId} ${deviceId}` : deviceId,
        because,
      ]),
    )
  const shown = glance(rows, style)
  const columns: readonly Column[] = [
    {head: 'room', min: 16, first: true},
    {head: 'sender', min: 14},
    {head: 'device', min: 8},
    {head: 'because', min: 12, first: true},
  ]
  const senders = new Set(all.map(({sender}) => sender)).size
  return joinLines([
    title(`${count(senders, 'sender')} whose messages a device cannot read`, style),
    table(columns, shown, style),
    more(rows.length - shown.length, style),
  ])
}

function notCheckedSection({notChecked, users}: DevicesReport, style: DevicesStyle): string {
  if (notChecked.length === 0) return ''
  const byNeeds = new Map<string, {readonly ids: Set<string>; users: number}>()
  for (const {id, needs, users: number} of notChecked) {
    const known = byNeeds.get(needs) ?? {ids: new Set<string>(), users: 0}
    known.ids.add(id)
    known.users = Math.max(known.users, number)
    byNeeds.set(needs, known)
  }
  const groups = [...byNeeds].sort(([, a], [, b]) => b.users - a.users || b.ids.size - a.ids.size)
  const shown = glance(groups, style)
  const lines = shown.map(([needs, {ids, users: number}]) => {
    const whose = users.length > 1 && number > 0 ? ` (${count(number, 'user')})` : ''
    return wrap(`  ${printable(needs)}${whose}: ${[...ids].join(', ')}`, 4, style.columns)
  })
  return joinLines([
    title('Not checked, for which more access is needed', style),
    ...lines,
    more(groups.length - shown.length, style),
  ])
}

function verdictLine(report: DevicesReport, style: DevicesStyle): string {
  const {green, red, yellow} = paint(style)
  const findings = allFindings(report)
  const of = (severity: Finding['severity']): number => findings.filter((one) => one.severity === severity).length
  const open = report.open.map((why) => wrap(`  ${printable(why, 600)}`, 4, style.columns))
  const [errors, warnings] = [of('error'), of('warning')]
  const more = open.length === 0 ? [] : [yellow('Not everything could be looked at:'), ...open]
  if (errors + warnings > 0) {
    const text = [errors > 0 ? count(errors, 'error') : '', warnings > 0 ? count(warnings, 'warning') : '']
      .filter((part) => part !== '')
      .join(' and ')
    return [...more, (errors > 0 ? red : yellow)(`${text} found.`)].join('\n')
  }
  if (open.length > 0)
    return [yellow('Inconclusive: nothing wrong was found, but not everything could be looked at:'), ...open].join('\n')
  const rest = report.notChecked.length > 0 ? '; what was not checked stands above' : ''
  return green(wrap(`Nothing wrong was found in what could be checked${rest}.`, 0, style.columns))
}
