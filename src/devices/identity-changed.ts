import {type Evidence, type Finding, finding} from '../finding/finding.ts'
import type {VerifiedDevice} from './identity.ts'
import {deviceKey} from './identity-keys.ts'
import {foreignKeys, foreignKeysText} from './one-time-keys.ts'
import {objectAt} from './shapes.ts'
import {shownKeys, type SnapshotOf, type Told} from './snapshots.ts'
import {clipped, short, toldBy, when} from './words.ts'

/** The keys of a device ID as one side told them at some time. */
export interface ToldIdentity {
  readonly by: SnapshotOf<'keys'>
  readonly ed25519: string
  readonly curve25519: string
}

/**
 * What one side told of a device ID, oldest first: the user's own server, or the copy of one server. Like is compared with like, since a copy
 * may lag behind.
 */
function historyOf(told: Told, deviceId: string): readonly (readonly ToldIdentity[])[] {
  const identities = told.all('keys').flatMap((by) => {
    const device = objectAt(by.fact.devices, deviceId)
    const [ed25519, curve25519] = [deviceKey(device, 'ed25519', deviceId), deviceKey(device, 'curve25519', deviceId)]
    return ed25519 === null || curve25519 === null ? [] : [{by, ed25519, curve25519}]
  })
  const sides = Map.groupBy(identities, ({by}) => (by.fact.view === 'origin' ? 'origin' : `copy ${by.server}`))
  return [...sides.entries()].sort(([a], [b]) => (a < b ? 1 : -1)).map(([, side]) => side)
}

/**
 * The last time before now at which the same side told other keys for the device; `null` where none did. Keys that are told over the same
 * time are no change of the device, but routes that disagree.
 */
export function earlierIdentity(
  told: Told,
  deviceId: string,
): {readonly before: ToldIdentity; readonly now: ToldIdentity} | null {
  for (const side of historyOf(told, deviceId)) {
    const now = side.reduce<ToldIdentity | null>(
      (best, one) => (best !== null && best.by.lastTs > one.by.lastTs ? best : one),
      null,
    )
    if (now === null) continue
    // Since when these keys are known: the first of the snapshots that tell them without a break.
    const before = side.findLast((one) => one.by.lastTs < now.by.ts && differs(one, now))
    if (before === undefined) continue
    const first = side.find((one) => one.by.ts > before.by.lastTs && !differs(one, now)) ?? now
    return {before, now: first}
  }
  return null
}

function differs(a: ToldIdentity, b: ToldIdentity): boolean {
  return a.ed25519 !== b.ed25519 || a.curve25519 !== b.curve25519
}

/** `device/identity-changed`: by an earlier snapshot, or by one-time keys that an earlier identity signed. One finding of both. */
export function identityChangedFinding(told: Told, device: VerifiedDevice): Finding | null {
  const {deviceId, ed25519} = device
  const {userId} = told.evidence
  const change = earlierIdentity(told, deviceId)
  const olderKeys = [
    ...new Set(
      historyOf(told, deviceId)
        .flat()
        .map((one) => one.ed25519),
    ),
  ].filter((key) => key !== ed25519)
  const foreign = foreignKeys(told, device, olderKeys)
  if (change === null && foreign.length === 0) return null
  const evidence: Evidence[] = []
  const parts: string[] = []
  if (change !== null) {
    const {before, now} = change
    const which = before.ed25519 === now.ed25519 ? ('curve25519' as const) : ('ed25519' as const)
    parts.push(
      `it had the ${which} key ${short(before[which])} at ${when(before.by.lastTs)} and has ${short(now[which])} since ${when(now.by.ts)} at the latest`,
    )
    for (const one of [before, now])
      for (const algorithm of ['ed25519', 'curve25519'] as const)
        evidence.push(
          toldBy(
            one.by,
            `device ${deviceId}, ${algorithm}, told ${when(one === before ? one.by.lastTs : one.by.ts)}`,
            one[algorithm],
          ),
        )
  }
  if (foreign.length > 0) {
    parts.push(
      `${foreignKeysText(foreign)} that its server still gives out ${foreign.length === 1 ? 'is' : 'are'} signed by another key than its own (${short(ed25519 ?? '')})`,
    )
    for (const key of foreign.slice(0, SHOWN))
      evidence.push(toldBy(key.by, `device ${deviceId}, ${key.name}`, key.publicKey))
    const shown = shownKeys(told)
    if (change === null && shown !== null) evidence.push(toldBy(shown, `device ${deviceId}, ed25519`, ed25519))
  }
  // That a signature is bad proves another key only where that key is known: a client may have signed wrongly.
  const proven = change !== null || foreign.some(({signedBy}) => signedBy !== null)
  return finding(
    'device/identity-changed',
    {kind: 'device', user_id: userId, device_id: deviceId},
    `Device ${clipped(deviceId)} of ${clipped(userId)} has other identity keys than before: ${parts.join('; ')}.`,
    evidence,
    proven ? {} : {certainty: 'strong'},
  )
}

const SHOWN = 5
