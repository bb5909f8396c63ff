import {isObject, JsonError, type JsonObject, own} from '../matrix/json.ts'
import {signedText, verifyEd25519} from '../matrix/signatures.ts'

/** Entries of a map that came from elsewhere: none where it is no map. */
export function entriesOf<T = unknown>(
  map: Readonly<Record<string, T>> | null | undefined,
): readonly (readonly [string, T])[] {
  return isObject(map) ? Object.entries(map as Readonly<Record<string, T>>) : []
}

/** One entry of such a map; `undefined` where it is not there. */
export function entryOf<T>(map: Readonly<Record<string, T>> | null | undefined, key: string): T | undefined {
  return isObject(map) && Object.hasOwn(map, key) ? (map as Readonly<Record<string, T>>)[key] : undefined
}

/** Items of a list that came from elsewhere: none where it is no list. */
export function itemsOf<T>(list: readonly T[] | null | undefined): readonly T[] {
  return Array.isArray(list) ? (list as readonly T[]) : []
}

/** The objects among them; what else is in such a list says nothing. */
export function objectsOf<T extends object>(list: readonly T[] | null | undefined): readonly T[] {
  return itemsOf<unknown>(list).filter((item) => isObject(item)) as readonly object[] as readonly T[]
}

export function textAt(object: unknown, key: string): string | null {
  const value = isObject(object) ? own(object, key) : undefined
  return typeof value === 'string' ? value : null
}

export function objectAt(object: unknown, key: string): JsonObject | null {
  const value = isObject(object) ? own(object, key) : undefined
  return isObject(value) ? value : null
}

/** A number that can be counted with; `null` for anything else. */
export function numberOr<T>(value: unknown, otherwise: T): number | T {
  return typeof value === 'number' && Number.isFinite(value) ? value : otherwise
}

/** `signatures[entity][keyId]`; `null` where there is none. What is there and no text is as bad as a wrong signature. */
export function signatureAt(object: unknown, entity: string, keyId: string): string | null {
  const ofEntity = objectAt(objectAt(object, 'signatures'), entity)
  const value = ofEntity === null ? undefined : own(ofEntity, keyId)
  if (value === undefined) return null
  return typeof value === 'string' ? value : ''
}

/** `absent` is no fault of a signature: it is none. */
export type SignatureState = 'good' | 'bad' | 'absent'

/** `signatures[entity][keyId]` of a JSON object under a public key. What cannot be signed at all (half of a surrogate pair) is badly signed. */
export function signatureState(object: JsonObject, entity: string, keyId: string, publicKey: string): SignatureState {
  const signature = signatureAt(object, entity, keyId)
  if (signature === null) return 'absent'
  try {
    // Clients take the standard alphabet only; what decodes base64 here would take the one for URLs as well.
    return !/[-_]/u.test(signature) && verifyEd25519(signedText(object), publicKey, signature) ? 'good' : 'bad'
  } catch (error) {
    if (error instanceof JsonError || error instanceof RangeError) return 'bad'
    throw error
  }
}
