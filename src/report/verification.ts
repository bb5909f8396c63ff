import type {Verification} from '../investigate/verify-evidence.ts'
import {findingsText} from './findings-text.ts'
import {count, printable} from './printable.ts'
import {field} from './sections.ts'
import {paint, type TextStyle} from './table.ts'
import {wrap} from './width.ts'

/** `case verify` for people. */
export function verificationText(path: string, result: Verification, style: TextStyle): string {
  const {bold, green, yellow, red} = paint(style)
  const number = (value: number): string => value.toLocaleString('en-US')
  const {signatures} = result
  const head = [
    `${bold(printable(result.roomId))}  version ${printable(result.roomVersion)}`,
    field('case', printable(path)),
    field(
      'copies',
      `${number(result.copies)} of ${count(result.events, 'event')}: ${number(result.verified)} verified, ` +
        `${number(result.unverifiable)} not verifiable, ${number(result.bad)} bad; ${number(result.redacted)} redacted`,
    ),
    field(
      'signed',
      `${number(signatures.good)} good signatures, ${number(signatures.bad)} bad, ` +
        `${number(signatures['key-unknown'])} by unknown keys, ${number(signatures['key-not-valid-then'])} by keys not valid then`,
    ),
    field('keys', `${count(result.keys, 'key')} to verify with`),
    field('rate', `${number(Math.round(result.perSecond))} copies a second`),
  ].map((line) => wrap(line, 11, style.columns))
  const verdict =
    result.bad > 0
      ? red(`Bad: ${count(result.bad, 'copy', 'copies')} cannot be what its server sent.`)
      : result.complete
        ? green('Verified: every copy is what its servers signed.')
        : yellow(
            wrap(
              'Inconclusive: what could not be verified is not called good. More keys would help: --keys FILE.',
              0,
              style.columns,
            ),
          )
  return [head.join('\n'), findingsText(result.findings, style), verdict].filter((part) => part !== '').join('\n\n')
}

/** `case verify --json`: schema `matrix-state/case-verify/1`. */
export function verificationDocument(path: string, result: Verification) {
  return {
    schema: 'matrix-state/case-verify/1' as const,
    case: path,
    room_id: result.roomId,
    room_version: result.roomVersion,
    complete: result.complete,
    summary: {
      events: result.events,
      copies: result.copies,
      verified: result.verified,
      unverifiable: result.unverifiable,
      bad: result.bad,
      redacted: result.redacted,
      foreign: result.foreign,
      keys: result.keys,
      signatures: result.signatures,
      omitted_findings: result.omitted,
    },
    findings: result.findings,
  }
}
