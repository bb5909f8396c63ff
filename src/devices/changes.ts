import {canonicalJson} from '../matrix/canonical-json.ts'
import type {DeviceSnapshot} from '../matrix/device-facts.ts'
import {isObject, JsonError} from '../matrix/json.ts'
import type {DeviceChange} from './evidence.ts'
import {crossSigningKey, deviceKey} from './identity-keys.ts'
import {entriesOf, itemsOf, objectAt, textAt} from './shapes.ts'
import {compare, type SnapshotOf, type Told} from './snapshots.ts'

/**
 * What changed from one snapshot to the next of the same route and place, oldest first. A change that several routes tell is told once, as by
 * the user's own server where that is one of them.
 */
export function changesOf(told: Told): readonly DeviceChange[] {
  const ranked = [
    ...told.series('keys').map((series) => ({
      rank: series.at(-1)?.fact.view === 'origin' ? 0 : 2,
      found: steps(series, (a, b) => keyChanges(told, a, b)),
    })),
    ...told.series('sessions').map((series) => ({rank: 1, found: steps(series, (a, b) => sessionChanges(told, a, b))})),
    ...told.series('backup').map((series) => ({rank: 0, found: steps(series, backupChanges)})),
  ].sort((a, b) => a.rank - b.rank)
  const seen = new Set<string>()
  const changes: DeviceChange[] = []
  for (const {found} of ranked) {
    const names = found.map(nameOf)
    found.forEach((change, at) => {
      // One route may tell the same change twice (there, gone, and there again): another route's are repetitions.
      if (!seen.has(names[at] ?? '')) changes.push(change)
    })
    for (const name of names) seen.add(name)
  }
  return changes.sort(
    (a, b) => a.betweenTs[1] - b.betweenTs[1] || compare(a.kind, b.kind) || compare(a.deviceId ?? '', b.deviceId ?? ''),
  )
}

/** What makes two routes tell the same change. That a device is new or gone, those without its keys tell as well. */
function nameOf({kind, deviceId, before, now}: DeviceChange): string {
  return JSON.stringify(
    kind === 'device-new' || kind === 'device-gone' ? [kind, deviceId] : [kind, deviceId, before, now],
  )
}

type Change = Pick<DeviceChange, 'kind' | 'deviceId' | 'before' | 'now'>

function steps<S extends DeviceSnapshot>(
  series: readonly S[],
  changes: (before: S, now: S) => readonly Change[],
): readonly DeviceChange[] {
  return series.slice(1).flatMap((now, at) => {
    const before = series[at]
    if (before === undefined) return []
    return changes(before, now).map((change) => ({
      ...change,
      betweenTs: [before.lastTs, now.ts] as const,
      how: now.how,
    }))
  })
}

function keyChanges(
  told: Told,
  {fact: before}: SnapshotOf<'keys'>,
  {fact: now}: SnapshotOf<'keys'>,
): readonly Change[] {
  const found: Change[] = []
  if (before.master_key !== undefined && now.master_key !== undefined) {
    const [was, is] = [identityText(before.master_key), identityText(now.master_key)]
    if (was !== is)
      found.push({
        kind: was === null ? 'cross-signing-new' : is === null ? 'cross-signing-gone' : 'cross-signing-replaced',
        deviceId: null,
        before: was,
        now: is,
      })
  }
  const [was, is] = [devicesOf(told, before.devices), devicesOf(told, now.devices)]
  for (const [deviceId, keys] of was) {
    const after = is.get(deviceId)
    if (after === undefined) found.push({kind: 'device-gone', deviceId, before: keys, now: null})
    else if (after !== keys) found.push({kind: 'device-keys-replaced', deviceId, before: keys, now: after})
  }
  for (const [deviceId, keys] of is)
    if (!was.has(deviceId)) found.push({kind: 'device-new', deviceId, before: null, now: keys})
  return found
}

/** ed25519 and curve25519 of each device, as text; `null` for a device without keys. */
function devicesOf(told: Told, devices: unknown): ReadonlyMap<string, string | null> {
  const found = new Map<string, string | null>()
  for (const [deviceId, device] of entriesOf(devices as Readonly<Record<string, unknown>>)) {
    if (told.hidden.has(deviceId)) continue
    const keys = (['ed25519', 'curve25519'] as const).flatMap(
      (algorithm) => deviceKey(device, algorithm, deviceId) ?? [],
    )
    found.set(deviceId, keys.length === 2 ? keys.join(' ') : device === null ? null : textOf(objectAt(device, 'keys')))
  }
  return found
}

function identityText(key: unknown): string | null {
  return key === null ? null : (crossSigningKey(key) ?? textOf(objectAt(key, 'keys')))
}

function sessionChanges(
  told: Told,
  {fact: before}: SnapshotOf<'sessions'>,
  {fact: now}: SnapshotOf<'sessions'>,
): readonly Change[] {
  const ids = (devices: unknown) =>
    new Set(
      itemsOf(devices as readonly unknown[])
        .flatMap((one) => textAt(one, 'device_id') ?? [])
        .filter((id) => !told.hidden.has(id)),
    )
  const [was, is] = [ids(before.devices), ids(now.devices)]
  return [
    ...[...was]
      .filter((id) => !is.has(id))
      .map((deviceId) => ({kind: 'device-gone', deviceId, before: null, now: null}) as const),
    ...[...is]
      .filter((id) => !was.has(id))
      .map((deviceId) => ({kind: 'device-new', deviceId, before: null, now: null}) as const),
  ]
}

function backupChanges({fact: before}: SnapshotOf<'backup'>, {fact: now}: SnapshotOf<'backup'>): readonly Change[] {
  const version = (backup: unknown) => (isObject(backup) ? (textAt(backup, 'version') ?? '?') : null)
  const [was, is] = [version(before.version), version(now.version)]
  return was === is ? [] : [{kind: 'backup-replaced', deviceId: null, before: was, now: is}]
}

function textOf(value: Parameters<typeof canonicalJson>[0]): string {
  try {
    return canonicalJson(value, 'python')
  } catch (error) {
    if (error instanceof JsonError || error instanceof RangeError) return 'keys of no form'
    throw error
  }
}
