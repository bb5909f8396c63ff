import {StateError} from '../errors.ts'
import {isObject, type Json, JsonError, type JsonObject, own, parseJson} from './json.ts'
import type {SigningKey} from './key-ring.ts'
import {signedText, verifyEd25519} from './signatures.ts'

/** Where and when an answer about keys was got. */
export interface KeysOrigin {
  /** `direct`, `notary example.org`, `file`. */
  readonly via: string
  /** Milliseconds since 1970. */
  readonly fetchedTs: number
  /** The server that was asked about; keys of others are then a problem. */
  readonly server?: string
}

export interface ParsedKeys {
  readonly keys: readonly SigningKey[]
  /** What could not be used and why, each in a sentence; never with text of the answer. */
  readonly problems: readonly string[]
}

/** What is wrong with one answer. */
class KeysFault extends Error {}

/**
 * Reads what a server says of its keys: the body of `/_matrix/key/v2/server`, or of a notary's `/_matrix/key/v2/query`.
 *
 * An answer counts only when it is signed with a key that it lists, as by every such key whose signature is there; a notary's own
 * signature is not asked for, since it could not make up the server's.
 *
 * @see https://spec.matrix.org/v1.19/server-server-api/#get_matrixkeyv2server
 */
export function parseServerKeys(text: string, origin: KeysOrigin): ParsedKeys {
  try {
    const json = parseJson(text)
    const answers = isObject(json) && own(json, 'server_keys') !== undefined ? listOf(json, 'server_keys') : [json]
    const keys: SigningKey[] = []
    const problems: string[] = []
    answers.forEach((answer, index) => {
      try {
        keys.push(...readAnswer(answer, origin))
      } catch (error) {
        const where = answers.length > 1 ? `server_keys[${String(index)}]: ` : ''
        problems.push(`${where}${messageOf(error)}`)
      }
    })
    return {keys, problems}
  } catch (error) {
    return {keys: [], problems: [messageOf(error)]}
  }
}

const FORMS =
  'Give the answer of /_matrix/key/v2/server or of a notary, a list of them, or an object {"server": {"ed25519:id": {"key": "…"}}}.'

/**
 * Reads the file of `--keys`: one answer as for `parseServerKeys`, a list of answers, an object with one for each server name, or the
 * simple form `{"server": {"ed25519:id": {"key": base64}}}`, in which the value may also be the base64 itself or stand under `public`,
 * and which says nothing of when a key was good: those count at any time.
 *
 * @param name - how people call the file
 * @param fetchedTs - milliseconds since 1970: when the file was read, as nothing tells when it was written
 * @throws StateError KEYS_MALFORMED, with the place; never with text of the file, which could be a secret key
 */
export function parseKeysFile(name: string, text: string, fetchedTs: number): readonly SigningKey[] {
  try {
    return readFile(parseJson(text), {via: 'file', fetchedTs}, '')
  } catch (error) {
    if (!(error instanceof JsonError) && !(error instanceof KeysFault)) throw error
    const isSecret = /^\s*ed25519 \S+ \S+\s*$/.test(text)
    throw new StateError('KEYS_MALFORMED', `${name}: ${error.message}`, {
      hint: isSecret
        ? "It looks like a homeserver's own signing key, which is a secret: --keys takes public keys. " + FORMS
        : FORMS,
    })
  }
}

function readFile(json: Json, origin: KeysOrigin, place: string): readonly SigningKey[] {
  const at = (inner: string): string => `${place}${inner}`
  if (Array.isArray(json)) {
    return (json as readonly Json[]).flatMap((item, index) => readFile(item, origin, at(`[${String(index)}]`)))
  }
  if (!isObject(json)) throw placed(place, new KeysFault('there is no JSON object'))
  try {
    if (own(json, 'server_keys') !== undefined) {
      const list = listOf(json, 'server_keys')
      return list.flatMap((item, index) => readFile(item, origin, at(`server_keys[${String(index)}]`)))
    }
    if (own(json, 'verify_keys') !== undefined || own(json, 'server_name') !== undefined)
      return readAnswer(json, origin)
  } catch (error) {
    throw error instanceof KeysFault && !error.message.startsWith('at ') ? placed(place, error) : error
  }
  const entries = Object.entries(json)
  if (entries.length === 0) throw placed(place, new KeysFault('there are no keys in it'))
  return entries.flatMap(([server, value]) => {
    const inner = at(`${place === '' ? '' : '.'}${JSON.stringify(server)}`)
    if (!isObject(value)) throw placed(inner, new KeysFault('there is no object with keys'))
    try {
      if (own(value, 'verify_keys') !== undefined) return readAnswer(value, {...origin, server})
      return readSimple(server, value, origin)
    } catch (error) {
      throw placed(inner, error)
    }
  })
}

function placed(place: string, error: unknown): unknown {
  if (!(error instanceof KeysFault) || place === '') return error
  return new KeysFault(`at ${place}: ${error.message}`)
}

function readSimple(server: string, keys: JsonObject, origin: KeysOrigin): readonly SigningKey[] {
  return Object.entries(keys).map(([keyId, value]) => {
    const given = isObject(value) ? (own(value, 'key') ?? own(value, 'public')) : value
    return signingKey(server, keyId, given, origin, {validUntilTs: null, expiredTs: null})
  })
}

function readAnswer(json: Json, origin: KeysOrigin): readonly SigningKey[] {
  if (!isObject(json)) throw new KeysFault('the answer is not a JSON object')
  const server = own(json, 'server_name')
  if (typeof server !== 'string' || server === '') throw new KeysFault('the answer has no server_name')
  if (origin.server !== undefined && server !== origin.server) {
    throw new KeysFault(`the answer has keys of ${quoted(server)} instead of ${quoted(origin.server)}`)
  }
  const validUntilTs = own(json, 'valid_until_ts')
  if (typeof validUntilTs !== 'number')
    throw new KeysFault(`the answer of ${quoted(server)} has no integer valid_until_ts`)
  const current = Object.entries(objectOf(json, 'verify_keys', server))
    .filter(([keyId]) => keyId.startsWith('ed25519:'))
    .map(([keyId, value]) =>
      signingKey(server, keyId, isObject(value) ? own(value, 'key') : undefined, origin, {
        validUntilTs,
        expiredTs: null,
      }),
    )
  checkSelfSignature(json, server, current)
  const old = Object.entries(
    own(json, 'old_verify_keys') === undefined ? {} : objectOf(json, 'old_verify_keys', server),
  )
    .filter(([keyId]) => keyId.startsWith('ed25519:'))
    .map(([keyId, value]) => {
      const expiredTs = isObject(value) ? own(value, 'expired_ts') : undefined
      if (typeof expiredTs !== 'number') throw new KeysFault(`the old key ${quoted(keyId)} has no integer expired_ts`)
      const key = isObject(value) ? own(value, 'key') : undefined
      return signingKey(server, keyId, key, origin, {validUntilTs: null, expiredTs})
    })
  return [...current, ...old]
}

function checkSelfSignature(answer: JsonObject, server: string, keys: readonly SigningKey[]): void {
  const signatures = own(answer, 'signatures')
  const ofServer = isObject(signatures) ? own(signatures, server) : undefined
  const text = signedText(answer)
  let good = 0
  for (const {keyId, key} of keys) {
    const signature = isObject(ofServer) ? own(ofServer, keyId) : undefined
    if (signature === undefined) continue
    if (typeof signature !== 'string' || !verifyEd25519(text, key, signature)) {
      throw new KeysFault(`the answer of ${quoted(server)} has a bad signature by its own key ${quoted(keyId)}`)
    }
    good += 1
  }
  if (good === 0) throw new KeysFault(`the answer of ${quoted(server)} is not signed by a key that it lists`)
}

function signingKey(
  server: string,
  keyId: string,
  key: Json | undefined,
  {via, fetchedTs}: KeysOrigin,
  validity: Pick<SigningKey, 'validUntilTs' | 'expiredTs'>,
): SigningKey {
  if (!/^[^:]+:.+$/s.test(keyId)) throw new KeysFault(`${quoted(keyId)} is no key ID: those look like "ed25519:abc"`)
  if (typeof key !== 'string' || Buffer.from(key, 'base64').length !== 32) {
    throw new KeysFault(`the key ${quoted(keyId)} is not the base64 of 32 bytes`)
  }
  return {server, keyId, key: key.replace(/=+$/, ''), ...validity, fetchedTs, via}
}

function listOf(object: JsonObject, name: string): readonly Json[] {
  const value = own(object, name)
  if (!Array.isArray(value)) throw new KeysFault(`${name} is not a list`)
  return value as readonly Json[]
}

function objectOf(object: JsonObject, name: string, server: string): JsonObject {
  const value = own(object, name)
  if (!isObject(value)) throw new KeysFault(`the answer of ${quoted(server)} has no object ${name}`)
  return value
}

/** Names are short; what is longer is something else that got into the place of one. */
function quoted(name: string): string {
  return JSON.stringify(name.length > 100 ? `${name.slice(0, 100)}…` : name)
}

function messageOf(error: unknown): string {
  if (error instanceof KeysFault || error instanceof JsonError) return error.message
  throw error
}
