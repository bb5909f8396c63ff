import {contentHash, eventIdOf} from '../../src/matrix/hashes.ts'
import type {JsonObject} from '../../src/matrix/json.ts'
import {KeyRing, type SigningKey} from '../../src/matrix/key-ring.ts'
import {redact} from '../../src/matrix/redaction.ts'
import {rulesFor} from '../../src/matrix/room-version.ts'
import {signedText} from '../../src/matrix/signatures.ts'
import {signText, vectors} from './vectors.ts'

const {key_id: keyId, seed_unpadded_b64: seed, public_key_unpadded_b64: publicKey} = vectors.key
export {keyId as KEY_ID, publicKey as PUBLIC_KEY, seed as SEED}

/** When the events of `signedEvent` are of. */
export const TS = 1_700_000_000_000
export const DAY = 24 * 60 * 60 * 1000
export const ROOM_ID = '!room:a.example'

export function keyOf(server: string, changes: Partial<SigningKey> = {}): SigningKey {
  const times = {validUntilTs: TS + DAY, expiredTs: null, fetchedTs: TS}
  return {server, keyId, key: publicKey, ...times, via: 'direct', ...changes}
}

export const ringOf = (...keys: readonly (string | SigningKey)[]): KeyRing =>
  new KeyRing(keys.map((key) => (typeof key === 'string' ? keyOf(key) : key)))

/** An event with right hashes and good signatures of the servers, all by the key of the vectors. */
export function signedEvent(
  version: string,
  changes: JsonObject = {},
  servers: readonly string[] = ['a.example'],
): JsonObject {
  const rules = rulesFor(version)!
  const refs = rules.refsCarryHashes ? [['$r:a.example', {sha256: 'x'}]] : [`$${'r'.repeat(43)}`]
  const event: JsonObject = {
    type: 'm.room.message',
    sender: '@alice:a.example',
    room_id: ROOM_ID,
    content: {body: 'hello', msgtype: 'm.text'},
    origin_server_ts: TS,
    depth: 5,
    prev_events: refs,
    auth_events: refs,
    ...(rules.eventIdFormat === 'server-assigned' ? {event_id: '$e:a.example'} : {}),
    ...changes,
  }
  const hashed = {...event, hashes: {sha256: contentHash(event)}}
  const signature = signText(signedText(redact(hashed, rules)), seed)
  return {...hashed, signatures: Object.fromEntries(servers.map((server) => [server, {[keyId]: signature}]))}
}

export function idOf(event: JsonObject, version: string): string {
  const rules = rulesFor(version)!
  return rules.eventIdFormat === 'server-assigned' ? (event['event_id'] as string) : eventIdOf(event, rules)
}
