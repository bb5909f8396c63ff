import {type Evidence, type Finding, finding, type Severity} from '../finding/finding.ts'

/** An event, as far as it is told. */
export interface ToldEvent {
  readonly eventId: string
  readonly sender: string
  /** Milliseconds since 1970, as its server claims. */
  readonly ts: number
}

/** Events of a kind in a room: how many, from which to which. */
export interface ToldSpan {
  readonly count: number
  readonly first: ToldEvent
  readonly last: ToldEvent
}

/** What stands in the slot of `m.room.encryption`. */
export interface EncryptionSetting extends ToldEvent {
  /** `null`: it names none. */
  readonly algorithm: string | null
  /** The redaction that took its algorithm away. */
  readonly redactedBy: ToldEvent | null
}

/** What the replay, or a server, says of a room's encryption now. */
export interface EncryptionSide {
  /** `replay`, or the server. */
  readonly source: string
  /** Where it says so: an endpoint, a table, the events that the state is after. */
  readonly where: string
  /** `null`: nothing stands there. */
  readonly setting: EncryptionSetting | null
  /** Whether it may be said of that side, rather than that it has not come so far, or that it is not known. */
  readonly isSure: boolean
  /** Event at which it parted from the replay, where that is known. Of the replay itself: see `RoomEncryption.lost`. */
  readonly since: string | null
}

/** How encryption was lost in the replay. */
export interface EncryptionLost {
  readonly kind: 'event' | 'redaction' | 'merge'
  /** `null`: where the tips come together. */
  readonly at: ToldEvent | null
  /** The cause, and a sentence, where the loss is a reset that was looked into. */
  readonly cause: string | null
  readonly story: string | null
}

/** All that is known of the encryption of one room; plain data. */
export interface RoomEncryption {
  readonly roomId: string
  /** The newest accepted event that switched it on or set it, before it was lost. */
  readonly set: EncryptionSetting
  /** Algorithm that the room was encrypted with first. */
  readonly algorithm: string
  readonly sides: readonly EncryptionSide[]
  readonly lost: EncryptionLost | null
  /** Messages in the clear, sent where the room had been encrypted. */
  readonly clear: ToldSpan | null
  /** `strong` where something may be hidden from the routes that the events came by; `hint` where the evidence is incomplete. */
  readonly certainty: 'proof' | 'strong' | 'hint'
}

/** A room setting that went back to an older value in a merge. */
export interface VisibilityReset {
  readonly at: ToldEvent | null
  readonly lost: string
  readonly got: string | null
  readonly cause: string
}

/** Whether the setting says that the room is encrypted as it was. */
export function isEncrypted(setting: EncryptionSetting | null, algorithm: string): boolean {
  return setting !== null && setting.redactedBy === null && setting.algorithm === algorithm
}

/**
 * `room/encryption-lost`: once for the room as the replay has it, and once for each server whose state alone says otherwise.
 *
 * @see https://spec.matrix.org/v1.19/client-server-api/#mroomencryption
 */
export function roomEncryptionFindings(room: RoomEncryption): readonly Finding[] {
  const {sides, algorithm, lost, clear} = room
  const replay = sides.find(({source}) => source === 'replay')
  const found: Finding[] = []
  if (replay !== undefined && !isEncrypted(replay.setting, algorithm)) found.push(lostFinding(room, replay))
  else if (lost !== null && clear !== null) found.push(wasLostFinding(room, lost, clear))
  if (replay === undefined || isEncrypted(replay.setting, algorithm)) {
    const wrong = sides.filter((side) => side !== replay && side.isSure && !isEncrypted(side.setting, algorithm))
    for (const server of new Set(wrong.map(({source}) => source))) {
      found.push(
        serverFinding(
          room,
          wrong.filter(({source}) => source === server),
        ),
      )
    }
  }
  return found
}

function lostFinding(room: RoomEncryption, replay: EncryptionSide): Finding {
  const {lost, set, clear, sides} = room
  const others = sides.filter(({source}) => source !== 'replay')
  return finding(
    'room/encryption-lost',
    {kind: 'slot', type: 'm.room.encryption', state_key: '', ...placeOf(lost)},
    `the room was encrypted by ${set.sender} (${set.eventId}), and ${nowWords(replay.setting)}${sinceWords(lost)}. ${clearWords(clear)}`,
    [...historyEvidence(room), sideEvidence(replay), ...others.map(sideEvidence)],
    {...causeOf(lost), certainty: room.certainty},
  )
}

function placeOf(lost: EncryptionLost | null): {readonly event_id?: string} {
  const at = lost?.at ?? null
  return at === null ? {} : {event_id: at.eventId}
}

function causeOf(lost: EncryptionLost | null): {readonly cause?: string} {
  const cause = lost?.cause ?? null
  return cause === null ? {} : {cause}
}

/** It is encrypted again, but what was sent in between was not. */
function wasLostFinding(room: RoomEncryption, lost: EncryptionLost, clear: ToldSpan): Finding {
  return finding(
    'room/encryption-lost',
    {kind: 'slot', type: 'm.room.encryption', state_key: '', ...placeOf(lost)},
    `the room is encrypted, but was not for a while${sinceWords(lost)}. ${clearWords(clear)}`,
    [...historyEvidence(room), ...room.sides.map(sideEvidence)],
    {
      severity: 'warning',
      certainty: room.certainty,
      ...causeOf(lost),
      remedy:
        'In the room nothing: it is encrypted again. What was sent in the meantime stays readable to all its servers.',
    },
  )
}

function serverFinding(room: RoomEncryption, sides: readonly EncryptionSide[]): Finding {
  const [first] = sides
  const server = first?.source ?? ''
  const since = sides.find((side) => side.since !== null)?.since ?? null
  return finding(
    'room/encryption-lost',
    {kind: 'slot', type: 'm.room.encryption', state_key: ''},
    `by the state of ${server}, ${nowWords(first?.setting ?? null)}${since === null ? '' : ` (its state is wrong since ${since})`}, though ${room.set.sender} switched encryption on (${room.set.eventId}) and the events give that: what its users send may be in the clear`,
    [
      ...historyEvidence(room),
      ...room.sides.filter(({source}) => source === 'replay' || source === server).map(sideEvidence),
    ],
    {
      certainty: room.certainty,
      remedy: `The state of ${server} has to be mended: send m.room.encryption again from that server, and see with \`matrix-state diff\` whether it has it then. What was sent in the meantime stays readable to all servers in the room.`,
    },
  )
}

function nowWords(setting: EncryptionSetting | null): string {
  if (setting === null) return 'nothing says so any more'
  if (setting.redactedBy !== null) return `that event (${setting.eventId}) was redacted, which takes the algorithm away`
  if (setting.algorithm === null)
    return `what stands there now names no algorithm (${setting.eventId} by ${setting.sender})`
  return `what stands there now names another algorithm, ${JSON.stringify(setting.algorithm)} (${setting.eventId} by ${setting.sender})`
}

function sinceWords(lost: EncryptionLost | null): string {
  if (lost === null) return ''
  const {kind, at, story} = lost
  const why = story === null ? '' : `: ${story}`
  if (at === null) return `, since the branches of the room come together${why}`
  const time = new Date(at.ts)
  const day = Number.isNaN(time.getTime()) ? '' : `, ${time.toISOString().slice(0, 19).replace('T', ' ')} UTC`
  if (kind === 'merge') return `, since branches came together at ${at.eventId}${day}${why}`
  return `, since ${kind === 'redaction' ? 'the redaction' : 'the event'} ${at.eventId} by ${at.sender}${day}`
}

function clearWords(clear: ToldSpan | null): string {
  if (clear === null) return 'No message was sent in the clear since, as far as the events show'
  const {count, first, last} = clear
  if (count === 1) return `One message was sent in the clear since: ${first.eventId} by ${first.sender}`
  return `${String(count)} messages were sent in the clear since, from ${first.eventId} to ${last.eventId}`
}

function historyEvidence({set, lost, clear}: RoomEncryption): readonly Evidence[] {
  const at = lost?.at ?? null
  return [
    {source: 'replay', where: `m.room.encryption set by ${set.sender}`, value: set.eventId},
    ...(at === null ? [] : [{source: 'replay', where: `lost at (${lost?.kind ?? ''})`, value: at.eventId}]),
    ...(clear === null
      ? []
      : [
          {source: 'replay', where: 'messages in the clear', value: clear.count},
          {source: 'replay', where: 'first message in the clear', value: clear.first.eventId},
          {source: 'replay', where: 'last message in the clear', value: clear.last.eventId},
        ]),
  ]
}

function sideEvidence({source, where, setting}: EncryptionSide): Evidence {
  return {source, where: `${where}: m.room.encryption`, value: setting?.eventId ?? null}
}

/** History visibility that was reset decides who may be given the keys of what was said before: worth knowing, no more. */
export function visibilityFindings(resets: readonly VisibilityReset[]): readonly Finding[] {
  const severity: Severity = 'note'
  return resets.map(({at, lost, got, cause}) =>
    finding(
      'room/key-recipients-differ',
      {
        kind: 'slot',
        type: 'm.room.history_visibility',
        state_key: '',
        ...(at === null ? {} : {event_id: at.eventId}),
      },
      `the history visibility ${JSON.stringify(lost)} was lost where branches came together${at === null ? '' : ` at ${at.eventId}`}; now it is ${got === null ? 'not set, which counts as "shared"' : JSON.stringify(got)}: whoever joins may be given keys of earlier messages accordingly`,
      [
        {source: 'replay', where: 'history visibility that was lost', value: lost},
        {source: 'replay', where: 'history visibility since', value: got},
      ],
      {
        severity,
        certainty: 'proof',
        cause,
        remedy: 'Somebody with the power to do so sends m.room.history_visibility again as it should be.',
      },
    ),
  )
}
