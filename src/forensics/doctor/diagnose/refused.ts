import {absence, listed, slotWords} from '../../../finding/slot-words.ts'
import type {Finding} from '../../../finding/finding.ts'
import {own} from '../../../matrix/json.ts'
import {serverNameOf} from '../../../matrix/ids.ts'
import {JOIN_RULES_SLOT, memberSlot, type NamedSlot, POWER_SLOT, type StateAsked} from '../../explain/hearing.ts'
import type {SymptomId} from '../symptom.ts'
import {SOMEBODY} from './attempt.ts'
import type {Answer, Attempt, Cause, Examined, RoomEvidence, StateOf} from './evidence.ts'
import {redactionNotApplied} from './redacting.ts'
import {
  asSentence,
  brokenRule,
  eventsAskedFor,
  eventsOf,
  eventWithTime,
  involved,
  onSlot,
  sure,
  tellsOf,
  waysOf,
} from './words.ts'

/** Names of rules that a server tells in the words of each symptom; of others it would have said something else. */
const FITTING: Readonly<Partial<Record<SymptomId, RegExp>>> = {
  'not-invited': /^member\.join\.(refused|restricted)/,
  // A ban is told as one: of who is out for another reason a server says something else.
  banned: /^member\.(join\.banned|knock\.refused|invite\.(target-in-room|third-party\.banned))$/,
  'not-in-room': /not-joined|^member\.(invite|leave|ban)/,
  'restricted-join': /^member\.join\.(refused|restricted)/,
  'forbidden-by-power': /^(?!member\.join)/,
}

/**
 * Why somebody was refused what they tried: asked by the state that the events give, and by the state that each server tells, so that a server
 * that refuses what the events allow is found.
 */
export function diagnoseRefusal(evidence: RoomEvidence, symptom: SymptomId, attempt: Attempt): Examined {
  const found = refusal(evidence, symptom, attempt)
  return attempt.target === SOMEBODY ? withoutStandIn(found) : found
}

/** Who stands in for another user is nobody to be named. */
function withoutStandIn({causes, notShown, gather}: Examined): Examined {
  const plain = (text: string): string => text.replaceAll(SOMEBODY, 'another user')
  return {
    causes: causes.map((one): Cause => ({
      ...one,
      cause: plain(one.cause),
      rule: one.rule === null ? null : {...one.rule, text: plain(one.rule.text)},
      ...(one.wouldPass === undefined ? {} : {wouldPass: one.wouldPass.map(({says, by}) => ({says: plain(says), by}))}),
    })),
    notShown: notShown.map(plain),
    gather,
  }
}

function refusal(evidence: RoomEvidence, symptom: SymptomId, attempt: Attempt): Examined {
  const answers = evidence.ask(attempt)
  const [ours, ...told] = answers
  if (ours === undefined) return {causes: [], notShown: [], gather: []}
  const by = (answer: string): readonly Answer[] => told.filter(({explanation}) => explanation.can?.answer === answer)
  const ourAnswer = ours.explanation.can?.answer
  const causes: Cause[] = []
  if (ourAnswer === 'no' || ourAnswer === 'depends') {
    causes.push(refusedByEvents(evidence, {symptom, attempt, ours, allowing: by('yes')}))
  } else if (ourAnswer === 'yes') {
    causes.push(...[redactionNotApplied(evidence, attempt)].filter((one) => one !== null))
    for (const answer of [...by('no'), ...by('depends')])
      causes.push(refusedByServer(evidence, {symptom, attempt, answer}))
  }
  const earlier = causes.length === 0 ? lostEarlier(evidence, attempt) : null
  return {
    causes: earlier === null ? causes : [earlier],
    notShown: causes.length > 0 ? [] : whatIsThere(evidence, attempt, ours, by('yes')),
    gather: gatherMore(evidence, attempt, answers),
  }
}

const DOES: Readonly<Record<Attempt['action'], string>> = {
  join: 'join',
  leave: 'leave',
  knock: 'knock',
  invite: 'invite',
  kick: 'kick',
  ban: 'ban',
  unban: 'lift the ban of',
  redact: "redact others' events",
  send: 'send',
}

const doing = ({action, target}: Attempt): string => `${DOES[action]}${target === undefined ? '' : ` ${target}`}`

/** Slots that have a say in an attempt, and with whom it is about. */
function slotsOf({user, action, target}: Attempt): readonly NamedSlot[] {
  const isOfOther = target !== undefined && action !== 'send' && action !== 'redact'
  return [
    memberSlot(user),
    ...(isOfOther ? [memberSlot(target)] : []),
    ...(action === 'join' || action === 'knock' || action === 'invite' ? [JOIN_RULES_SLOT] : []),
    ...(action === 'join' ? [] : [POWER_SLOT]),
  ]
}

function refusedByEvents(
  evidence: RoomEvidence,
  given: {
    readonly symptom: SymptomId
    readonly attempt: Attempt
    readonly ours: Answer
    readonly allowing: readonly Answer[]
  },
): Cause {
  const {replay, findings, complete} = evidence
  const {graph} = replay
  const {symptom, attempt, ours, allowing} = given
  const {explanation} = ours
  const because = explanation.rejection?.because ?? explanation.answer
  const rule = stateOfReplay(evidence)?.get(JOIN_RULES_SLOT)?.eventId ?? null
  // What a restricted join fails by is the join rule, though the line that refuses it looks at who may invite.
  const asked = explanation.can?.answer === 'depends' ? [rule] : eventsAskedFor(explanation)
  const rows = asked.map((id) => (id === null ? -1 : graph.row(id))).filter((row) => row >= 0)
  const lost = findings.filter(
    (one) => one.id === 'state/reset' && one.severity === 'error' && slotsOf(attempt).some((slot) => isOn(one, slot)),
  )
  const fits = FITTING[symptom]?.test(explanation.rejection?.name ?? '') ?? true
  const depends = explanation.can?.answer === 'depends'
  const membership = membershipIn(stateOfReplay(evidence), attempt.user)
  const sentences = [
    depends
      ? `${attempt.user} can join only if a server of the room vouches for it: ${because}`
      : `By the state that the room's events give, ${attempt.user} cannot ${doing(attempt)}: ${because}`,
    rows.length === 0 ? '' : `That comes from ${listed(rows.map((row) => eventWithTime(graph, row)))}`,
    lost.length === 0
      ? ''
      : `${sentenceOf(lost)} had been lost, where branches of the history were merged (a state reset)`,
    allowing.length === 0 ? '' : `By what ${listed(serversOf(allowing))} told, it would be allowed there`,
    fits ? '' : 'A server would say something else to that: it was said by another state, or at another time',
    ...(depends ? [...explanation.notes.filter((note) => ROOMS_NAMED.test(note)), ...whoCanVouch(evidence)] : []),
  ]
  const bearing = findings.filter((one) => slotsOf(attempt).some((slot) => isOn(one, slot)))
  return {
    cause: sentences
      .filter((part) => part !== '')
      .map(asSentence)
      .join(' '),
    // Of a restricted join, another room decides.
    certainty: !fits ? 'hint' : depends ? 'strong' : sure(complete && explanation.complete),
    attempt,
    ...curing(symptom, {fits, depends, membership}),
    // By the events themselves it is refused: no server has to be looked for whose state is another one.
    useless: [
      ...(complete && lost.length === 0 && allowing.length === 0 ? ['compare-servers', 'wait-for-the-join'] : []),
      ...(symptom === 'forbidden-by-power' && waysOf(explanation).length === 0 ? ['raise-power'] : []),
    ],
    events: involved(graph, [...asked, ...lost.flatMap(eventsOf).slice(0, 4)], lost),
    rule: brokenRule(explanation),
    findings: bearing,
    wouldPass: waysOf(explanation, symptom === 'not-in-room' ? 'ways' : 'all'),
    about: {user: attempt.user, server: evidence.concerned.server ?? serverNameOf(attempt.user)},
  }
}

const stateOfReplay = ({states}: RoomEvidence): StateAsked | null =>
  states.find(({server}) => server === null)?.state ?? null

/** Why it is refused decides what helps, more than the words in which that is told. */
function curing(
  symptom: SymptomId,
  why: {readonly fits: boolean; readonly depends: boolean; readonly membership: string | null},
): Pick<Cause, 'cureAs'> {
  if (why.membership === 'ban') return {cureAs: ['banned']}
  if (symptom === 'not-invited' && why.depends) return {cureAs: ['not-invited', 'restricted-join']}
  if (symptom === 'banned') return {cureAs: ['not-invited']}
  return {}
}

/** What `explain` notes of the rooms that a join rule names. */
const ROOMS_NAMED = /^(Members of|The join rule names)/

const sentenceOf = (lost: readonly Finding[]): string =>
  listed(
    lost
      .slice(0, 3)
      .flatMap(({subject}) => (subject.kind === 'slot' ? [slotWords(subject.type, subject.state_key)] : [])),
  )

function isOn({subject}: Finding, {type, stateKey}: NamedSlot): boolean {
  return subject.kind === 'slot' && subject.type === type && subject.state_key === stateKey
}

/** The events allow it, and a server says no: its state is another one. */
function refusedByServer(
  evidence: RoomEvidence,
  {symptom, attempt, answer}: {readonly symptom: SymptomId; readonly attempt: Attempt; readonly answer: Answer},
): Cause {
  const {replay, findings, states} = evidence
  const {explanation} = answer
  const server = answer.server ?? ''
  const theirs = states.find((one) => one.server === answer.server && one.what === answer.what)?.state ?? null
  const ours = states.find((one) => one.server === null)?.state ?? null
  const differing = slotsOf(attempt).filter((slot) => idIn(ours, slot) !== idIn(theirs, slot))
  const wrong = differing.map(
    (slot) =>
      `${slotWords(slot.type, slot.stateKey)}: the events give ${valueIn(replay, ours, slot)}, ${server} has ${valueIn(replay, theirs, slot)}`,
  )
  const bearing = findings.filter((one) => {
    const teller = tellsOf(one)
    if (one.subject.kind === 'server') return teller === server
    return (teller === null || teller === server) && differing.some((slot) => isOn(one, slot))
  })
  const fits = FITTING[symptom]?.test(explanation.rejection?.name ?? '') ?? true
  const divergence = bearing.find(({id}) => id === 'state/divergence')
  const behind = bearing.some(({id}) => id === 'server/behind') && divergence === undefined
  return {
    cause: [
      `${server} refuses what the room's events allow: by its ${answer.what}, ${explanation.rejection?.because ?? explanation.answer}`,
      behind ? `${server} is only behind: it has not come to the newest events` : '',
      ...wrong,
      fits ? '' : `That would be told in other words, so that it may not be what was meant`,
    ]
      .filter((part) => part !== '')
      .map(asSentence)
      .join(' '),
    certainty: !fits ? 'hint' : (divergence?.certainty ?? (evidence.complete ? 'strong' : 'hint')),
    events: involved(replay.graph, [
      ...differing.flatMap((slot) => [idIn(ours, slot), idIn(theirs, slot)]),
      ...eventsAskedFor(explanation),
    ]),
    rule: brokenRule(explanation),
    findings: bearing,
    about: {user: attempt.user, server},
    attempt,
    useless: [
      // Of two servers the states are here already; one alone has to be held against another before it is mended.
      ...(new Set(states.map(({server: of}) => of)).size > 2 ? ['compare-servers'] : []),
      ...(bearing.some(({id}) => id === 'server/truncated-state') ? [] : ['wait-for-the-join']),
    ],
  }
}

function idIn(state: StateAsked | null, slot: NamedSlot): string | null {
  return state?.get(slot)?.eventId ?? null
}

function valueIn({graph}: RoomEvidence['replay'], state: StateAsked | null, slot: NamedSlot): string {
  const id = idIn(state, slot)
  const row = id === null ? -1 : graph.row(id)
  return row < 0 ? absence(slot.type) : eventWithTime(graph, row)
}

/** Servers with a joined user who may invite: only they can vouch for a restricted join. */
function whoCanVouch({ask, states}: RoomEvidence): readonly string[] {
  const state = states.find(({server}) => server === null)?.state
  const joined = state?.joined() ?? []
  const one = joined[0]
  if (one === undefined) return ['Nobody is joined, so that no server can']
  const able = new Set<string>()
  // One user a server is enough; of many the first that may.
  for (const user of joined.slice(0, MOST_ASKED)) {
    const server = serverNameOf(user)
    if (able.has(server)) continue
    const [answer] = ask({user, action: 'invite', target: SOMEBODY})
    if (answer?.explanation.can?.answer === 'yes') able.add(server)
  }
  if (able.size === 0) return ['No joined user who was looked at may invite, so that no server can vouch for anybody']
  return [
    `${listed([...able].slice(0, 5))} can: a user there who may invite is joined. The join has to go by way of such a server`,
  ]
}
const MOST_ASKED = 40

/** The state of today allows it, but the membership had been lost for a time. */
function lostEarlier({findings, replay}: RoomEvidence, attempt: Attempt): Cause | null {
  const lost = slotsOf(attempt).flatMap(({type, stateKey}) =>
    onSlot(findings, type, stateKey).filter(({id}) => id === 'state/reset' || id === 'state/revoked-concurrently'),
  )
  const [first] = lost
  if (first === undefined) return null
  return {
    cause: `Today ${attempt.user} can ${doing(attempt)}, but it was not always so: ${first.summary}`,
    certainty: 'hint',
    events: involved(replay.graph, eventsOf(first), lost),
    rule: null,
    findings: lost,
    about: {user: attempt.user},
  }
}

function whatIsThere(
  {complete}: RoomEvidence,
  attempt: Attempt,
  ours: Answer,
  allowing: readonly Answer[],
): readonly string[] {
  const {explanation} = ours
  if (explanation.can?.answer !== 'yes') {
    return [`Whether ${attempt.user} can ${doing(attempt)} cannot be said: ${explanation.answer}`]
  }
  const also = allowing.length === 0 ? '' : `, and by what ${listed(serversOf(allowing))} told`
  const remarks = explanation.notes.filter((note) => note.includes(attempt.user))
  return [
    `${complete ? "In this room's state" : 'By the part of the room that is here'} ${attempt.user} can ${doing(attempt)}${also}: ${complete ? '' : 'what is missing may say otherwise, or '}the message was said at another time, by another server, or about another room or user.`,
    ...remarks,
  ]
}

const serversOf = (answers: readonly Answer[]): readonly string[] => [
  ...new Set(answers.map(({server}) => server ?? 'the replay')),
]

/** What would decide: the state of the server that said it. */
function gatherMore({states, concerned}: RoomEvidence, {user}: Attempt, answers: readonly Answer[]): readonly string[] {
  const told = new Set(states.map(({server}: StateOf) => server))
  const own = concerned.server ?? serverNameOf(user)
  const strangers = answers.filter(({strangers: ids}) => ids.length > 0)
  return [
    ...strangers.map(
      ({server, strangers: ids}) =>
        `The state of ${server ?? ''} names events that are not here (${ids.slice(0, 2).join(', ')}), so that its answer is not known: gather the room from it.`,
    ),
    ...(told.has(own) || told.size > 2
      ? []
      : [
          `What ${own} has for the room's state is not known, and it is what a server goes by when it answers: give its database (--database), its admin API (--homeserver with an admin token), or the state as it tells it (--reported ${own}=state.json).`,
        ]),
  ]
}

/** The membership of a user by a state: `join`, …; `null` where there is none. */
export function membershipIn(state: StateAsked | null, user: string): string | null {
  const member = state?.get(memberSlot(user)) ?? null
  const value = member === null ? undefined : own(member.content, 'membership')
  return typeof value === 'string' ? value : null
}
