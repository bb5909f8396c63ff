import type {Checking} from './checking.ts'
import {equal, markdownTable} from './checking.ts'
import {FaultProxy} from './fault-proxy.ts'
import type {Exchange} from './fault-proxy.ts'
import type {LiveRoute} from './live-routes.ts'
import type {ProxiedRoute} from './proxied.ts'
import {told} from './program.ts'
import type {LiveRoom} from './stage.ts'

const KILLS = 20

/**
 * Requests that page through a room or ask for one event. The others are asked at each start by design, since their answers change: who am
 * I, the current state, the extremities. They are counted too, and must stay few.
 */
const PAGE = /\/(?:messages|backfill|get_missing_events|event|event_auth|fetch_event)(?:\/|$)/u
const MOST_GREETINGS = 8

/**
 * Kills `fetch` with SIGKILL at 20 random moments for each HTTP route and lets it go on each time; when it gets to the end before, another
 * case is begun. The events in the end must be those of a fetch that was left alone, and what is asked again is counted at the proxy.
 */
export async function checkKills(checking: Checking, routes: readonly ProxiedRoute[], live: LiveRoom): Promise<void> {
  const rows: (string | number)[][] = []
  for (const {route, proxies} of routes) {
    await checking.check(`killed ${String(KILLS)} times: ${live.title} by ${route.name}`, async () => {
      const whole = await undisturbed(checking, live, route)
      for (const proxy of proxies) proxy.takeExchanges()
      const result = await killAndGoOn(checking, live, route, proxies, whole)
      rows.push([
        route.name,
        KILLS,
        result.cases,
        result.requests,
        result.pagesAgain,
        result.mostPagesAgain,
        result.greetingsAgain,
      ])
      return `${String(result.cases)} cases; at most ${String(result.mostPagesAgain)} pages asked again after a kill; asked again: ${result.what}`
    })
  }
  const heads = [
    'route',
    'kills',
    'cases',
    'requests',
    'pages asked again',
    'at most after one kill',
    'greetings asked again',
  ]
  checking.publish(`## Killed at random moments (${live.title})\n\n${markdownTable(heads, rows)}`)
}

/** What a fetch brings that nobody disturbs. The second is taken: the first may have made servers ask each other. */
export async function undisturbed(checking: Checking, live: LiveRoom, route: LiveRoute): Promise<FetchedSet> {
  await fetchWhole(checking, live, route)
  return fetchWhole(checking, live, route)
}

/** Events of a case as what stands in them, without what an API adds and changes with time. */
export interface FetchedSet {
  readonly events: readonly string[]
  readonly code: number
  readonly requests: number
}

async function fetchWhole({program}: Checking, live: LiveRoom, route: LiveRoute): Promise<FetchedSet> {
  const file = program.newCase()
  const {run, document} = await program.fetch(live.room.roomId, file, route.args, route.env)
  return {
    events: eventSet(withoutUnsigned(await program.exported(file))),
    code: run.code!,
    requests: document.summary.requests,
  }
}

function withoutUnsigned(texts: readonly string[]): string[] {
  return texts.map((text) => {
    const event = JSON.parse(text) as Record<string, unknown>
    delete event['unsigned']
    return JSON.stringify(event)
  })
}

/** Sorted, and each once: a duplicate is a failure. */
function eventSet(texts: readonly string[]): string[] {
  const set = new Set(texts)
  equal('events that are there twice', texts.length - set.size, 0)
  return [...set].sort()
}

export async function exportedSet({program}: Checking, file: string): Promise<string[]> {
  return eventSet(withoutUnsigned(await program.exported(file)))
}

/** Says which events only one of two sets has. */
export function expectSameEvents(actual: readonly string[], expected: readonly string[]): void {
  const [mine, theirs] = [new Set(actual), new Set(expected)]
  const [lost, extra] = [expected.filter((one) => !mine.has(one)), actual.filter((one) => !theirs.has(one))]
  if (lost.length + extra.length === 0) return
  const show = (list: string[]): string =>
    list
      .slice(0, 3)
      .map((one) => one.slice(0, 200))
      .join('\n')
  throw new Error(`${String(lost.length)} events lost, ${String(extra.length)} too many\n${show(lost)}\n${show(extra)}`)
}

interface KillResult {
  /** Requests that were asked again, by endpoint. */
  readonly what: string
  readonly cases: number
  readonly requests: number
  readonly pagesAgain: number
  readonly mostPagesAgain: number
  readonly greetingsAgain: number
}

async function killAndGoOn(
  checking: Checking,
  live: LiveRoom,
  route: LiveRoute,
  proxies: readonly FaultProxy[],
  whole: FetchedSet,
): Promise<KillResult> {
  const {program} = checking
  const random = seeded(`${live.title} ${route.name}`)
  const kinds = new Map<string, number>()
  let [kills, cases, requests, pagesAgain, mostPagesAgain, greetingsAgain] = [0, 0, 0, 0, 0, 0]
  while (kills < KILLS) {
    cases += 1
    const file = program.newCase()
    const args = ['fetch', live.room.roomId, '--case', file, ...route.args]
    const answered = new Set<string>()
    for (let ended = false; !ended;) {
      // After some request of this run, before or after its answer; the last run of a case is left alone.
      const moment = kills < KILLS ? {request: 1 + Math.floor(random() * 12), ms: random() * 60} : null
      const run = await runAndKill(checking, args, route, proxies, moment)
      const seen = proxies.flatMap((proxy) => proxy.takeExchanges())
      requests += seen.length
      const again = seen.filter((one) => answered.has(nameOf(one)))
      for (const one of again) kinds.set(kindOf(one), (kinds.get(kindOf(one)) ?? 0) + 1)
      const pages = again.filter(({url}) => PAGE.test(url.split('?')[0]!)).length
      pagesAgain += pages
      greetingsAgain += again.length - pages
      if (again.length - pages > MOST_GREETINGS) {
        throw new Error(`${String(again.length)} requests asked again at one start: ${again.map(kindOf).join(', ')}`)
      }
      mostPagesAgain = Math.max(mostPagesAgain, pages)
      for (const one of seen) if (one.completed && one.status === 200) answered.add(nameOf(one))
      if (run.code === null) kills += 1
      else {
        if (run.code !== whole.code) throw new Error(`expected exit code ${String(whole.code)}; ${told(args, run)}`)
        ended = true
      }
    }
    expectSameEvents(await exportedSet(checking, file), whole.events)
  }
  // Each kill may cost the page that was under way and not yet kept.
  const what = [...kinds].map(([kind, times]) => `${kind} ${String(times)} times`).join(', ')
  if (pagesAgain > kills) {
    throw new Error(
      `${String(pagesAgain)} pages asked again after ${String(kills)} kills (${String(cases)} cases): ${what}`,
    )
  }
  return {what, cases, requests, pagesAgain, mostPagesAgain, greetingsAgain}
}

async function runAndKill(
  {program}: Checking,
  args: readonly string[],
  {env}: LiveRoute,
  proxies: readonly FaultProxy[],
  moment: {readonly request: number; readonly ms: number} | null,
): ReturnType<Checking['program']['run']> {
  const killer = new AbortController()
  let seen = 0
  let timer: NodeJS.Timeout | undefined
  const onRequest = (): void => {
    seen += 1
    if (moment !== null && seen === moment.request) timer = setTimeout(() => killer.abort(), moment.ms)
  }
  for (const proxy of proxies) proxy.onRequest = onRequest
  try {
    return await program.run([...args, '--json'], {env, kill: killer.signal})
  } finally {
    clearTimeout(timer)
    for (const proxy of proxies) proxy.onRequest = null
  }
}

/** The endpoint, without what is particular: IDs and the query but for where it goes on from. */
function kindOf({method, url}: Exchange): string {
  const [path = '', query = ''] = url.split('?')
  const from = /(?:^|&)(from|to|since|v)=/u.exec(query)
  return `${method} ${path.replaceAll(/(?:%21|%24|%40|!|\$|@)[^/]*/gu, '{id}')}${from === null ? '' : `?${from[1]!}=`}`
}

function nameOf({method, url, body}: Exchange): string {
  return `${method} ${url} ${body}`
}

/** Numbers from 0 to 1 that are the same in each run of the tests (mulberry32). */
export function seeded(text: string): () => number {
  let state = [...text].reduce((sum, char) => (Math.imul(sum, 31) + char.codePointAt(0)!) | 0, 7)
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
