/**
 * Checks of the routes by HTTP (client API, admin API) against a real Synapse. By hand:
 * `node test/live/http-check.ts /path/to/venv/bin/python`.
 */
import {setTimeout as sleep} from 'node:timers/promises'
import {openAdminRoute} from '../../src/sources/admin-route.ts'
import {listRooms} from '../../src/sources/admin-rooms.ts'
import {openClientRoute} from '../../src/sources/client-route.ts'
import type {GatherContext, GatherLimits, Refusal, ReportedStateSet, Route, Step} from '../../src/sources/evidence.ts'
import {manyMessages, ordinaryLife, registerCast, stateLines, TestRoom} from './rooms.ts'
import {Synapse} from './synapse.ts'
import type {Account} from './synapse.ts'

/** What the steps of a route brought. */
export class Gathered {
  readonly roomId: string
  readonly events = new Map<string, string>()
  readonly marks = new Map<string, string>()
  readonly states: ReportedStateSet[] = []
  readonly refusals: Refusal[] = []
  readonly notes: string[] = []
  requests = 0

  constructor(roomId: string) {
    this.roomId = roomId
  }

  keep(step: Step): void {
    for (const {eventId, text} of step.events ?? []) if (eventId !== null) this.events.set(eventId, text)
    for (const [key, value] of Object.entries(step.marks ?? {})) if (value !== null) this.marks.set(key, value)
    this.states.push(...(step.states ?? []))
    this.refusals.push(...(step.refusals ?? []))
    this.notes.push(...(step.notes ?? []))
    this.requests += step.requests
  }

  context(limits: GatherLimits = {}): GatherContext {
    return {
      roomId: this.roomId,
      roomVersion: () => null,
      marks: this.marks,
      knows: (id) => this.events.has(id),
      newest: () => [],
      limits,
      signal: new AbortController().signal,
      onPause: () => undefined,
    }
  }

  /** Runs a route to its end, or keeps some steps and leaves. @returns whether it came to its end */
  async run(route: Route, limits: GatherLimits = {}, atMost = Infinity): Promise<boolean> {
    let kept = 0
    for await (const step of route.gather(this.context(limits))) {
      if (kept === atMost) return false
      this.keep(step)
      kept += 1
    }
    return true
  }

  ids(): string {
    return [...this.events.keys()].sort().join()
  }

  /** IDs that an event cites and none has. */
  missing(): string[] {
    const cited = [...this.events.values()].flatMap((text) => {
      const {prev_events: prev, auth_events: auth} = JSON.parse(text) as Record<string, (string | [string])[]>
      return [...(prev ?? []), ...(auth ?? [])].map((one) => (typeof one === 'string' ? one : one[0]))
    })
    return [...new Set(cited)].filter((id) => !this.events.has(id))
  }
}

/** A room that nobody else shares: nothing missing, the state that the server tells, cut and resumed to the same, single events. */
export async function checkRoute(route: Route, server: Synapse, room: TestRoom, member: Account): Promise<Gathered> {
  const whole = new Gathered(room.roomId)
  await whole.run(route)
  equal('missing', whole.missing().join(), '')
  equal('notes', whole.notes.join(), '')
  const expected = (await room.stateLines(server, member)).join('\n')
  for (const {what, slots} of whole.states) {
    const lines = slots.map(({eventId, type, stateKey}) => ({
      event_id: eventId,
      type: type ?? '',
      state_key: stateKey ?? '',
    }))
    equal(`state ${what}`, stateLines(lines).join('\n'), expected)
  }
  for (let at = 1; ; at += 1) {
    const cut = new Gathered(room.roomId)
    const ended = await cut.run(route, {}, at)
    await cut.run(route)
    equal(`events after a cut at step ${String(at)}`, cut.ids(), whole.ids())
    if (ended) break
  }
  const [some = ''] = [...whole.events.keys()].slice(-5)
  const single = new Gathered(room.roomId)
  for await (const step of route.fetchEvents?.([some, '$nobody'], single.context()) ?? []) single.keep(step)
  equal('single event', withoutAge(single.events.get(some)), withoutAge(whole.events.get(some)))
  equal(
    'refusals',
    single.refusals.map(({eventId, outcome}) => `${String(eventId)} ${outcome}`).join(),
    '$nobody absent',
  )
  const around = new Gathered(room.roomId)
  await around.run(route, {around: some, depth: 6})
  equal('around', around.events.has(some), true)
  return whole
}

/**
 * A fork that comes in deep below known pages: one server says much while the other is away, is read, and then learns what the other
 * said meanwhile. What an earlier run left must become what a first run sees.
 */
export async function checkLateFork(
  here: Synapse,
  there: Synapse,
  open: (account: Account) => Promise<Route>,
): Promise<string> {
  const suffix = crypto.randomUUID().slice(0, 8)
  const [local, remote] = await Promise.all([here.register(`l${suffix}`), there.register(`r${suffix}`)])
  const room = await TestRoom.create(here, local, '11')
  await room.join(there, remote, here)
  await heard(room, here, local, there, remote)
  await there.stop()
  await manyMessages(here, room, local, 1200)
  const kept = new Gathered(room.roomId)
  await kept.run(await open(local))
  const before = kept.events.size
  await here.stop()
  await there.start()
  await manyMessages(there, room, remote, 15)
  await here.start()
  await heard(room, here, local, there, remote)
  const requests = kept.requests
  await kept.run(await open(local))
  const fresh = new Gathered(room.roomId)
  await fresh.run(await open(local))
  const late = [...fresh.events.keys()].filter((id) => !kept.events.has(id))
  equal('events of a second run', late.length, 0)
  equal('missing', fresh.missing().join(), '')
  const added = kept.events.size - before
  if (added < 15) throw new Error(`only ${String(added)} events came in`)
  return `${String(before)} events, then ${String(added)} more by ${String(kept.requests - requests)} requests`
}

/** Both speak until each server shows what the other's user said last. */
async function heard(room: TestRoom, here: Synapse, local: Account, there: Synapse, remote: Account): Promise<void> {
  const end = Date.now() + 60_000
  while (Date.now() < end) {
    const [mine, theirs] = [await room.say(here, local, 'hello?'), await room.say(there, remote, 'yes?')]
    await sleep(500)
    const shown = (server: Synapse, account: Account, id: string): Promise<boolean> =>
      server.ask(account, 'GET', room.address(`event/${encodeURIComponent(id)}`)).then(
        () => true,
        () => false,
      )
    if ((await shown(here, local, theirs)) && (await shown(there, remote, mine))) return
  }
  throw new Error('the servers do not hear each other')
}

/** `age` is another one each time. */
function withoutAge(text = ''): string {
  return text.replaceAll(/"(?:age|age_ts)":\d+/gu, '"age":0').replaceAll(/"unsigned":\{[^{}]*\}/gu, '')
}

function equal(what: string, actual: unknown, expected: unknown): void {
  if (actual === expected) return
  throw new Error(`${what}: ${String(actual).slice(0, 500)}, expected ${String(expected).slice(0, 500)}`)
}

async function main(python: string): Promise<void> {
  const servers = await Promise.all([
    Synapse.launch(python, {federation: true}),
    Synapse.launch(python, {federation: true}),
  ])
  const [here, there] = servers
  const say = (line: string): void => {
    process.stderr.write(`${line}\n`)
  }
  try {
    const cast = await registerCast(here)
    const admin = await here.register('administrator', {admin: true})
    const at = {homeserver: here.baseUrl}
    for (const version of ['1', '10', '12']) {
      const room = await ordinaryLife(here, version, cast)
      if (version === '10') await manyMessages(here, room, cast.bob, 1100)
      const client = await openClientRoute({...at, accessToken: cast.alice.accessToken})
      const byClient = await checkRoute(client, here, room, cast.alice)
      const boss = await openAdminRoute({...at, accessToken: admin.accessToken})
      const byAdmin = await checkRoute(boss, here, room, cast.alice)
      equal('events by both routes', byAdmin.ids(), byClient.ids())
      const requests = `${String(byClient.requests)} and ${String(byAdmin.requests)} requests`
      say(`ok    version ${version}: ${String(byClient.events.size)} events, ${requests}`)
      const apart = new Gathered(room.roomId)
      await apart.run(await openAdminRoute({...at, accessToken: admin.accessToken, withMessages: false}))
      say(`ok    version ${version} without /messages: ${String(apart.events.size)} events`)
    }
    const rooms = []
    for await (const some of listRooms({...at, accessToken: admin.accessToken})) rooms.push(...some)
    equal('rooms', rooms.length, 3)
    const refused = await openAdminRoute({...at, accessToken: cast.alice.accessToken})
    const words = await new Gathered(rooms[0]?.roomId ?? '').run(refused).catch((error: unknown) => String(error))
    equal('not an admin', String(words).includes('it is no server admin'), true)
    const account = (one: Account): Promise<Route> => openClientRoute({homeserver: here.baseUrl, ...one})
    say(`ok    late fork, client: ${await checkLateFork(here, there, account)}`)
    const boss = (): Promise<Route> => openAdminRoute({...at, accessToken: admin.accessToken})
    say(`ok    late fork, admin: ${await checkLateFork(here, there, boss)}`)
  } finally {
    await Promise.all(servers.map((server) => server.dispose()))
  }
}

if (import.meta.main) await main(process.argv[2] ?? 'python3')
