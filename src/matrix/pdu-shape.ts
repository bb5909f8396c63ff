import type {EventId} from './ids.ts'
import {isObject, type Json, type JsonObject} from './json.ts'

/** What is wrong with an event's form, so that a server would refuse it whatever the room's state. */
export interface FormatFault {
  /** `<what>` of the rule `format:<what>`: a field's name, or `size number unicode nesting signature`. */
  readonly what: string
  /** A sentence for people. */
  readonly message: string
}

/** An event that has a name: its parts as the rules need them, in the form of the room's version. */
export interface Pdu {
  readonly eventId: EventId
  readonly roomId: string
  readonly type: string
  readonly sender: string
  /** `undefined` for message events. */
  readonly stateKey: string | undefined
  /** Redacted when the content hash is wrong, as a server would hold it. */
  readonly content: JsonObject
  readonly prevEvents: readonly string[]
  readonly authEvents: readonly string[]
  /** Milliseconds since the epoch, claimed by the sender's server. */
  readonly originServerTs: number
  /** Claimed by the sender's server; a bigint beyond 2^53-1 (versions 1 to 5). */
  readonly depth: number | bigint
  /** Top-level `redacts` (versions 1 to 10), unless the content hash is wrong. */
  readonly redacts: Json | undefined
  /** Servers that put a signature on it; `null` when nobody asks, since IDs are taken as given. */
  readonly signers: readonly string[] | null
  /** Why a server would refuse it; fields that could not be read are then empty. */
  readonly fault: FormatFault | null
  /** `false`: the content is not what its server hashed (redacted, or tampered with). `null`: not looked at, since nothing depends on it. */
  readonly contentHashOk: boolean | null
  /** The `event_id` that came with it, where it is not the hash of what came. */
  readonly wrongId: string | null
}

/** Servers under whose name there is at least something that has the form of an Ed25519 signature. */
export function signersOf(signatures: JsonObject): readonly string[] {
  const found: string[] = []
  for (const server in signatures) {
    const block = signatures[server]
    if (isObject(block) && Object.keys(block).some((keyId) => isSignature(keyId, block[keyId]))) found.push(server)
  }
  return found
}

function isSignature(keyId: string, value: Json | undefined): boolean {
  return keyId.startsWith('ed25519:') && typeof value === 'string' && value !== ''
}
