import {createPrivateKey, sign} from 'node:crypto'
import {readFileSync} from 'node:fs'
import {join} from 'node:path'
import type {JsonObject} from '../../src/matrix/json.ts'
import {isObject, parseJson} from '../../src/matrix/json.ts'

/** DER prefix of an Ed25519 private key in PKCS #8 form (RFC 8410); the 32 bytes of the seed follow. */
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex')

/** Signs as a server would: Ed25519 over the UTF-8 text, base64 without padding. */
export function signText(text: string, seed: string): string {
  const key = createPrivateKey({
    key: Buffer.concat([PKCS8_PREFIX, Buffer.from(seed, 'base64')]),
    format: 'der',
    type: 'pkcs8',
  })
  return sign(null, Buffer.from(text, 'utf8'), key).toString('base64').replace(/=+$/, '')
}

export interface PublishedVector {
  readonly id: string
  readonly kind: 'json_signing' | 'event_hash_and_sign' | 'reference_hash'
  readonly input: JsonObject
  readonly redaction_versions?: string
  readonly content_sha256?: string
  readonly signature?: string
  readonly event_id?: Readonly<Record<string, string>>
}

export interface DerivedEvent {
  readonly input_unsigned: JsonObject
  readonly content_sha256: string
  readonly v12_room_id_used: string
  readonly v12_content_sha256: string
  readonly by_version: Readonly<Record<string, {readonly event_id?: string; readonly signature: string}>>
}

export interface Vectors {
  readonly key: {
    readonly seed_unpadded_b64: string
    readonly public_key_unpadded_b64: string
    readonly server_name: string
    readonly key_id: string
  }
  readonly published: readonly PublishedVector[]
  readonly canonical_json_published: readonly {readonly input_json: string; readonly canonical: string}[]
  readonly derived: {
    readonly events: Readonly<Record<string, DerivedEvent>>
    readonly create_v12: {readonly event: JsonObject; readonly event_id: string; readonly room_id: string}
  }
}

/** Vectors of the spec and of Synapse, and such that were made with Synapse 1.163.2. */
export const vectors = JSON.parse(readFileSync(join(import.meta.dirname, 'signing-vectors.json'), 'utf8')) as Vectors

/** The text as an object, through the parser under test. */
export function parseObject(text: string): JsonObject {
  const value = parseJson(text)
  if (!isObject(value)) throw new Error(`no object: ${text}`)
  return value
}

/** `1-10` and `1` as lists of versions. */
export function versionsIn(range: string): readonly string[] {
  const [first = 1, last = first] = (/^\d+(?:-\d+)?/.exec(range)?.[0] ?? range).split('-').map(Number)
  return Array.from({length: last - first + 1}, (_, index) => String(first + index))
}
