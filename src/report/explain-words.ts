import type {TraceLine, TraceValue} from '../auth/trace.ts'
import {absence} from '../finding/slot-words.ts'
import type {Check} from '../forensics/explain/explanation.ts'

/** What an event is checked for on receipt. */
export const CHECK_WORDS: Readonly<Record<Check['name'], string>> = {
  format: 'form and size',
  signatures: 'signatures',
  'content-hash': 'content hash',
  'auth-events': 'its auth events',
  'state-before': 'the state before it',
  'current-state': 'the current state',
}

/** Of the lines of a trace, those that were asked. */
export const ASKED: ReadonlySet<TraceLine['outcome']> = new Set(['passed', 'no-say', 'allowed', 'rejected'])

/** A value that a rule looked at; not yet safe to be shown. */
export function valueInWords({what, of, value}: TraceValue): string {
  switch (what) {
    case 'power':
      return `${of ?? ''} has ${value}`
    case 'level':
      return `${of ?? ''} takes ${value}`
    case 'membership':
      return `${of ?? ''}: ${value === 'none' ? absence('m.room.member') : value}`
    case 'join-rule':
      return `join rule ${value}`
    case 'federate':
      return `m.federate ${value}`
  }
}
