/**
 * Compares Synapse's database with the replay of what is in it: `node test/live/database-check.ts` starts two servers of its own. The
 * functions are for whoever has servers already.
 */
import {setTimeout as sleep} from 'node:timers/promises'
import path from 'node:path'
import {loadRoomFrom} from '../../src/investigate/load-room.ts'
import {replay, UNKNOWN_STATE, Verdict} from '../../src/resolve/replay.ts'
import {parseDatabaseAddress} from '../../src/sources/database-address.ts'
import {openDatabaseRoute} from '../../src/sources/database-synapse.ts'
import type {
  EventCopy,
  EventStateGroups,
  GatherLimits,
  Refusal,
  ReportedStateSet,
  Route,
  StateGroup,
  Step,
} from '../../src/sources/evidence.ts'
import {fork} from './forks.ts'
import {manyMessages, ordinaryLife, registerCast} from './rooms.ts'
import type {TestRoom} from './rooms.ts'
import {Synapse} from './synapse.ts'
import type {Account} from './synapse.ts'
import {prepareVenv} from './venv.ts'

/** All steps of one gathering as one. */
export interface Gathered {
  readonly steps: readonly Step[]
  readonly events: readonly EventCopy[]
  readonly groups: ReadonlyMap<number, StateGroup>
  readonly around: readonly EventStateGroups[]
  readonly states: readonly ReportedStateSet[]
  readonly refusals: readonly Refusal[]
  readonly marks: ReadonlyMap<string, string>
}

/** Gathers a room; `marks` of an earlier gathering make it go on there. */
export async function gatherAll(
  route: Route,
  roomId: string,
  options: {
    readonly marks?: ReadonlyMap<string, string>
    readonly limits?: GatherLimits
    readonly signal?: AbortSignal
  } = {},
): Promise<Gathered> {
  const marks = new Map(options.marks ?? [])
  const steps: Step[] = []
  const context = {
    roomId,
    roomVersion: () => null,
    marks,
    knows: () => false,
    newest: () => [],
    limits: options.limits ?? {},
    signal: options.signal ?? new AbortController().signal,
    onPause: () => undefined,
  }
  for await (const step of route.gather(context)) {
    steps.push(step)
    for (const [name, value] of Object.entries(step.marks ?? {})) {
      if (value === null) marks.delete(name)
      else marks.set(name, value)
    }
  }
  return {
    steps,
    events: steps.flatMap((step) => step.events ?? []),
    groups: new Map(steps.flatMap((step) => step.stateGroups ?? []).map((group) => [group.group, group])),
    around: steps.flatMap((step) => step.eventStateGroups ?? []),
    states: steps.flatMap((step) => step.states ?? []),
    refusals: steps.flatMap((step) => step.refusals ?? []),
    marks,
  }
}

/** A slot in which the server's state at an event is not that of the replay. */
export interface Difference {
  readonly eventId: string
  readonly side: 'before' | 'after'
  readonly slot: string
  readonly server: string | null
  readonly replay: string | null
}

export interface Comparison {
  readonly events: number
  /** States that both have and that were compared. */
  readonly before: number
  readonly after: number
  /** Events that have a group after them and none before. */
  readonly untold: readonly string[]
  /** Events whose state the replay cannot know. */
  readonly unknown: number
  /** Events that the server rejected and the replay did not, or the other way round. */
  readonly verdicts: readonly string[]
  readonly differences: readonly Difference[]
}

/** The server's state before and after every event against that of a replay of the same events. */
export function compareWithReplay(gathered: Gathered): Comparison {
  const room = loadRoomFrom(
    'database',
    gathered.events.map(({text}, index) => ({text, line: index + 1})),
  )
  const {graph} = room
  const result = replay(graph)
  const expanded = new Map<number, ReadonlyMap<string, string>>()
  const expand = (group: number): ReadonlyMap<string, string> => {
    const known = expanded.get(group)
    if (known !== undefined) return known
    const {base, slots} = gathered.groups.get(group) ?? {base: null, slots: []}
    const state = new Map(base === null ? [] : expand(base))
    for (const {type, stateKey, eventId} of slots) state.set(`${type}\0${stateKey}`, eventId)
    expanded.set(group, state)
    return state
  }
  const counts = {before: 0, after: 0, unknown: 0}
  const differences: Difference[] = []
  const untold: string[] = []
  for (const told of gathered.around) {
    const row = graph.row(told.eventId)
    if (told.before === null) untold.push(told.eventId)
    for (const side of ['before', 'after'] as const) {
      const group = told[side]
      const root = result[side][row] ?? UNKNOWN_STATE
      if (group === null) continue
      if (root === UNKNOWN_STATE) {
        counts.unknown += 1
        continue
      }
      counts[side] += 1
      const server = expand(group)
      const mine = new Map<string, string>()
      result.trie.forEach(root, (slot, event) => {
        const {type, stateKey} = graph.slotAt(slot)
        mine.set(`${type}\0${stateKey}`, graph.id(event))
      })
      for (const slot of new Set([...server.keys(), ...mine.keys()])) {
        const [theirs, ours] = [server.get(slot) ?? null, mine.get(slot) ?? null]
        if (theirs !== ours) differences.push({eventId: told.eventId, side, slot, server: theirs, replay: ours})
      }
    }
  }
  const verdicts = gathered.events.flatMap(({eventId, marks}) => {
    const row = graph.row(eventId ?? '')
    const rejected = result.verdicts[row] === Verdict.Rejected
    return marks?.outlier === true || rejected === (marks?.rejected !== null) ? [] : [String(eventId)]
  })
  return {events: gathered.events.length, ...counts, untold, verdicts, differences}
}

/** Opens the SQLite database of a test server. */
export async function openServersDatabase(server: Synapse): Promise<Route> {
  return openDatabaseRoute({address: parseDatabaseAddress(`sqlite:${path.join(server.folder, 'homeserver.db')}`)})
}

/**
 * The database of a running server must agree with the replay and with the client API.
 *
 * @throws Error with the first differences
 */
export async function checkDatabase(
  route: Route,
  server: Synapse,
  room: TestRoom,
  account: Account,
): Promise<Comparison> {
  if (route.identity.server !== server.name)
    throw new Error(`server name ${route.identity.server}, expected ${server.name}`)
  const gathered = await gatherAll(route, room.roomId)
  const compared = compareWithReplay(gathered)
  const {differences, verdicts, untold} = compared
  if (differences.length > 0 || verdicts.length > 0 || untold.length > 0) {
    throw new Error(JSON.stringify({...compared, differences: differences.slice(0, 5)}, null, 1))
  }
  const current = gathered.states.find(({what}) => what === 'current')?.slots ?? []
  const lines = current.map(({type, stateKey, eventId}) => [type, stateKey, eventId].join('\0')).sort()
  const expected = await room.stateLines(server, account)
  if (lines.join('\n') !== expected.join('\n')) throw new Error('current_state_events is not what the client API says')
  const again = await gatherAll(route, room.roomId, {marks: gathered.marks})
  if (again.events.length > 0 || again.groups.size > 0) throw new Error('a second run read again what had not changed')
  return compared
}

/** So many changes of state that Synapse stores some groups whole, without an edge. */
export async function manyChanges(server: Synapse, room: TestRoom, by: Account, count: number): Promise<void> {
  for (let n = 0; n < count; n += 1) {
    await room.setState(server, by, 'org.example.counter', {n}, String(n % 7))
  }
}

async function main(): Promise<number> {
  const say = (line: string): void => void process.stderr.write(`${line}\n`)
  const venv = await prepareVenv(say)
  if ('skip' in venv) {
    say(`skipped: ${venv.skip}`)
    return 0
  }
  const [here, there] = await Promise.all([
    Synapse.launch(venv.python, {federation: true}),
    Synapse.launch(venv.python, {federation: true}),
  ])
  let failed = 0
  const check = async (name: string, server: Synapse, room: TestRoom, account: Account): Promise<void> => {
    const route = await openServersDatabase(server)
    try {
      const {events, before, after, unknown} = await checkDatabase(route, server, room, account)
      say(
        `ok    ${name}: ${String(events)} events, ${String(before)} states before and ${String(after)} after agree, ${String(unknown)} unknown`,
      )
    } catch (error) {
      failed += 1
      say(`FAIL  ${name}: ${error instanceof Error ? error.message : String(error)}`)
    } finally {
      await route.close()
    }
  }
  try {
    const cast = await registerCast(here)
    for (const version of ['1', '6', '11', '12']) {
      await check(`ordinary ${version}`, here, await ordinaryLife(here, version, cast), cast.alice)
    }
    for (const version of ['2', '10', '12']) {
      const {room, local, remote} = await fork(here, there, version)
      await manyChanges(here, room, local, 230)
      await manyMessages(here, room, local, 50)
      await sleep(2000)
      await check(`forked ${version}, here`, here, room, local)
      await check(`forked ${version}, there`, there, room, remote)
    }
  } finally {
    await Promise.all([here.dispose(), there.dispose()])
  }
  return failed === 0 ? 0 : 1
}

if (import.meta.main) process.exitCode = await main()
