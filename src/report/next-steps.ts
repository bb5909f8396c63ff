import type {Finding} from '../finding/finding.ts'
import {slotWords} from '../finding/slot-words.ts'
import {type Asked, canBeWord, shellWord} from './asked.ts'
import {printable} from './printable.ts'
import {joinLines, title} from './sections.ts'
import {paint, type TextStyle} from './table.ts'
import {wrap} from './width.ts'

interface Step {
  /** `null`: none can be written. */
  readonly command: string | null
  readonly why: string
}

const MOST = 3

/**
 * The command lines that go on from what was found: nothing where nothing was, or where it is not known how the room was asked for.
 *
 * @param from - the command that found it, which is not named again
 */
export function nextSteps(
  findings: readonly Finding[],
  from: 'resolve' | 'diff' | 'blame',
  asked: Asked | undefined,
  style: TextStyle,
): string {
  if (asked === undefined) return ''
  const {dim} = paint(style)
  const found = stepsOf(findings, from, asked).slice(0, MOST)
  const steps = found.length === 0 ? [] : [...found, lookAtIt(asked)]
  // A command that is broken over lines cannot be copied.
  const lines = steps.flatMap(({command, why}) => [
    ...(command === null ? [] : [`  matrix-state ${command}`]),
    dim(wrap(`    ${printable(why, 300)}`, 4, style.columns)),
  ])
  return lines.length === 0 ? '' : joinLines([title('Next', style), ...lines])
}

function stepsOf(findings: readonly Finding[], from: string, {room, withStates}: Asked): readonly Step[] {
  const steps: Step[] = []
  const first = (...ids: readonly Finding['id'][]): Finding | undefined => findings.find(({id}) => ids.includes(id))
  const lost = first('state/reset')
  const wedged = first('room/wedged-member')
  const rejected = first('dag/rejected-event')
  const softFailed = first('server/soft-failed-there')
  const differing = first('state/divergence')
  if (lost !== undefined) {
    if (from !== 'blame') steps.push(...blame(lost, room, 'how it was lost, step by step'))
    const {subject} = lost
    // A warning has been repaired since, or is not sure.
    const isMember = subject.kind === 'slot' && subject.type === 'm.room.member'
    if (isMember && lost.severity === 'error' && canBeWord(subject.state_key)) {
      const user = shellWord(subject.state_key)
      steps.push({command: `explain ${room} --can ${user} join`, why: 'whether they can come back, and who can help'})
    }
  }
  if (differing !== undefined) {
    if (from === 'resolve')
      steps.push({command: `diff ${withStates}`, why: 'who says what, and what it means for people'})
    else steps.push(...blame(differing, room, 'how the events come to what the replay gives'))
  }
  const event = wedged?.evidence.map(({value}) => value).find((value) => isEventId(value))
  const refused = rejected?.subject.kind === 'event' ? rejected.subject.event_id : undefined
  const wanted = event ?? refused
  if (typeof wanted === 'string' && canBeWord(wanted)) {
    steps.push({
      command: `explain ${room} ${shellWord(wanted)}`,
      why: 'by which rule it was rejected, and what would have had to differ',
    })
  }
  const hidden = softFailed?.evidence[0]?.value
  if (typeof hidden === 'string' && canBeWord(hidden)) {
    steps.push({command: `explain ${room} ${shellWord(hidden)}`, why: 'why it was soft-failed'})
  }
  return steps
}

/** Where something is wrong, a picture helps whatever it is. */
function lookAtIt({withStates}: Asked): Step {
  return {
    command: `explore ${withStates} -o room.html`,
    why: 'to see it in a browser: every event, and the state through time',
  }
}

const isEventId = (value: unknown): boolean => typeof value === 'string' && value.startsWith('$')

function blame({subject}: Finding, room: string, why: string): readonly Step[] {
  if (subject.kind !== 'slot') return []
  const {type, state_key: key} = subject
  if (!canBeWord(type) || !canBeWord(key)) {
    const what = 'a NUL character or half of a surrogate pair, which no command line can hold'
    return [{command: null, why: `There is no command for ${slotWords(type, key)}: its name has ${what}.`}]
  }
  const isUser = type === 'm.room.member' && key.startsWith('@')
  const words = isUser ? [key] : key === '' && type !== '' && !type.startsWith('@') ? [type] : [type, key]
  // What follows is no flag, whatever it looks like.
  const end = words.some((word) => word.startsWith('-')) ? ['--'] : []
  return [{command: ['blame', room, ...end, ...words.map(shellWord)].join(' '), why}]
}
