import {createPrivateKey, createPublicKey, sign} from 'node:crypto'
import type {KeyObject} from 'node:crypto'
import {readFile} from 'node:fs/promises'
import {StateError} from '../errors.ts'
import {signedText} from '../matrix/signatures.ts'
import type {JsonObject} from '../matrix/json.ts'

/** A homeserver's signing key. The secret is held by the platform's crypto and cannot be printed by accident. */
export interface SigningKey {
  /** `ed25519:a_XXXX`. */
  readonly keyId: string
  /** Unpadded base64: what the server publishes. */
  readonly publicKey: string
  /** Signs UTF-8 text: unpadded base64. */
  readonly sign: (text: string) => string
}

/** DER prefix of an Ed25519 private key in PKCS #8 form (RFC 8410); the 32 bytes of the seed follow. */
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex')
/** Length of the DER prefix of a public key; the 32 bytes of the key follow. */
const SPKI_PREFIX_BYTES = 12
const MAX_FILE_BYTES = 100_000

/**
 * Reads a signing key file as Synapse writes it. Of several keys a server signs with the first.
 *
 * @throws StateError INPUT_NOT_FOUND, INPUT_UNREADABLE, KEYS_MALFORMED; its message never holds what the file does.
 */
export async function readSigningKeys(path: string): Promise<readonly [SigningKey, ...SigningKey[]]> {
  let bytes: Buffer
  try {
    bytes = await readFile(path)
  } catch (error) {
    const {code} = error as {code?: string}
    if (code === 'ENOENT') {
      const hint = 'Synapse names it in homeserver.yaml as signing_key_path; it usually ends with ".signing.key".'
      throw new StateError('INPUT_NOT_FOUND', `There is no signing key file ${path}.`, {cause: error, hint})
    }
    const hint = 'It is readable by the homeserver’s own user only: run this as that user, or as root.'
    const why = code ?? 'unknown error'
    throw new StateError('INPUT_UNREADABLE', `The signing key file ${path} cannot be read (${why}).`, {
      cause: error,
      ...(code === 'EACCES' || code === 'EPERM' ? {hint} : {}),
    })
  }
  if (bytes.length > MAX_FILE_BYTES) throw malformed(path, null, 'is far too long for a signing key file')
  return parseSigningKeys(bytes.toString('utf8'), path)
}

/**
 * Reads lines `ed25519 <version> <seed in base64>`. Empty lines and lines that begin with `#` are passed over; padding is allowed.
 *
 * @param name - how errors call the text
 * @throws StateError KEYS_MALFORMED, with the number of the line but nothing that stands in it.
 */
export function parseSigningKeys(text: string, name: string): readonly [SigningKey, ...SigningKey[]] {
  if (text.includes('-----BEGIN')) throw malformed(name, null, 'is a PEM file, not lines as Synapse writes them')
  const keys: SigningKey[] = []
  for (const [index, line] of text
    .replace(/^\ufeff/u, '')
    .split(/\r\n|\r|\n/u)
    .entries()) {
    const trimmed = line.trim()
    if (trimmed !== '' && !trimmed.startsWith('#')) keys.push(parseLine(trimmed, name, index + 1))
  }
  const [first, ...others] = keys
  if (first === undefined) throw malformed(name, null, 'holds no key')
  return [first, ...others]
}

function parseLine(line: string, name: string, number: number): SigningKey {
  const [algorithm, version, encoded, ...rest] = line.split(/\s+/u)
  if (algorithm !== 'ed25519') throw malformed(name, number, 'does not begin with "ed25519"')
  if (version === undefined || encoded === undefined || rest.length > 0) {
    throw malformed(name, number, 'does not have three words: ed25519, the key’s version, its seed')
  }
  if (!/^\w{1,40}$/u.test(version))
    throw malformed(name, number, 'has a key version that is not of letters, digits, "_"')
  // The alphabets of Node's base64 include the one for URLs; anything else would be passed over silently.
  if (!/^[\w+/-]+={0,2}$/u.test(encoded)) throw malformed(name, number, 'has a seed that is not base64')
  const seed = Buffer.from(encoded, 'base64')
  if (seed.length !== 32) throw malformed(name, number, `has a seed of ${String(seed.length)} bytes instead of 32`)
  return signingKeyOf(`ed25519:${version}`, seed)
}

function signingKeyOf(keyId: string, seed: Buffer): SigningKey {
  const secret: KeyObject = createPrivateKey({key: Buffer.concat([PKCS8_PREFIX, seed]), format: 'der', type: 'pkcs8'})
  const der = createPublicKey(secret).export({format: 'der', type: 'spki'})
  return {
    keyId,
    publicKey: unpadded(der.subarray(SPKI_PREFIX_BYTES)),
    sign: (text) => unpadded(sign(null, Buffer.from(text, 'utf8'), secret)),
  }
}

/**
 * The signature of a JSON object, unpadded base64; `signatures` and `unsigned` are not covered.
 *
 * @throws JsonError when the object has no canonical form
 * @see https://spec.matrix.org/v1.19/appendices/#signing-json
 */
export function signatureOf(object: JsonObject, key: SigningKey): string {
  return key.sign(signedText(object))
}

/** A request between servers, as it is signed. */
export interface SignedRequest {
  readonly method: 'GET' | 'POST'
  /** Path and query, exactly as sent. */
  readonly uri: string
  readonly origin: string
  /** Name of the server that is asked, wherever it runs. */
  readonly destination: string
  readonly content?: JsonObject
}

/**
 * The value of the `Authorization` header of a request between servers.
 *
 * @see https://spec.matrix.org/v1.19/server-server-api/#request-authentication
 */
export function xMatrixHeader(request: SignedRequest, key: SigningKey): string {
  const {method, uri, origin, destination, content} = request
  const signature = signatureOf({method, uri, origin, destination, ...(content === undefined ? {} : {content})}, key)
  return `X-Matrix origin="${origin}",destination="${destination}",key="${key.keyId}",sig="${signature}"`
}

function unpadded(bytes: Buffer): string {
  return bytes.toString('base64').replace(/=+$/u, '')
}

function malformed(name: string, line: number | null, what: string): StateError {
  const where = line === null ? name : `Line ${String(line)} of ${name}`
  return new StateError('KEYS_MALFORMED', `${where} ${what}.`, {
    hint: 'Give the file that Synapse names as signing_key_path: lines of "ed25519", the key’s version and its seed in base64.',
  })
}
