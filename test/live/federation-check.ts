import {DatabaseSync} from 'node:sqlite'
import path from 'node:path'
import {setTimeout as sleep} from 'node:timers/promises'
import {openFederationRoute} from '../../src/sources/federation-api.ts'
import type {FederationRouteOptions} from '../../src/sources/federation-api.ts'
import type {Route} from '../../src/sources/evidence.ts'
import {fetchServerKeys} from '../../src/sources/server-keys.ts'
import {Gathered} from '../sources/gathered.ts'
import {fork} from './forks.ts'
import type {Forked} from './forks.ts'
import {manyMessages, TestRoom} from './rooms.ts'
import {Synapse} from './synapse.ts'

/** A route to `there`, signed with the key of `here`. */
export function routeBetween(here: Synapse, there: Synapse, more: Partial<FederationRouteOptions> = {}): Route {
  return openFederationRoute({
    origin: here.name,
    key: {keyFile: path.join(here.folder, 'signing.key')},
    server: there.name,
    insecure: true,
    ...more,
  })
}

/** What one server's database has of a room. */
export interface InDatabase {
  readonly all: readonly string[]
  readonly timeline: readonly string[]
  readonly rejected: readonly string[]
  readonly softFailed: readonly string[]
  readonly extremities: readonly string[]
}

export function inDatabase(server: Synapse, roomId: string): InDatabase {
  const database = new DatabaseSync(path.join(server.folder, 'homeserver.db'), {readOnly: true})
  try {
    const rows = database
      .prepare(
        'SELECT e.event_id, e.outlier, e.rejection_reason, j.internal_metadata FROM events e JOIN event_json j USING (event_id) WHERE e.room_id = ?',
      )
      .all(roomId) as {event_id: string; outlier: number; rejection_reason: string | null; internal_metadata: string}[]
    const extremities = database
      .prepare('SELECT event_id FROM event_forward_extremities WHERE room_id = ?')
      .all(roomId) as {event_id: string}[]
    const ids = (wanted: (row: (typeof rows)[number]) => boolean): string[] =>
      rows
        .filter(wanted)
        .map((row) => row.event_id)
        .sort()
    return {
      all: ids(() => true),
      timeline: ids((row) => row.outlier === 0 && row.rejection_reason === null),
      rejected: ids((row) => row.rejection_reason !== null),
      softFailed: ids((row) => (JSON.parse(row.internal_metadata) as {soft_failed?: boolean}).soft_failed === true),
      extremities: extremities.map((row) => row.event_id).sort(),
    }
  } finally {
    database.close()
  }
}

/** State after an event by the server's own state groups: event IDs, sorted. */
export function stateAfterInDatabase(server: Synapse, eventId: string): readonly string[] {
  const database = new DatabaseSync(path.join(server.folder, 'homeserver.db'), {readOnly: true})
  try {
    const rows = database
      .prepare(
        `WITH RECURSIVE sg(g, lvl) AS (
           SELECT state_group, 0 FROM event_to_state_groups WHERE event_id = ?
           UNION ALL SELECT ed.prev_state_group, lvl + 1 FROM state_group_edges ed JOIN sg ON ed.state_group = sg.g)
         SELECT event_id FROM (SELECT s.event_id, ROW_NUMBER() OVER (PARTITION BY s.type, s.state_key ORDER BY sg.lvl) rn
           FROM sg JOIN state_groups_state s ON s.state_group = sg.g) WHERE rn = 1`,
      )
      .all(eventId) as {event_id: string}[]
    return rows.map((row) => row.event_id).sort()
  } finally {
    database.close()
  }
}

/** A row of the table that tells what a route can show. */
export interface Measured {
  readonly route: string
  readonly room: string
  readonly inDatabase: number
  readonly gathered: number
  readonly notShown: readonly string[]
  readonly requests: number
  readonly missing: number
  readonly refusals: readonly string[]
}

/** Gathers by one route, completes, and compares with the database of the server that was asked. */
export async function checkWhole(route: Route, there: Synapse, roomId: string): Promise<Measured> {
  const gathered = await new Gathered(roomId).gather(route)
  await gathered.complete(route)
  const truth = inDatabase(there, roomId)
  const notShown = truth.all.filter((id) => !gathered.texts.has(id))
  const explained = new Set([...truth.rejected, ...truth.softFailed])
  const lost = notShown.filter((id) => truth.timeline.includes(id) && !explained.has(id))
  // Where a server tells no extremities, a branch may stay unknown: that is what the route says of itself.
  if (lost.length > 0 && gathered.extremities.length > 0)
    throw new Error(`${route.identity.name}: not gathered: ${lost.join(', ')}`)
  const told = gathered.extremities.at(-1)
  if (told !== undefined && told.eventIds.toSorted().join() !== truth.extremities.join()) {
    throw new Error(`${route.identity.name}: extremities ${told.eventIds.join()} but ${truth.extremities.join()}`)
  }
  for (const state of gathered.states) {
    if (state.what !== 'at-extremity' || state.eventId === null) continue
    const mine = state.slots.map(({eventId}) => eventId).sort()
    const theirs = stateAfterInDatabase(there, state.eventId)
    if (mine.join() !== theirs.join()) throw new Error(`${route.identity.name}: state at ${state.eventId} differs`)
  }
  return {
    route: route.identity.name,
    room: roomId,
    inDatabase: truth.all.length,
    gathered: gathered.texts.size,
    notShown: notShown.map(
      (id) =>
        `${id}${truth.rejected.includes(id) ? ' rejected' : ''}${truth.softFailed.includes(id) ? ' soft-failed' : ''}${truth.extremities.includes(id) ? ' extremity' : ''}`,
    ),
    requests: gathered.requests,
    missing: gathered.missing().length,
    refusals: gathered.refusals.map(
      ({what, outcome, status, message}) => `${what} ${outcome} ${String(status)} ${message}`,
    ),
  }
}

/** Breaks off after each number of steps, goes on, and wants the same events as in one run, with few requests repeated. */
export async function checkResume(open: () => Route, roomId: string): Promise<string> {
  const whole = await new Gathered(roomId).gather(open())
  const total = whole.steps.length
  for (let breakAfter = 1; breakAfter < total; breakAfter += 1) {
    const resumed = await new Gathered(roomId).gather(open(), breakAfter)
    await resumed.gather(open())
    const pages = resumed.steps.filter(({how, requests}) => how === '/backfill' && requests > 0).length
    const once = whole.steps.filter(({how, requests}) => how === '/backfill' && requests > 0).length
    if (resumed.ids.join() !== whole.ids.join())
      throw new Error(`broken off after ${String(breakAfter)} steps: other events`)
    if (pages > once + 1)
      throw new Error(`broken off after ${String(breakAfter)}: ${String(pages)} pages, not ${String(once)}`)
  }
  return `${String(total)} steps, ${String(whole.texts.size)} events, broken off after each`
}

/** A later run brings what is new, by few requests. */
export async function checkIncrement(
  route: Route,
  roomId: string,
  act: () => Promise<readonly string[]>,
): Promise<string> {
  const gathered = await new Gathered(roomId).gather(route)
  const before = gathered.steps.length
  await gathered.gather(route)
  const idle = gathered.steps.slice(before).map(({how, requests}) => `${how} ${String(requests)}`)
  const middle = gathered.steps.length
  const made = await act()
  await sleep(300)
  await gathered.gather(route)
  const lost = made.filter((id) => !gathered.texts.has(id))
  // Where a server tells no extremities, a branch may stay unknown: that is what the route says of itself.
  if (lost.length > 0 && gathered.extremities.length > 0) throw new Error(`a later run did not bring ${lost.join()}`)
  const later = gathered.steps.slice(middle).map(({how, requests}) => `${how} ${String(requests)}`)
  return `nothing new: ${idle.join(', ')}; ${String(made.length)} new: ${later.join(', ')}`
}

/** Both servers’ keys, from each itself and from a notary. */
export async function checkKeys(here: Synapse, there: Synapse): Promise<string> {
  const direct = await fetchServerKeys([here.name, there.name, 'localhost:1'], {insecure: true, maxRetryMs: 300})
  const notary = await fetchServerKeys(['localhost:1', there.name], {
    insecure: true,
    notaries: [here.name],
    keyIds: new Map([
      [
        there.name,
        direct.fetched.flatMap(({server, keys}) => (server === there.name ? keys.map(({keyId}) => keyId) : [])),
      ],
    ]),
    addresses: new Map([[there.name, '127.0.0.1:1']]),
    maxRetryMs: 300,
  })
  const shown = (result: typeof direct): string =>
    `${result.fetched.map(({server, via, keys}) => `${server} ${via} ${String(keys.length)}`).join(', ')}; refused: ${result.refusals.map(({what, message}) => `${what}: ${message}`).join(' | ')}`
  if (direct.fetched.length !== 2 || notary.fetched.length !== 1) {
    throw new Error(`keys: ${shown(direct)} / ${shown(notary)}`)
  }
  return `${shown(direct)} / ${shown(notary)}`
}

/** By hand: `node test/live/federation-check.ts <python with Synapse>`. */
async function main(python: string): Promise<void> {
  const say = (line: string): void => void process.stdout.write(`${line}\n`)
  const [here, there] = await Promise.all([
    Synapse.launch(python, {federation: true}),
    Synapse.launch(python, {federation: true}),
  ])
  try {
    say(await checkKeys(here, there))
    const rooms: Forked[] = []
    for (const version of ['1', '6', '12']) rooms.push(await fork(here, there, version))
    for (const {room, local, remote} of rooms) {
      say(`room version ${room.version}`)
      for (const route of [
        routeBetween(here, here),
        routeBetween(here, there),
        routeBetween(here, there, {user: local.userId}),
        routeBetween(there, here, {user: remote.userId}),
      ]) {
        say(JSON.stringify(await checkWhole(route, route.identity.server === here.name ? here : there, room.roomId)))
        await route.close()
      }
    }
    const big = await here.register('big')
    const remote = await there.register('bigremote')
    const room = await TestRoom.create(here, big, '11')
    await room.join(there, remote, here)
    await manyMessages(here, room, big, 350)
    const open = (): Route => routeBetween(there, here, {user: remote.userId})
    say(JSON.stringify(await checkWhole(open(), here, room.roomId)))
    say(await checkResume(open, room.roomId))
    say(
      await checkIncrement(open(), room.roomId, async () => [
        await room.say(here, big, '1'),
        await room.say(here, big, '2'),
      ]),
    )
    say(
      await checkIncrement(open(), room.roomId, async () => {
        const made: string[] = []
        for (let n = 0; n < 40; n += 1) made.push(await room.say(here, big, String(n)))
        return made
      }),
    )
    const stranger = await here.register('stranger')
    const closed = await TestRoom.create(here, stranger, '11')
    for (const more of [{}, {user: remote.userId}]) {
      const outcome = await new Gathered(closed.roomId).gather(routeBetween(there, here, more)).then(
        () => 'gathered',
        (error: unknown) => `${String(error)} HINT ${String((error as {hint?: string}).hint)}`,
      )
      say(`not in the room: ${outcome}`)
    }
    const alias = await room.setState(here, big, 'm.room.name', {name: 'x'})
    say(alias)
  } finally {
    await Promise.all([here.dispose(), there.dispose()])
  }
}

if (import.meta.main) await main(process.argv[2] ?? 'python3')
