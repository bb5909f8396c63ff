import {canonicalJson} from './canonical-json.ts'
import {NOT_HASHED, without} from './hashes.ts'
import {
  isObject,
  JsonError,
  type JsonObject,
  mayHoldExactNumbers,
  MAX_NESTING,
  nestsDeeper,
  own,
  parseJson,
} from './json.ts'
import type {KeyRing, SigningKey} from './key-ring.ts'
import {type FormatFault, nameEvent, type Pdu, readNamed} from './pdu.ts'
import {redact} from './redaction.ts'
import {type RequiredSigner, requiredSigners} from './required-signers.ts'
import type {RoomVersionRules} from './room-version.ts'
import {signedText, verifyEd25519} from './signatures.ts'

/**
 * `good`, `bad`: under a key that was valid then. `key-unknown`: no key of that name is there. `key-not-valid-then`: there is one, but
 * what is known of it does not reach to the event's time. `algorithm-unknown`: not Ed25519.
 */
export type SignatureVerdict = 'good' | 'bad' | 'key-unknown' | 'key-not-valid-then' | 'algorithm-unknown'

export interface CheckedSignature {
  readonly server: string
  readonly keyId: string
  readonly verdict: SignatureVerdict
  /** Whether the event needs a signature of this server. Those of others are ignored, as servers do. */
  readonly required: boolean
  /** The key it was held against, where there was one: who told of it. */
  readonly via?: string
  /** For `key-not-valid-then`: whether the signature fits the key, leaving the time aside. */
  readonly fits?: boolean
}

/**
 * `ok`: the content is what its server hashed. `redacted`: it is not, and nothing is left in it that redaction takes away. `mismatch`: it
 * is not, and there is: no redaction makes such a copy.
 */
export type ContentHashVerdict = 'ok' | 'redacted' | 'mismatch'

/** `verified`: every server that must sign has a good signature on it. `bad`: it is not as its servers made it. */
export type CopyOverall = 'verified' | 'unverifiable' | 'bad'

export interface CopyVerdict {
  /** The hash of the event; as given in room versions 1 and 2, and where nothing can be hashed. */
  readonly eventId: string
  /** Whether that is the ID that the event came with and is kept under. */
  readonly eventIdOk: boolean
  readonly contentHash: ContentHashVerdict
  readonly roomId: string
  readonly roomOk: boolean
  readonly originServerTs: number
  readonly signatures: readonly CheckedSignature[]
  /** Servers that must sign and did not. */
  readonly missing: readonly RequiredSigner[]
  /** Why servers would refuse its form; a signature that is missing is told in `missing` only. */
  readonly fault: FormatFault | null
  /** Of ID, hash, form and signatures; the room is another matter. */
  readonly overall: CopyOverall
}

/**
 * Checks one copy of an event: ID, room, content hash, and the signatures under the keys as valid at its time. What a server's API adds to
 * an event is no fault; nor is redacted content.
 *
 * @param text - JSON text as received
 * @param given - the ID that the copy is known under, and the room it should be of
 * @remarks Throws nothing: what cannot be read is `bad`, with the reason in `fault`. Costs about one Ed25519 verification.
 */
export function verifyCopy(
  text: string,
  rules: RoomVersionRules,
  ring: KeyRing,
  given: {readonly eventId: string; readonly roomId: string},
): CopyVerdict {
  try {
    return verifyReadable(text, rules, ring, given)
  } catch (error) {
    if (!(error instanceof JsonError)) throw error
    return unreadable(given, error.message)
  }
}

function unreadable(
  {eventId, roomId}: {readonly eventId: string; readonly roomId: string},
  message: string,
): CopyVerdict {
  return {
    eventId,
    eventIdOk: true,
    contentHash: 'mismatch',
    roomId,
    roomOk: true,
    originServerTs: 0,
    signatures: [],
    missing: [],
    fault: {what: 'json', message},
    overall: 'bad',
  }
}

function verifyReadable(
  text: string,
  rules: RoomVersionRules,
  ring: KeyRing,
  given: {readonly eventId: string; readonly roomId: string},
): CopyVerdict {
  const exact = mayHoldExactNumbers(text)
  const json = parseJson(text, exact)
  if (!isObject(json)) throw new JsonError('it is not a JSON object')
  if (nestsDeeper(text, MAX_NESTING))
    throw new JsonError(`its JSON is nested more than ${String(MAX_NESTING)} levels deep`)
  const named = nameEvent(withId(json, rules, given.eventId), rules)
  const pdu = readNamed(named, rules, {allContentHashes: true}, {text, exact})
  const contentHash = pdu.contentHashOk === true ? 'ok' : isRedacted(named.event, rules) ? 'redacted' : 'mismatch'
  // Who must sign is asked of the whole content, as servers do before they look at the hash.
  const whole = {...pdu, content: contentOf(named.event)}
  const required = requiredSigners(whole, rules)
  const signatures = checkSignatures(named.event, pdu, required, rules, ring)
  const missing = required.filter(({server}) => pdu.signers?.includes(server) !== true)
  const excused = contentHash === 'redacted' && mayHaveBeenThirdParty(whole, rules)
  const fault = pdu.fault?.what === 'signature' ? null : pdu.fault
  const eventIdOk = pdu.wrongId === null && (given.eventId === pdu.eventId || given.eventId === '')
  const isBad = !eventIdOk || contentHash === 'mismatch' || fault !== null
  return {
    eventId: pdu.eventId,
    eventIdOk,
    contentHash,
    roomId: pdu.roomId,
    roomOk: pdu.roomId === given.roomId,
    originServerTs: pdu.originServerTs,
    signatures,
    missing: excused ? missing.filter(({duty}) => duty !== 'sender') : missing,
    fault,
    overall: isBad ? 'bad' : signaturesOverall(signatures, required, missing, excused),
  }
}

/** Where a server makes IDs up, a database may have the ID beside the event only. */
function withId(event: JsonObject, rules: RoomVersionRules, eventId: string): JsonObject {
  if (rules.eventIdFormat !== 'server-assigned' || own(event, 'event_id') !== undefined) return event
  return {...event, event_id: eventId}
}

function contentOf(event: JsonObject): JsonObject {
  const content = own(event, 'content')
  return isObject(content) ? content : {}
}

/** Whether redacting it changes nothing, but for what is not hashed and the `redacts` that an API adds. */
function isRedacted(event: JsonObject, rules: RoomVersionRules): boolean {
  const bare = without(event, ADDED)
  const stripped = own(event, 'type') === 'm.room.redaction' ? without(bare, ['redacts']) : bare
  return canonicalJson(stripped, 'python') === canonicalJson(without(redact(event, rules), ADDED), 'python')
}

/** Hashes and signatures are in both forms; leaving them out saves writing them. */
const ADDED: readonly string[] = [...NOT_HASHED]

/**
 * An invite by a third party needs no signature of its sender's server; where redaction takes away that it was one, nobody can tell any
 * more whether one is missing.
 */
function mayHaveBeenThirdParty({type, content}: Pdu, rules: RoomVersionRules): boolean {
  const kept = rules.redaction.content['m.room.member']
  const isKept = typeof kept === 'object' && Object.hasOwn(kept, 'third_party_invite')
  return type === 'm.room.member' && own(content, 'membership') === 'invite' && !isKept
}

function checkSignatures(
  event: JsonObject,
  {originServerTs}: Pdu,
  required: readonly RequiredSigner[],
  rules: RoomVersionRules,
  ring: KeyRing,
): readonly CheckedSignature[] {
  const signatures = own(event, 'signatures')
  if (!isObject(signatures)) return []
  let text: string | null = null
  const fits = (key: SigningKey, signature: string): boolean => {
    text ??= signedText(redact(event, rules))
    return verifyEd25519(text, key.key, signature)
  }
  const checked: CheckedSignature[] = []
  for (const [server, block] of Object.entries(signatures)) {
    if (!isObject(block)) continue
    const isRequired = required.some((signer) => signer.server === server)
    for (const [keyId, signature] of Object.entries(block)) {
      const name = {server, keyId, required: isRequired}
      if (!keyId.startsWith('ed25519:')) checked.push({...name, verdict: 'algorithm-unknown'})
      else {
        const {known, valid} = ring.find(server, keyId, originServerTs, rules)
        const value = typeof signature === 'string' ? signature : ''
        const good = valid.find((key) => fits(key, value))
        const [first] = known
        if (good !== undefined) checked.push({...name, verdict: 'good', via: good.via})
        else if (valid[0] !== undefined) checked.push({...name, verdict: 'bad', via: valid[0].via})
        else if (first === undefined) checked.push({...name, verdict: 'key-unknown'})
        else {
          const matching = known.find((key) => fits(key, value))
          checked.push({...name, verdict: 'key-not-valid-then', via: first.via, fits: matching !== undefined})
        }
      }
    }
  }
  return checked
}

/** Of each server that must sign, every signature whose key is known must be good, and there must be one. */
function signaturesOverall(
  signatures: readonly CheckedSignature[],
  required: readonly RequiredSigner[],
  missing: readonly RequiredSigner[],
  excused: boolean,
): CopyOverall {
  if (missing.some(({duty}) => !excused || duty !== 'sender')) return 'bad'
  if (signatures.some(({required: counts, verdict}) => counts && verdict === 'bad')) return 'bad'
  const isGood = (server: string): boolean =>
    signatures.some((signature) => signature.server === server && signature.verdict === 'good')
  return required.every(({server}) => isGood(server)) ? 'verified' : 'unverifiable'
}
