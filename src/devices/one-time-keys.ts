import {type Finding, finding} from '../finding/finding.ts'
import type {OneTimeKeysOfDevice} from '../matrix/device-facts.ts'
import {isObject, own} from '../matrix/json.ts'
import {signatureState, entryOf, itemsOf, objectsOf, numberOr, textAt} from './shapes.ts'
import type {SnapshotOf, Told} from './snapshots.ts'
import type {VerifiedDevice} from './identity.ts'
import {clipped, listed, MINUTE, plural, short, toldBy} from './words.ts'

/** The only algorithm that clients claim keys of. */
const SIGNED = 'signed_curve25519'

/** What is left for starting sessions with one device. */
export interface KeysLeft {
  readonly count: number
  /** `null`: not known. Own counts tell unused ones only: that none is told is then not that none is there. */
  readonly fallback: 'unused' | 'used' | 'none' | null
  readonly by: SnapshotOf<'one-time-keys'>
}

/** Of what tells about this device, the newest; a table, which shows used fallback keys too, rather than own counts. */
export function keysLeft(told: Told, deviceId: string): KeysLeft | null {
  const candidates = told
    .current('one-time-keys')
    .flatMap((by) => {
      const of = oneTimeKeysOf(by, deviceId)
      return of === null ? [] : [{by, of}]
    })
    .sort((a, b) => Number(isPartial(a.by)) - Number(isPartial(b.by)))
  const [best] = candidates
  if (best === undefined) return null
  const {by, of} = best
  return {by, count: Math.max(0, numberOr(own(of.counts as never, SIGNED), 0)), fallback: fallbackOf(of, isPartial(by))}
}

function isPartial({fact}: SnapshotOf<'one-time-keys'>): boolean {
  return fact.only !== undefined
}

const NOTHING_LEFT: OneTimeKeysOfDevice = {counts: {}, fallback: []}

/** `null` where the snapshot does not tell of the device. What it tells of and does not name has nothing. */
function oneTimeKeysOf({fact}: SnapshotOf<'one-time-keys'>, deviceId: string): OneTimeKeysOfDevice | null {
  const of = entryOf<OneTimeKeysOfDevice>(fact.devices, deviceId)
  if (isObject(of) && isObject(of.counts)) return of
  if (fact.only !== undefined && !itemsOf(fact.only).includes(deviceId)) return null
  if (of !== undefined) return null
  return fact.without_fallback === true ? {...NOTHING_LEFT, fallback: null} : NOTHING_LEFT
}

function fallbackOf({fallback}: OneTimeKeysOfDevice, partial: boolean): KeysLeft['fallback'] {
  if (fallback === null) return null
  const signed = objectsOf(fallback).filter((one) => textAt(one, 'algorithm') === SIGNED)
  if (signed.some((one) => !one.used)) return 'unused'
  if (signed.length > 0) return 'used'
  return partial ? null : 'none'
}

/** A login and the table of its keys are not read at the same moment. */
const SAME_TIME = MINUTE

/** `device/otk-exhausted`. A dehydrated device is exempt: it is there to be used up. */
export function exhaustedFinding(told: Told, device: VerifiedDevice, dehydrated: boolean): Finding | null {
  const {deviceId, curve25519} = device
  const left = keysLeft(told, deviceId)
  if (left === null || dehydrated || curve25519 === null || left.count > 0) return null
  if (left.fallback !== 'none' && left.fallback !== null) return null
  // A device that came after the count was taken is not one without keys.
  const wasThere = told.all('keys').some(({ts, fact}) => ts <= left.by.lastTs + SAME_TIME && hasDevice(fact, deviceId))
  if (!wasThere) return null
  const {userId} = told.evidence
  const subject = {kind: 'device', user_id: userId, device_id: deviceId} as const
  const evidence = [toldBy(left.by, `device ${deviceId}, ${SIGNED}`, 0)]
  if (left.fallback === 'none')
    return finding(
      'device/otk-exhausted',
      subject,
      `Device ${clipped(deviceId)} of ${clipped(userId)} has no one-time key left and no fallback key: nobody can start an encrypted session with it.`,
      [...evidence, toldBy(left.by, `device ${deviceId}, fallback keys`, 0)],
    )
  return finding(
    'device/otk-exhausted',
    subject,
    `Device ${clipped(deviceId)} of ${clipped(userId)} has no one-time key left and no unused fallback key. A used one would still be served; whether there is one, its server does not tell.`,
    evidence,
    {
      severity: 'note',
      certainty: 'hint',
      remedy:
        'Start the client of this device: it uploads new keys. The database of its server tells whether a used fallback key is there, which is enough for others.',
    },
  )
}

function hasDevice(fact: SnapshotOf<'keys'>['fact'], deviceId: string): boolean {
  return isObject(entryOf(fact.devices, deviceId))
}

/** `device/otk-reused`: uploads that the server refused, by device. */
export function refusedUploads(told: Told): ReadonlyMap<string, Finding> {
  const {userId} = told.evidence
  const found = new Map<string, Finding>()
  const byDevice = new Map<
    string,
    {readonly by: SnapshotOf<'refused-uploads'>; readonly keyId: string; readonly line: number}[]
  >()
  for (const by of told.current('refused-uploads'))
    for (const refused of objectsOf(by.fact.refused)) {
      const [deviceId, keyId] = [textAt(refused, 'device_id'), textAt(refused, 'key_id')]
      if (deviceId === null || keyId === null) continue
      const line = numberOr(refused.line, 0)
      byDevice.set(deviceId, [...(byDevice.get(deviceId) ?? []).slice(-SHOWN), {by, keyId, line}])
    }
  for (const [deviceId, uploads] of byDevice) {
    const keyIds = [...new Set(uploads.map(({keyId}) => keyId))]
    found.set(
      deviceId,
      finding(
        'device/otk-reused',
        {kind: 'device', user_id: userId, device_id: deviceId},
        `Device ${clipped(deviceId)} of ${clipped(userId)} tried to upload other one-time keys under names that are taken (${listed(keyIds, 3)}): its store was rolled back or copied.`,
        uploads.map(({by, keyId, line}) => toldBy(by, `line ${String(line)}`, keyId)),
      ),
    )
  }
  return found
}

/** Uploads of one device that a finding names: a client tries again and again. */
const SHOWN = 9

/** A one-time or fallback key that is signed in the name of the device, and not by its current key. */
export interface ForeignKey {
  readonly by: SnapshotOf<'one-time-keys'>
  readonly name: string
  readonly publicKey: string | null
  /** The earlier key of the device that signed it; `null`: not known. */
  readonly signedBy: string | null
}

/** One-time and fallback keys that the server holds for a device and that another identity of it signed. Cost: a signature a key, 100 at most. */
export function foreignKeys(told: Told, device: VerifiedDevice, earlier: readonly string[]): readonly ForeignKey[] {
  const {deviceId, ed25519} = device
  if (ed25519 === null) return []
  const {userId} = told.evidence
  const keyId = `ed25519:${deviceId}`
  return told.current('one-time-keys').flatMap((by) => {
    const of = oneTimeKeysOf(by, deviceId)
    if (of === null) return []
    const keys = [
      ...objectsOf(of.keys).map((one) => ({name: textAt(one, 'key_id') ?? '', key: one.key})),
      ...objectsOf(of.fallback).map((one) => ({name: 'fallback key', key: one.key})),
    ]
    return keys.slice(0, MOST_KEYS).flatMap(({name, key}) => {
      if (!isObject(key) || signatureState(key, userId, keyId, ed25519) !== 'bad') return []
      const signedBy = earlier.find((old) => signatureState(key, userId, keyId, old) === 'good') ?? null
      return [{by, name, publicKey: textAt(key, 'key'), signedBy}]
    })
  })
}

const MOST_KEYS = 200

/** Public values that were ever told to be one-time keys, or fallback keys, of a device. */
export function knownKeys(
  told: Told,
  deviceId: string,
): {readonly oneTime: ReadonlySet<string>; readonly fallback: ReadonlySet<string> | null} {
  const oneTime = new Set<string>()
  const fallback = new Set<string>()
  let knowsFallback = false
  for (const by of told.all('one-time-keys')) {
    const of = oneTimeKeysOf(by, deviceId)
    if (of === null) continue
    for (const {key} of objectsOf(of.keys)) addKey(oneTime, key)
    const keys = objectsOf(of.fallback)
    for (const {key} of keys) addKey(fallback, key)
    // Own counts name the kinds of fallback keys and not the keys.
    if (of.fallback !== null && !isPartial(by) && keys.every((one) => textAt(one.key, 'key') !== null))
      knowsFallback = true
  }
  return {oneTime, fallback: knowsFallback ? fallback : null}
}

function addKey(keys: Set<string>, key: unknown): void {
  const text = textAt(key, 'key')
  if (text !== null) keys.add(text.replace(/=+$/, ''))
}

/** `7 of 9 one-time keys (AAAAAQ, AAAAAg)`. */
export function foreignKeysText(keys: readonly ForeignKey[]): string {
  return `${plural(keys.length, 'one-time or fallback key')} (${listed(
    keys.map(({name, publicKey}) => `${name} ${short(publicKey ?? '')}`.trim()),
    3,
  )})`
}
