import path from 'node:path'
import {backupIdentity} from '../devices/baseline-account.ts'
import {verifyIdentity} from '../devices/identity.ts'
import type {VerifiedDevice, VerifiedIdentity} from '../devices/identity.ts'
import {arrange} from '../devices/snapshots.ts'
import {StateError} from '../errors.ts'
import type {Baseline, StoreBaseline} from '../matrix/device-baseline.ts'
import type {DeviceFact, PublishedKeys, Sessions} from '../matrix/device-facts.ts'
import {own} from '../matrix/json.ts'
import {openAccount} from '../sources/client-access.ts'
import type {DeviceStep} from '../sources/device-evidence.ts'
import {KEYS_QUERY, queryKeys} from '../sources/device-keys.ts'
import {backupStep, devicesStep} from '../sources/device-own.ts'
import {checkStore, type StoreState} from './store-check.ts'

export interface RecordBaseline {
  readonly baseUrl: string
  /** Of the bot's own device, of another one of its account, or of any account of its homeserver. */
  readonly accessToken: string
  readonly insecure: boolean
  readonly userId: string
  readonly deviceId: string
  /** Paths may be relative to the working folder. */
  readonly store: StoreBaseline | null
  /** This very device was recorded before: where its store is gone, it must not be started. */
  readonly recorded?: boolean
  readonly signal: AbortSignal
  readonly nowMs: () => number
  /** As `checkStore` takes it. */
  readonly storeTimeoutMs?: number
  /** As `AccessOptions` has it. */
  readonly maxRetryMs?: number
}

/**
 * What the bot's device is to everybody now, verified: its keys, the account's cross-signing and backup; and its store, which must be there
 * and pass its check.
 *
 * @throws StateError BASELINE_UNRECORDABLE with what to do, and what the server has against the questions
 * @remarks Two to four requests, all of which only read. The backup is asked for where the token is the account's.
 */
export async function recordBaseline(asked: RecordBaseline): Promise<Baseline> {
  const {userId, deviceId, signal, nowMs} = asked
  const account = await openAccount({...asked, homeserver: asked.baseUrl})
  const http = await account.connect({signal})
  try {
    const isOwn = account.userId === userId
    const facts: DeviceFact[] = []
    const take = ({facts: told}: Pick<DeviceStep, 'facts'>): void => void facts.push(...told.map(({fact}) => fact))
    for await (const step of queryKeys(http, [userId], account, http.requests)) take(step)
    const keys = facts.find((fact) => fact.kind === 'keys')
    if (keys === undefined) throw notTold(userId)
    if (keys.view === 'copy') {
      throw unrecordable(
        `${userId} is a user of another homeserver than ${account.serverName}, which only has a copy of its keys.`,
        'Give the address of the bot’s own homeserver, and a token of it.',
      )
    }
    // An own key: device IDs are anybody's words.
    if ((own(keys.devices, deviceId) ?? null) === null) {
      if (isOwn) take(await devicesStep(http, account, http.requests))
      throw withoutKeys(userId, deviceId, keys, facts.find((fact) => fact.kind === 'sessions') ?? null)
    }
    if (isOwn) take(await backupStep(http, account, http.requests))
    const verified = verify(userId, keys, nowMs())
    const {ed25519, curve25519, crossSigned} = goodDevice(userId, deviceId, verified)
    const backup = facts.find((fact) => fact.kind === 'backup')
    const store = absolute(asked.store)
    const owner = {user_id: userId, device_id: deviceId, ed25519}
    if (store !== null) await mustOpen(store, owner, asked)
    return {
      recorded_ts: nowMs(),
      ...owner,
      curve25519,
      master_key: verified.identity.master,
      self_signing_key: verified.identity.selfSigning,
      cross_signed: crossSigned === true,
      ...(backup === undefined ? {} : {backup: backupIdentity(backup)}),
      store,
    }
  } finally {
    await http.close()
  }
}

function verify(userId: string, keys: PublishedKeys, nowMs: number): VerifiedIdentity {
  const snapshot = {userId, route: 'client', server: '', how: KEYS_QUERY, ts: nowMs, lastTs: nowMs, fact: keys}
  return verifyIdentity(arrange({userId, snapshots: [snapshot], nowMs}))
}

/** Unverified is no obstacle: a bot may have no cross-signing. What is wrong is not recorded as what is right. */
function goodDevice(
  userId: string,
  deviceId: string,
  verified: VerifiedIdentity,
): Pick<VerifiedDevice, 'crossSigned'> & {readonly ed25519: string; readonly curve25519: string} {
  const device = verified.devices.get(deviceId)
  const errors = [...verified.findings, ...(device?.findings ?? [])].filter(({severity}) => severity === 'error')
  const [worst] = errors
  if (worst !== undefined) throw unrecordable(worst.summary, worst.remedy)
  const {ed25519 = null, curve25519 = null, crossSigned = null} = device ?? {}
  if (ed25519 === null || curve25519 === null) {
    throw unrecordable(
      `${JSON.stringify(deviceId)} is a key of ${userId}, not a device.`,
      'Name the bot’s device with --device.',
    )
  }
  return {ed25519, curve25519, crossSigned}
}

function withoutKeys(userId: string, deviceId: string, keys: PublishedKeys, sessions: Sessions | null): StateError {
  const named = JSON.stringify(deviceId)
  const session = sessions?.devices.find((one) => one.device_id === deviceId)
  if (session !== undefined || own(keys.devices, deviceId) === null) {
    return unrecordable(
      `Device ${named} of ${userId} is logged in and has published no keys.`,
      'Start the bot once with its encryption on, so that it makes its store and publishes its keys; stop it, and repeat this.',
    )
  }
  const known = [...new Set([...(sessions?.devices ?? []).map((one) => one.device_id), ...Object.keys(keys.devices)])]
  const [others, more] = [known.sort().slice(0, 10), known.length > 10 ? ', …' : '']
  const has =
    known.length === 0
      ? 'it has no device that can be seen from here'
      : `it has ${others.map((id) => JSON.stringify(id)).join(', ')}${more}`
  return unrecordable(
    `There is no device ${named} of ${userId}: ${has}.`,
    known.length === 0
      ? 'Log the bot in, start it once with its encryption on, and repeat this; or use a token of its own account, which shows more.'
      : 'Name the bot’s own device with --device; if it was logged out, log the bot in and start it once with its encryption on.',
  )
}

function notTold(userId: string): StateError {
  return unrecordable(
    `The homeserver says nothing of the devices of ${userId}.`,
    'Check the user ID, and use a token of the bot’s own account.',
  )
}

async function mustOpen(store: StoreBaseline, owner: Parameters<typeof checkStore>[1], asked: RecordBaseline) {
  const state = await checkStore(store, owner, {signal: asked.signal, timeoutMs: asked.storeTimeoutMs})
  if (state.outcome === 'opens' || state.outcome === 'present') return
  throw unrecordable(
    `The store ${JSON.stringify(store.path)} ${state.why}.`,
    hintFor(state.outcome, asked.recorded === true),
  )
}

function hintFor(outcome: keyof typeof STORE_HINTS, recorded: boolean): string {
  return recorded && outcome === 'missing' ? LOST : STORE_HINTS[outcome]
}

/** Homeservers take no other keys for a device that has some: a bot that starts without its store cannot be read any more. */
const LOST =
  'Restore the store, and do not start the bot before: it would make keys anew, which do not fit the device that was recorded. If the store has moved, name its place: --store PATH.'

const STORE_HINTS: Readonly<Record<Exclude<StoreState['outcome'], 'opens' | 'present'>, string>> = {
  missing: 'Check --store; if the bot has never run, start it once with its encryption on.',
  unopenable: 'See why the check fails: it is run again before every start of the bot.',
  'of-another': 'Check --store and --device: this store belongs to another device.',
  'not-checked': 'Check the paths and permissions; this must be able to read the store, and run its check.',
}

/** Who runs a check later may stand in another folder. */
function absolute(store: StoreBaseline | null): StoreBaseline | null {
  if (store === null) return null
  const {check} = store
  return {
    path: path.resolve(store.path),
    check: check?.kind === 'file' ? {kind: 'file', path: path.resolve(check.path)} : check,
  }
}

function unrecordable(message: string, hint: string): StateError {
  return new StateError('BASELINE_UNRECORDABLE', message, {hint})
}
