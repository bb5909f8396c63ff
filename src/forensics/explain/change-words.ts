import {absence} from '../../finding/slot-words.ts'
import {serverNameOf} from '../../matrix/ids.ts'
import type {Change} from './changes.ts'

const MEMBERSHIP: Readonly<Record<string, string>> = {
  join: 'joined',
  invite: 'invited',
  leave: 'no longer in the room',
  ban: 'banned',
  knock: 'knocking',
  none: 'without membership',
}
const NOW: Readonly<Record<string, string>> = {...MEMBERSHIP, leave: 'left', none: absence('m.room.member')}

/** What a named level is for, as a word that fits before "takes". */
export const DOING: Readonly<Record<string, string>> = {
  invite: 'inviting',
  kick: 'kicking',
  ban: 'banning',
  redact: 'redacting',
  state_default: 'sending state',
  events_default: 'sending messages',
}

export function membershipWord(membership: string): string {
  return NOW[membership] ?? membership
}

/** `if @x had power 50 (now 0)`, or `without …`. */
export function changeInWords(change: Change): string {
  switch (change.kind) {
    case 'power':
      return `if ${change.user} had power ${change.to} (now ${change.from})`
    case 'level': {
      const doing = change.event ? `sending ${change.name}` : (DOING[change.name] ?? change.name)
      return `if ${doing} took power ${change.to} (now ${change.from})`
    }
    case 'membership': {
      const to = change.from === 'ban' && change.to === 'leave' ? 'not banned' : (MEMBERSHIP[change.to] ?? change.to)
      return `if ${change.user} were ${to} (now ${membershipWord(change.from)})`
    }
    case 'join-rule':
      return `if the join rule were ${change.to} (now ${change.from})`
    case 'federate':
      return 'if the room let other servers in (m.federate, which cannot be changed)'
    case 'without-auth-events':
      return withoutWords(change.eventIds, change.cited)
    case 'auth-events':
      return `if its auth_events were those that the state before it gives: ${change.eventIds.join(', ') || 'none'}`
    case 'sender':
      return `if ${change.user} sent it`
    case 'state-key':
      return `if its state_key were ${change.to}`
    case 'authoriser':
      return `if ${change.user} authorised the join (join_authorised_via_users_server, signed by ${serverNameOf(change.user)})`
    case 'authoriser-signature':
      return `if ${serverNameOf(change.user)}, the server of the authoriser, had signed it`
    case 'content':
      return `without its ${change.without.join(', ')}`
  }
}

export function changesInWords(changes: readonly Change[]): string {
  return changes.map(changeInWords).join(', and ')
}

function withoutWords(eventIds: readonly string[], cited: readonly string[]): string {
  const times = (list: readonly string[], id: string): number => list.filter((one) => one === id).length
  const isLeft = (id: string): boolean => times(cited, id) > times(eventIds, id)
  const [gone, once] = [eventIds.filter((id) => !isLeft(id)), [...new Set(eventIds)].filter(isLeft)]
  return [
    gone.length === 0 ? '' : `without ${gone.join(', ')} among its auth_events`,
    once.length === 0 ? '' : `with ${once.join(', ')} only once among its auth_events`,
  ]
    .filter((part) => part !== '')
    .join(' and ')
}
