import {type Finding, finding} from '../finding/finding.ts'
import {isObject, type JsonObject, own} from '../matrix/json.ts'
import type {IdentityAudit} from './evidence.ts'
import {crossSigningFault, crossSigningKey, deviceKey} from './identity-keys.ts'
import {entriesOf, signatureState, textAt} from './shapes.ts'
import {shownKeys, type SnapshotOf, type Told} from './snapshots.ts'
import {clipped, serverOf, short, toldBy} from './words.ts'

/** A user's keys, as far as their signatures hold. */
export interface VerifiedIdentity {
  /** Where the keys come from; `null` where nobody told: then all else is empty. */
  readonly keysBy: SnapshotOf<'keys'> | null
  readonly identity: IdentityAudit
  /** Whether the route told of cross-signing keys at all, and whether a user-signing key was shown. */
  readonly toldOf: {readonly crossSigning: boolean; readonly userSigning: boolean}
  /** By device ID, in the order of the IDs; devices without keys are not here. */
  readonly devices: ReadonlyMap<string, VerifiedDevice>
  /** Listed as devices that have no keys. */
  readonly withoutKeys: ReadonlySet<string>
  readonly findings: readonly Finding[]
}

export interface VerifiedDevice {
  readonly deviceId: string
  readonly keys: JsonObject
  readonly ed25519: string | null
  readonly curve25519: string | null
  /** `null`: not known whether there is a self-signing key. */
  readonly crossSigned: boolean | null
  readonly dehydrated: boolean
  readonly findings: readonly Finding[]
}

/** Verifies what a user publishes: the cross-signing keys among each other, and each device. Cost: two signatures a device. */
export function verifyIdentity(told: Told): VerifiedIdentity {
  const shown = shownKeys(told)
  const {userId} = told.evidence
  if (shown === null)
    return {
      keysBy: null,
      identity: {master: null, selfSigning: null, userSigning: null, trusted: null},
      toldOf: {crossSigning: false, userSigning: false},
      devices: new Map(),
      withoutKeys: new Set(),
      findings: [],
    }
  const crossSigning = verifyCrossSigning(told, shown)
  const devices = new Map<string, VerifiedDevice>()
  const withoutKeys = new Set<string>()
  const listed = [...entriesOf(shown.fact.devices)].sort(([a], [b]) => (a < b ? -1 : 1))
  for (const [deviceId, keys] of listed) {
    if (told.hidden.has(deviceId)) continue
    if (keys === null) withoutKeys.add(deviceId)
    else devices.set(deviceId, verifyDevice({userId, deviceId, keys, shown, crossSigning}))
  }
  const {master, selfSigning, userSigning, trusted, toldOf, findings} = crossSigning
  return {
    keysBy: shown,
    identity: {master, selfSigning, userSigning, trusted},
    toldOf,
    devices,
    withoutKeys,
    findings,
  }
}

interface CrossSigning extends IdentityAudit {
  readonly toldOf: VerifiedIdentity['toldOf']
  readonly findings: readonly Finding[]
}

function verifyCrossSigning(told: Told, shown: SnapshotOf<'keys'>): CrossSigning {
  const {userId} = told.evidence
  const {master_key: masterKey, self_signing_key: selfSigningKey} = shown.fact
  const userSigningBy = whoShowsUserSigning(told, shown)
  const toldOf = {
    crossSigning: masterKey !== undefined && selfSigningKey !== undefined,
    userSigning: userSigningBy !== null,
  }
  const findings: Finding[] = []
  const broken = (by: SnapshotOf<'keys'>, name: string, why: string, key: string | null) => {
    findings.push(
      finding(
        'device/cross-signing-broken',
        {kind: 'account', user_id: userId},
        `The ${name} of ${clipped(userId)} ${key === null ? '' : `(${short(key)}) `}${why}.`,
        [toldBy(by, `${name} of ${userId}`, key)],
      ),
    )
  }
  const master = crossSigningKey(masterKey)
  if (isPresent(masterKey)) {
    const fault = crossSigningFault(masterKey, userId, 'master')
    if (fault !== null) broken(shown, 'master key', fault, master)
    else if (selfSigningKey === null) broken(shown, 'master key', 'stands alone: there is no self-signing key', master)
  }
  const signedByMaster = (by: SnapshotOf<'keys'>, key: unknown, usage: string, name: string, masterOf: unknown) => {
    const fault = crossSigningFault(key, userId, usage) ?? notSignedBy(key, userId, crossSigningKey(masterOf))
    if (fault !== null) broken(by, name, fault, crossSigningKey(key))
    return fault === null
  }
  const masterIsGood = isPresent(masterKey) && crossSigningFault(masterKey, userId, 'master') === null
  const selfSigningIsGood =
    isPresent(selfSigningKey) &&
    masterKey !== undefined &&
    signedByMaster(shown, selfSigningKey, 'self_signing', 'self-signing key', masterKey)
  // A user-signing key counts together with the master key that was shown with it.
  const userSigningKey = userSigningBy?.fact.user_signing_key
  if (userSigningBy !== null && isPresent(userSigningKey) && userSigningBy.fact.master_key !== undefined)
    signedByMaster(userSigningBy, userSigningKey, 'user_signing', 'user-signing key', userSigningBy.fact.master_key)
  const selfSigning = crossSigningKey(selfSigningKey)
  return {
    master,
    selfSigning,
    userSigning: crossSigningKey(userSigningKey),
    trusted: isPresent(masterKey) || isPresent(selfSigningKey) ? masterIsGood && selfSigningIsGood : null,
    toldOf,
    findings,
  }
}

function isPresent(key: unknown): boolean {
  return key !== null && key !== undefined
}

/** The newest snapshot of the same server, of those that tell of a user-signing key. */
function whoShowsUserSigning(told: Told, shown: SnapshotOf<'keys'>): SnapshotOf<'keys'> | null {
  const tells = ({fact}: SnapshotOf<'keys'>) => fact.view === shown.fact.view && fact.user_signing_key !== undefined
  if (tells(shown)) return shown
  return told.current('keys').find(tells) ?? null
}

function notSignedBy(key: unknown, userId: string, master: string | null): string | null {
  if (master === null) return 'has no master key that could sign it'
  const state = isObject(key) ? signatureState(key, userId, `ed25519:${master}`, master) : 'absent'
  if (state === 'good') return null
  return state === 'bad'
    ? `bears a signature of the master key (${short(master)}) that does not verify`
    : `is not signed by the master key (${short(master)})`
}

interface DeviceToVerify {
  readonly userId: string
  readonly deviceId: string
  readonly keys: unknown
  readonly shown: SnapshotOf<'keys'>
  readonly crossSigning: CrossSigning
}

function verifyDevice({userId, deviceId, keys, shown, crossSigning}: DeviceToVerify): VerifiedDevice {
  const ed25519 = deviceKey(keys, 'ed25519', deviceId)
  const curve25519 = deviceKey(keys, 'curve25519', deviceId)
  const subject = {kind: 'device', user_id: userId, device_id: deviceId} as const
  const name = `device ${clipped(deviceId)} of ${clipped(userId)}`
  const findings: Finding[] = []
  const fault = selfSignatureFault(keys, userId, deviceId, ed25519, curve25519)
  if (fault !== null)
    findings.push(
      finding('device/self-signature-bad', subject, `The keys of ${name} ${fault}.`, [
        toldBy(shown, `device ${deviceId}`, ed25519),
      ]),
    )
  const device = isObject(keys) ? keys : {}
  const {selfSigning, toldOf, master} = crossSigning
  const state = selfSigning === null ? null : signatureState(device, userId, `ed25519:${selfSigning}`, selfSigning)
  // Keys that were altered fail both signatures: that they were made anew under the same ID is proven by the device's own good one only.
  const ownIsGood = ed25519 !== null && signatureState(device, userId, `ed25519:${deviceId}`, ed25519) === 'good'
  if (state === 'bad' && ownIsGood)
    findings.push(
      finding(
        'device/id-reused',
        subject,
        `The signature of the self-signing key (${short(selfSigning ?? '')}) on ${name} is of other keys than those that it has now (ed25519 ${short(ed25519)}).`,
        [
          toldBy(shown, `device ${deviceId}, keys`, ed25519),
          toldBy(shown, `device ${deviceId}, signatures of ed25519:${selfSigning ?? ''}`, 'does not verify'),
        ],
        {
          remedy: `The owner logs out device ${clipped(deviceId)}, logs in without naming a device ID, and verifies the new device. For a bot: its operator lets the server choose the device ID. Signing it again does not help where ${clipped(serverOf(userId))} keeps the old signature.`,
        },
      ),
    )
  const noCrossSigning = toldOf.crossSigning && master === null && selfSigning === null && !isBroken(crossSigning)
  if (state === 'absent' || noCrossSigning)
    findings.push(
      finding(
        'device/unverified',
        subject,
        noCrossSigning
          ? `The ${name} is not verified: the user has no cross-signing.`
          : `The ${name} is not signed by its owner’s self-signing key (${short(selfSigning ?? '')}).`,
        [toldBy(shown, `device ${deviceId}`, ed25519)],
        noCrossSigning
          ? {
              remedy: `The user sets up cross-signing in a client (Element: Settings, Encryption), which signs that device, and verifies the others.`,
            }
          : {},
      ),
    )
  return {
    deviceId,
    keys: device,
    ed25519,
    curve25519,
    crossSigned: toldOf.crossSigning ? state === 'good' && crossSigning.trusted === true : null,
    dehydrated: own(device, 'dehydrated') === true || own(device, 'org.matrix.msc3814.dehydrated') === true,
    findings,
  }
}

function isBroken({findings}: CrossSigning): boolean {
  return findings.length > 0
}

function selfSignatureFault(
  keys: unknown,
  userId: string,
  deviceId: string,
  ed25519: string | null,
  curve25519: string | null,
): string | null {
  if (!isObject(keys)) return 'are no object'
  const [namedUser, namedDevice] = [textAt(keys, 'user_id'), textAt(keys, 'device_id')]
  if (namedUser !== userId) return `name ${namedUser === null ? 'no user' : `another user, ${clipped(namedUser)}`}`
  if (namedDevice !== deviceId)
    return `name ${namedDevice === null ? 'no device' : `another device, ${clipped(namedDevice)}`}`
  if (ed25519 === null) return `hold no ed25519 key named for that device`
  if (curve25519 === null) return 'hold no curve25519 key named for that device'
  const state = signatureState(keys, userId, `ed25519:${deviceId}`, ed25519)
  if (state === 'good') return null
  return state === 'bad'
    ? `bear a signature of its own ed25519 key (${short(ed25519)}) that does not verify`
    : `are not signed by its own ed25519 key (${short(ed25519)})`
}
