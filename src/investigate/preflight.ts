import {checkBaseline} from '../devices/baseline-checks.ts'
import type {BaselineCheck, Repair, StoreOutcome, TokenOutcome} from '../devices/baseline-evidence.ts'
import {StateError} from '../errors.ts'
import type {Finding, FindingId} from '../finding/finding.ts'
import type {Baseline} from '../matrix/device-baseline.ts'
import {askForBot, type Answers, type AskedRoute} from './preflight-answers.ts'
import type {DeviceAccess} from './open-device-routes.ts'
import {checkStore} from './store-check.ts'

export interface PreflightOptions {
  readonly baseline: Baseline
  /** Name of the profile that it stands in, for commands; `null`: a file of its own. */
  readonly profile: string | null
  /** Whose token `setup` was given, as far as it is known. */
  readonly account: {readonly user_id: string; readonly device_id: string | null} | null
  readonly access: DeviceAccess
  /** `look`: whether the store is there and what a check's file says, but no command is run. */
  readonly store: 'check' | 'look' | 'leave-out'
  /** For everything together, milliseconds. */
  readonly timeoutMs: number
  readonly signal: AbortSignal
  readonly nowMs: () => number
}

/** What `preflight` found. */
export interface PreflightReport {
  readonly profile: string | null
  readonly baseline: Pick<Baseline, 'user_id' | 'device_id' | 'recorded_ts'>
  /** Always all of them. */
  readonly checks: readonly BaselineCheck[]
  readonly findings: readonly Finding[]
  readonly repairs: ReadonlyMap<FindingId, readonly Repair[]>
  /** Whether every check was made that could be made with what was given. */
  readonly complete: boolean
  /** Why not: what was asked for and not told. */
  readonly open: readonly string[]
  readonly asked: readonly AskedRoute[]
  readonly failed: readonly {readonly name: string; readonly error: StateError}[]
  /** Why nobody told anything; the store was looked at all the same. */
  readonly error: StateError | null
  readonly notes: readonly string[]
}

/**
 * Holds a bot's baseline against what servers say now, and against its disk. Everything is kept in memory, and nothing is written.
 *
 * @throws StateError USAGE for what was typed wrongly; the signal's reason. That no server answers is told in the report.
 * @remarks Five requests by the client API of the bot's own token, fewer with another one. Nothing that is asked changes anything on a server
 * but access times: no `/sync` with `since`, no `/keys/claim`, no upload.
 */
export async function preflight(options: PreflightOptions): Promise<PreflightReport> {
  const {baseline, profile, account, access, timeoutMs, signal, nowMs} = options
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)])
  const [answers, store] = await Promise.all([
    askForBot({access, account, baseline, timeoutMs, signal, deadline, nowMs}),
    lookAtStore(options, deadline),
  ])
  const {snapshots, token, unanswered} = answers
  const asBot = (account?.device_id ?? baseline.device_id) === baseline.device_id
  const judged = checkBaseline({baseline, snapshots, nowMs: nowMs(), token, store, unanswered, asBot, profile})
  const open = judged.checks.flatMap(({because, summary}) => (because === 'no-answer' ? [summary] : []))
  const {user_id, device_id, recorded_ts} = baseline
  return {
    profile,
    baseline: {user_id, device_id, recorded_ts},
    ...judged,
    complete: open.length === 0,
    open,
    asked: answers.asked,
    failed: answers.failed,
    error: whyNothing(answers, token, access),
    notes: answers.notes,
  }
}

/** That a token is refused is an answer. */
function whyNothing({snapshots, failed}: Answers, token: TokenOutcome, {homeserver}: DeviceAccess): StateError | null {
  if (snapshots.length > 0 || token.kind === 'refused') return null
  const [first] = failed
  if (first !== undefined) return first.error
  if (token.kind === 'account') return null
  return new StateError(
    'CREDENTIALS_ABSENT',
    homeserver === undefined
      ? 'nobody can be asked for the bot’s keys: there is neither a homeserver nor a database'
      : `${homeserver} can be asked only with an access token`,
    {hint: 'Set MATRIX_STATE_TOKEN, or name a file that holds the token with --token-file.'},
  )
}

async function lookAtStore(
  {baseline, store: how, timeoutMs, signal}: PreflightOptions,
  deadline: AbortSignal,
): Promise<StoreOutcome> {
  const {store} = baseline
  if (how === 'leave-out') return {kind: 'left-out'}
  if (store === null) return {kind: 'unrecorded'}
  const isRun = how === 'check' || store.check?.kind !== 'command'
  try {
    // The deadline ends a command before its own limit does: that it was slow is no proof against the store.
    const options = {signal: deadline, timeoutMs: timeoutMs * 2}
    return {kind: 'seen', ...(await checkStore(isRun ? store : {...store, check: null}, baseline, options))}
  } catch (error) {
    signal.throwIfAborted()
    if (!deadline.aborted) throw error
    const why = `could not be checked within ${String(timeoutMs / 1000)} s`
    return {kind: 'seen', outcome: 'not-checked', why, where: 'command'}
  }
}
