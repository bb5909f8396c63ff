import type {NamedLevel, PowerLevel} from '../matrix/power-levels.ts'
import {Type} from '../graph/room-graph.ts'
import {authRules} from './auth-rules.ts'
import type {Stage} from './check.ts'
import type {Judgement} from './judgement.ts'
import {Decision, type NumberedLine} from './rule.ts'
import {type Look, wordsOf} from './rule-words.ts'
import {Role} from './view.ts'

/**
 * What became of a line. `passed`: it had nothing against the event, the next is asked; `no-say`: it can only allow, and did not;
 * `allowed` and `rejected` end the evaluation.
 * `applies`, `does-not-apply`: of a line that only introduces others. `on-receipt-only`: not asked of a state. `not-reached`: a line before
 * it ended the evaluation.
 */
export type TraceOutcome =
  'passed' | 'no-say' | 'allowed' | 'rejected' | 'applies' | 'does-not-apply' | 'on-receipt-only' | 'not-reached'

/** A value that a rule looked at, and the event that it is from. */
export interface TraceValue {
  readonly what: 'power' | 'level' | 'membership' | 'join-rule' | 'federate'
  /** User, name of the level or event type; `null` for what the room has one of. */
  readonly of: string | null
  /** A level in decimal, or `above all`; a membership, or `none`; a join rule. */
  readonly value: string
  /** Where it is from; `null`: a default, as no event says it. */
  readonly eventId: string | null
}

export interface TraceLine {
  /** As the spec renders it for the room version, e.g. `4.3.5.2`. */
  readonly number: string
  readonly name: string
  /** What the line asks, for people. */
  readonly asks: string
  readonly outcome: TraceOutcome
  /** Why it rejects. */
  readonly because: string | null
  readonly culprit: string | null
  /** Of a line that was asked. */
  readonly values: readonly TraceValue[]
}

export interface Trace {
  readonly stage: Stage
  readonly passes: boolean
  readonly lines: readonly TraceLine[]
}

/**
 * Asks every authorisation rule in order and says what each looked at and said. It walks the same numbered lines as `AuthChecker`, which
 * is left as fast as it is; the event and the view must be in place.
 *
 * @remarks Some microseconds: for explaining single events.
 */
export function traceRules(judgement: Judgement, stage: Stage): Trace {
  const lines = authRules(judgement.rules)
  const tracer = new Tracer(judgement, stage)
  // Create events have no rules that depend on state.
  if (stage === 'before' && judgement.type === Type.Create) return {stage, passes: true, lines: []}
  tracer.walk(lines)
  return {stage, passes: tracer.decision !== Decision.Reject, lines: tracer.lines}
}

class Tracer {
  readonly lines: TraceLine[] = []
  decision: Decision = Decision.Pass
  readonly #judgement: Judgement
  readonly #stage: Stage

  constructor(judgement: Judgement, stage: Stage) {
    this.#judgement = judgement
    this.#stage = stage
  }

  walk(lines: readonly NumberedLine[]): void {
    for (const line of lines) {
      if (line.rule === null) this.#group(line)
      else this.#rule(line)
    }
  }

  #group(line: NumberedLine): void {
    if (this.decision !== Decision.Pass) return this.#add(line, 'not-reached')
    const {group} = line
    const speaksOf = group?.types?.includes(this.#judgement.type) ?? true
    if (!speaksOf || group?.applies?.(this.#judgement) === false) return this.#add(line, 'does-not-apply')
    this.#add(line, 'applies')
    this.walk(line.lines)
  }

  #rule(line: NumberedLine): void {
    const {rule} = line
    if (rule === null) return
    if (this.decision !== Decision.Pass) return this.#add(line, 'not-reached')
    if (this.#stage === 'before' && rule.onReceipt === true) return this.#add(line, 'on-receipt-only')
    this.decision = rule.decide(this.#judgement)
    const passed = rule.because === undefined ? 'no-say' : 'passed'
    this.#add(line, ([passed, 'allowed', 'rejected'] as const)[this.decision])
  }

  #add(line: NumberedLine, outcome: TraceOutcome): void {
    const {asks, looks} = wordsOf(line.name)
    const wasAsked = ASKED.has(outcome)
    const culprit = outcome === 'rejected' ? (line.rule?.culprit?.(this.#judgement) ?? -1) : -1
    this.lines.push({
      number: line.number,
      name: line.name,
      asks,
      outcome,
      because: outcome === 'rejected' ? (line.rule?.because?.(this.#judgement) ?? '') : null,
      culprit: culprit < 0 ? null : this.#judgement.graph.id(culprit),
      values: wasAsked ? looks.flatMap((look) => lookAt(this.#judgement, look) ?? []) : [],
    })
  }
}

const ASKED: ReadonlySet<TraceOutcome> = new Set(['passed', 'no-say', 'allowed', 'rejected', 'applies'])
const MEMBERSHIPS = ['none', 'join', 'invite', 'leave', 'ban', 'knock', 'other'] as const

function lookAt(j: Judgement, look: Look): TraceValue | null {
  switch (look) {
    case 'sender-power':
      return power(j, j.sender)
    case 'target-power':
      return power(j, j.target)
    case 'authoriser-power':
      return power(j, authoriser(j))
    case 'required-power':
      return level(j, j.graph.typeName(j.event), j.requiredPower())
    case 'level-invite':
    case 'level-kick':
    case 'level-ban':
    case 'level-redact': {
      const name = look.slice('level-'.length) as NamedLevel
      return level(j, name, j.levelOf(name))
    }
    case 'sender-membership':
      return membership(j, Role.Sender, j.sender)
    case 'target-membership':
      return membership(j, Role.Target, j.target)
    case 'authoriser-membership':
      return membership(j, Role.Authoriser, authoriser(j))
    case 'join-rule':
      return {what: 'join-rule', of: null, value: j.joinRule() || 'unreadable', eventId: idOf(j, Role.JoinRules)}
    case 'federate':
      return {
        what: 'federate',
        of: null,
        value: String(!j.isShutOut('@nobody:')),
        eventId: idOf(j, Role.Create),
      }
  }
}

const authoriser = (j: Judgement): number => j.graph.columns.authoriser.get(j.event) ?? -1

function idOf(j: Judgement, role: number): string | null {
  const row = j.role(role)
  return row < 0 ? null : j.graph.id(row)
}

function power(j: Judgement, user: number): TraceValue | null {
  if (user < 0) return null
  const name = j.graph.user(user)
  const isAbove = j.isCreatorAboveAll(name)
  const eventId = idOf(j, isAbove ? Role.Create : Role.Power)
  return {what: 'power', of: name, value: showLevel(j.powerOf(user)), eventId}
}

function level(j: Judgement, of: string, value: PowerLevel): TraceValue {
  return {what: 'level', of, value: showLevel(value), eventId: idOf(j, Role.Power)}
}

function membership(j: Judgement, role: number, user: number): TraceValue | null {
  if (user < 0) return null
  return {
    what: 'membership',
    of: j.graph.user(user),
    value: MEMBERSHIPS[j.membershipOf(role)],
    eventId: idOf(j, role),
  }
}

/** Creators may outrank every level; what cannot be read has no level. */
export function showLevel(level: PowerLevel): string {
  if (level === Infinity) return 'above all'
  return Number.isNaN(level) ? 'unreadable' : String(level)
}
