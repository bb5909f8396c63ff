import {rm} from 'node:fs/promises'
import path from 'node:path'
import {StateError} from '../errors.ts'
import type {Baseline, StoreBaseline} from '../matrix/device-baseline.ts'
import {BootstrapError, hasCrossSigning, notSigned} from '../sources/bootstrap-errors.ts'
import {bootstrapCrossSigning} from '../sources/cross-signing-bootstrap.ts'
import {identityChanges} from './identity-changes.ts'
import {recordBaseline, type RecordBaseline} from './record-baseline.ts'
import {mustBeFree, writeRecoveryKey} from './recovery-key-file.ts'

/** What `setup --bot` is told. Secrets are in it. */
export interface SetUpBot extends Omit<RecordBaseline, 'store'> {
  /** Name of the profile, for the lines that change it. */
  readonly profile: string
  /** `undefined`: as it was recorded before; none where nothing was. */
  readonly store: StoreBaseline | null | undefined
  /** What the profile has (`--modify`); `null`: nothing was recorded. */
  readonly before: Baseline | null
  readonly acceptNewIdentity: boolean
  /** `null`: not asked for. */
  readonly bootstrap: BotBootstrap | null
}

export interface BotBootstrap {
  readonly password: string
  /** Where the recovery key goes; may be relative to the working folder. `null`: it is shown. */
  readonly recoveryKeyFile: string | null
  /** Shows the recovery key, where it goes into no file: called once, before anything is uploaded. */
  readonly showRecoveryKey: (recoveryKey: string, userId: string) => Promise<void>
  /** For the name of the temporary device. */
  readonly hostname: string
}

/** What came of it. No secret is in it. */
export interface BotSetUp {
  readonly baseline: Baseline
  readonly bootstrapped: {
    readonly masterKey: string
    /** Absolute; `null`: it was shown. */
    readonly recoveryKeyFile: string | null
  } | null
  /** What is good to know. */
  readonly notes: readonly string[]
}

/**
 * Records a bot's baseline, and before that, where it is asked for, gives its account cross-signing.
 *
 * @throws StateError BASELINE_UNRECORDABLE; OTHER_IDENTITY where the profile has a baseline of somebody else and the new one was not accepted,
 * or the account has cross-signing already; OUTPUT_FAILED for the recovery key; BootstrapError, which says what was made
 * @remarks The signal is heard until the recovery key is kept. What comes after takes some seconds, and must not be cut off by ending the
 * process; its result is worth keeping even if the signal has fired meanwhile.
 */
export async function setUpBot(asked: SetUpBot): Promise<BotSetUp> {
  const {before, acceptNewIdentity, bootstrap} = asked
  const store = asked.store === undefined ? (before?.store ?? null) : asked.store
  const recoveryKeyFile =
    typeof bootstrap?.recoveryKeyFile === 'string' ? path.resolve(bootstrap.recoveryKeyFile) : null
  if (recoveryKeyFile !== null) await mustBeFree(recoveryKeyFile)
  const now = await recordBaseline({...asked, store, recorded: isRecorded(asked)})
  mayReplace(before, now, acceptNewIdentity)
  const notes = storeNotes(now.store, asked.profile)
  if (bootstrap === null) return {baseline: now, bootstrapped: null, notes}
  if (now.master_key !== null) throw hasCrossSigning(asked.userId)
  const {masterKey, note} = await createIdentity(asked, bootstrap, now, recoveryKeyFile)
  const baseline = await readBack({...asked, store}, now, masterKey)
  return {
    baseline,
    bootstrapped: {masterKey, recoveryKeyFile},
    notes: note === null ? notes : [...notes, note],
  }
}

function isRecorded({before, userId, deviceId}: SetUpBot): boolean {
  return before?.user_id === userId && before.device_id === deviceId
}

/** @throws StateError OTHER_IDENTITY */
function mayReplace(before: Baseline | null, now: Baseline, accepted: boolean): void {
  if (before === null || accepted) return
  const other = identityChanges(before, now)
  if (other.length === 0) return
  const told = other.map(({field, before: was, after: is}) => `${field} ${was} before, ${is ?? 'none'} now`)
  throw new StateError('OTHER_IDENTITY', `This is not what was recorded of the bot: ${told.join('; ')}.`, {
    hint: 'If its store was lost, restore it. If it is a new device and is meant to be, add --accept-new-identity: everybody sees a new, unverified device then, and messages that were sent to the old keys stay unreadable.',
  })
}

async function createIdentity(
  asked: SetUpBot,
  {password, showRecoveryKey, hostname}: BotBootstrap,
  now: Baseline,
  recoveryKeyFile: string | null,
): Promise<{readonly masterKey: string; readonly note: string | null}> {
  const {baseUrl, insecure, userId, signal} = asked
  const kept = {inFile: false}
  const temporaryName = `matrix-state on ${hostname} (temporary, creates cross-signing)`
  try {
    const {masterKey, temporary} = await bootstrapCrossSigning({
      baseUrl,
      insecure,
      userId,
      password,
      device: {deviceId: now.device_id, ed25519: now.ed25519, curve25519: now.curve25519},
      temporaryName,
      keepRecoveryKey: async (key) => {
        if (recoveryKeyFile === null) return showRecoveryKey(key, userId)
        writeRecoveryKey(recoveryKeyFile, key)
        kept.inFile = true
      },
      signal,
    })
    const note =
      temporary.stays === null
        ? null
        : `The temporary device ${temporary.deviceId} could not be logged out (${temporary.stays}): log it out in another client.`
    return {masterKey, note}
  } catch (error) {
    // A key that opens nothing would only be taken for one that does.
    const left = error instanceof BootstrapError ? error.left : 'nothing'
    if (recoveryKeyFile !== null && kept.inFile && left === 'nothing') await rm(recoveryKeyFile, {force: true})
    throw error
  }
}

/** Asks as at first, on connections of its own: what counts is what everybody is told. */
async function readBack(asked: RecordBaseline, before: Baseline, masterKey: string): Promise<Baseline> {
  const {userId, deviceId} = asked
  const fail = (code: StateError['code'], why: string, cause?: unknown): BootstrapError =>
    notSigned(userId, deviceId, masterKey, code, why, cause)
  // Not to be interrupted: cross-signing is there, and would be recorded nowhere.
  const signal = new AbortController().signal
  const after = await recordBaseline({...asked, store: null, signal}).catch((error: unknown) => {
    if (!(error instanceof StateError)) throw error
    throw fail(error.code, `so at least it could not be seen afterwards: ${error.message}`, error)
  })
  if (after.ed25519 !== before.ed25519 || after.curve25519 !== before.curve25519) {
    throw fail('OTHER_IDENTITY', 'its keys are others than a moment ago.')
  }
  if (after.master_key !== masterKey) throw fail('OTHER_IDENTITY', 'the server shows another master key.')
  if (!after.cross_signed) throw fail('SERVER_REFUSED', 'the server took the signature, and does not show it.')
  return {...after, store: before.store}
}

function storeNotes(store: StoreBaseline | null, profile: string): readonly string[] {
  if (store === null) {
    return [
      `No store was named: preflight cannot see when it is lost. Name it: matrix-state setup --bot --modify --profile ${profile} --store PATH`,
    ]
  }
  const {check} = store
  if (check?.kind !== 'file') return []
  const inside = path.relative(store.path, check.path)
  const isInside = inside !== '' && !inside.startsWith('..') && !path.isAbsolute(inside)
  return isInside
    ? []
    : [`The file ${check.path} lies outside the store: it outlives the store when that is lost, and proves less then.`]
}
