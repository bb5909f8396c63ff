import type {MadeCase} from '../investigate/case-work.ts'
import type {Minimised} from '../investigate/minimise-case.ts'
import type {Statement} from '../investigate/redact-case.ts'
import {count, date, printable} from './printable.ts'
import {field} from './sections.ts'
import {paint, table, type TextStyle} from './table.ts'
import {wrap} from './width.ts'

/** A case that was made from others, for people. */
export function madeCaseText(made: MadeCase, style: TextStyle): string {
  const {counts} = made
  if (made.roomId.startsWith('@')) {
    return [paint(style).bold(printable(made.roomId)), field('made', printable(made.path))].join('\n')
  }
  const lines = [
    `${paint(style).bold(printable(made.roomId))}  version ${printable(made.roomVersion ?? 'unknown')}`,
    field('made', printable(made.path)),
    field(
      'holds',
      `${count(counts.events, 'event')} in ${count(counts.copies, 'form')}, ${count(counts.missing, 'event')} missing`,
    ),
  ]
  return lines.map((line) => wrap(line, 11, style.columns)).join('\n')
}

/** What a redacted case still holds. */
export function statementText(statement: Statement, style: TextStyle): string {
  const {bold} = paint(style)
  const rows = statement.byType.map(({type, redacted, whole}) => [
    type,
    redacted.toLocaleString('en-US'),
    whole.toLocaleString('en-US'),
  ])
  const {times, sentences} = statement.remains
  const sentence = (text: string): string => wrap(`  ${printable(text, 600)}`, 4, style.columns)
  return [
    ...(rows.length === 0
      ? []
      : [`${bold('By type')}\n${table([{head: 'type', min: 20}, {head: 'redacted'}, {head: 'whole'}], rows, style)}`]),
    [
      bold('What remains'),
      ...sentences.map(sentence),
      ...(times === null ? [] : [sentence(`Times from ${date(times.firstTs)} to ${date(times.lastTs)}.`)]),
    ].join('\n'),
    [bold('What is gone'), ...statement.gone.map(sentence)].join('\n'),
    ...(statement.noLongerRefused.length === 0
      ? []
      : [
          [
            bold('What counts differently'),
            sentence(
              `Servers refuse ${count(statement.noLongerRefused.length, 'message')} because of content that is gone here: ${statement.noLongerRefused.join(', ')}`,
            ),
          ].join('\n'),
        ]),
    wrap('Look at what remains before you share the file: user IDs and server names are in it.', 0, style.columns),
  ].join('\n\n')
}

const PARTS = {
  alone: 'its form is enough',
  'auth-events': 'its auth events are enough',
  'auth-chain': 'its auth chain is enough',
  'auth-history': 'it needs the history of its auth events',
  history: 'it needs its whole history',
} as const

/** What a minimised case shows, and what was left out. */
export function minimisedText(minimised: Minimised, style: TextStyle): string {
  const {bold, dim} = paint(style)
  const kept = minimised.kept.flatMap(({eventId, verdict, rule, because, part}) => [
    `  ${printable(eventId)}  ${verdict}${rule === null ? '' : ` by ${printable(rule)}`}`,
    ...(because === null ? [] : [wrap(`    ${printable(because, 400)}`, 4, style.columns)]),
    dim(`    ${PARTS[part]}`),
  ])
  return [
    [bold('Still the same'), ...kept].join('\n'),
    [
      bold(`Left out: ${count(minimised.removed, 'event')}`),
      ...minimised.sentences.map((text) => wrap(`  ${printable(text, 600)}`, 4, style.columns)),
    ].join('\n'),
  ].join('\n\n')
}

/** `case merge|redact|minimise --json`. */
export function madeCaseDocument(
  command: 'case-merge' | 'case-redact' | 'case-minimise',
  made: MadeCase,
  more: object,
) {
  return {
    schema: `matrix-state/${command}/1` as const,
    case: made.path,
    room_id: made.roomId,
    room_version: made.roomVersion,
    summary: {events: made.counts.events, copies: made.counts.copies, missing: made.counts.missing},
    ...more,
  }
}

export function statementDocument({byType, remains, gone, noLongerRefused, leftOut}: Statement): object {
  const {times, sentences, ...counts} = remains
  return {
    by_type: byType,
    left_out: leftOut,
    no_longer_refused: noLongerRefused,
    remains: {
      user_ids: counts.userIds,
      servers: counts.servers,
      display_names: counts.displayNames,
      avatars: counts.avatars,
      reasons: counts.reasons,
      third_party_invites: counts.thirdPartyInvites,
      room_aliases: counts.roomAliases,
      first_ts: times?.firstTs ?? null,
      last_ts: times?.lastTs ?? null,
      sentences,
    },
    gone,
  }
}

export function minimisedDocument({removed, kept, minimal, replays, sentences}: Minimised): object {
  return {
    removed,
    kept: kept.map(({eventId, ...appearance}) => ({event_id: eventId, ...appearance})),
    minimal,
    replays,
    sentences,
  }
}
