import {showLevel} from '../../auth/trace.ts'
import type {EventId} from '../../matrix/ids.ts'
import {own} from '../../matrix/json.ts'
import type {Pdu} from '../../matrix/pdu.ts'
import type {Change} from './changes.ts'
import type {Able} from './explanation.ts'
import {byPower, type Hearing, JOIN_RULES_SLOT, type NamedSlot, passes, POWER_SLOT} from './hearing.ts'
import {withPower, withLevel} from './changes.ts'

/** As many as are tried: those with the most power. */
const MOST = 50
const SHOWN = 10

/** Who of the room could send the event in the sender's place, by the state that it is judged by; `null`: that state is not known. */
export function couldSend(hearing: Hearing): Able | null {
  const {state, event} = hearing
  if (state === null) return null
  // Of a membership, whom it concerns would do something else: leave instead of being kicked.
  const concerned = event.type === 'm.room.member' ? event.stateKey : undefined
  const ranked = byPower(
    hearing,
    state.joined().filter((user) => user !== concerned),
  )
  const may = (user: string): boolean => passes({...hearing, event: {...event, sender: user}}, 'before')
  const able = ranked.slice(0, MOST).filter(({user}) => may(user))
  const ordinary = ranked.at(-1)
  const anyMember = ordinary !== undefined && ranked.length > 1 && may(ordinary.user)
  return {
    users: able.slice(0, SHOWN).map(({user, power}) => ({user, power: showLevel(power)})),
    anyMember,
  }
}

/** Whether the event is one that only its sender can send: people join, leave and knock for themselves. */
export function isOfSelf({type, sender, stateKey, content}: Pdu): boolean {
  if (type !== 'm.room.member') return stateKey?.startsWith('@') === true
  const membership = own(content, 'membership')
  return sender === stateKey && (membership === 'join' || membership === 'leave' || membership === 'knock')
}

/** Who could bring the change about now; `null` where no event of the room does. */
export function whoCanChange(hearing: Hearing, change: Change): Able | null {
  const event = eventThatChanges(hearing, change)
  return event === null ? null : couldSend({...hearing, event})
}

function eventThatChanges(hearing: Hearing, change: Change): Pdu | null {
  switch (change.kind) {
    case 'membership':
      if (change.to === 'join' || change.to === 'knock') return null
      return stateEvent(hearing, {type: 'm.room.member', stateKey: change.user}, {membership: change.to})
    case 'join-rule':
      return stateEvent(hearing, JOIN_RULES_SLOT, {join_rule: change.to})
    case 'power':
      return change.to === 'above all' ? null : levels(hearing, withPower(hearing, change.user, BigInt(change.to)))
    case 'level':
      return levels(hearing, withLevel(hearing, change.name, change.event, BigInt(change.to)))
    default:
      return null
  }
}

function levels(hearing: Hearing, changed: Hearing): Pdu | null {
  const content = changed.state?.get(POWER_SLOT)?.content
  return content === undefined ? null : stateEvent(hearing, POWER_SLOT, content)
}

function stateEvent({event}: Hearing, slot: NamedSlot, content: Pdu['content']): Pdu {
  return {
    ...event,
    eventId: '$change' as EventId,
    type: slot.type,
    stateKey: slot.stateKey,
    content,
    // It comes after what there is: it is not the creator's first join.
    prevEvents: [],
    authEvents: [],
    redacts: undefined,
    signers: null,
    fault: null,
  }
}
