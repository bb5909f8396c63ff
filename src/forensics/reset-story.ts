import type {RoomGraph} from '../graph/room-graph.ts'
import {ABSENT} from '../resolve/state-trie.ts'
import type {ResetCause} from './cause.ts'
import type {Fate} from './fate.ts'
import type {Dropped, Reset} from './resets.ts'
import {eventWords, listed, sentence, slotWords, valueOf} from './words.ts'

/** What happened and why, in a sentence or two; without a full stop at the end. */
export function resetSummary(graph: RoomGraph, reset: Reset): string {
  const place = mergePlace(graph, reset)
  const lost = named(graph, reset.lost)
  if (reset.expected) {
    const now = reset.got === ABSENT ? 'and nothing is in its place' : `and ${named(graph, reset.got)} stays`
    const by =
      reset.blockers.length === 0 ? 'another branch' : listed(reset.blockers.map(({event}) => named(graph, event)))
    return `${sentence(lost)} does not count ${place}, ${now}: meanwhile, on another branch, there was ${by}, by which ${reasonOf(reset.fate)}. That is how resolution is meant to work`
  }
  const {type, stateKey} = graph.slotAt(reset.slot)
  const why = whyWords(graph, reset)
  if (reset.got !== ABSENT) {
    return `${sentence(slotWords(graph, reset.slot))} went back ${place} from ${lost} to ${named(graph, reset.got)}, which is older: ${why}`
  }
  const subject =
    type === 'm.room.member' && valueOf(graph, reset.lost) === 'join'
      ? `${stateKey} dropped out of the room ${place}, and nobody removed this user`
      : `${sentence(slotWords(graph, reset.slot))} vanished ${place}, and nobody took it away`
  return `${subject}: ${why}`
}

function named(graph: RoomGraph, row: number): string {
  return `${eventWords(graph, row)} (${graph.id(row)})`
}

function mergePlace(graph: RoomGraph, {merge}: Reset): string {
  const branches = String(merge.inputs.length)
  if (merge.at !== null) return `at ${graph.id(merge.at)}, where ${branches} branches meet`
  return merge.prevs.length > 0
    ? `where the ${branches} tips of the room meet`
    : `where the ${branches} given states meet`
}

function whyWords(graph: RoomGraph, reset: Reset): string {
  const {cause, lost, fate, dropped, blockers} = reset
  if (fate.kind !== 'failed' || (cause !== 'concurrent-rule-change' && cause !== 'A-unconflicted-deauthorises')) {
    const before =
      dropped.length === 0 ? '' : `${listed(dropped.map(({row}) => named(graph, row)))} did not count, and `
    const lacking = reset.lacking === null ? '' : `: ${named(graph, reset.lacking)}`
    return `${before}${CAUSE_WORDS[cause]}${lacking}`
  }
  const first =
    dropped.length === 0
      ? 'since not all branches had it, it'
      : `${listed(dropped.map((one) => `${named(graph, one.row)} failed, since ${reasonOf(one.fate)}`))}; then ${named(graph, lost)}`
  const [blocker] = blockers
  const under = blocker === undefined ? '' : ` by ${named(graph, blocker.event)}, under which it was not sent,`
  const stale = cause === 'A-unconflicted-deauthorises' ? ` (${CAUSE_WORDS[cause]})` : ''
  return `${first} was judged again${under} and failed, since ${reasonOf(fate)}${stale}`
}

const CAUSE_WORDS: Readonly<Record<ResetCause, string>> = {
  'A-unconflicted-deauthorises': 'one merged state was out of date; MSC4297, problem A',
  'B-missing-intermediate':
    'an event that it builds on was not looked at again, since every branch has it in its history (MSC4297, problem B)',
  'concurrent-rule-change':
    'it is in the history of all branches and was not looked at again when the newer values failed',
  'revoked-concurrently': 'what was sent at the same time on another branch stands against it',
  'stale-input': 'one of the merged states is not the one that the events give',
  'mainline-older': 'it was sent under older power levels than the other, and what is sent under newer ones wins',
  'ts-tiebreak': 'by the timestamps that servers claim the older one came later, and the later one wins',
  'id-tiebreak': 'both have the same timestamp, so that the greater event ID wins',
  'power-order':
    'events that change what others may do are ordered by the power of their senders, and that puts the older one last',
  'depth-forged':
    'in room version 1 the greater depth that an event claims wins, and a slot is settled at the first event that fails',
  'rejected-input': 'the rules reject it, and servers differ in whether a rejected event may be in a state',
  'missing-events': 'an event that it depends on could not be loaded',
}

/** What happened, step by step, for people. */
export function resetStory(graph: RoomGraph, reset: Reset): readonly string[] {
  const {dropped, lost, fate, got, merge, underV21} = reset
  const held = merge.inputs.length
  const lines = [
    ...dropped.map((one) => droppedLine(graph, one)),
    fateLine(graph, lost, fate, reset),
    got === ABSENT
      ? `So nothing is left in the slot${reset.inEvery ? `, which ${held === 2 ? 'both' : `all ${String(held)}`} merged states had filled` : ''}.`
      : `So ${named(graph, got)} stands there again.`,
  ]
  if (underV21 !== null) lines.push(underV21Line(graph, reset, underV21))
  return lines
}

function droppedLine(graph: RoomGraph, {row, fate}: Dropped): string {
  return `${sentence(named(graph, row))} failed: ${reasonOf(fate)}.${sinceThen(graph, fate)}`
}

function fateLine(graph: RoomGraph, lost: number, fate: Fate, reset: Reset): string {
  const subject = sentence(named(graph, lost))
  const too = reset.dropped.length > 0 ? ', too' : ''
  switch (fate.kind) {
    case 'failed':
      return `${subject} was judged again and failed${too}: ${reasonOf(fate)}.${sinceThen(graph, fate)}`
    case 'overridden':
      return `${subject} passed, but ${named(graph, fate.by)} came after it: ${CAUSE_WORDS[reset.cause]}.`
    case 'rejected-before':
      return `${subject} was not considered: ${CAUSE_WORDS[reset.cause]}.`
    case 'not-considered':
      return `${subject} was there before: ${CAUSE_WORDS['concurrent-rule-change']}.`
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
  return fate.blockers
    .map(({event, own, origin}) => {
      const before =
        own === ABSENT ? 'Nothing of that kind was there when it was sent' : `It was sent under ${named(graph, own)}`
      const how = origin === 'agreed' ? 'all branches agree on' : 'the merge had settled on'
      return ` ${before}, but ${how} ${named(graph, event)}.`
    })
    .join('')
}

function underV21Line(graph: RoomGraph, {lost, got}: Reset, row: number): string {
  const is = row === ABSENT ? 'nothing' : named(graph, row)
  if (row === lost) return `The resolution of room version 12 would have kept ${is}: an upgrade prevents this.`
  if (row === got) {
    return `The resolution of room version 12 gives ${row === ABSENT ? 'nothing, too' : 'the same'}: an upgrade would not have prevented this.`
  }
  return `The resolution of room version 12 would give ${is}.`
}
