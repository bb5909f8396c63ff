import {type Evidence, type Finding, finding} from '../finding/finding.ts'
import {earlierIdentity} from './identity-changed.ts'
import type {VerifiedDevice} from './identity.ts'
import {type DeviceInbox, inboxOf, olmMessages, type OlmWaiting, type WaitingMessage} from './inbox.ts'
import {knownKeys} from './one-time-keys.ts'
import {textAt} from './shapes.ts'
import type {Told} from './snapshots.ts'
import {clipped, DAY, listed, plural, serverOf, short, span, toldBy, when} from './words.ts'

/** A finding with the sender that it is about, so that it can be said whose messages do not arrive. */
export interface SenderFinding {
  readonly finding: Finding
  readonly sender: string
  /** Rooms that the sender named itself. */
  readonly roomIds: readonly string[]
  /** Whether the sender still does not get through: not for what was on its way when the device changed. */
  readonly unreached: boolean
}

/** Rows that a finding names; the rest is counted. */
const SHOWN = 5
/** Senders that get a finding of their own, for each device: anybody may send to-device messages under any name. */
const MOST_SENDERS = 50

/** What the messages that wait for a device prove, sender by sender. */
export function inboxFindings(
  told: Told,
  device: VerifiedDevice,
): {readonly findings: readonly Finding[]; readonly bySender: readonly SenderFinding[]} {
  const inbox = inboxOf(told, device.deviceId)
  if (inbox === null) return {findings: [], bySender: []}
  const olm = olmMessages(inbox.messages)
  return {
    findings: reissued(told, device, inbox, olm),
    bySender: [
      ...staleSenders(told, device, inbox, olm),
      ...restarting(told, device, inbox, olm),
      ...withheld(told, device, inbox),
    ],
  }
}

function subjectOf(told: Told, {deviceId}: VerifiedDevice): Finding['subject'] {
  return {kind: 'device', user_id: told.evidence.userId, device_id: deviceId}
}

function rows(
  inbox: DeviceInbox,
  messages: readonly WaitingMessage[],
  value: (message: WaitingMessage) => string,
): readonly Evidence[] {
  return [
    ...messages.slice(0, SHOWN).map((message) => toldBy(inbox.by, message.row, value(message))),
    ...(messages.length > SHOWN ? [toldBy(inbox.by, 'further messages', messages.length - SHOWN)] : []),
  ]
}

function bySender(messages: readonly OlmWaiting[]): readonly (readonly [OlmWaiting, readonly OlmWaiting[]])[] {
  const groups = Map.groupBy(messages, ({sender, senderKey}) => JSON.stringify([sender, senderKey]))
  return [...groups.values()]
    .slice(0, MOST_SENDERS)
    .flatMap((group) => (group[0] === undefined ? [] : [[group[0], group] as const]))
}

function nameOf({sender, senderKey}: OlmWaiting): string {
  return senderKey === null ? clipped(sender) : `${clipped(sender)} (device key ${short(senderKey)})`
}

/** `device/stale-sender-key`. Messages from before the change of keys were right when they were sent. */
function staleSenders(
  told: Told,
  device: VerifiedDevice,
  inbox: DeviceInbox,
  olm: readonly OlmWaiting[],
): readonly SenderFinding[] {
  const {curve25519, deviceId} = device
  if (curve25519 === null) return []
  const reachable = new Set(olm.filter(({to}) => sameKey(to, curve25519)).map(({row}) => row))
  const stale = olm.filter(({to, row}) => !sameKey(to, curve25519) && !reachable.has(row))
  const change = earlierIdentity(told, deviceId)
  // Until then others could not know better: the new keys had not been told yet, as far as is known.
  const changedBy = change === null || change.before.curve25519 === change.now.curve25519 ? null : change.now.by.ts
  return bySender(stale).map(([first, messages]) => {
    const isOld = ({receivedTs}: WaitingMessage) => changedBy !== null && receivedTs !== null && receivedTs <= changedBy
    // Newest first: who reached the new key after that has learned of it.
    const newest = Math.min(...messages.map((message) => olm.indexOf(message)))
    const learned = olm
      .slice(0, newest)
      .some(
        ({row, sender, senderKey}) => reachable.has(row) && sender === first.sender && senderKey === first.senderKey,
      )
    const old = learned || messages.every(isOld)
    const keys = [...new Set(messages.map(({to}) => to))]
    const aged = learned
      ? ' Newer messages of the same sender are encrypted to the new key: nothing is wrong with the sender any more.'
      : changedBy === null || messages.every(({receivedTs}) => receivedTs === null)
        ? ' If they were sent before the device got that key, nothing is wrong with the sender: when that was, nothing tells.'
        : old
          ? ` They came before ${when(changedBy)}, when the new keys are known to have been there: nothing is wrong with the sender.`
          : ` Some of them came after ${when(changedBy)}, when the new keys were there.`
    return {
      sender: first.sender,
      roomIds: [],
      unreached: !old,
      finding: finding(
        'device/stale-sender-key',
        subjectOf(told, device),
        `${plural(messages.length, 'message')} of ${nameOf(first)} ${messages.length === 1 ? 'waits' : 'wait'} for device ${clipped(deviceId)}, encrypted to ${listed(keys.map(short), 3)}, and the device has ${short(curve25519)}: it cannot read ${messages.length === 1 ? 'it' : 'them'}.${aged}`,
        rows(inbox, messages, (message) => (message as OlmWaiting).to),
        old
          ? {severity: 'note', remedy: 'None needed: the messages were on their way when the device got its new keys.'}
          : {
              remedy: `${clipped(first.sender)} restarts the client, so that it asks for the devices anew; if it still encrypts to the old key, the admin of ${clipped(serverOf(first.sender))} looks whether its copy of the device list is stale.`,
            },
      ),
    }
  })
}

function sameKey(a: string, b: string): boolean {
  return a.replace(/=+$/, '') === b.replace(/=+$/, '')
}

/** A client that cannot decrypt starts one new session an hour at most, and one that was away starts none: three wait only where it goes on and on. */
const RESTARTS = 3

/** `device/olm-restarting`. */
function restarting(
  told: Told,
  device: VerifiedDevice,
  inbox: DeviceInbox,
  olm: readonly OlmWaiting[],
): readonly SenderFinding[] {
  const started = olm.filter(
    ({preKey, to}) => preKey !== null && device.curve25519 !== null && sameKey(to, device.curve25519),
  )
  return bySender(started).flatMap(([first, messages]) => {
    const sessions = new Map(messages.map((message) => [message.preKey?.baseKey ?? '', message]))
    if (sessions.size < RESTARTS) return []
    return [
      {
        sender: first.sender,
        roomIds: [],
        unreached: true,
        finding: finding(
          'device/olm-restarting',
          subjectOf(told, device),
          `${nameOf(first)} started ${plural(sessions.size, 'encrypted session')} with device ${clipped(device.deviceId)}, one after the other, which all wait for it.`,
          rows(inbox, [...sessions.values()], (message) => (message as OlmWaiting).preKey?.baseKey ?? ''),
        ),
      },
    ]
  })
}

/** `device/otk-reissued`: one one-time key, two sessions. A fallback key is meant to be given out more than once. */
function reissued(
  told: Told,
  device: VerifiedDevice,
  inbox: DeviceInbox,
  olm: readonly OlmWaiting[],
): readonly Finding[] {
  const {curve25519, deviceId} = device
  if (curve25519 === null) return []
  const known = knownKeys(told, deviceId)
  const started = olm.filter(({preKey, to}) => preKey !== null && sameKey(to, curve25519))
  const byKey = Map.groupBy(started, ({preKey}) => preKey?.oneTimeKey ?? '')
  return [...byKey].flatMap(([oneTimeKey, messages]) => {
    const sessions = new Map(messages.map((message) => [message.preKey?.baseKey ?? '', message]))
    if (sessions.size < 2 || known.fallback?.has(oneTimeKey) === true) return []
    const senders = [...new Set([...sessions.values()].map(({sender}) => sender))]
    const isOneTime = known.oneTime.has(oneTimeKey)
    // What one sender writes, that sender can have made up.
    const isOfOne = senders.length < 2
    const doubt = isOneTime
      ? ''
      : known.fallback === null
        ? ' If that is a fallback key, nothing is wrong: which ones the device had is not known.'
        : ' It is not the device’s fallback key, unless it was an earlier one.'
    const more = isOneTime
      ? isOfOne
        ? ({certainty: 'strong'} as const)
        : {}
      : known.fallback === null
        ? ({severity: 'warning', certainty: 'hint'} as const)
        : ({certainty: 'strong'} as const)
    return [
      finding(
        'device/otk-reissued',
        subjectOf(told, device),
        `One one-time key (${short(oneTimeKey)}) of device ${clipped(deviceId)} was given out ${plural(sessions.size, 'time')}: to ${listed(senders, 3)}.${doubt}`,
        rows(
          inbox,
          [...sessions.values()],
          (message) => `${message.sender}, base key ${(message as OlmWaiting).preKey?.baseKey ?? ''}`,
        ),
        {
          ...more,
          remedy: `The admin of ${clipped(serverOf(told.evidence.userId))} empties e2e_one_time_keys_json before starting a database that was restored. If ${listed(senders, 3)} cannot reach the device, it logs out and in anew.`,
        },
      ),
    ]
  })
}

/** What the codes ask of whom. https://spec.matrix.org/v1.19/client-server-api/#mroom_keywithheld */
const WITHHELD_REMEDIES: Readonly<Record<string, string>> = {
  'm.unverified': 'The owner verifies this device from another one, or with the recovery key.',
  'm.blacklisted': 'The sender blocks this device in the client, and can unblock it there.',
  'm.unauthorised': 'None needed where the user was not in the room when the message was sent.',
  'm.unavailable': 'The device that was asked does not have the key: ask another one, or restore it from the backup.',
  'm.no_olm':
    'Start the client of this device, so that it uploads new one-time keys; the sender’s next message then starts an encrypted session.',
}

/** `device/keys-withheld`, one a sender and code. */
function withheld(told: Told, device: VerifiedDevice, inbox: DeviceInbox): readonly SenderFinding[] {
  const notes = inbox.messages.filter(
    ({type}) => type === 'm.room_key.withheld' || type === 'org.matrix.room_key.withheld',
  )
  const groups = Map.groupBy(notes, ({sender, content}) => JSON.stringify([sender, textAt(content, 'code')]))
  return [...groups.values()].slice(0, MOST_SENDERS).flatMap((messages) => {
    const [first] = messages
    if (first === undefined) return []
    const code = textAt(first.content, 'code')
    const roomIds = [...new Set(messages.map(({content}) => textAt(content, 'room_id')).filter((id) => id !== null))]
    const rooms = roomIds.length === 0 ? 'its keys (no room is named)' : `the keys of ${listed(roomIds, 3)}`
    const remedy =
      code === null || !Object.hasOwn(WITHHELD_REMEDIES, code) ? {} : {remedy: WITHHELD_REMEDIES[code] ?? ''}
    return [
      {
        sender: first.sender,
        roomIds,
        unreached: true,
        finding: finding(
          'device/keys-withheld',
          subjectOf(told, device),
          `${clipped(first.sender)} does not give device ${clipped(device.deviceId)} ${rooms}: ${code === null ? 'no reason is given' : `"${clipped(code)}"`}.`,
          rows(inbox, messages, ({content}) => `${code ?? 'no code'} ${textAt(content, 'room_id') ?? ''}`.trim()),
          remedy,
        ),
      },
    ]
  })
}

/** What one `/sync` of Synapse hands out at most: a client that syncs has less than that waiting, or soon has. */
const BACKLOG = 100
/** A device that is switched off for the weekend is none that does not sync. */
const AWAY = 7 * DAY
/** Nobody logs out a device that is lost or replaced; messages pile up for it until somebody does. */
const DEAD = 90 * DAY

/** `device/inbox-backlog`. A dehydrated device is exempt: that messages pile up is what it is for. */
export function backlogFinding(
  told: Told,
  device: {readonly deviceId: string; readonly lastSeenTs: number | null; readonly dehydrated: boolean},
): Finding | null {
  const {deviceId, lastSeenTs, dehydrated} = device
  const inbox = inboxOf(told, deviceId)
  if (inbox === null || dehydrated || inbox.count < BACKLOG) return null
  const {userId, nowMs} = told.evidence
  const away = lastSeenTs === null ? null : nowMs - lastSeenTs
  if (away !== null && away <= AWAY) return null
  const dead = away !== null && away > DEAD
  const seen = away === null ? 'when it was seen last is not known' : `it was seen last ${span(away)} ago`
  return finding(
    'device/inbox-backlog',
    {kind: 'device', user_id: userId, device_id: deviceId},
    `${plural(inbox.count, 'message')} wait for device ${clipped(deviceId)} of ${clipped(userId)}, and ${seen}${dead ? ': nobody uses it' : ''}.`,
    [
      toldBy(inbox.by, `device ${deviceId}, messages that wait`, inbox.count),
      ...(lastSeenTs === null ? [] : [toldBy(inbox.by, `device ${deviceId}, last seen`, when(lastSeenTs))]),
    ],
    dead ? {severity: 'note', remedy: 'Log the device out: nobody uses it.'} : away === null ? {certainty: 'hint'} : {},
  )
}
