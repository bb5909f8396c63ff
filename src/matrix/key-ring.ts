import type {RoomVersionRules} from './room-version.ts'

/** A signing key of a server, with what is known of when it is good. https://spec.matrix.org/v1.19/server-server-api/#retrieving-server-keys */
export interface SigningKey {
  readonly server: string
  readonly keyId: string
  /** Base64, padded or not. */
  readonly key: string
  /** Milliseconds since 1970; `null` for old keys. */
  readonly validUntilTs: number | null
  /** When an old key stopped being used; `null` for current ones. With both `null` nothing limits the key: a person vouches for it. */
  readonly expiredTs: number | null
  /** When it was fetched, milliseconds since 1970. */
  readonly fetchedTs: number
  /** Who told. */
  readonly via: string
}

/** A server's word counts no longer than this after it was asked. https://spec.matrix.org/v1.19/server-server-api/#retrieving-server-keys */
export const MAX_KEY_AGE_MS = 7 * 24 * 60 * 60 * 1000

/** Keys of a ring that have one name. `valid`: those that were good at the time asked for; more than one if sources contradict each other. */
export interface FoundKeys {
  readonly known: readonly SigningKey[]
  readonly valid: readonly SigningKey[]
}

const NOTHING: FoundKeys = {known: [], valid: []}

/** Signing keys of servers, by server and key ID, and which of them was good when. */
export class KeyRing {
  readonly #keys = new Map<string, Map<string, SigningKey[]>>()
  #size = 0

  constructor(keys: Iterable<SigningKey>) {
    for (const key of keys) {
      const ofServer = this.#keys.get(key.server) ?? new Map<string, SigningKey[]>()
      this.#keys.set(key.server, ofServer)
      const named = ofServer.get(key.keyId) ?? []
      ofServer.set(key.keyId, named)
      named.push(key)
      this.#size += 1
    }
  }

  /** Statements about keys; one key may have been told of several times. */
  get size(): number {
    return this.#size
  }

  knowsServer(server: string): boolean {
    return this.#keys.has(server)
  }

  /**
   * Keys of this name, and those of them that were good at a time by the room version's rules.
   *
   * A current key is good until the server promised to look again, and no longer than 7 days after it was fetched; an old one until it
   * expired. Where the room version does not ask for that, only the expiry of old keys counts. What was said later of the expiry of a key
   * outweighs what was said before.
   *
   * @param ts - `origin_server_ts` of the signed event
   * @see https://spec.matrix.org/v1.19/rooms/v5/#signing-key-validity-period
   */
  find(server: string, keyId: string, ts: number, rules: RoomVersionRules): FoundKeys {
    const known = this.#keys.get(server)?.get(keyId)
    if (known === undefined) return NOTHING
    const valid = new Map<string, SigningKey>()
    for (const key of known) if (!valid.has(key.key) && ts <= lastGoodTs(key, known, rules)) valid.set(key.key, key)
    return {known, valid: [...valid.values()]}
  }
}

function lastGoodTs(key: SigningKey, all: readonly SigningKey[], rules: RoomVersionRules): number {
  let last = Infinity
  if (key.expiredTs !== null) last = key.expiredTs
  else if (rules.keyValidityEnforced && key.validUntilTs !== null) {
    last = Math.min(key.validUntilTs, key.fetchedTs + MAX_KEY_AGE_MS)
  }
  for (const other of all) {
    if (other.expiredTs !== null && other.key === key.key && other.fetchedTs >= key.fetchedTs) {
      last = Math.min(last, other.expiredTs)
    }
  }
  return last
}
