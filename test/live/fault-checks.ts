import {markdownTable} from './checking.ts'
import type {Checking} from './checking.ts'
import {FAULTS} from './fault-proxy.ts'
import type {Fault, FaultProxy} from './fault-proxy.ts'
import {expectSameEvents, exportedSet, undisturbed} from './kill-checks.ts'
import type {FetchedSet} from './kill-checks.ts'
import type {ProxiedRoute} from './proxied.ts'
import {told} from './program.ts'
import type {FetchDocument} from './program.ts'
import type {LiveRoute} from './live-routes.ts'
import type {LiveRoom} from './stage.ts'

/** More than a careful client reads of one answer. */
const TOO_MUCH = 512 * 2 ** 20

interface Scripted {
  readonly name: string
  readonly fault: Fault
  /** Requests hit: the first of the room's, or one in the middle. */
  readonly first: number
  readonly times: number
}

/** Requests that ask for something of the room: not the greeting, whose failure may end a route at once. */
const OF_ROOM =
  /\/(?:messages|sync|state|state_ids|backfill|event|event_auth|fetch_event|forward_extremities|make_join|members|context)(?:[/?]|$)/u
const EVENTS = /\/(?:messages|backfill|event|fetch_event)(?:[/?]|$)/u

/**
 * Each kind of fault in front of each HTTP route: the fetch ends well, or says that it is incomplete (3) or could not (4); going on without
 * the fault then completes it: the events are those of an undisturbed fetch, none lost, none twice, none made up.
 */
export async function checkFaults(checking: Checking, routes: readonly ProxiedRoute[], live: LiveRoom): Promise<void> {
  const foreign = await foreignEvent(checking, live)
  const scripts: Scripted[] = [
    ...Object.entries(FAULTS).flatMap(([name, fault]): Scripted[] => [
      {name: `${name}, once, at the start`, fault, first: 1, times: 1},
      {name: `${name}, three times, in the middle`, fault, first: 3, times: 3},
    ]),
    {name: 'events of another room', fault: rewriteEvents(() => foreign), first: 1, times: 2},
    {
      name: 'altered events',
      fault: rewriteEvents((event) => ({...event, sender: '@mallory:example.org'})),
      first: 1,
      times: 2,
    },
    {name: 'bad gateway for good', fault: FAULTS.badGateway, first: 2, times: 1e9},
  ]
  const rows: (string | number)[][] = []
  for (const {route, proxies} of routes) {
    const wholes: FetchedSet[] = []
    await checking.check(`undisturbed: ${live.title} by ${route.name}`, async () => {
      wholes.push(await undisturbed(checking, live, route))
    })
    const [whole] = wholes
    if (whole === undefined) continue
    for (const script of scripts) {
      await checking.check(`${script.name}: ${live.title} by ${route.name}`, async () => {
        const row = await disturb(checking, live, route, proxies, script, whole)
        rows.push([route.name, script.name, ...row])
      })
    }
  }
  const heads = ['route', 'fault', 'hits', 'exit code', 'events then', 'seconds', 'exit code after going on', 'events']
  checking.publish(`## Faults in front of a real server (${live.title})\n\n${markdownTable(heads, rows)}`)
}

async function disturb(
  checking: Checking,
  live: LiveRoom,
  route: LiveRoute,
  proxies: readonly FaultProxy[],
  {fault, first, times}: Scripted,
  whole: FetchedSet,
): Promise<(string | number)[]> {
  const {program} = checking
  const file = program.newCase()
  const args = ['fetch', live.room.roomId, '--case', file, ...route.args]
  const match = fault.kind === 'rewrite' ? EVENTS : OF_ROOM
  for (const proxy of proxies) {
    proxy.takeExchanges()
    proxy.script([{match, first, times, fault}])
  }
  const run = await program.run([...args, '--json'], {env: route.env, timeoutMs: 120_000})
  const seen = proxies.flatMap((proxy) => proxy.takeExchanges())
  for (const proxy of proxies) proxy.script([])
  const hits = seen.filter((one) => one.fault !== null)
  if (run.code === null || ![0, 3, 4].includes(run.code)) throw new Error(told(args, run))
  if (hits.length === 0) throw new Error(`no request was hit: ${seen.map(({url}) => url).join('\n')}`)
  const flooded = hits.filter(({bytesSent}) => bytesSent > TOO_MUCH)
  if (flooded.length > 0) throw new Error(`it read ${String(flooded[0]!.bytesSent)} bytes of one answer`)
  const then = run.code === 4 ? [] : await exportedSet(checking, file)
  const known = new Set(whole.events)
  // What a server sends is evidence, even if it is forged or of another room: where it is kept, a finding must tell.
  const madeUp = (events: readonly string[]): string[] => events.filter((one) => !known.has(one))
  const mayBeMadeUp = fault.kind === 'rewrite'
  if (!mayBeMadeUp && madeUp(then).length > 0) throw new Error(`made up: ${madeUp(then).slice(0, 3).join('\n')}`)
  if (run.code === whole.code && then.length < whole.events.length && whole.code === 0) {
    throw new Error(`it says complete with ${String(then.length)} of ${String(whole.events.length)} events`)
  }
  const going = await program.run([...args, '--json'], {env: route.env})
  for (const proxy of proxies) proxy.takeExchanges()
  const events = await exportedSet(checking, file)
  const forged = madeUp(events)
  if (going.code !== whole.code && !(going.code === 3 && forged.length > 0)) {
    throw new Error(`expected exit code ${String(whole.code)} after going on; ${told(args, going)}`)
  }
  // Where a server altered events, it may stay so: an event that no other cites is not asked for twice. Then the fetch must not call itself
  // complete. Events of another room, in contrast, are no answer at all.
  const toldIncomplete = mayBeMadeUp && forged.length > 0 && going.code === 3
  if (!toldIncomplete) {
    expectSameEvents(
      events.filter((one) => known.has(one) || !mayBeMadeUp),
      whole.events,
    )
  }
  const {findings} = JSON.parse(going.stdout) as FetchDocument
  if (forged.length > 0 && !findings.some(({id}) => id.startsWith('dag/'))) {
    throw new Error(
      `${String(forged.length)} events are not of the room, and no finding tells: ${forged[0]!.slice(0, 300)}`,
    )
  }
  return [hits.length, run.code, then.length, Number(run.seconds.toFixed(1)), going.code, events.length]
}

type Json = Record<string, unknown>

/** Every event of an answer is replaced by what `alter` makes of it. */
function rewriteEvents(alter: (event: Json) => Json): Fault {
  return {
    kind: 'rewrite',
    rewrite: (body) => {
      const answer = JSON.parse(body) as Json
      for (const key of ['pdus', 'chunk'] as const) {
        if (Array.isArray(answer[key])) answer[key] = (answer[key] as Json[]).map(alter)
      }
      if (typeof answer['event'] === 'object') answer['event'] = alter(answer['event'] as Json)
      return JSON.stringify(answer)
    },
  }
}

/** A real event, of another room than the one that is asked for. */
async function foreignEvent({stage}: Checking, live: LiveRoom): Promise<Json> {
  const other =
    stage.rooms.find(({room}) => room !== live.room && room.version === live.room.version) ?? stage.rooms[0]!
  const lines = await other.room.stateLines(stage.here, other.here)
  const id = lines.find((line) => line.startsWith('m.room.power_levels'))!.split('\0')[2]!
  const address = `/_synapse/admin/v1/fetch_event/${encodeURIComponent(id)}`
  return (await stage.here.ask<{event: Json}>(stage.root, 'GET', address)).event
}
