import {type Certainty, type Evidence, type Finding, finding, type Subject} from '../finding/finding.ts'
import {type Replay, Verdict} from '../resolve/replay.ts'
import {ABSENT} from '../resolve/state-trie.ts'
import {absence, sentence, slotWords} from '../finding/slot-words.ts'
import type {Difference} from './differences.ts'
import {divergenceRemedy} from './divergence-remedy.ts'
import type {FirstDivergence} from './first-divergence.ts'
import type {ServerView} from './server-view.ts'
import type {Side, Sides} from './sides.ts'
import {eventWords} from './words.ts'

/** What the findings on differences are made from. */
export interface DiffContext {
  readonly sides: Sides
  readonly given: readonly Side[]
  readonly differences: readonly Difference[]
  /** What the replay's state is taken at, for evidence. */
  readonly where: string
  /** `strong` where something may have been hidden from the routes that the events came by. */
  readonly certainty: Certainty
}

/** Findings on what servers say of the state: one for each slot and server that diverges, one for each server that is only behind. */
export function differenceFindings(context: DiffContext): readonly Finding[] {
  const servers = [...new Set(context.given.map(({server}) => server))]
  return [
    ...context.differences.flatMap((difference) =>
      servers.flatMap((server) => slotFinding(context, difference, server)),
    ),
    ...servers.flatMap((server) => behindFinding(context, server)),
    ...servers.flatMap((server) => unknownFinding(context, server)),
    ...context.given.flatMap((side, index) => selfFinding(context, side, index)),
  ]
}

const nameOf = ({rows}: Sides, row: number): string | null => (row === ABSENT ? null : rows.idOf(row))

function slotFinding(context: DiffContext, difference: Difference, server: string): readonly Finding[] {
  const {sides, given, where} = context
  const wrong = given.flatMap((side, index) => {
    const {row, grade} = difference.theirs[index] ?? {row: ABSENT, grade: null}
    return side.server === server && (grade === 'diverged' || grade === 'unknown' || grade === 'reading-dependent')
      ? [{side, row, grade}]
      : []
  })
  const [first] = wrong
  if (first === undefined) return []
  const {type, stateKey, ours} = difference
  const mine = nameOf(sides, ours)
  const subject: Subject = {kind: 'slot', type, state_key: stateKey, ...(mine === null ? {} : {event_id: mine})}
  const told = [...new Set(wrong.map(({row}) => valueWords(sides, row, type)))].join(' and ')
  const evidence: readonly Evidence[] = [
    {source: 'replay', where, value: mine},
    ...wrong.map(({side, row}) => ({source: server, where: placeOf(side), value: nameOf(sides, row)})),
  ]
  const summary = `${sentence(slotWords(type, stateKey))}: the replay gives ${valueWords(sides, ours, type)}, ${server} has ${told}`
  if (wrong.some(({grade}) => grade === 'diverged')) {
    const remedy = divergenceRemedy(given, difference, server)
    return [
      finding('state/divergence', subject, summary, evidence, {
        severity: 'error',
        certainty: context.certainty,
        remedy,
      }),
    ]
  }
  if (first.grade === 'reading-dependent') {
    const what = `${summary}, which is what the other reading of the algorithm gives`
    return [finding('state/reading-dependent', subject, what, evidence)]
  }
  return [
    finding('state/divergence', subject, summary, evidence, {
      severity: 'note',
      certainty: 'hint',
      remedy:
        'Gather what is missing first: it may well explain the difference, and then nothing is wrong with the server.',
    }),
  ]
}

/** `the ban of @a:b by @c:d ($…)`; the ID alone of an event that is not here. */
function valueWords({replay: {graph}, rows}: Sides, row: number, type: string): string {
  if (row === ABSENT) return absence(type)
  const id = rows.idOf(row)
  return row < graph.size && rows.isHere(row) ? `${eventWords(graph, row)} (${id})` : `${id}, which is not here`
}

export function placeOf({how, what, eventId}: Pick<Side, 'how' | 'what' | 'eventId'>): string {
  return `${how}: ${WORDS[what]}${eventId === null ? '' : ` ${eventId}`}`
}

const WORDS = {
  current: 'current state',
  'at-extremity': 'state at its extremity',
  before: 'state before',
  after: 'state after',
  replay: 'replayed state after',
} as const

function behindFinding({sides, given, differences, where}: DiffContext, server: string): readonly Finding[] {
  const slots = differences.filter(({theirs}) =>
    given.some((side, index) => side.server === server && theirs[index]?.grade === 'behind'),
  )
  const side = given.find((one) => one.server === server)
  if (slots.length === 0 || side === undefined) return []
  const at = side.view.extremities
  const which = slots.slice(0, 3).map(({type, stateKey}) => `${type} ${JSON.stringify(stateKey)}`)
  const more = slots.length - which.length
  return [
    finding(
      'server/behind',
      {kind: 'server', server},
      `${server} has not come to the newest events: it differs in ${which.join(', ')}${more > 0 ? ` and ${String(more)} more` : ''}`,
      [
        {source: server, where: 'forward extremities', value: at === null ? null : at.join(', ')},
        ...slots.slice(0, 20).map(({ours}) => ({source: 'replay', where, value: nameOf(sides, ours)})),
      ],
    ),
  ]
}

/** Events that a server names as part of its state, of which nothing else is known. */
function unknownFinding({given}: DiffContext, server: string): readonly Finding[] {
  const named = given
    .filter((side) => side.server === server)
    .flatMap((side) => side.told.unknown.map((id) => ({source: server, where: placeOf(side), value: id})))
  const ids = [...new Set(named.map(({value}) => value))]
  if (ids.length === 0) return []
  const few = ids.slice(0, 3).join(', ')
  const more = ids.length > 3 ? ` and ${String(ids.length - 3)} more` : ''
  return [
    finding(
      'dag/missing-event',
      {kind: 'server', server},
      `${server} reports ${few}${more} as part of its state, and the event itself is not here`,
      named.slice(0, 20),
    ),
  ]
}

/** Held against the server's own state at all its forward extremities. */
function selfFinding(context: DiffContext, current: Side, index: number): readonly Finding[] {
  const {sides, given, differences} = context
  if (current.what !== 'current') return []
  const own = given.findIndex((side) => side.view === current.view && side.whole && side.what !== 'current')
  const atTip = given[own]
  if (atTip === undefined) return []
  const parted = differences.filter(({theirs}) => theirs[index]?.row !== theirs[own]?.row)
  const [first] = parted
  if (first === undefined) return []
  const isWrong = parted.some(({theirs}) => theirs[index]?.grade === 'diverged' && theirs[own]?.grade === null)
  const {server} = current
  const which = parted.slice(0, 3).map(({type, stateKey}) => `${type} ${JSON.stringify(stateKey)}`)
  const more = parted.length > 3 ? ` and ${String(parted.length - 3)} more` : ''
  return [
    finding(
      'server/disagrees-with-itself',
      {kind: 'server', server},
      `${server} disagrees with itself: its current state is not its state at its newest event in ${which.join(', ')}${more}` +
        (isWrong ? ', and the replay confirms the latter' : ''),
      parted.slice(0, 20).flatMap(({theirs}) => [
        {source: server, where: placeOf(current), value: nameOf(sides, theirs[index]?.row ?? ABSENT)},
        {source: server, where: placeOf(atTip), value: nameOf(sides, theirs[own]?.row ?? ABSENT)},
      ]),
      isWrong ? {severity: 'error'} : {},
    ),
  ]
}

/** Events on which a server's verdict is not the replay's. */
export function verdictFindings(replay: Replay, view: ServerView, certainty: Certainty): readonly Finding[] {
  const {graph, verdicts, rejections} = replay
  const {server} = view
  const found: Finding[] = []
  const softFailed: string[] = []
  for (const [eventId, {rejected, softFailed: isSoftFailed, outlier}] of view.marks) {
    const row = graph.row(eventId)
    const verdict = row < 0 ? Verdict.Undetermined : verdicts[row]
    if (verdict === Verdict.Undetermined) continue
    const what = `${eventId} (${graph.typeName(row)} of ${graph.senderName(row)})`
    const subject = {kind: 'event', event_id: eventId} as const
    const rule = rejections.get(row)
    if (typeof rejected === 'string' && verdict === Verdict.Accepted) {
      const evidence = [
        {source: server, where: 'rejected', value: rejected},
        {source: 'replay', where: 'verdict', value: 'accepted'},
      ]
      const summary = `${server} rejected ${what}, which the rules accept`
      found.push(finding('server/rejected-there', subject, summary, evidence, {certainty}))
    } else if (isSoftFailed === true && verdict === Verdict.Accepted) softFailed.push(eventId)
    else if (rejected === null && outlier === false && rule !== undefined && !rule.rule.startsWith('format:')) {
      const evidence = [
        {source: server, where: 'rejected', value: null},
        {source: 'replay', where: rule.rule, value: rule.culprit},
      ]
      const summary = `${server} accepted ${what}, which rule ${rule.rule} rejects: ${rule.because}`
      found.push(finding('server/accepted-there', subject, summary, evidence, {certainty, cause: rule.rule}))
    }
  }
  if (softFailed.length > 0) {
    const count = softFailed.length === 1 ? '1 event' : `${softFailed.length.toLocaleString('en-US')} events`
    const evidence = softFailed.slice(0, 20).map((id) => ({source: server, where: 'soft-failed', value: id}))
    const few = softFailed.slice(0, 3).join(', ')
    const more = softFailed.length > 3 ? ` and ${(softFailed.length - 3).toLocaleString('en-US')} more` : ''
    const summary = `${server} soft-failed ${count} that the rules accept: ${few}${more}`
    found.push(finding('server/soft-failed-there', {kind: 'server', server}, summary, evidence))
  }
  return found
}

/** The first state of a server's records that is not the replay's. */
export function recordFinding(
  sides: Sides,
  view: ServerView,
  {row, position, slots, origin, proven}: FirstDivergence,
  certainty: Certainty,
): Finding {
  const {graph, trie, [position]: roots} = sides.replay
  const recorded = sides.recorded(view)
  const eventId = graph.id(row)
  const theirs = position === 'before' ? recorded.before(eventId) : recorded.after(eventId)
  const few = slots
    .slice(0, 3)
    .map((slot) => `${graph.slotAt(slot).type} ${JSON.stringify(graph.slotAt(slot).stateKey)}`)
  const what =
    slots.length === 0
      ? 'it has slots that no event of the room has'
      : `it differs in ${few.join(', ')}${slots.length > 3 ? ` and ${String(slots.length - 3)} more` : ''}`
  const where = `state ${position} ${eventId}`
  return finding(
    'server/wrong-record',
    {kind: 'event', event_id: eventId},
    `${view.server} recorded another state ${position} ${eventId} (${graph.typeName(row)} of ${graph.senderName(row)}) than the events give: ${what}${ORIGINS[origin]}`,
    slots.slice(0, 20).flatMap((slot) => [
      {source: 'replay', where, value: nameOf(sides, trie.get(roots[row] ?? 0, slot))},
      {
        source: view.server,
        where: `${view.recorded?.how ?? ''}: ${where}`,
        value: theirs === null ? null : nameOf(sides, trie.get(theirs, slot)),
      },
    ]),
    {certainty: proven ? certainty : 'strong'},
  )
}

const ORIGINS = {
  'rejected-there': '; the server rejected the event, and so left the state as it was',
  'accepted-there': '; the server accepted the event, which the rules reject',
  'does-not-follow':
    '; it does not follow from what the server itself recorded before it, so that it was changed, or came from another server',
  follows: '; it follows from what the server recorded before it, so that it was wrong there already',
  unknown: '',
} as const
