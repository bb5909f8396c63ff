import {absence, listed, sentence} from '../finding/slot-words.ts'
import type {RoomGraph} from '../graph/room-graph.ts'
import {ABSENT} from '../resolve/state-trie.ts'
import type {ResetCause} from './cause.ts'
import type {Blocker, Fate} from './fate.ts'
import type {Dropped, Reset} from './resets.ts'
import {eventWords, slotWords, timeOf} from './words.ts'

/** What happened and why, in a few sentences; without a full stop at the end. */
export function resetSummary(graph: RoomGraph, reset: Reset): string {
  const place = mergePlace(graph, reset)
  const {slot, lost, got} = reset
  const {type, stateKey} = graph.slotAt(slot)
  if (reset.expected) {
    const now =
      got === ABSENT
        ? `which leaves ${type === 'm.room.member' ? absence(type) : 'nothing'} there`
        : `and ${timed(graph, got)} ${verb(graph, got, 'stays')}`
    return `${sentence(timed(graph, lost))} ${verb(graph, lost, 'does')} not count ${place}, ${now}. Checked again${byWords(graph, reset)}, it did not pass: ${reasonOf(reset.fate)}. That is what resolution is meant to do when one branch revokes what another one relies on`
  }
  const began = beganWith(graph, reset)
  if (got !== ABSENT) {
    return `${sentence(slotWords(graph, slot))} went back ${place}, from ${timed(graph, lost)} to ${timed(graph, got)}, which ${verb(graph, got, 'is')} older. ${whyWords(graph, reset)}${began}`
  }
  const what =
    type === 'm.room.member'
      ? `${stateKey} was left with ${absence(type)} ${place}, without a leave, kick or ban that counts`
      : `${sentence(slotWords(graph, slot))} vanished ${place}, and nobody removed ${isPlural(graph, lost) ? 'them' : 'it'}`
  return `${what}. ${whyWords(graph, reset)}${began}`
}

/** Who set off a cascade. */
function beganWith(graph: RoomGraph, {root, lost}: Reset): string {
  return root === null || root.event === lost ? '' : `. It began with ${timed(graph, root.event)}`
}

const PLURALS = {was: 'were', is: 'are', does: 'do', stays: 'stay', stands: 'stand'} as const

function isPlural(graph: RoomGraph, row: number): boolean {
  return graph.slot[row] === graph.powerSlot
}

function verb(graph: RoomGraph, row: number, word: keyof typeof PLURALS): string {
  return isPlural(graph, row) ? PLURALS[word] : word
}

function named(graph: RoomGraph, row: number): string {
  return `${eventWords(graph, row)} (${graph.id(row)})`
}

/** As a summary names an event: IDs are in the evidence, and in the story. */
function timed(graph: RoomGraph, row: number): string {
  return `${eventWords(graph, row)} (${timeOf(graph, row)})`
}

function mergePlace(graph: RoomGraph, {merge}: Reset): string {
  const branches = String(merge.inputs.length)
  if (merge.at !== null)
    return `at ${graph.id(merge.at)} (${timeOf(graph, merge.at)}), where ${branches} branches of the history were merged`
  return merge.prevs.length > 0
    ? `where the ${branches} tips of the room are merged`
    : `where the ${branches} given states are merged`
}

/** `by what, instead of what`: the state that an event was judged by again. */
function byWords(graph: RoomGraph, {fate}: Pick<Reset, 'fate'>): string {
  if (fate.kind !== 'failed') return ''
  const each = settled(fate).map(({event, own}) =>
    own === ABSENT
      ? `${timed(graph, event)}, of which there was none when it was sent`
      : `${timed(graph, event)} instead of ${timed(graph, own)}`,
  )
  const by = each.length === 0 ? '' : ` by ${listed(each)}`
  return fate.unsettled.length === 0 ? by : `${by} as if there were no ${unsettledWords(graph, fate.unsettled)}`
}

/** Version 1 settles one slot after the other, and those that come later it takes for absent. */
function unsettledWords(graph: RoomGraph, slots: readonly number[]): string {
  const names = slots.map((slot) => slotWords(graph, slot).replace(/^the /, ''))
  return `${listed(names)}, where the branches differ as well and which room version 1 settles later`
}

function settled({blockers, unsettled}: Extract<Fate, {kind: 'failed'}>): readonly Blocker[] {
  return blockers.filter(({slot}) => !unsettled.includes(slot))
}

function whyWords(graph: RoomGraph, reset: Reset): string {
  const {cause, lost, fate, dropped} = reset
  const before = dropped.map((one) =>
    sentence(`${timed(graph, one.row)} ${verb(graph, one.row, 'was')} thrown out: ${reasonOf(one.fate)}`),
  )
  const order = ORDER_WORDS[cause]
  if (fate.kind !== 'failed' || (!JUDGED_AGAIN.has(cause) && order === undefined)) {
    const lacking = reset.lacking === null || reset.lacking === lost ? '' : `: ${timed(graph, reset.lacking)}`
    return [...before, `${sentence(causeWords(reset))}${lacking}`].join('. ')
  }
  const differ = reset.inEvery ? 'Since the branches differ there, it' : 'Since not all branches had it, it'
  const subject =
    dropped.length === 0
      ? `${differ} was`
      : sentence(`${timed(graph, lost)}, which stood there before, ${verb(graph, lost, 'was')}`)
  const stale = cause === 'A-unconflicted-deauthorises' ? ` (${causeWords(reset)})` : ''
  return [
    ...before,
    `${subject} checked again${byWords(graph, reset)}, and thrown out${dropped.length === 0 ? '' : ' as well'}: ${reasonOf(fate)}${stale}`,
    ...(order === undefined ? [] : [`What it builds on was put after it${order}`]),
  ].join('. ')
}

/** For an event that failed because it was judged before what it builds on. */
const ORDER_WORDS: Readonly<Partial<Record<ResetCause, string>>> = {
  'mainline-older': ', since it cites older power levels or none',
  'ts-tiebreak': ' by the times that their servers claim',
  'id-tiebreak': ' by the event IDs, since both claim the same time',
  'power-order': ' by the power of the senders',
}

const JUDGED_AGAIN: ReadonlySet<ResetCause> = new Set([
  'concurrent-rule-change',
  'A-unconflicted-deauthorises',
  'revoked-concurrently',
])

function causeWords({cause, fate}: Reset): string {
  const isCutOff = cause === 'depth-forged' && fate.kind === 'overridden' && fate.step === null
  return isCutOff
    ? 'in room version 1 the values are tried in the order of the depths that they claim until one fails, and one before it failed'
    : CAUSE_WORDS[cause]
}

const CAUSE_WORDS: Readonly<Record<ResetCause, string>> = {
  'A-unconflicted-deauthorises':
    'one of the merged states is out of date, and what they all agree on counts although it came later; MSC4297, problem A',
  'B-missing-intermediate':
    'an event that it builds on was not looked at again, since every branch has it in its history (MSC4297, problem B)',
  'concurrent-rule-change':
    'it is in the history of all branches and was not looked at again when the newer values failed',
  'revoked-concurrently': 'what was sent at the same time on another branch stands against it',
  'stale-input':
    'one of the merged states is not what the events give; with the right states the newer value would have stayed',
  'mainline-older':
    'the newer one cites older power levels or none, and the one that was sent under newer power levels wins',
  'ts-tiebreak': 'by the times that their servers claim the older one was sent later, and the later one wins',
  'id-tiebreak': 'both claim the same time, and then the greater event ID wins',
  'power-order':
    'events that change what others may do are put in the order of the power of their senders, the greatest first, each after those that it builds on, and the last one wins',
  'depth-forged':
    'in room version 1 the greater depth wins, and the older one claims a depth that it cannot have, or the newer one does',
  'rejected-input':
    'the rules reject it, so that no state should hold it; servers differ in what they do when one does',
  'missing-events': 'an event that it depends on is not in the evidence, so that the reason cannot be told',
}

/** What happened, step by step, for people. */
export function resetStory(graph: RoomGraph, reset: Reset): readonly string[] {
  const {dropped, lost, fate, got, merge, underV21} = reset
  const held = merge.inputs.length
  const lines = [
    ...dropped.map((one) => droppedLine(graph, one)),
    fateLine(graph, lost, fate, reset),
    got === ABSENT
      ? `So ${leftWords(graph, reset)} is left${reset.inEvery ? `, where ${held === 2 ? 'both' : `all ${String(held)}`} merged states had something` : ''}.`
      : `So ${named(graph, got)} ${verb(graph, got, 'stands')} there again.`,
  ]
  if (underV21 !== null) lines.push(underV21Line(graph, reset, underV21))
  return lines
}

function leftWords(graph: RoomGraph, {slot}: Reset): string {
  const {type} = graph.slotAt(slot)
  return type === 'm.room.member' ? absence(type) : 'nothing'
}

function droppedLine(graph: RoomGraph, {row, fate}: Dropped): string {
  return `${sentence(named(graph, row))} ${verb(graph, row, 'was')} checked again and thrown out: ${reasonOf(fate)}.${sinceThen(graph, fate)}`
}

function fateLine(graph: RoomGraph, lost: number, fate: Fate, reset: Reset): string {
  const subject = sentence(named(graph, lost))
  const too = reset.dropped.length > 0 ? ' as well' : ''
  switch (fate.kind) {
    case 'failed':
      return `${subject} ${verb(graph, lost, 'was')} checked again and thrown out${too}: ${reasonOf(fate)}.${sinceThen(graph, fate)}`
    case 'overridden':
      return `${subject} passed, but ${named(graph, fate.by)} came after ${isPlural(graph, lost) ? 'them' : 'it'}: ${causeWords(reset)}.`
    case 'rejected-before':
      return `${subject} ${verb(graph, lost, 'was')} not considered: ${causeWords(reset)}.`
    case 'not-considered':
      return `${subject} ${verb(graph, lost, 'was')} there before: ${causeWords(reset)}.`
    case 'won':
      return `${subject} won.`
  }
}

function reasonOf(fate: Fate): string {
  if (fate.kind !== 'failed' || fate.step.rejection === null) return 'the rules do not allow it'
  const {rule, because} = fate.step.rejection
  return `${because} (rule ${rule.replace(/@.*$/, '')})`
}

/** What stood against it that was not there when it was sent. */
function sinceThen(graph: RoomGraph, fate: Fate): string {
  if (fate.kind !== 'failed') return ''
  const open =
    fate.unsettled.length === 0 ? '' : ` It was checked as if there were no ${unsettledWords(graph, fate.unsettled)}.`
  const stood = settled(fate)
    .map(({event, own, origin}, index) => {
      const also = index === 0 ? '' : 'also '
      const before =
        own === ABSENT
          ? `There was ${also}nothing of that kind when it was sent`
          : `It was ${also}sent under ${named(graph, own)}`
      const how = origin === 'agreed' ? 'all branches agree on' : 'the merge had settled on'
      return ` ${before}, but ${how} ${named(graph, event)}.`
    })
    .join('')
  return stood + open
}

function underV21Line(graph: RoomGraph, {lost, got}: Reset, row: number): string {
  if (row === lost) return `In room version 12 ${named(graph, row)} would have stayed: an upgrade prevents this.`
  if (row === got) return 'In room version 12 the outcome would be the same: an upgrade would not have prevented this.'
  return `In room version 12 the outcome would be ${row === ABSENT ? 'that nothing is left there' : named(graph, row)}.`
}
