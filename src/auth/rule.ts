import type {RoomVersionRules} from '../matrix/room-version.ts'
import type {Judgement} from './judgement.ts'

/** What a rule says: it has no say, the event is allowed (no later rule is asked), or it is rejected. */
export const Decision = {Pass: 0, Allow: 1, Reject: 2} as const
export type Decision = (typeof Decision)[keyof typeof Decision]

export const rejectIf = (bad: boolean): Decision => (bad ? Decision.Reject : Decision.Pass)
export const allowIf = (good: boolean): Decision => (good ? Decision.Allow : Decision.Pass)

/** One numbered line of the spec's authorisation rules that decides. */
export interface Rule {
  /** Stable name of the line, the same in every version that has it. */
  readonly name: string
  /** Versions that have the line; all when absent. Absent lines shift the numbers of those after them. */
  readonly when?: (rules: RoomVersionRules) => boolean
  /** Looks at the event itself or its own auth events only, so that it is asked once, on receipt, and not against states. */
  readonly onReceipt?: true
  readonly decide: (judgement: Judgement) => Decision
  /** A sentence for people on why it rejects; absent when the line can only allow. */
  readonly because?: (judgement: Judgement) => string
  /** Row of the event that stands in the way, or -1. */
  readonly culprit?: (judgement: Judgement) => number
}

/** A numbered line that only introduces sub-lines: "If type is m.room.member: 1. … 2. …". */
export interface RuleGroup {
  readonly name: string
  readonly when?: (rules: RoomVersionRules) => boolean
  /** The group speaks of events of these types only; all when absent. */
  readonly types?: readonly number[]
  readonly applies?: (judgement: Judgement) => boolean
  readonly lines: readonly RuleLine[]
}
export type RuleLine = Rule | RuleGroup

/** A line with the number that the spec renders for it in one room version; all of one shape, which is what makes asking them fast. */
export interface NumberedLine {
  readonly name: string
  /** E.g. `4.3.5.2`. */
  readonly number: string
  /** `null` for a group. */
  readonly rule: Rule | null
  readonly group: RuleGroup | null
  /** Of a group. */
  readonly lines: readonly NumberedLine[]
}
export interface NumberedRule extends NumberedLine {
  readonly rule: Rule
}

/** Numbers the lines that a room version has, as the spec's page for it does. */
export function numberLines(lines: readonly RuleLine[], rules: RoomVersionRules, prefix = ''): readonly NumberedLine[] {
  return lines
    .filter((line) => line.when?.(rules) ?? true)
    .map((line, index): NumberedLine => {
      const number = `${prefix}${String(index + 1)}`
      return 'lines' in line
        ? {name: line.name, number, rule: null, group: line, lines: numberLines(line.lines, rules, `${number}.`)}
        : {name: line.name, number, rule: line, group: null, lines: []}
    })
}

/** Every rule of a numbered tree, in order. */
export function flatten(lines: readonly NumberedLine[]): readonly NumberedRule[] {
  return lines.flatMap((line) => (line.rule === null ? flatten(line.lines) : [{...line, rule: line.rule}]))
}
