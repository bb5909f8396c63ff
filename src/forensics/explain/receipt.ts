import type {Rejection} from '../../auth/check.ts'
import {Flag} from '../../graph/room-graph.ts'
import type {Replay} from '../../resolve/replay.ts'
import type {Check, CheckName, CheckOutcome, ServerWord, TextEvidence} from './explanation.ts'
import {type Hearing, judge, type Judged, provesDuplicate} from './hearing.ts'
import {estimateAsLast, type SoftFailEstimate} from './soft-fail.ts'

/** What an event is checked with, beside its judges. */
export interface ReceiptOptions {
  readonly trustIds: boolean
  readonly text: TextEvidence | null
  readonly servers: readonly ServerWord[]
  /** `null`: nobody has sent it. */
  readonly sent: {readonly replay: Replay; readonly row: number} | null
  /** For an event that nobody has sent: the check against the current state; `null` where its prev_events are the tips. */
  readonly current: Judged | null
}

/** The checks on receipt, in order, and what judging gave. */
export interface Receipt {
  readonly checks: readonly Check[]
  readonly auth: Judged | null
  readonly before: Judged | null
  /** Why it is rejected: by the first check that does. */
  readonly rejection: Rejection | null
}

/**
 * Checks an event as a server does on receipt. Later checks are made although an earlier one failed, where they can be: what else is wrong
 * is worth knowing.
 *
 * @see https://spec.matrix.org/v1.19/server-server-api/#checks-performed-on-receipt-of-a-pdu
 */
export function checkReceipt(hearing: Hearing, options: ReceiptOptions): Receipt {
  const {fault} = hearing.event
  const isUsable = fault === null
  const isJudgeable = !options.sent?.replay.graph.has(options.sent.row, Flag.Cyclic | Flag.Ambiguous)
  const isOpen = hearing.event.authEvents.some((id) => hearing.open.has(id))
  const duplicate = isUsable && isOpen && isJudgeable ? provesDuplicate(hearing) : null
  const auth = isUsable && isJudgeable && !isOpen ? judge(hearing, 'auth') : null
  const before = isUsable && isJudgeable && hearing.state !== null ? judge(hearing, 'before') : null
  const refused: Rejection | null =
    fault === null
      ? null
      : {rule: `format:${fault.what}`, name: `format:${fault.what}`, because: fault.message, culprit: null}
  const isOfState = hearing.event.type !== 'm.room.create'
  const ownRejection = duplicate ?? auth?.rejection ?? null
  const rejection = refused ?? ownRejection ?? (auth === null ? null : (before?.rejection ?? null))
  return {
    checks: [
      format(hearing, options),
      signatures(hearing, options),
      contentHash(hearing, options),
      byOwn(hearing, {isUsable, isJudgeable, auth, rejection: ownRejection}),
      byState({isUsable, isJudgeable, before, isOfState}),
      byCurrent(options, rejection, isUsable && auth?.passes === true && before?.passes === true),
    ],
    auth,
    before,
    rejection,
  }
}

const check = (name: CheckName, outcome: CheckOutcome, says: string, rule: string | null = null): Check => ({
  name,
  outcome,
  says,
  rule,
})

function format({event, rules}: Hearing, {trustIds, sent}: ReceiptOptions): Check {
  const {fault} = event
  if (fault !== null && fault.what !== 'signature') {
    return check(
      'format',
      'failed',
      `${fault.message}: servers drop it as if it had never come`,
      `format:${fault.what}`,
    )
  }
  if (trustIds && sent !== null) {
    return check(
      'format',
      'not-checked',
      'event IDs are taken as given (--trust-ids): form and size were not looked at',
    )
  }
  return check('format', 'passed', `it has the form that room version ${rules.id} wants, and is not too large`)
}

function signatures({event}: Hearing, {trustIds, text, sent}: ReceiptOptions): Check {
  const name = 'signatures'
  if (event.fault?.what === 'signature') {
    return check(name, 'failed', `${event.fault.message}: servers drop it`, 'format:signature')
  }
  if (event.fault !== null) return check(name, 'not-reached', 'its form is refused before')
  if (sent === null) return check(name, 'not-checked', 'it is signed when it is sent')
  if (trustIds)
    return check(name, 'not-checked', 'event IDs are taken as given (--trust-ids): signatures were not looked at')
  const found = text?.signatures ?? null
  if (found === null) {
    return check(name, 'not-checked', `its servers' signatures are there; checking them needs their keys`)
  }
  const counting = found.checked.filter(({required}) => required)
  if (found.overall === 'verified') {
    const good = counting.filter(({verdict}) => verdict === 'good')
    return check(name, 'passed', `signed by ${good.map(({server, keyId}) => `${server} (${keyId})`).join(', ')}`)
  }
  if (found.overall === 'bad' || found.missing.length > 0) {
    const bad = counting.filter(({verdict}) => verdict === 'bad').map(({server, keyId}) => `${server} (${keyId})`)
    const what = [
      ...(bad.length === 0 ? [] : [`the signature of ${bad.join(', ')} is wrong`]),
      ...(found.missing.length === 0 ? [] : [`${found.missing.join(', ')} did not sign it`]),
    ]
    if (what.length > 0) return check(name, 'failed', `${what.join('; ')}: servers drop it`)
  }
  const unknown = counting.filter(({verdict}) => verdict !== 'good').map(({server, keyId}) => `${server} (${keyId})`)
  return check(name, 'not-checked', `the key of ${unknown.join(', ')} is not known, or not for that time`)
}

function contentHash({event}: Hearing, {trustIds, text, sent}: ReceiptOptions): Check {
  const name = 'content-hash'
  const redacted = 'servers take it in its redacted form'
  if (event.fault !== null) return check(name, 'not-reached', 'servers do not use it')
  if (sent === null) return check(name, 'not-checked', 'it is hashed when it is sent')
  if (text?.contentHash === 'redacted') return check(name, 'failed', 'its content was redacted; it counts as it is now')
  if (text?.contentHash === 'mismatch' || event.contentHashOk === false) {
    return check(name, 'failed', `the content is not what its server hashed: ${redacted}`)
  }
  if (text?.contentHash === 'ok') return check(name, 'passed', 'the content is what its server hashed')
  if (trustIds)
    return check(name, 'not-checked', 'event IDs are taken as given (--trust-ids): hashes were not looked at')
  // State events with a wrong hash would have been marked when they were read.
  return event.stateKey !== undefined
    ? check(name, 'passed', 'the content is what its server hashed')
    : check(name, 'not-checked', 'no rule reads the content of a message; its text is not at hand')
}

function byOwn(
  hearing: Hearing,
  given: {
    readonly isUsable: boolean
    readonly isJudgeable: boolean
    readonly auth: Judged | null
    readonly rejection: Rejection | null
  },
): Check {
  const name = 'auth-events'
  if (!given.isUsable) return check(name, 'not-reached', 'servers do not use it')
  if (given.rejection !== null) return check(name, 'failed', given.rejection.because, given.rejection.rule)
  if (!given.isJudgeable) return check(name, 'not-known', 'which event it is cannot be told')
  if (given.auth === null) {
    const {open, cited, event} = hearing
    const [first = ''] = event.authEvents.filter((id) => open.has(id))
    const why = cited.has(first) ? 'undetermined itself' : 'not in the evidence'
    return check(name, 'not-known', `it cites ${first}, which is ${why}`)
  }
  return check(name, 'passed', 'its own auth events allow it')
}

function byState(given: {
  readonly isUsable: boolean
  readonly isJudgeable: boolean
  readonly before: Judged | null
  readonly isOfState: boolean
}): Check {
  const name = 'state-before'
  if (!given.isUsable) return check(name, 'not-reached', 'servers do not use it')
  if (!given.isOfState) return check(name, 'passed', 'a create event depends on no state')
  if (!given.isJudgeable) return check(name, 'not-known', 'which event it is cannot be told')
  if (given.before === null)
    return check(name, 'not-known', 'the state before it is not known: an event that leads to it is missing')
  const {rejection} = given.before
  if (rejection === null) return check(name, 'passed', 'the state before it allows it')
  return check(name, 'failed', rejection.because, rejection.rule)
}

function byCurrent(options: ReceiptOptions, rejection: Rejection | null, isAccepted: boolean): Check {
  const name = 'current-state'
  const {sent, servers, current} = options
  if (rejection !== null) return check(name, 'not-reached', 'a rejected event is not soft-failed')
  if (sent === null) {
    if (!isAccepted) return check(name, 'not-known', 'the checks before are open')
    if (current === null) return check(name, 'passed', 'it follows all tips: their state is the current one')
    return current.rejection === null
      ? check(name, 'passed', 'the current state allows it, too')
      : check(name, 'failed', `by the current state: ${current.rejection.because}`, current.rejection.rule)
  }
  const failed = servers.filter(({softFailed}) => softFailed === true)
  const took = servers.filter(({softFailed, rejected}) => softFailed === false && typeof rejected !== 'string')
  const names = (list: readonly ServerWord[]): string => list.map(({server}) => server).join(', ')
  if (failed.length > 0) {
    const why = failed
      .map(({estimate}) => estimate)
      .find((estimate) => estimate?.rejection !== null && estimate !== null)
    const last = why ?? estimateAsLast(sent.replay, sent.row)
    return check(
      name,
      'failed',
      `soft-failed by ${names(failed)}${took.length === 0 ? '' : `, not by ${names(took)}`}${reason(last)}`,
      last?.rejection?.rule ?? null,
    )
  }
  if (took.length > 0) return check(name, 'passed', `not soft-failed by ${names(took)}`)
  if (!isAccepted) return check(name, 'not-known', 'the checks before are open')
  const last = estimateAsLast(sent.replay, sent.row)
  const unknown = 'no server told whether it soft-failed it, or when it received it'
  if (last === null) return check(name, 'not-known', unknown)
  return check(
    name,
    'not-known',
    last.passes
      ? `${unknown}; even after all else it would have passed`
      : `${unknown}; whoever received it after all else soft-failed it: ${last.rejection?.because ?? ''}`,
    last.rejection?.rule ?? null,
  )
}

/** Why it was soft-failed, by an estimate of the state that it met. */
function reason(estimate: SoftFailEstimate | null): string {
  const rejection = estimate?.rejection ?? null
  if (estimate === null || rejection === null) return '; by the state as far as it is known, it would have passed'
  const how =
    estimate.by === 'last'
      ? 'by the state without it'
      : estimate.certainty === 'strong'
        ? 'by the state that follows from when events arrived'
        : 'by the state that follows from when events arrived, as far as that is told'
  return `: ${rejection.because} (${how})`
}
