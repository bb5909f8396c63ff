import {fewOf} from '../finding/slot-words.ts'
import {ABSENT} from '../resolve/state-trie.ts'
import type {Difference} from './differences.ts'
import type {Side} from './sides.ts'

/**
 * What the admins of the servers can do about one slot in which a server diverges: which server is wrong, and the steps there, by what is known
 * of it. What nobody is known to have tried is said to be by Synapse's code.
 *
 * @param given - all sides that were compared, in the order of `difference.theirs`
 * @param server - the one that diverges
 */
export function divergenceRemedy(given: readonly Side[], {theirs}: Difference, server: string): string {
  const gradeOf = (index: number) => theirs[index]?.grade ?? null
  const others = [...new Set(given.map((side) => side.server))].filter((name) => name !== server)
  const right = others.filter((name) => given.every((side, at) => side.server !== name || gradeOf(at) === null))
  const wrong = others.filter((name) => given.some((side, at) => side.server === name && gradeOf(at) === 'diverged'))
  const own = given.flatMap((side, at) =>
    side.server === server ? [{side, row: theirs[at]?.row ?? ABSENT, grade: gradeOf(at)}] : [],
  )
  return `${whoIsWrong(server, right, wrong)} ${stepsOf(server, own, right)}`
}

interface OwnSide {
  readonly side: Side
  readonly grade: Difference['grade'] | null
}

function whoIsWrong(server: string, right: readonly string[], wrong: readonly string[]): string {
  if (right.length > 0) {
    return `${server} is the one to mend: ${fewOf(right, 3)} ${right.length === 1 ? 'has' : 'have'} what the events give and need${right.length === 1 ? 's' : ''} nothing.`
  }
  if (wrong.length > 0) {
    return `No server that was compared has what the events give (${fewOf([server, ...wrong], 3)} ${wrong.length === 1 ? 'both' : 'all'} differ): before anything is changed, gather the room again by another route, so that no event is missing.`
  }
  return `By the events ${server} is the one to mend; but no other server was compared: look at one before anything is changed (--with SERVER, --reported FILE).`
}

/** How to set a slot anew, which mends it whatever the reason. */
const ANEW =
  'A new event in each slot that differs (a user joins again or changes the name, a moderator sets the topic again) replaces what every server has there, as long as the wrong state does not forbid it.'

function stepsOf(server: string, own: readonly OwnSide[], right: readonly string[]): string {
  const isCurrent = ({side}: OwnSide): boolean => side.what === 'current'
  const isWrong = ({grade}: OwnSide): boolean => grade === 'diverged'
  const stored = own.filter((one) => !isCurrent(one))
  if (stored.some(isWrong)) {
    const through = right[0] ?? 'a server whose state is right'
    return `The state that it gives at an event is wrong, so that it goes on from a wrong one. ${ANEW} If many slots are wrong: let its users leave, purge the room there (admin API), and let them join again through ${through}; that follows from Synapse's code, and was not tried on such a room.`
  }
  if (stored.length > 0 && own.some((one) => isCurrent(one) && isWrong(one))) {
    return `Its state at its newest event is right, only its current state is stale. By Synapse's code it is made anew when a state event comes (not tried): let a user of ${server} send one (the topic as it is), and compare again. If it stays: ${ANEW.charAt(0).toLowerCase()}${ANEW.slice(1)}`
  }
  const isRecorded = own.some(({side}) => side.view.recorded !== null)
  const which = isRecorded
    ? 'If the states that it recorded are wrong (diff tells since when), it goes on from them; otherwise only its current state is stale.'
    : 'Whether only its current state is stale or its stored states are wrong, its database tells (matrix-state fetch --database), or a diff with --signing-key.'
  return `${which} ${ANEW}`
}
