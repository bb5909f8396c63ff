import {hash} from 'node:crypto'
import type {Finding} from '../finding/finding.ts'
import {verifyEd25519} from '../matrix/signatures.ts'
import {encodeBase64, isFault, keyBytes} from './bytes.ts'
import type {NotChecked} from './evidence.ts'
import {readMegolmMessage} from './megolm-message.ts'
import type {EncryptedMessage, NamedDevice, RotationSettings, SeenSession} from './message-shapes.ts'
import {goneDeviceFinding, sessionFindings} from './message-findings.ts'
import {lenientRotation} from './rotation.ts'
import {textAt} from './shapes.ts'
import {plural} from './words.ts'

export type {EncryptedMessage, RotationSettings}

export interface MessageAuditResult {
  /** By session, then by device, in the order in which they came. */
  readonly findings: readonly Finding[]
  readonly notChecked: readonly NotChecked[]
  /** All that were added. */
  readonly messages: number
  readonly sessions: number
  /** Those that tell nothing: redacted, of another algorithm, or of no form that a client would read. */
  readonly unreadable: number
}

/** Event IDs that a finding names; the rest is counted. */
export const SHOWN_EVENTS = 5
/** A sender may write any `sender_key`; a device has had few. */
const MOST_KEYS = 8

/**
 * Judges the encrypted messages of a room without any key. Each message costs one signature, and memory for a hash and its ID; texts are not
 * kept. The order in which messages are added does not matter but for which of them is called the first.
 */
export class MessageAudit {
  readonly #rotation: RotationSettings
  readonly #sessions = new Map<string, SeenSession>()
  readonly #devices = new Map<string, NamedDevice>()
  #messages = 0
  #withoutDevice = 0
  readonly #unreadable = {redacted: 0, algorithm: 0, malformed: 0}

  /** @param rotation - all settings that were in force in the room: the most lenient counts, since a sender may not have known the newer one */
  constructor(rotation: readonly RotationSettings[]) {
    this.#rotation = lenientRotation(rotation)
  }

  add(message: EncryptedMessage): void {
    this.#messages += 1
    const {content} = message
    const ciphertext = textAt(content, 'ciphertext')
    const algorithm = textAt(content, 'algorithm')
    // A redacted event keeps neither.
    if (ciphertext === null && algorithm === null) {
      this.#unreadable.redacted += 1
      return
    }
    if (algorithm !== 'm.megolm.v1.aes-sha2') {
      this.#unreadable.algorithm += 1
      return
    }
    this.#noteDevice(message)
    const sessionId = textAt(content, 'session_id')
    const read = ciphertext === null ? {fault: 'it has no ciphertext'} : readMegolmMessage(ciphertext)
    if (sessionId === null || isFault(read)) {
      this.#unreadable.malformed += 1
      return
    }
    const session = this.#sessionOf(message, sessionId)
    if (!isVerified(sessionId, read)) {
      session.bad.count += 1
      if (session.bad.events.length < SHOWN_EVENTS) session.bad.events.push(message.eventId)
      return
    }
    this.#noteMessage(session, message, read.index, read.ciphertext)
  }

  /**
   * @param devicesOf - curve25519 keys by device ID (`null`: it has none) of a user as they are now; `null` where they are not known
   */
  end(devicesOf: (userId: string) => ReadonlyMap<string, string | null> | null): MessageAuditResult {
    const findings = [...this.#sessions.values()].flatMap((session) => sessionFindings(session, this.#rotation))
    const unknown = new Set<string>()
    for (const device of this.#devices.values()) {
      const devices = devicesOf(device.sender)
      if (devices === null) {
        unknown.add(device.sender)
        continue
      }
      const found = goneDeviceFinding(device, devices)
      if (found !== null) findings.push(found)
    }
    const {redacted, algorithm, malformed} = this.#unreadable
    return {
      findings,
      notChecked: this.#notChecked(unknown),
      messages: this.#messages,
      sessions: this.#sessions.size,
      unreadable: redacted + algorithm + malformed,
    }
  }

  #noteDevice({content, sender, eventId}: EncryptedMessage): void {
    const deviceId = textAt(content, 'device_id')
    if (deviceId === null) {
      this.#withoutDevice += 1
      return
    }
    const id = JSON.stringify([sender, deviceId])
    const known = this.#devices.get(id)
    const device: NamedDevice = known ?? {sender, deviceId, keys: new Map(), eventId, messages: 0}
    if (known === undefined) this.#devices.set(id, device)
    device.messages += 1
    const key = textAt(content, 'sender_key')
    if (key === null) return
    const seen = device.keys.get(key)
    if (seen !== undefined) seen.count += 1
    else if (device.keys.size < MOST_KEYS) device.keys.set(key, {eventId, count: 1})
  }

  #sessionOf({sender, content}: EncryptedMessage, sessionId: string): SeenSession {
    const id = JSON.stringify([sender, sessionId])
    const known = this.#sessions.get(id)
    if (known !== undefined) {
      known.deviceId ??= textAt(content, 'device_id')
      return known
    }
    const why = sessionKey(sessionId) === null ? 'the session ID is no ed25519 key' : 'the signature does not verify'
    const session: SeenSession = {
      sessionId,
      sender,
      deviceId: textAt(content, 'device_id'),
      messages: 0,
      indexes: new Map(),
      reused: new Map(),
      bad: {events: [], count: 0, why},
      first: null,
      last: null,
      greatestIndex: -1,
    }
    this.#sessions.set(id, session)
    return session
  }

  /** Of well signed messages only: others may have been written by anybody, and would frame the sender. */
  #noteMessage(session: SeenSession, message: EncryptedMessage, index: number, ciphertext: Uint8Array): void {
    session.messages += 1
    const {eventId, originServerTs: ts} = message
    if (Number.isFinite(ts)) {
      if (session.first === null || ts < session.first.ts) session.first = {eventId, ts}
      if (session.last === null || ts > session.last.ts) session.last = {eventId, ts}
    }
    session.greatestIndex = Math.max(session.greatestIndex, index)
    // Half of the hash is plenty to tell the few messages of one index apart.
    const digest = hash('sha256', ciphertext, 'base64').slice(0, 22)
    const known = session.indexes.get(index)
    if (known === undefined) session.indexes.set(index, {eventId, ts, hash: digest})
    else if (known.hash !== digest) {
      const events = session.reused.get(index)
      if (events === undefined) session.reused.set(index, [known.eventId, eventId])
      else if (events.length < SHOWN_EVENTS) events.push(eventId)
    }
  }

  #notChecked(unknown: ReadonlySet<string>): readonly NotChecked[] {
    const {redacted, algorithm, malformed} = this.#unreadable
    const parts = [
      ...(redacted > 0 ? [`${plural(redacted, 'message')} as before the redaction`] : []),
      ...(malformed > 0 ? [`${plural(malformed, 'message')} in a form that can be read`] : []),
      ...(algorithm > 0 ? [`${plural(algorithm, 'message')} in the algorithm m.megolm.v1.aes-sha2`] : []),
    ]
    const needs = parts.join(', ')
    const notChecked: NotChecked[] =
      parts.length === 0
        ? []
        : (['megolm/index-reused', 'megolm/signature-bad', 'megolm/rotation-overdue'] as const).map((id) => ({
            id,
            needs,
          }))
    if (unknown.size > 0)
      notChecked.push({
        id: 'megolm/sender-device-gone',
        needs: `the devices of ${plural(unknown.size, 'sender')}: a token (MATRIX_STATE_TOKEN) or --database of a server in the room`,
      })
    if (this.#withoutDevice > 0)
      notChecked.push({
        id: 'megolm/sender-device-gone',
        needs: `${plural(this.#withoutDevice, 'message')} to name a device, which newer clients leave out`,
      })
    return notChecked
  }
}

/** The session ID is the public key of the session: 32 bytes in unpadded base64. */
function sessionKey(sessionId: string): string | null {
  return sessionId.length === 43 && keyBytes(sessionId) !== null ? sessionId : null
}

function isVerified(
  sessionId: string,
  read: {readonly signedBytes: Uint8Array; readonly signature: Uint8Array},
): boolean {
  const key = sessionKey(sessionId)
  return key !== null && verifyEd25519(read.signedBytes, key, encodeBase64(read.signature))
}
