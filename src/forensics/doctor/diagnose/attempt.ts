import type {Recognised} from '../symptom.ts'
import type {Attempt, Concerned} from './evidence.ts'

/** Stands in for the other user of whom a message says nothing: whoever it was, it takes at least so much. */
export const SOMEBODY = '@somebody:invalid'

/**
 * What a message says that somebody tried; `null`: it is not known who, or the message is about nobody's try.
 *
 * @param event - what was tried by the event that is asked about: of that it is known, while a message tells little
 */
export function attemptOf(
  {symptom, quote, mentions}: Recognised,
  {user: told}: Concerned,
  {userIsMentioned = false, event = null}: {readonly userIsMentioned?: boolean; readonly event?: Attempt | null} = {},
): Attempt | null {
  const isOfEvent = event !== null && OF_EVENTS.has(symptom)
  if (isOfEvent && (told === null || userIsMentioned || told === event.user)) return event
  const user = told
  if (user === null) return null
  if (isOfEvent) return {...event, user}
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
      if (/redact/i.test(quote)) return {user, action: 'redact'}
      const action = ACTIONS.find(([pattern]) => pattern.test(quote))?.[1]
      if (action !== undefined) {
        // The only one who is named is the other one.
        if (other === undefined && NAMES_OTHER.test(quote) && mentions.userIds.length > 0) return null
        if (other !== undefined) return {user, action, target: other}
        // Lifting a ban takes the power to ban; of somebody who is not banned it would be asked as a kick.
        return {user, action: action === 'unban' ? 'ban' : action, target: SOMEBODY}
      }
      if (/\bjoin\b/i.test(quote)) return {user, action: 'join'}
      if (/\bknock\b/i.test(quote)) return {user, action: 'knock'}
      return {user, action: 'send', target: mentions.eventTypes[0] ?? 'm.room.message'}
    }
    default:
      return null
  }
}

const OF_EVENTS: ReadonlySet<string> = new Set(['not-in-room', 'forbidden-by-power', 'forbidden'])

const OF_ANOTHER = /\b(?:kick|ban|unban|invite)(?: this)? user\b/i
const NAMES_OTHER = /\b(?:kick|ban|unban|invite) user\b/i

const ACTIONS: readonly (readonly [RegExp, 'kick' | 'ban' | 'unban' | 'invite'])[] = [
  [/\bkick/i, 'kick'],
  [/\bunban/i, 'unban'],
  [/\bban/i, 'ban'],
  [/\binvit/i, 'invite'],
]
