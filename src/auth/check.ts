import type {RoomGraph} from '../graph/room-graph.ts'
import {authRules} from './auth-rules.ts'
import {type IsRejected, Judgement} from './judgement.ts'
import {Decision, flatten, type NumberedLine} from './rule.ts'
import {duplicate} from './rules/auth-events.ts'
import {type AuthView, ROLES} from './view.ts'

/** Which of a server's two checks on receipt rejected an event: against its own auth events, or against the state before it. */
export type Stage = 'auth' | 'before'

/** Why an event is rejected. */
export interface Rejection {
  /** `v<room version>:<number>@<stage>`, or `format:<what>`. */
  readonly rule: string
  /** Stable name of the rule, the same in every room version. */
  readonly name: string
  /** A sentence for people. */
  readonly because: string
  /** ID of the event that stands in the way, if it is one. */
  readonly culprit: string | null
}

interface Lists {
  /** On receipt: everything. */
  readonly own: readonly NumberedLine[]
  /** Against a state: without the rules that look at the event alone. */
  readonly state: readonly NumberedLine[]
}

/**
 * Judges events of one graph. Fill `judgement.view`, then ask.
 *
 * @remarks No allocation on the way to a verdict: a check of a message costs about 0.1 microseconds.
 */
export class AuthChecker {
  readonly judgement: Judgement
  readonly #lines: readonly NumberedLine[]
  readonly #byType = new Map<number, Lists>()
  #failed: NumberedLine | null = null
  /** By row: where its last view stands in `#asked`, followed by the answer; 0: never asked. */
  readonly #askedAt: Int32Array
  readonly #asked: number[] = [UNASKED]

  constructor(graph: RoomGraph, isRejected: IsRejected) {
    this.judgement = new Judgement(graph, isRejected)
    this.#lines = authRules(graph.rules)
    this.#askedAt = new Int32Array(graph.size)
  }

  /** All rules, as on receipt: `view` holds the event's own auth events. */
  passesOwn(row: number): boolean {
    return this.#run(row, this.#listsFor(row).own)
  }

  /** The rules that depend on state: `view` holds the state, or what stands for it while a merge is resolved. */
  passesState(row: number): boolean {
    return this.#run(row, this.#listsFor(row).state)
  }

  /**
   * Like `passesState`, without a reason to give: merge after merge asks the same of the same events, so that what was asked last about an
   * event is remembered with its answer.
   */
  passesMerge(row: number): boolean {
    const view = this.judgement.view
    let at = this.#askedAt[row] ?? 0
    if (at === 0) {
      at = this.#asked.length
      this.#askedAt[row] = at
      for (let k = 0; k <= ROLES; k += 1) this.#asked.push(UNASKED)
    } else if (this.#wasAsked(at, view)) return this.#asked[at + ROLES] === 1
    const passes = this.passesState(row)
    for (let role = 0; role < ROLES; role += 1) this.#asked[at + role] = view[role] ?? UNASKED
    this.#asked[at + ROLES] = passes ? 1 : 0
    return passes
  }

  #wasAsked(at: number, view: AuthView): boolean {
    for (let role = 0; role < ROLES; role += 1) if (this.#asked[at + role] !== view[role]) return false
    return true
  }

  /**
   * Whether two of the event's auth events stand in one slot: the only rule that can be held against an event before all its auth
   * events are known, since it comes first and more events cannot heal it.
   */
  provesDuplicate(row: number): boolean {
    this.judgement.event = row
    const rule = flatten(this.#lines).find(({name}) => name === 'auth-events.duplicate')
    this.#failed = duplicate(this.judgement) >= 0 ? (rule ?? null) : null
    return this.#failed !== null
  }

  /** Why the last question was answered with no. The view must still be as it was. */
  rejection(stage: Stage): Rejection {
    const failed = this.#failed
    if (failed === null) throw new Error('the last event passed')
    const {judgement} = this
    const culprit = failed.rule?.culprit?.(judgement) ?? -1
    return {
      rule: `v${judgement.rules.id}:${failed.number}@${stage}`,
      name: failed.name,
      because: failed.rule?.because?.(judgement) ?? '',
      culprit: culprit < 0 ? null : judgement.graph.id(culprit),
    }
  }

  #run(row: number, lines: readonly NumberedLine[]): boolean {
    this.judgement.event = row
    this.#failed = null
    return this.#decide(lines) !== Decision.Reject
  }

  #decide(lines: readonly NumberedLine[]): Decision {
    for (const line of lines) {
      const {rule, group} = line
      let decision: Decision = Decision.Pass
      if (rule !== null) {
        decision = rule.decide(this.judgement)
        if (decision === Decision.Reject) this.#failed = line
      } else if (group?.applies === undefined || group.applies(this.judgement)) decision = this.#decide(line.lines)
      if (decision !== Decision.Pass) return decision
    }
    return Decision.Pass
  }

  #listsFor(row: number): Lists {
    const type = this.judgement.graph.type[row] ?? -1
    const known = this.#byType.get(type)
    if (known !== undefined) return known
    const own = inlined(this.#lines.filter((line) => line.group?.types?.includes(type) ?? true))
    const lists = {own, state: withoutReceipt(own)}
    this.#byType.set(type, lists)
    return lists
  }
}

/** No row, and no view either. */
const UNASKED = -2

/** Groups that hold for every event of the type are only there for their numbers. */
function inlined(lines: readonly NumberedLine[]): readonly NumberedLine[] {
  return lines.flatMap((line) =>
    line.group !== null && line.group.applies === undefined ? inlined(line.lines) : [line],
  )
}

/** Create events have no rules that depend on state: nothing is left of theirs, and nothing is not a rejection. */
function withoutReceipt(lines: readonly NumberedLine[]): readonly NumberedLine[] {
  if (lines.some((line) => line.name === 'create.allow')) return []
  return lines.flatMap((line): readonly NumberedLine[] => {
    if (line.rule !== null) return line.rule.onReceipt === true ? [] : [line]
    const left = withoutReceipt(line.lines)
    return left.length === 0 ? [] : [{...line, lines: left}]
  })
}
