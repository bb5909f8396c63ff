import {generateKeyPairSync, type KeyObject, sign} from 'node:crypto'
import {auditUser} from '../../src/devices/audit-user.ts'
import type {DeviceAudit, UserAudit, UserEvidence} from '../../src/devices/evidence.ts'
import type {Finding} from '../../src/finding/finding.ts'
import type {DeviceFact, DeviceSnapshot, PublishedKeys} from '../../src/matrix/device-facts.ts'
import type {JsonObject} from '../../src/matrix/json.ts'
import {signedText} from '../../src/matrix/signatures.ts'

/** A pair of real keys; the public one in unpadded base64. */
export interface Pair {
  readonly publicKey: string
  readonly privateKey: KeyObject
}

export function unpadded(bytes: Buffer): string {
  return bytes.toString('base64').replace(/=+$/, '')
}

export function pair(type: 'ed25519' | 'x25519' = 'ed25519'): Pair {
  const {publicKey, privateKey} = type === 'ed25519' ? generateKeyPairSync('ed25519') : generateKeyPairSync('x25519')
  return {publicKey: unpadded(publicKey.export({format: 'der', type: 'spki'}).subarray(-32)), privateKey}
}

/** The object with one more signature, which verifies. */
export function signed(object: JsonObject, userId: string, name: string, by: Pair): JsonObject {
  const signature = unpadded(sign(null, Buffer.from(signedText(object)), by.privateKey))
  const signatures = (object['signatures'] ?? {}) as Record<string, JsonObject>
  return {...object, signatures: {...signatures, [userId]: {...signatures[userId], [`ed25519:${name}`]: signature}}}
}

export interface TestDevice {
  readonly deviceId: string
  readonly ed25519: Pair
  readonly curve25519: Pair
  readonly keys: JsonObject
}

export function device(userId: string, deviceId: string, more: JsonObject = {}): TestDevice {
  const [ed25519, curve25519] = [pair(), pair('x25519')]
  const keys = {
    user_id: userId,
    device_id: deviceId,
    algorithms: ['m.olm.v1.curve25519-aes-sha2', 'm.megolm.v1.aes-sha2'],
    keys: {[`ed25519:${deviceId}`]: ed25519.publicKey, [`curve25519:${deviceId}`]: curve25519.publicKey},
    ...more,
  }
  return {deviceId, ed25519, curve25519, keys: signed(keys, userId, deviceId, ed25519)}
}

/** A user with cross-signing, whose devices are made verified or not. */
export function user(userId = '@alice:a.example') {
  const [master, selfSigning, userSigning] = [pair(), pair(), pair()]
  const crossSigningKey = (usage: string, key: Pair, by: Pair | null): JsonObject => {
    const object = {user_id: userId, usage: [usage], keys: {[`ed25519:${key.publicKey}`]: key.publicKey}}
    return by === null ? object : signed(object, userId, by.publicKey, by)
  }
  const own = {
    master_key: crossSigningKey('master', master, null),
    self_signing_key: crossSigningKey('self_signing', selfSigning, master),
    user_signing_key: crossSigningKey('user_signing', userSigning, master),
  }
  return {
    userId,
    master,
    selfSigning,
    userSigning,
    crossSigningKey,
    own,
    device: (deviceId: string, more: JsonObject = {}) => device(userId, deviceId, more),
    verify: (one: TestDevice): TestDevice => ({
      ...one,
      keys: signed(one.keys, userId, selfSigning.publicKey, selfSigning),
    }),
    verified(deviceId: string, more: JsonObject = {}): TestDevice {
      return this.verify(device(userId, deviceId, more))
    },
    keys: (devices: readonly TestDevice[], more: Partial<PublishedKeys> = {}): PublishedKeys => ({
      kind: 'keys',
      view: 'origin',
      devices: Object.fromEntries(devices.map(({deviceId, keys}) => [deviceId, keys])),
      ...own,
      ...more,
    }),
  }
}

export type TestUser = ReturnType<typeof user>

/** One-time key as a client uploads it. */
export function oneTimeKey(userId: string, by: TestDevice, key: string = pair('x25519').publicKey): JsonObject {
  return signed({key}, userId, by.deviceId, by.ed25519)
}

export const NOW = 1_780_000_000_000
export const SECOND = 1000
export const DAY = 86_400_000

const WHERE: Readonly<Record<DeviceFact['kind'], string>> = {
  keys: 'POST /_matrix/client/v3/keys/query',
  sessions: 'GET /_matrix/client/v3/devices',
  'one-time-keys': 'e2e_one_time_keys_json',
  inbox: 'device_inbox',
  'account-data': 'account_data',
  backup: 'GET /_matrix/client/v3/room_keys/version',
  'list-resync': 'device_lists_remote_resync',
  'list-unsent': 'device_lists_outbound_pokes',
  rooms: 'GET /_matrix/client/v3/joined_rooms',
  'refused-uploads': 'log',
  unreachable: 'POST /_matrix/client/v3/keys/query',
}

export function told(fact: DeviceFact, more: Partial<DeviceSnapshot> = {}): DeviceSnapshot {
  const isCopy = (fact.kind === 'keys' && fact.view === 'copy') || fact.kind === 'list-resync'
  const server = isCopy ? 'b.example' : 'a.example'
  const ts = more.ts ?? NOW - 60 * SECOND
  return {
    userId: '@alice:a.example',
    route: `client @x:${server}`,
    server,
    how: WHERE[fact.kind],
    ts,
    lastTs: more.lastTs ?? ts,
    fact,
    ...more,
  }
}

export function evidence(snapshots: readonly DeviceSnapshot[], more: Partial<UserEvidence> = {}): UserEvidence {
  return {userId: '@alice:a.example', snapshots, nowMs: NOW, ...more}
}

export function audit(...snapshots: readonly DeviceSnapshot[]): UserAudit {
  return auditUser(evidence(snapshots))
}

export function allFindings(of: UserAudit): readonly Finding[] {
  return [...of.findings, ...of.devices.flatMap((one) => one.findings)]
}

/** `error device/id-reused`, sorted. */
export function ids(of: UserAudit): readonly string[] {
  return allFindings(of)
    .map(({severity, id}) => `${severity} ${id}`)
    .sort()
}

export function findingOf(of: UserAudit, id: Finding['id']): Finding {
  const found = allFindings(of).filter((one) => one.id === id)
  if (found.length !== 1 || found[0] === undefined) throw new Error(`${String(found.length)} findings ${id}`)
  return found[0]
}

export function deviceOf(of: UserAudit, deviceId: string): DeviceAudit {
  const found = of.devices.find((one) => one.deviceId === deviceId)
  if (found === undefined) throw new Error(`no device ${deviceId}`)
  return found
}

export function needs(of: UserAudit): readonly string[] {
  return [...new Set(of.notChecked.map(({id}) => id))]
}
