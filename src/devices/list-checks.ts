import {type Evidence, type Finding, finding} from '../finding/finding.ts'
import {type DeviceListDifference, deviceListDifferences} from './device-lists.ts'
import {entriesOf, objectsOf, numberOr, textAt} from './shapes.ts'
import {asOfThen, keysNow, newestKeys, type SnapshotOf, type Told} from './snapshots.ts'
import {clipped, DAY, HOUR, listed, MINUTE, plural, serverOf, span, toldBy, when} from './words.ts'

/** What servers know of the user's list: theirs against that of the user's own server. */
export function listFindings(told: Told): readonly Finding[] {
  return [...staleCopies(told), ...tooLong(told), ...resyncFailing(told), ...unreachable(told), ...unsent(told)]
}

/** The newest copy that each server told, by server. */
export function copies(told: Told): readonly SnapshotOf<'keys'>[] {
  const ofServers = Map.groupBy(
    keysNow(told).filter(({fact}) => fact.view === 'copy'),
    ({server, route}) => (server === '' ? route : server),
  )
  return [...ofServers.values()].flatMap((ofServer) => ofServer.slice(0, 1))
}

/** How long a difference has to last: an update is sent at once, and takes a moment. */
const SETTLED = 5_000
const SHOWN = 5

/**
 * `device/list-stale`. A difference may be an update on its way. It is proven where the copy still said what it says at least five seconds after
 * the user's own server said otherwise, and was seen at the same time as that: what was asked once, or one after the other, may have
 * changed in between.
 */
function staleCopies(told: Told): readonly Finding[] {
  const origin = newestKeys(told, 'origin')
  if (origin === null) return []
  const {userId} = told.evidence
  const own = serverOf(userId)
  return copies(told).flatMap((copy) => {
    const differences = deviceListDifferences(origin.fact, copy.fact)
    if (differences.length === 0) return []
    const lasted = Math.max(0, copy.lastTs - Math.max(origin.ts, copy.ts))
    const isProven = isPersistent(origin, copy)
    const server = copy.server === '' ? copy.route : copy.server
    return [
      finding(
        'device/list-stale',
        {kind: 'user', user_id: userId},
        `The copy that ${clipped(server)} has of the devices of ${clipped(userId)} differs from what ${clipped(own)} says: ${differencesText(differences)}.${
          isProven ? '' : ' They were not asked often enough to tell this from an update on its way: ask again.'
        }`,
        [
          ...differences.slice(0, SHOWN).flatMap((difference) => differenceEvidence(origin, copy, difference)),
          ...(differences.length > SHOWN ? [toldBy(copy, 'further differences', differences.length - SHOWN)] : []),
          toldBy(origin, 'said so since', when(origin.ts)),
          toldBy(copy, `said so for ${String(Math.floor(lasted / 1000))} s, last`, when(copy.lastTs)),
        ],
        {
          ...(isProven ? {} : {severity: 'warning', certainty: 'hint'}),
          remedy: isProven
            ? `The admin of ${clipped(server)} sees to it that it reaches ${clipped(own)} (federation), and lets it fetch the list again; any change of the user’s devices, such as a new login, makes it do so.`
            : 'Ask again in a minute: only a difference that lasts is a fault.',
        },
      ),
    ]
  })
}

function isPersistent(origin: SnapshotOf<'keys'>, copy: SnapshotOf<'keys'>): boolean {
  const together = Math.max(origin.ts, copy.ts) <= Math.min(origin.lastTs, copy.lastTs)
  return together && copy.lastTs - origin.ts >= SETTLED
}

function differencesText(differences: readonly DeviceListDifference[]): string {
  const devices = differences.filter(({what}) => what === 'device')
  const ids = (chosen: readonly DeviceListDifference[]) => listed(chosen.map(({deviceId}) => deviceId ?? ''))
  const [missing, extra, other] = [
    devices.filter(({b}) => b === null),
    devices.filter(({a}) => a === null),
    devices.filter(({a, b}) => a !== null && b !== null),
  ]
  const signatures = differences.filter(({what}) => what === 'signature')
  const [unsigned, otherwise] = [signatures.filter(({b}) => b === null), signatures.filter(({b}) => b !== null)]
  const keys = differences.filter(({deviceId}) => deviceId === null).map(({what}) => what.replaceAll('_', ' '))
  return [
    ...(missing.length > 0 ? [`it lacks ${ids(missing)}`] : []),
    ...(extra.length > 0 ? [`it still has ${ids(extra)}`] : []),
    ...(other.length > 0 ? [`it has other keys of ${ids(other)}`] : []),
    ...(unsigned.length > 0 ? [`it lacks the owner’s signature of ${ids(unsigned)}, unverified for its users`] : []),
    ...(otherwise.length > 0 ? [`it has another signature of ${ids(otherwise)}`] : []),
    ...(keys.length > 0 ? [`it has another ${keys.join(' and ')}`] : []),
  ].join(', ')
}

function differenceEvidence(
  origin: SnapshotOf<'keys'>,
  copy: SnapshotOf<'keys'>,
  {what, deviceId, a, b}: DeviceListDifference,
): readonly Evidence[] {
  const where =
    deviceId === null ? what : `device ${deviceId}${what === 'signature' ? ', signature by the self-signing key' : ''}`
  return [toldBy(origin, where, a), toldBy(copy, where, b)]
}

/** Synapse takes no list of more devices from another server. */
const MOST_DEVICES = 1000

/** `device/list-too-long`: counted as other servers are shown it, hidden cross-signing keys aside. */
function tooLong(told: Told): readonly Finding[] {
  const origin = newestKeys(told, 'origin')
  if (origin === null) return []
  const {userId} = told.evidence
  // Synapse tells other servers of those that have keys only.
  const withKeys = entriesOf(origin.fact.devices).filter(([id, keys]) => keys !== null && !told.hidden.has(id))
  const count = withKeys.length
  if (count <= MOST_DEVICES) return []
  return [
    finding(
      'device/list-too-long',
      {kind: 'user', user_id: userId},
      `${clipped(userId)} has ${plural(count, 'device')}: Synapse servers ignore a list of more than ${MOST_DEVICES.toLocaleString('en-US')}, and go on with what they had before.`,
      [toldBy(origin, `devices of ${userId}`, count)],
      {
        remedy: `The user logs out devices that nobody uses, or the admin of ${clipped(serverOf(userId))} does it by the admin API, until ${MOST_DEVICES.toLocaleString('en-US')} are left.`,
      },
    ),
  ]
}

/** Synapse tries again every 30 seconds: what is not done after this is not done by itself soon. */
const RESYNC_OVERDUE = 10 * MINUTE

function resyncFailing(told: Told): readonly Finding[] {
  const {userId, nowMs} = told.evidence
  return told.current('list-resync').flatMap((by) => {
    const added = numberOr<null>(by.fact.added_ts, null)
    if (added === null) return []
    // What was noted then may be done by now: the age is that at the time of asking.
    const age = Math.min(nowMs, by.lastTs) - added
    if (age < RESYNC_OVERDUE) return []
    const server = by.server === '' ? by.route : by.server
    return [
      asOfThen(
        told,
        by,
        finding(
          'device/list-resync-failing',
          {kind: 'user', user_id: userId},
          `${clipped(server)} noted ${span(age)} ago that its copy of the devices of ${clipped(userId)} is out of date, and has not fetched it anew.`,
          [toldBy(by, userId, when(added))],
          {
            remedy: `The admins of ${clipped(server)} and ${clipped(serverOf(userId))} see why the one does not reach the other (federation, TLS, back-off after an outage).`,
          },
        ),
      ),
    ]
  })
}

/** That a server could not be asked once is no proof that its lists are not fetched. */
function unreachable(told: Told): readonly Finding[] {
  const {userId} = told.evidence
  // Asked again later and answered: that it failed before concerns nobody any more.
  const answeredSince = (by: SnapshotOf<'unreachable'>) =>
    told.current('keys').some(({route, how, lastTs}) => route === by.route && how === by.how && lastTs > by.lastTs)
  const failing = told.current('unreachable').filter((by) => !answeredSince(by))
  return failing.map((by) => {
    const server = by.server === '' ? by.route : by.server
    return finding(
      'device/list-resync-failing',
      {kind: 'user', user_id: userId},
      `${clipped(server)} could not ask ${clipped(textAt(by.fact, 'server') ?? '')} for the devices of ${clipped(userId)}: ${clipped(textAt(by.fact, 'message') ?? 'no reason is given', 200)}.`,
      [toldBy(by, 'failures', textAt(by.fact, 'message'))],
      {
        severity: 'note',
        certainty: 'hint',
        remedy: `Ask again; if it lasts, the admins of both servers see why ${clipped(server)} does not reach the other.`,
      },
    )
  })
}

/** A change of the list is sent at once, and after an outage as soon as the other is back. */
const UNSENT = HOUR
/** A server that was not reached for so long is taken for gone: what waits for it harms nobody. */
const GONE = 7 * DAY

/** `device/list-unsent`: one finding for servers that are there, one note for those that seem gone. */
function unsent(told: Told): readonly Finding[] {
  const {userId} = told.evidence
  return told.current('list-unsent').flatMap((by) => {
    const now = by.lastTs
    const late = objectsOf(by.fact.destinations).flatMap((one) => {
      const [destination, oldest] = [textAt(one, 'destination'), numberOr<null>(one.oldest_ts, null)]
      if (destination === null || oldest === null || now - oldest <= UNSENT) return []
      return [
        {destination, oldest, count: numberOr(one.count, 0), failingSince: numberOr<null>(one.failing_since_ts, null)},
      ]
    })
    const isGone = ({failingSince}: (typeof late)[number]) => failingSince !== null && now - failingSince > GONE
    const [gone, there] = [late.filter(isGone), late.filter((one) => !isGone(one))]
    const own = by.server === '' ? serverOf(userId) : by.server
    const told_ = (some: typeof late, words: string, more: Parameters<typeof finding>[4]) => {
      if (some.length === 0) return []
      const oldest = Math.min(...some.slice(0, 1000).map((one) => one.oldest))
      return [
        asOfThen(
          told,
          by,
          finding(
            'device/list-unsent',
            {kind: 'user', user_id: userId},
            `Changes of the devices of ${clipped(userId)} wait at ${clipped(own)} for ${span(now - oldest)} and are not delivered to ${listed(some.map(({destination}) => destination))}${words}.`,
            [
              ...some
                .slice(0, SHOWN)
                .map(({destination, oldest: since, count}) =>
                  toldBy(by, destination, `${String(count)} since ${when(since)}`),
                ),
              ...(some.length > SHOWN ? [toldBy(by, 'further servers', some.length - SHOWN)] : []),
            ],
            more,
          ),
        ),
      ]
    }
    return [
      ...told_(there, '', {
        remedy: `The admins of ${clipped(own)} and ${listed(
          there.map(({destination}) => destination),
          3,
        )} see why the first does not reach the other (federation).`,
      }),
      ...told_(gone, `, which ${gone.length === 1 ? 'was' : 'were'} not reached for more than ${span(GONE)}`, {
        severity: 'note',
        remedy: 'None needed if those servers are gone for good.',
      }),
    ]
  })
}
