import type {CaseInfo} from '../investigate/case-info.ts'
import {count, date, printable} from './printable.ts'
import {field, glance, joinLines, joinSections, missingEvidenceSection, more, notesSection, title} from './sections.ts'
import {paint, table, type TextStyle} from './table.ts'
import {wrap} from './width.ts'

/** `case info` for people. */
export function caseText(info: CaseInfo, style: TextStyle): string {
  return joinSections([
    header(info, style),
    info.sources.length === 0 && info.devices.routes.length > 0 ? '' : sources(info, style),
    states(info, style),
    severalForms(info, style),
    devices(info, style),
    missingEvidenceSection(info.missing, MISSING, style),
    notesSection(info.notes, style),
  ])
}

const MISSING = {heading: 'that others cite', unasked: 'nobody was asked', outcome: (outcome: string) => outcome}

function header(info: CaseInfo, style: TextStyle): string {
  const {bold, dim} = paint(style)
  const {counts} = info
  if (info.roomId.startsWith('@')) {
    const held = `${count(info.devices.routes.length, 'route')} to the devices of ${count(info.devices.users, 'user')}; no room`
    const lines = [
      bold(printable(info.roomId)),
      field('case', `${printable(info.path)}, begun ${date(info.createdTs)}`),
      field('holds', held),
    ]
    return lines.map((line) => wrap(line, 11, style.columns)).join('\n')
  }
  const lines = [
    `${bold(printable(info.roomId))}  version ${printable(info.roomVersion ?? 'unknown')}`,
    field('case', `${printable(info.path)}, begun ${date(info.createdTs)}`),
    field(
      'holds',
      `${count(counts.events, 'event')} in ${count(counts.copies, 'form')}, ${count(counts.missing, 'event')} missing`,
    ),
    ...(info.aliases.length > 0 ? [field('aliases', info.aliases.map((alias) => printable(alias)).join(', '))] : []),
    ...Object.entries(info.extremities).map(([server, ids]) =>
      field('server', `${printable(server)}’s forward extremities: ${ids.map((id) => printable(id)).join(', ')}`),
    ),
    field(
      'keys',
      info.keyServers.length === 0
        ? 'of no server: signatures cannot be checked'
        : `of ${info.keyServers.map((server) => printable(server)).join(', ')}`,
    ),
    ...info.limits.map(({ts, depth, since, around}) =>
      field(
        'limited',
        `${date(ts)}: ${[
          depth === undefined ? '' : `the newest ${String(depth)} events`,
          since === undefined ? '' : `since ${printable(since)}`,
          around === undefined ? '' : `around ${printable(around)}`,
        ]
          .filter((part) => part !== '')
          .join(', ')}`,
      ),
    ),
    ...(info.unknowable.length > 0
      ? [field('unseen', dim(`no source shows: ${info.unknowable.map((what) => printable(what)).join('; ')}`))]
      : []),
  ]
  return lines.map((line) => wrap(line, 11, style.columns)).join('\n')
}

function sources(info: CaseInfo, style: TextStyle): string {
  const refused = (name: string): string =>
    info.refusals
      .filter(({source}) => source === name)
      .map(({outcome, count: times}) => `${String(times)} ${outcome}`)
      .join(', ')
  const rows = info.sources.map((source) => [
    source.name,
    source.events.toLocaleString('en-US'),
    source.onlyHere.toLocaleString('en-US'),
    source.requests.toLocaleString('en-US'),
    date(source.lastTs),
    [
      source.marked.rejected > 0 ? `${String(source.marked.rejected)} rejected` : '',
      source.marked.softFailed > 0 ? `${String(source.marked.softFailed)} soft-failed` : '',
      source.marked.outliers > 0 ? `${String(source.marked.outliers)} outliers` : '',
      refused(source.name),
      source.insecure ? 'TLS not verified' : '',
    ]
      .filter((part) => part !== '')
      .join(', '),
  ])
  const columns = [
    {head: 'source', min: 16},
    {head: 'events'},
    {head: 'only here'},
    {head: 'requests'},
    {head: 'last asked'},
    {head: '', min: 12, first: true as const},
  ]
  return `${title('Sources', style)}\n${table(columns, rows, style)}`
}

function devices({devices: {users, routes}}: CaseInfo, style: TextStyle): string {
  if (routes.length === 0) return ''
  const rows = routes.map((route) => [
    route.name,
    route.users.toLocaleString('en-US'),
    Object.values(route.facts)
      .reduce((sum, times) => sum + times, 0)
      .toLocaleString('en-US'),
    route.requests.toLocaleString('en-US'),
    date(route.lastTs),
    [
      route.account?.deviceId === undefined || route.account.deviceId === null
        ? ''
        : `device ${route.account.deviceId}`,
      route.refusals > 0 ? `${String(route.refusals)} not given` : '',
      route.insecure ? 'TLS not verified' : '',
    ]
      .filter((part) => part !== '')
      .join(', '),
  ])
  const columns = [
    {head: 'route', min: 16},
    {head: 'users'},
    {head: 'facts'},
    {head: 'requests'},
    {head: 'last asked'},
    {head: '', min: 12, first: true as const},
  ]
  return `${title(`Devices of ${count(users, 'user')}`, style)}\n${table(columns, rows, style)}`
}

function states(info: CaseInfo, style: TextStyle): string {
  if (info.states.length === 0 && Object.keys(info.stateGroups).length === 0) return ''
  const rows = info.states.map(({source, what, how, count: times, slots, lastTs}) => [
    source,
    what,
    how,
    times.toLocaleString('en-US'),
    slots.toLocaleString('en-US'),
    date(lastTs),
  ])
  const groups = Object.entries(info.stateGroups).map(
    ([source, groupCount]) => `  ${printable(source)}: ${count(groupCount, 'state group')}`,
  )
  const columns = [
    {head: 'source', min: 12},
    {head: 'state'},
    {head: 'told by', min: 12, first: true as const},
    {head: 'times'},
    {head: 'slots'},
    {head: 'last'},
  ]
  return [
    title('States that servers told', style),
    ...(rows.length > 0 ? [table(columns, rows, style)] : []),
    ...groups,
  ].join('\n')
}

function severalForms(info: CaseInfo, style: TextStyle): string {
  if (info.severalForms.length === 0) return ''
  const shown = glance(info.severalForms, style)
  return joinLines([
    title(`In more than one form: ${count(info.severalForms.length, 'event')}`, style),
    ...shown.map(({eventId, forms}) => `  ${printable(eventId)}  ${String(forms)} forms`),
    more(info.severalForms.length - shown.length, style),
  ])
}
