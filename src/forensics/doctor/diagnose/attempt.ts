import type {Recognised} from '../symptom.ts'
import type {Attempt, Concerned} from './evidence.ts'

/** What a message says that somebody tried; `null`: it is not known who, or the message is about nobody's try. */
export function attemptOf(
  {symptom, quote, mentions}: Recognised,
  {user}: Concerned,
  userIsMentioned = false,
): Attempt | null {
  if (user === null) return null
  // "You cannot kick user @a:b": whoever is named is not who was told it.
  if (userIsMentioned && OF_ANOTHER.test(quote) && mentions.userIds.length < 2) return null
  const other = mentions.userIds.find((one) => one !== user)
  switch (symptom) {
    case 'banned':
      if (/\binvite\b/i.test(quote) && other !== undefined) return {user, action: 'invite', target: other}
      return {user, action: 'join'}
    case 'not-invited':
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

const OF_ANOTHER = /\b(?:kick|ban|unban|invite)(?: this)? user\b/i

const ACTIONS: readonly (readonly [RegExp, 'kick' | 'ban' | 'unban' | 'invite'])[] = [
  [/\bkick/i, 'kick'],
  [/\bunban/i, 'unban'],
  [/\bban/i, 'ban'],
  [/\binvit/i, 'invite'],
]
