import type {JsonObject} from '../matrix/json.ts'

/** An `m.room.encrypted` event, as the room has it. */
export interface EncryptedMessage {
  readonly eventId: string
  readonly sender: string
  /** Milliseconds since 1970, by the clock of the sender's server. */
  readonly originServerTs: number
  readonly content: JsonObject
}

/** Settings of `m.room.encryption` after which a sender starts a new session; 604800000 ms and 100 messages where it names none. */
export interface RotationSettings {
  readonly periodMs: number
  readonly periodMsgs: number
}

/** A message of a session, as much of it as is kept. */
export interface SeenMessage {
  readonly eventId: string
  readonly ts: number
}

/** What one sender sent with one session. */
export interface SeenSession {
  readonly sessionId: string
  readonly sender: string
  /** As the first message says that named one. */
  deviceId: string | null
  /** Well signed. */
  messages: number
  /** First message and hash of its ciphertext, by index. */
  readonly indexes: Map<number, SeenMessage & {readonly hash: string}>
  /** Indexes that were used for more than one ciphertext, with the events beyond the first. */
  readonly reused: Map<number, string[]>
  readonly bad: {readonly events: string[]; count: number; readonly why: string}
  first: SeenMessage | null
  last: SeenMessage | null
  greatestIndex: number
}

/** A device as messages name it. */
export interface NamedDevice {
  readonly sender: string
  readonly deviceId: string
  /** `sender_key` of the messages, which may be absent; the first few. */
  readonly keys: Map<string, {readonly eventId: string; count: number}>
  readonly eventId: string
  messages: number
}
