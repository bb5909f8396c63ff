/**
 * What the technical name of a cause means, for people who know nothing of state resolution. Names of causes that are rules (`v10:4.3.7@before`)
 * have no words: the rule's own sentence stands with them.
 */
const CAUSES: Readonly<Record<string, string>> = {
  'A-unconflicted-deauthorises':
    'one of the merged states was out of date; what it still shared with the others was taken as settled, and forbade what had come before it (a known flaw of state resolution v2: MSC4297, problem A)',
  'B-missing-intermediate':
    'an event in the common history, on which the newer value builds, was not looked at again, and without it the newer value could not pass (a known flaw of state resolution v2: MSC4297, problem B)',
  'concurrent-rule-change':
    'who may do what (power levels, join rule, a kick or ban) had been changed since, and at the merge older events were checked again by the changed rules',
  'revoked-concurrently':
    'while the servers were apart, one branch took away what the other one relied on; resolution is meant to do that',
  'stale-input': 'a server put a state into the merge that was not what the events give',
  'mainline-older':
    'it was sent under older power levels than the value that won; the one under newer power levels wins',
  'ts-tiebreak': 'both were valid, and the one whose server claims the later time wins',
  'id-tiebreak': 'both were valid and claim the same time; then the greater event ID wins, which is chance',
  'power-order':
    'both were valid; changes of power are applied in the order of the power of their senders, and the last one wins',
  'depth-forged': 'room version 1: the greater claimed depth wins, and one of the depths is not what it should be',
  'rejected-input': 'one of the merged states held an event that the rules reject',
  'missing-events': 'not known: an event that it depends on is missing here',
}

/** `both were valid, and … [ts-tiebreak]`; the name alone where there are no words for it. */
export function causeWords(cause: string): string {
  return Object.hasOwn(CAUSES, cause) ? `${CAUSES[cause] ?? ''} [${cause}]` : cause
}

/** Whether there are words for it. */
export function hasCauseWords(cause: string | undefined): cause is string {
  return cause !== undefined && Object.hasOwn(CAUSES, cause)
}

const DECISIONS: Readonly<Record<string, string>> = {
  newest: 'no conflict, since it was sent knowing the others',
  'only-valid': 'it was the only one to pass',
  'none-valid': 'none of them passed the rules, so that none is left',
  returned: 'it was in the history of the others and passed again',
  'mainline-older': 'all passed; the one under newer power levels comes last and wins',
  'ts-tiebreak': 'all passed; the one with the later timestamp comes last and wins',
  'id-tiebreak': 'all passed with the same timestamp; the greater event ID comes last and wins',
  'power-order':
    'all passed; events that change what others may do come in the order of power, each after those that it builds on, and the last one wins',
  'depth-forged': 'room version 1: the greatest claimed depth that passes wins',
}

/** What decided a merge, with its technical name. */
export function decisionWords(decided: string): string {
  return Object.hasOwn(DECISIONS, decided) ? `${DECISIONS[decided] ?? ''} [${decided}]` : decided
}
