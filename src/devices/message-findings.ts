import {type Evidence, type Finding, finding} from '../finding/finding.ts'
import type {NamedDevice, RotationSettings, SeenSession} from './message-shapes.ts'
import {slackOf} from './rotation.ts'
import {clipped, listed, plural, short, span, when} from './words.ts'

/** Indexes that a finding names; the rest is counted. */
const SHOWN_INDEXES = 10

/** What is wrong with one session: at most one finding of each kind. */
export function sessionFindings(session: SeenSession, rotation: RotationSettings): readonly Finding[] {
  return [reused(session), badlySigned(session), overdue(session, rotation)].filter((found) => found !== null)
}

function subjectOf({sessionId, sender, deviceId}: SeenSession): Finding['subject'] {
  const subject = {kind: 'session', session_id: sessionId, sender} as const
  return deviceId === null ? subject : {...subject, device_id: deviceId}
}

function whose({sessionId, sender, deviceId}: SeenSession): string {
  const device = deviceId === null ? '' : `, device ${clipped(deviceId)},`
  return `session ${short(sessionId)} of ${clipped(sender)}${device}`
}

function inRoom(eventId: string, value: Evidence['value']): Evidence {
  return {source: 'timeline', where: `event ${clipped(eventId)}`, value}
}

function reused(session: SeenSession): Finding | null {
  if (session.reused.size === 0) return null
  const indexes = [...session.reused.keys()].sort((a, b) => a - b)
  const shown = indexes.slice(0, SHOWN_INDEXES)
  const evidence = shown.flatMap((index) =>
    (session.reused.get(index) ?? []).map((eventId) => inRoom(eventId, `index ${String(index)}`)),
  )
  const where = `${indexes.length === 1 ? 'index' : 'indexes'} ${listed(indexes.map(String), SHOWN_INDEXES)}`
  return finding(
    'megolm/index-reused',
    subjectOf(session),
    `Different messages of ${whose(session)} were encrypted at the same place (${where}): its store was copied or rolled back.`,
    evidence,
    {
      remedy: `${clipped(session.sender)} logs ${session.deviceId === null ? 'that device' : `device ${clipped(session.deviceId)}`} out and in anew. For a bot: one store belongs to one running process, and an old copy of it is never put back.`,
    },
  )
}

function badlySigned(session: SeenSession): Finding | null {
  const {count, events, why} = session.bad
  if (count === 0) return null
  return finding(
    'megolm/signature-bad',
    subjectOf(session),
    `${plural(count, 'message')} of ${whose(session)} ${count === 1 ? 'is' : 'are'} not signed by that session: ${why}.`,
    [
      ...events.map((eventId) => inRoom(eventId, why)),
      ...(count > events.length ? [{source: 'timeline', where: 'further events', value: count - events.length}] : []),
    ],
  )
}

function overdue(session: SeenSession, rotation: RotationSettings): Finding | null {
  const {greatestIndex, first, last} = session
  const tooMany = greatestIndex > rotation.periodMsgs
  const age = first === null || last === null ? 0 : last.ts - first.ts
  const tooOld = age > rotation.periodMs + slackOf(rotation)
  if (!tooMany && !tooOld) return null
  const reasons = [
    ...(tooMany
      ? [`it came to index ${String(greatestIndex)}, and ${plural(rotation.periodMsgs, 'message')} are allowed`]
      : []),
    ...(tooOld
      ? [
          `its messages span ${span(age)}, and ${span(rotation.periodMs)} are allowed (by the dates that the sender’s server gave them)`,
        ]
      : []),
  ]
  return finding(
    'megolm/rotation-overdue',
    subjectOf(session),
    `The ${whose(session)} was used longer than the room’s settings allow: ${reasons.join('; ')}.`,
    [
      ...(tooMany ? [inRoom(eventAt(session, greatestIndex), `index ${String(greatestIndex)}`)] : []),
      ...(tooOld && first !== null && last !== null
        ? [inRoom(first.eventId, when(first.ts)), inRoom(last.eventId, when(last.ts))]
        : []),
    ],
    // Dates are what servers write, and a message may have waited; an index is signed.
    tooMany ? {} : {certainty: 'strong'},
  )
}

function eventAt({indexes}: SeenSession, index: number): string {
  return indexes.get(index)?.eventId ?? ''
}

/** A device that messages name and that its owner does not have, or has with another key. `null` where it is there. */
export function goneDeviceFinding(device: NamedDevice, devices: ReadonlyMap<string, string | null>): Finding | null {
  const {sender, deviceId, keys, messages, eventId} = device
  const subject = {kind: 'device', user_id: sender, device_id: deviceId} as const
  const name = `device ${clipped(deviceId)}`
  const current = devices.get(deviceId)
  if (current === undefined)
    return finding(
      'megolm/sender-device-gone',
      subject,
      `${plural(messages, 'message')} of ${clipped(sender)} ${messages === 1 ? 'names' : 'name'} ${name}, which ${clipped(sender)} does not have any more.`,
      [inRoom(eventId, deviceId), {source: 'timeline', where: 'messages that name it', value: messages}],
    )
  if (current === null) return null
  const others = [...keys].filter(([key]) => key !== current)
  const [first] = others
  if (first === undefined) return null
  const count = others.reduce((sum, [, of]) => sum + of.count, 0)
  return finding(
    'megolm/sender-device-gone',
    subject,
    `${plural(count, 'message')} of ${clipped(sender)} ${count === 1 ? 'names' : 'name'} ${name} with the curve25519 key ${listed(others.map(([key]) => short(key)))}, and the device has ${short(current)} now.`,
    [
      ...others.slice(0, SHOWN_INDEXES).map(([key, of]) => inRoom(of.eventId, key.slice(0, 100))),
      {source: 'timeline', where: 'messages that name it', value: count},
    ],
  )
}
