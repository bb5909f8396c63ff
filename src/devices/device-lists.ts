import {canonicalJson} from '../matrix/canonical-json.ts'
import type {PublishedKeys} from '../matrix/device-facts.ts'
import {isObject, type Json, JsonError, own} from '../matrix/json.ts'
import {crossSigningKey} from './identity-keys.ts'
import {entriesOf} from './shapes.ts'

/** One thing in which two lists of a user's devices differ. */
export interface DeviceListDifference {
  /** `signature`: the same keys, but not the same signature by the self-signing key that both have. */
  readonly what: 'device' | 'signature' | 'master_key' | 'self_signing_key'
  /** `null` for a cross-signing key. */
  readonly deviceId: string | null
  /** Public keys or a signature as text; `null` where that side has none. */
  readonly a: string | null
  readonly b: string | null
}

/** Whether two lists name the same devices with the same keys, and the same cross-signing keys as far as both tell. */
export function sameDeviceList(a: PublishedKeys, b: PublishedKeys): boolean {
  return deviceListDifferences(a, b).length === 0
}

/**
 * In what two lists differ, sorted by device ID. Compared is what others encrypt to and trust: device IDs, keys, the public cross-signing
 * keys, and the signatures of devices by the self-signing key. Left out is what differs for good reasons: `unsigned`, other signatures (who
 * asks is shown more of them), stream IDs, devices without keys, which some routes do not list, and the user-signing key, which only its owner
 * is shown.
 */
export function deviceListDifferences(a: PublishedKeys, b: PublishedKeys): readonly DeviceListDifference[] {
  const hidden = new Set([...crossSigningPublicKeys(a), ...crossSigningPublicKeys(b)])
  const [inA, inB] = [keysOfDevices(a, hidden), keysOfDevices(b, hidden)]
  const differences: DeviceListDifference[] = []
  for (const what of ['master_key', 'self_signing_key'] as const) {
    if (a[what] === undefined || b[what] === undefined) continue
    const [ofA, ofB] = [crossSigningText(a[what]), crossSigningText(b[what])]
    if (ofA !== ofB) differences.push({what, deviceId: null, a: ofA, b: ofB})
  }
  for (const deviceId of [...new Set([...inA.keys(), ...inB.keys()])].sort()) {
    const [ofA, ofB] = [inA.get(deviceId) ?? null, inB.get(deviceId) ?? null]
    if (ofA !== ofB) differences.push({what: 'device', deviceId, a: ofA, b: ofB})
    else differences.push(...signatureDifference(a, b, deviceId))
  }
  return differences
}

/** A device that its owner verified stays unverified for those whose server has not heard of it. */
function signatureDifference(a: PublishedKeys, b: PublishedKeys, deviceId: string): readonly DeviceListDifference[] {
  const selfSigning = crossSigningKey(a.self_signing_key)
  if (selfSigning === null || selfSigning !== crossSigningKey(b.self_signing_key)) return []
  const [ofA, ofB] = [signatureOf(a, deviceId, selfSigning), signatureOf(b, deviceId, selfSigning)]
  return ofA === ofB ? [] : [{what: 'signature', deviceId, a: ofA, b: ofB}]
}

function signatureOf(list: PublishedKeys, deviceId: string, publicKey: string): string | null {
  const device = Object.hasOwn(list.devices, deviceId) ? list.devices[deviceId] : null
  const signatures = isObject(device) ? own(device, 'signatures') : undefined
  if (!isObject(signatures)) return null
  for (const ofUser of Object.values(signatures)) {
    const signature = isObject(ofUser) ? own(ofUser, `ed25519:${publicKey}`) : undefined
    if (typeof signature === 'string') return signature
  }
  return null
}

/** Servers keep cross-signing keys as hidden devices, named by the public key. */
export function crossSigningPublicKeys(keys: PublishedKeys): readonly string[] {
  return [keys.master_key, keys.self_signing_key, keys.user_signing_key].flatMap((key) => {
    const publicKey = crossSigningKey(key)
    return publicKey === null ? [] : [publicKey]
  })
}

function keysOfDevices(list: PublishedKeys, hidden: ReadonlySet<string>): ReadonlyMap<string, string> {
  const found = new Map<string, string>()
  for (const [deviceId, device] of entriesOf(list.devices))
    if (device !== null && !hidden.has(deviceId))
      found.set(deviceId, textOf(isObject(device) ? own(device, 'keys') : device))
  return found
}

function crossSigningText(key: unknown): string | null {
  if (key === null) return null
  return crossSigningKey(key) ?? textOf(isObject(key) ? own(key, 'keys') : (key as Json))
}

function textOf(value: Json | undefined): string {
  try {
    return canonicalJson(value ?? null, 'python')
  } catch (error) {
    if (error instanceof JsonError || error instanceof RangeError) return JSON.stringify(value)
    throw error
  }
}
