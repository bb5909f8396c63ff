import type {InboxOfDevice, ToDeviceMessage} from '../matrix/device-facts.ts'
import {isObject} from '../matrix/json.ts'
import {isFault, keyBytes} from './bytes.ts'
import {type OlmPreKeyMessage, readOlmPreKeyMessage} from './olm-message.ts'
import {entriesOf, entryOf, itemsOf, numberOr, objectAt, textAt} from './shapes.ts'
import type {SnapshotOf, Told} from './snapshots.ts'

/** What waits for one device. */
export interface DeviceInbox {
  readonly by: SnapshotOf<'inbox'>
  /** All that wait; at least as many as were told of. */
  readonly count: number
  /** That were told of, one by one. */
  readonly messages: readonly WaitingMessage[]
}

export interface WaitingMessage {
  readonly sender: string
  readonly type: string
  readonly content: unknown
  /** `stream_id` of the row, or the place in the answer: where it can be found again. */
  readonly row: string
  readonly receivedTs: number | null
}

/** An Olm message for one curve25519 key. */
export interface OlmWaiting extends WaitingMessage {
  /** curve25519 of the sender's device, as it says. */
  readonly senderKey: string | null
  /** curve25519 that it is encrypted to. */
  readonly to: string
  /** `null`: no pre-key message, or none that can be read. */
  readonly preKey: OlmPreKeyMessage | null
}

/** What waits for a device as the newest route says that knows of it; `null` where none does. A device that a full list does not name has nothing. */
export function inboxOf(told: Told, deviceId: string): DeviceInbox | null {
  for (const by of told.current('inbox')) {
    const {fact} = by
    const of = entryOf<InboxOfDevice>(fact.devices, deviceId)
    if (isObject(of)) {
      const messages = itemsOf<ToDeviceMessage>(of.messages).flatMap((message, at) => waiting(message, at))
      return {by, count: Math.max(numberOr(of.count, 0), messages.length), messages}
    }
    if (of === undefined && (fact.only === undefined || itemsOf(fact.only).includes(deviceId)))
      return {by, count: 0, messages: []}
  }
  return null
}

function waiting(message: unknown, at: number): readonly WaitingMessage[] {
  const [sender, type] = [textAt(message, 'sender'), textAt(message, 'type')]
  if (!isObject(message) || sender === null || type === null) return []
  const stream = numberOr(message['stream_id'], null)
  return [
    {
      sender,
      type,
      content: message['content'],
      row: stream === null ? `message ${String(at + 1)}` : `stream_id ${String(stream)}`,
      receivedTs: numberOr(message['received_ts'], null),
    },
  ]
}

const OLM = 'm.olm.v1.curve25519-aes-sha2'
/** A sender may name any number of keys; clients name one. */
const MOST_TARGETS = 100

/**
 * The Olm messages among those that wait. What names no key that could be one is left out: it says nothing of the device, and is the fault of
 * its sender alone.
 */
export function olmMessages(messages: readonly WaitingMessage[]): readonly OlmWaiting[] {
  return messages.flatMap((message) => {
    if (message.type !== 'm.room.encrypted' || textAt(message.content, 'algorithm') !== OLM) return []
    const ciphertexts = entriesOf(objectAt(message.content, 'ciphertext')).slice(0, MOST_TARGETS)
    const senderKey = textAt(message.content, 'sender_key')
    return ciphertexts.flatMap(([to, ciphertext]) =>
      keyBytes(to) === null ? [] : [{...message, senderKey, to, preKey: preKeyOf(ciphertext)}],
    )
  })
}

function preKeyOf(ciphertext: unknown): OlmPreKeyMessage | null {
  const body = textAt(ciphertext, 'body')
  if (!isObject(ciphertext) || ciphertext['type'] !== 0 || body === null) return null
  const read = readOlmPreKeyMessage(body)
  return isFault(read) ? null : read
}
