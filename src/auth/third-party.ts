import {type Json, isObject, type JsonObject, own} from '../matrix/json.ts'
import {verifyJson} from '../matrix/signatures.ts'

/**
 * Whether some ed25519 signature of the invite's `signed` part is good under a key of the `m.room.third_party_invite` event.
 *
 * @param invitation - content of the membership event
 * @param thirdParty - content of the `m.room.third_party_invite` event
 * @see https://spec.matrix.org/v1.19/client-server-api/#third-party-invites
 */
export function isSignedInvite(invitation: JsonObject, thirdParty: JsonObject): boolean {
  const known = verified.get(invitation)
  if (known?.thirdParty === thirdParty) return known.good
  const good = verifyInvite(invitation, thirdParty)
  verified.set(invitation, {thirdParty, good})
  return good
}

/** Verifying costs a thousand times what looking up does, and a merge judges the same invite again and again. */
const verified = new WeakMap<JsonObject, {readonly thirdParty: JsonObject; readonly good: boolean}>()

function verifyInvite(invitation: JsonObject, thirdParty: JsonObject): boolean {
  const invite = own(invitation, 'third_party_invite')
  const signed = isObject(invite) ? own(invite, 'signed') : undefined
  if (!isObject(signed)) return false
  const keys = publicKeys(thirdParty)
  return signatureNames(signed).some(([entity, keyId]) => keys.some((key) => verifyJson(signed, entity, keyId, key)))
}

function signatureNames(signed: JsonObject): readonly (readonly [string, string])[] {
  const signatures = own(signed, 'signatures')
  if (!isObject(signatures)) return []
  return Object.entries(signatures).flatMap(([entity, block]) =>
    isObject(block)
      ? Object.keys(block)
          .filter((id) => id.startsWith('ed25519:'))
          .map((id) => [entity, id] as const)
      : [],
  )
}

function publicKeys(content: JsonObject): readonly string[] {
  const list = own(content, 'public_keys')
  const entries: readonly Json[] = Array.isArray(list) ? (list as readonly Json[]) : []
  return [
    own(content, 'public_key'),
    ...entries.map((entry) => (isObject(entry) ? own(entry, 'public_key') : undefined)),
  ].filter((key): key is string => typeof key === 'string')
}
