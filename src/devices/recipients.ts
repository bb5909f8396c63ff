import {type Certainty, type Evidence, type Finding, finding, type Severity} from '../finding/finding.ts'
import type {ToldEvent, ToldSpan} from './room-encryption.ts'

/** What it means that a side and the replay differ in a membership, as `diff` grades it. */
export type RecipientGrade =
  'diverged' | 'rejected-there' | 'soft-failed-there' | 'reading-dependent' | 'behind' | 'unknown'

/** A user who is joined by one side and not by the other. */
export interface RecipientDifference {
  readonly userId: string
  /** Membership by the replay and by the side; `null`: none. */
  readonly replay: string | null
  readonly there: string | null
  readonly grade: RecipientGrade
}

/** One server's answer to who is in the room, where it differs from the replay's. */
export interface RecipientSide {
  readonly server: string
  /** Where it says so. */
  readonly where: string
  readonly differences: readonly RecipientDifference[]
  /** Event at which it parted from the replay; `proven`: no earlier one did. */
  readonly since: {readonly event: ToldEvent; readonly proven: boolean} | null
  /** Encrypted messages that users of this server sent from then on. */
  readonly messages: ToldSpan | null
}

/** Memberships that one merge took away or brought back, by one root. */
export interface LostMemberships {
  /** `null`: where the tips come together. */
  readonly at: ToldEvent | null
  readonly cause: string
  /** How it came, in a sentence: of the root where there is one. */
  readonly story: string
  readonly users: readonly {
    readonly userId: string
    readonly lost: {readonly membership: string; readonly eventId: string}
    readonly got: string | null
    /** It is by now as it was before. */
    readonly healed: boolean
  }[]
  /** Encrypted messages that were sent while it was so. */
  readonly messages: ToldSpan | null
}

/** Who gets the keys of an encrypted room, by each that has a say; plain data. */
export interface Recipients {
  readonly roomId: string
  /** Where the replay's state is taken. */
  readonly where: string
  readonly sides: readonly RecipientSide[]
  readonly lost: readonly LostMemberships[]
  /** Devices that publish keys; `null`: not known. */
  readonly devicesOf: (userId: string) => readonly string[] | null
  /** `strong` where something may be hidden from the routes; `hint` where the evidence is incomplete. */
  readonly certainty: Certainty
}

const JOIN = 'join'

/**
 * `room/key-recipients-differ`: a sender's client encrypts to the devices of those who are joined by its own server's state. One finding for each
 * server and direction; those who were lost for everybody in one merge, once.
 */
export function recipientFindings(room: Recipients): readonly Finding[] {
  const bySide = sidesTogether(room.sides)
  return [
    ...bySide.flatMap((group) => sideFindings(room, group)),
    ...room.lost.flatMap((lost) => lostFinding(room, lost)),
  ]
}

type Group = readonly [RecipientSide, ...RecipientSide[]]

/** The current state of a server and its state at its newest event, where they say the same of the same people. */
function sidesTogether(sides: readonly RecipientSide[]): readonly Group[] {
  const groups = new Map<string, [RecipientSide, ...RecipientSide[]]>()
  for (const side of sides) {
    const people = side.differences
      .map(({userId, there, grade}) => [userId, there, grade])
      .sort(([a], [b]) => ((a ?? '') < (b ?? '') ? -1 : 1))
    const key = JSON.stringify([side.server, people])
    const known = groups.get(key)
    if (known === undefined) groups.set(key, [side])
    else known.push(side)
  }
  return [...groups.values()]
}

/** What may pass by itself, and what does not. */
const OF_GRADE: Readonly<Record<RecipientGrade, {readonly severity: Severity; readonly certainty: Certainty | null}>> =
  {
    diverged: {severity: 'error', certainty: null},
    'rejected-there': {severity: 'error', certainty: null},
    'soft-failed-there': {severity: 'note', certainty: 'hint'},
    'reading-dependent': {severity: 'warning', certainty: 'hint'},
    behind: {severity: 'note', certainty: 'hint'},
    unknown: {severity: 'note', certainty: 'hint'},
  }

const WHY: Readonly<Record<RecipientGrade, string>> = {
  diverged: '',
  'rejected-there': '; it rejected what the events give',
  'soft-failed-there': '; it has soft-failed the event so far',
  'reading-dependent': '; servers of another kind may rightly say so',
  behind: '; it has not come to the newest events, and may be right once it has',
  unknown: '; too much is missing here to say who is right',
}

const PASSING = 'None needed if it catches up: ask again in a while. A join that races a message looks like this.'

function sideFindings(room: Recipients, group: Group): readonly Finding[] {
  const {differences} = group[0]
  const classes = new Map<string, RecipientDifference[]>()
  for (const one of differences) {
    if ((one.replay === JOIN) === (one.there === JOIN)) continue
    const key = JSON.stringify([one.there === JOIN, one.grade])
    classes.set(key, [...(classes.get(key) ?? []), one])
  }
  return [...classes.values()].flatMap((people) => sideFinding(room, group, people))
}

function sideFinding(room: Recipients, group: Group, people: readonly RecipientDifference[]): readonly Finding[] {
  const [first] = people
  const [side] = group
  if (first === undefined) return []
  const {server} = side
  const {severity, certainty} = OF_GRADE[first.grade]
  const since = group.find((one) => one.since !== null)?.since ?? null
  const messages = group.find((one) => one.messages !== null)?.messages ?? null
  const users = people.map(({userId}) => userId).sort()
  const isIn = first.there === JOIN
  const who = namesOf(users)
  const what = isIn
    ? `${who} ${is(users)} joined by ${server}, and not by the events: its users give ${them(users)} keys that others do not`
    : `${who} ${is(users)} joined by the events, and not by ${server}: its users give ${them(users)} no keys`
  const range =
    severity === 'error'
      ? `${sinceText(since)}. ${rangeText(messages, server, isIn ? 'went to them, too' : 'did not go to them')}`
      : ''
  return [
    finding(
      'room/key-recipients-differ',
      {kind: 'server', server},
      `${what}${WHY[first.grade]}${range}`,
      [
        ...people.flatMap(({userId, replay, there}) => [
          {source: 'replay', where: `${room.where}: membership of ${userId}`, value: replay},
          ...group.map(({where}) => ({source: server, where: `${where}: membership of ${userId}`, value: there})),
          deviceEvidence(room, userId),
        ]),
        ...(since === null
          ? []
          : [
              {
                source: 'replay',
                where: since.proven
                  ? `first event at which ${server} is wrong`
                  : `${server} is wrong at this event, or before`,
                value: since.event.eventId,
              },
            ]),
        ...rangeEvidence(messages),
      ],
      {
        severity,
        certainty: certainty ?? weaker(room.certainty, 'strong'),
        ...(severity === 'error' ? {} : {remedy: PASSING}),
      },
    ),
  ]
}

function lostFinding(room: Recipients, {at, cause, story, users, messages}: LostMemberships): readonly Finding[] {
  const changed = users.filter(({lost, got}) => (lost.membership === JOIN) !== (got === JOIN))
  return [true, false].flatMap((wasIn) => {
    const people = changed.filter(({lost}) => (lost.membership === JOIN) === wasIn)
    if (people.length === 0) return []
    const names = people.map(({userId}) => userId).sort()
    const healed = people.every((one) => one.healed)
    // What was sent by then cannot be given out anew; without a message nobody lacks anything.
    if (healed && messages === null) return []
    const what = wasIn
      ? `${namesOf(names)} ${was(names)} joined and lost that where branches came together${placeOf(at)}: no server that has come to this gives ${them(names)} keys any more`
      : `${namesOf(names)} ${was(names)} out and came back where branches came together${placeOf(at)}: every server that has come to this gives ${them(names)} keys`
    const ended = healed ? ' By now it is as it was.' : ''
    return [
      finding(
        'room/key-recipients-differ',
        {kind: 'room', room_id: room.roomId},
        `${what}. ${rangeText(messages, null, wasIn ? 'did not go to them' : 'went to them, too')}${ended} ${story}.`,
        [
          ...people.flatMap(({userId, lost, got}) => [
            {
              source: 'replay',
              where: `membership of ${userId} that was lost (${lost.membership})`,
              value: lost.eventId,
            },
            {source: 'replay', where: `membership of ${userId} since`, value: got},
            deviceEvidence(room, userId),
          ]),
          ...(at === null ? [] : [{source: 'replay', where: 'merge', value: at.eventId}]),
          ...rangeEvidence(messages),
        ],
        {
          cause,
          ...(healed ? {severity: 'warning' as const, remedy: HEALED} : {}),
          certainty: weaker(room.certainty, 'strong'),
        },
      ),
    ]
  })
}

const HEALED =
  'In the room nothing. Whoever lacks keys of that time asks somebody who has them to share them anew, or takes them from the backup.'

const ORDER: readonly Certainty[] = ['hint', 'strong', 'proof']
function weaker(a: Certainty, b: Certainty): Certainty {
  return ORDER.indexOf(a) < ORDER.indexOf(b) ? a : b
}

const NAMED = 5

function namesOf(users: readonly string[]): string {
  const shown = users.length > NAMED + 1 ? users.slice(0, NAMED) : users
  const rest = users.length - shown.length
  if (rest > 0) return `${shown.join(', ')} and ${String(rest)} more`
  const [last] = shown.slice(-1)
  return shown.length < 2 ? (last ?? '') : `${shown.slice(0, -1).join(', ')} and ${last ?? ''}`
}

const is = (users: readonly string[]): string => (users.length === 1 ? 'is' : 'are')
const was = (users: readonly string[]): string => (users.length === 1 ? 'was' : 'were')
const them = (users: readonly string[]): string => (users.length === 1 ? 'that user' : 'them')

function placeOf(at: ToldEvent | null): string {
  return at === null ? '' : ` at ${at.eventId}, ${timeOf(at.ts)}`
}

function timeOf(ts: number): string {
  const time = new Date(ts)
  return Number.isNaN(time.getTime()) ? String(ts) : `${time.toISOString().slice(0, 19).replace('T', ' ')} UTC`
}

function sinceText(since: RecipientSide['since']): string {
  if (since === null) return ''
  const {event, proven} = since
  return `, since ${event.eventId}, ${timeOf(event.ts)}${proven ? '' : ', or earlier'}`
}

function rangeText(messages: ToldSpan | null, server: string | null, fate: string): string {
  const by = server === null ? '' : ` of users of ${server}`
  if (messages === null) return `No encrypted message${by} was sent since, as far as the events show.`
  const {count, first, last} = messages
  if (count === 1) return `The key of one encrypted message${by} ${fate}: ${first.eventId}.`
  return `Keys of ${String(count)} encrypted messages${by} ${fate}: from ${first.eventId} to ${last.eventId}.`
}

function rangeEvidence(messages: ToldSpan | null): readonly Evidence[] {
  if (messages === null) return []
  return [
    {source: 'replay', where: 'encrypted messages since', value: messages.count},
    {source: 'replay', where: 'first of them', value: messages.first.eventId},
    {source: 'replay', where: 'last of them', value: messages.last.eventId},
  ]
}

function deviceEvidence({devicesOf}: Recipients, userId: string): Evidence {
  const devices = devicesOf(userId)
  return {source: 'device keys', where: `devices of ${userId}`, value: devices === null ? null : devices.join(', ')}
}
