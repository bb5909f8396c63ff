import type {Recognised} from '../symptom.ts'
import type {Attempt, Concerned} from './evidence.ts'

/** What a message says that somebody tried; `null`: it is not known who, or the message is about nobody's try. */
export function attemptOf({symptom, quote, mentions}: Recognised, {user}: Concerned): Attempt | null {
  if (user === null) return null
  const other = mentions.userIds.find((one) => one !== user)
  switch (symptom) {
    case 'not-invited':
    case 'banned':
    case 'restricted-join':
      return {user, action: 'join'}
    case 'not-in-room':
      return {user, action: 'send', target: mentions.eventTypes[0] ?? 'm.room.message'}
    case 'forbidden-by-power':
    case 'forbidden': {
      const action = ACTIONS.find(([pattern]) => pattern.test(quote))?.[1]
      if (action !== undefined && other !== undefined) return {user, action, target: other}
      if (/redact/i.test(quote)) return {user, action: 'redact'}
      if (/\bjoin\b/i.test(quote)) return {user, action: 'join'}
      return {user, action: 'send', target: mentions.eventTypes[0] ?? 'm.room.message'}
    }
    default:
      return null
  }
}

const ACTIONS: readonly (readonly [RegExp, 'kick' | 'ban' | 'unban' | 'invite'])[] = [
  [/\bkick/i, 'kick'],
  [/\bunban/i, 'unban'],
  [/\bban/i, 'ban'],
  [/\binvit/i, 'invite'],
]
