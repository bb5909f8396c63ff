import {isObject, own} from '../matrix/json.ts'
import {keyBytes} from './bytes.ts'
import {entriesOf, objectAt, textAt} from './shapes.ts'

/** The public key of a `CrossSigningKey`: its only key, under its own name. `null` for what is not of that form. */
export function crossSigningKey(key: unknown): string | null {
  const keys = entriesOf(objectAt(key, 'keys'))
  const [id, value] = keys[0] ?? []
  if (keys.length !== 1 || id === undefined || typeof value !== 'string') return null
  return id === `ed25519:${value}` && keyBytes(value) !== null ? value : null
}

/** Why a cross-signing key is not what it should be, in the words of a sentence; `null` where its form is right. Signatures are for others. */
export function crossSigningFault(key: unknown, userId: string, usage: string): string | null {
  if (!isObject(key)) return 'is no object'
  if (textAt(key, 'user_id') !== userId) return 'names another user'
  const usages = own(key, 'usage')
  if (!Array.isArray(usages) || !usages.includes(usage)) return `is not meant for "${usage}"`
  if (crossSigningKey(key) === null) return 'does not hold one ed25519 key under its own name'
  return null
}

/** The public key `algorithm:deviceId` of `DeviceKeys`, as published; `null` where there is none that can be one. */
export function deviceKey(device: unknown, algorithm: 'ed25519' | 'curve25519', deviceId: string): string | null {
  const key = textAt(objectAt(device, 'keys'), `${algorithm}:${deviceId}`)
  return keyBytes(key) === null ? null : key
}
