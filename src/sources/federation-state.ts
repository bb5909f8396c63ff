import type {RoomVersionRules} from '../matrix/room-version.ts'
import type {ReportedSlot, ReportedStateSet, Step} from './evidence.ts'
import {ENDPOINTS} from './federation-endpoints.ts'
import type {FederationEndpoints} from './federation-endpoints.ts'
import {copiesOf, nameEvents} from './federation-events.ts'
import type {NamedEvent} from './federation-events.ts'

export interface StateQuestions {
  readonly endpoints: FederationEndpoints
  readonly rules: RoomVersionRules
  /** Events at which the state is asked for. */
  readonly at: readonly string[]
  /** The only forward extremity, where the server told so. */
  readonly soleExtremity: string | null
  /** The event, if it came in this run. */
  readonly seen: (eventId: string) => NamedEvent | undefined
  /** Whether the first of `at` is asked for with all its events. */
  readonly whole: boolean
  /** Requests sent since the last call. */
  readonly spent: () => number
}

/**
 * What the server says the state at some events is.
 *
 * @remarks Both endpoints give the state before an event. Synapse makes it from the state after the event, by taking the event itself out
 * and putting back what it replaced, where it knows that: of a state event that came by backfill it does not, so that the slot that the
 * event itself fills may be lacking before it. The state after it does not suffer from this.
 */
export async function* askStates(questions: StateQuestions): AsyncGenerator<Step> {
  const {soleExtremity, whole} = questions
  for (const [index, eventId] of questions.at.entries()) {
    const sole = eventId === soleExtremity
    const known = questions.seen(eventId)
    // To put a state event into its slot, one must know which events the slots hold.
    const needsSlots = sole && known?.stateKey !== undefined
    yield await ((whole && index === 0) || needsSlots
      ? wholeState(questions, eventId, sole)
      : stateIds(questions, eventId, sole))
  }
}

async function wholeState(questions: StateQuestions, eventId: string, sole: boolean): Promise<Step> {
  const {endpoints, rules, spent} = questions
  const outcome = await endpoints.state(eventId)
  if ('refusal' in outcome) {
    const step = await stateIds(questions, eventId, sole)
    return {...step, refusals: [outcome.refusal, ...(step.refusals ?? [])]}
  }
  const {pdus, authChain} = outcome.value
  const slots = nameEvents(pdus, rules).map(slotOf)
  const extra = sole ? await eventItself(questions, eventId) : null
  const states: ReportedStateSet[] = [{what: 'before', eventId, how: ENDPOINTS.state, slots}]
  if (extra?.event !== undefined) states.push(stateAfter(extra.event, slots, ENDPOINTS.state))
  return {
    how: ENDPOINTS.state,
    requests: spent(),
    events: copiesOf([...pdus, ...authChain, ...(extra?.texts ?? [])]),
    states,
    ...(slots.length === pdus.length
      ? {}
      : {notes: [`${String(pdus.length - slots.length)} of the state’s events before ${eventId} could not be read.`]}),
  }
}

async function stateIds(questions: StateQuestions, eventId: string, sole: boolean): Promise<Step> {
  const outcome = await questions.endpoints.stateIds(eventId)
  if ('refusal' in outcome) {
    return {how: ENDPOINTS.stateIds, requests: questions.spent(), refusals: [outcome.refusal]}
  }
  const slots = outcome.value.map((id) => ({eventId: id}))
  const states: ReportedStateSet[] = [{what: 'before', eventId, how: ENDPOINTS.stateIds, slots}]
  const extra = sole ? await eventItself(questions, eventId) : null
  if (extra?.event !== undefined && extra.event.stateKey === undefined) {
    states.push(stateAfter(extra.event, slots, ENDPOINTS.stateIds))
  }
  return {how: ENDPOINTS.stateIds, requests: questions.spent(), events: copiesOf(extra?.texts ?? []), states}
}

async function eventItself(
  {endpoints, rules, seen}: StateQuestions,
  eventId: string,
): Promise<{readonly event: NamedEvent | undefined; readonly texts: readonly string[]}> {
  const known = seen(eventId)
  if (known !== undefined) return {event: known, texts: []}
  const outcome = await endpoints.event(eventId)
  if ('refusal' in outcome) return {event: undefined, texts: []}
  return {event: nameEvents(outcome.value, rules).find((event) => event.eventId === eventId), texts: outcome.value}
}

/** The state after an accepted event: a message changes nothing, a state event takes its slot. */
function stateAfter(event: NamedEvent, before: readonly ReportedSlot[], endpoint: string): ReportedStateSet {
  const {eventId, type, stateKey} = event
  const at = {what: 'at-extremity', eventId} as const
  if (stateKey === undefined) {
    return {...at, how: `${endpoint}: the state before the event, which is no state event`, slots: before}
  }
  const others = before.filter((slot) => slot.type !== type || slot.stateKey !== stateKey)
  return {
    ...at,
    how: `${endpoint}: the state before the event, and the event in its slot`,
    slots: [...others, slotOf(event)],
  }
}

function slotOf({eventId, type, stateKey}: NamedEvent): ReportedSlot {
  return {eventId, type, ...(stateKey === undefined ? {} : {stateKey})}
}
