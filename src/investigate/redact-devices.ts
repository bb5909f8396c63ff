import type {DeviceKeeper, DeviceReader, SourceId, StoredDeviceSource} from '../casefile/shapes.ts'
import type {DeviceFact, InboxOfDevice, PublishedKeys, Session, ToDeviceMessage} from '../matrix/device-facts.ts'
import {without} from '../matrix/hashes.ts'
import {isObject, own} from '../matrix/json.ts'
import type {Json, JsonObject} from '../matrix/json.ts'
import type {DeviceStep} from '../sources/device-evidence.ts'

/** What of devices stays in a redacted case, and what is gone: sentences; none without such evidence. */
export interface RedactedDevices {
  readonly remains: readonly string[]
  readonly gone: readonly string[]
}

/**
 * Writes the shareable form of what is known of devices: public keys, signatures and counts stay, since all judgement is made from them; what
 * people wrote, what they are in and when they were there goes. O(evidence), one user at a time.
 *
 * @param source - what becomes of a source's name and address
 */
export function redactDevices(
  from: DeviceReader,
  to: DeviceKeeper,
  source: (stored: StoredDeviceSource) => StoredDeviceSource,
): RedactedDevices {
  const users = from.users()
  const byName = new Map<string, SourceId>()
  const byId = new Map<SourceId, SourceId>()
  const keep = (id: SourceId, how: string, requests: number, ts: number, rest: Partial<DeviceStep> = {}): void => {
    to.keep(id, {how, requests, facts: [], ...rest}, ts)
  }
  for (const stored of from.sources()) {
    const {id, firstTs, lastTs, requests, ...identity} = source(stored)
    const made = to.source(identity)
    byName.set(stored.name, made)
    byId.set(id, made)
    keep(made, 'copy of a case', requests, firstTs)
    keep(made, 'copy of a case', 0, lastTs)
  }
  for (const userId of users) {
    for (const {route, how, ts, lastTs, fact} of from.of(userId)) {
      const shared = redactFact(fact)
      const made = byName.get(route)
      if (shared === null || made === undefined) continue
      const facts = [{userId, fact: shared}]
      keep(made, how, 0, ts, {facts})
      if (lastTs !== ts) keep(made, how, 0, lastTs, {facts})
    }
  }
  for (const {source: id, userId, ts, ...refusal} of from.refusals()) {
    const made = byId.get(id)
    const refusals = [{...refusal, ...(userId === null ? {} : {userIds: [userId]})}]
    if (made !== undefined) keep(made, refusal.what, 0, ts, {refusals})
  }
  if (users.length === 0) return {remains: [], gone: []}
  const whose = users.length === 1 ? '1 user' : `${users.length.toLocaleString('en-US')} users`
  return {
    remains: [
      `of the devices of ${whose}: device IDs, public keys, signatures, how many one-time keys and messages wait, and who sent those to which key`,
      'public keys of key backups, with signatures',
    ],
    gone: [
      'of devices: their names, when they were last seen, and what waiting messages say',
      'account data, and which rooms the users of these devices are in',
    ],
  }
}

/** `null`: it goes altogether. */
function redactFact(fact: DeviceFact): DeviceFact | null {
  switch (fact.kind) {
    case 'keys':
      return {...fact, devices: mapValues(fact.devices, withoutUnsigned), ...redactedKeys(fact)}
    case 'sessions':
      return {...fact, devices: fact.devices.map(redactSession)}
    case 'inbox':
      return {...fact, devices: mapValues(fact.devices, redactInbox)}
    case 'backup':
      return {...fact, version: fact.version === null ? null : without(fact.version, ['etag'])}
    case 'account-data':
    case 'rooms':
      return null
    case 'one-time-keys':
    case 'list-resync':
    case 'list-unsent':
    case 'refused-uploads':
    case 'unreachable':
      return fact
  }
}

/** `unsigned` holds the device's name. */
function withoutUnsigned(key: JsonObject | null): JsonObject | null {
  return key === null ? null : without(key, ['unsigned'])
}

function redactedKeys(fact: PublishedKeys): Partial<PublishedKeys> {
  const names = ['master_key', 'self_signing_key', 'user_signing_key'] as const
  const told = names.flatMap((name) => {
    const key = fact[name]
    return key === undefined ? [] : [[name, withoutUnsigned(key)] as const]
  })
  return Object.fromEntries(told)
}

function redactSession({device_id: deviceId, dehydrated}: Session): Session {
  return {device_id: deviceId, ...(dehydrated === undefined ? {} : {dehydrated})}
}

function redactInbox({count, messages}: InboxOfDevice): InboxOfDevice {
  return {count, messages: messages.map((message) => ({...message, content: redactMessage(message)}))}
}

/** Of an Olm message the keys that it is from and for; of a withheld key the reason. */
function redactMessage({type, content}: ToDeviceMessage): JsonObject {
  const kept = type === 'm.room.encrypted' ? ['algorithm', 'sender_key'] : ['algorithm', 'sender_key', 'code']
  const some = kept.flatMap((key): [string, Json][] => {
    const value = own(content, key)
    return typeof value === 'string' ? [[key, value]] : []
  })
  const ciphertext = own(content, 'ciphertext')
  const targets = isObject(ciphertext)
    ? {ciphertext: mapValues(ciphertext, (part) => (isObject(part) ? {type: own(part, 'type') ?? null} : {}))}
    : {}
  return {...Object.fromEntries(some), ...targets}
}

function mapValues<A, B>(record: Readonly<Record<string, A>>, change: (value: A) => B): Record<string, B> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, change(value)]))
}
