import {setTimeout as sleep} from 'node:timers/promises'
import {parsePdu} from '../../src/matrix/pdu.ts'
import {rulesFor} from '../../src/matrix/room-version.ts'
import {markdownTable} from './checking.ts'
import type {Checking} from './checking.ts'
import {ACCESS_TIMES, OWN_CLOCK, changes, dump, readTruth, sortedJson} from './database.ts'
import type {Dump, HeldEvent, ServerTruth, TableChange} from './database.ts'
import {routesTo, unionRoute} from './live-routes.ts'
import type {LiveRoute} from './live-routes.ts'
import type {FetchDocument, ReplayLine} from './program.ts'
import {spread} from './stage.ts'
import type {LiveRoom} from './stage.ts'
import {Synapse} from './synapse.ts'

/** One fetch by one route, and what came of it. */
export interface Fetched {
  readonly live: LiveRoom
  readonly route: LiveRoute
  readonly file: string
  readonly document: FetchDocument
  readonly seconds: number
  /** What the route's server held just before. */
  readonly truth: ServerTruth
}

/** A room from both databases: all that there is to know, and the replay of it. */
export interface Union {
  readonly live: LiveRoom
  readonly file: string
  readonly lines: ReadonlyMap<string, ReplayLine>
}

/**
 * Each route alone for each room: first those that must change nothing in the servers' databases (asserted), then those that make servers
 * ask each other (shown). Then each route's replay against the replay of the union, and what each route cannot show.
 */
export async function checkRoutes(checking: Checking): Promise<readonly Union[]> {
  const {stage, check} = checking
  const fetched: Fetched[] = []
  const routes = new Map<LiveRoom, LiveRoute[]>()
  for (const live of stage.rooms) routes.set(live, await routesTo(stage, live, checking.tokens))
  const gather = async (quiet: boolean): Promise<void> => {
    // The long room alone, since its times are looked at.
    const long = stage.rooms.filter(({kind}) => kind === 'long')
    const others = stage.rooms.filter(({kind}) => kind !== 'long')
    for (const [rooms, width] of [
      [long, 1],
      [others, 2],
    ] as const) {
      await spread(rooms, width, async (live) => {
        for (const route of routes.get(live)!) {
          if (route.quiet !== quiet) continue
          await check(`fetch ${live.title} by ${route.name}`, async () => {
            fetched.push(await fetchBy(checking, live, route))
          })
        }
      })
    }
  }
  const servers = [stage.here, stage.there]
  const before = await settled(servers)
  await gather(true)
  const between = await settled(servers)
  await check('database, federation and admin state leave the servers\u2019 databases as they were', async () => {
    const list = servers.flatMap((_, n) => changes(before[n]!, between[n]!))
    if (list.length > 0) throw new Error(`changed:\n${list.map(showChange).join('\n')}`)
    return `left out: ${Object.entries(ACCESS_TIMES)
      .map(([table, columns]) => (columns === '*' ? table : `${table}.{${columns.join()}}`))
      .join(', ')}; changed by the server's own clock: ${OWN_CLOCK.join(', ')}`
  })
  await gather(false)
  const after = await settled(servers)
  const loud = servers.flatMap((server, n) =>
    changes(between[n]!, after[n]!).map(({table, added, removed}) => [
      server === stage.here ? 'here (asked)' : 'there',
      table,
      added.length,
      removed.length,
    ]),
  )
  const title = `What \`/messages\` (client and admin) changed in the servers' databases, over ${String(stage.rooms.length)} rooms`
  checking.publish(`## ${title}\n\n${markdownTable(['server', 'table', 'rows that came', 'rows that went'], loud)}`)
  await check('/messages changes the servers\u2019 databases, so that the check above can tell', async () => {
    if (loud.length === 0) throw new Error('nothing changed: no room of the stage has a gap that a server would fill')
    return `${String(loud.length)} tables`
  })

  const unions: Union[] = []
  await spread(stage.rooms, 2, async (live) => {
    await check(`both databases ${live.title}`, async () => {
      const {file, document} = await fetchBy(checking, live, unionRoute(stage, live))
      noBadEvidence(document)
      unions.push({live, file, lines: await checking.program.replay(file)})
    })
  })
  const rows: (string | number)[][] = []
  for (const live of stage.rooms) {
    const union = unions.find((one) => one.live === live)
    if (union === undefined) continue
    const ofRoom = fetched.filter((one) => one.live === live)
    await spread(ofRoom, 2, async (one) => {
      await check(`replay ${live.title} by ${one.route.name}`, async () => {
        const row = await judge(checking, one, union)
        rows.push(row)
      })
    })
  }
  const heads = ['room', 'route', 'events', 'seconds', 'requests', 'missing', 'undetermined']
  const lacking = ['rejected', 'soft-failed', 'outliers', 'others', 'content hidden']
  const note =
    'Of the events that the route’s server held: rejected, soft-failed, outliers and others as `not shown / held`; `content hidden` are copies without their content that nobody redacted.'
  const place = (row: readonly (string | number)[]): number => {
    const room = stage.rooms.findIndex(({title}) => title === row[0])
    return room * 100 + routes.get(stage.rooms[room]!)!.findIndex(({name}) => name === row[1])
  }
  rows.sort((a, b) => place(a) - place(b))
  checking.publish(`## Each route alone\n\n${note}\n\n${markdownTable([...heads, ...lacking], rows)}`)
  publishRates(checking, fetched)
  return unions
}

async function fetchBy({program, stage}: Checking, live: LiveRoom, route: LiveRoute): Promise<Fetched> {
  const file = program.newCase()
  const truth = await readTruth(route.server, live.room.roomId)
  // The one alias of the stage is asked for where a route can tell what it stands for.
  const alias =
    live.title === 'quarrel v10' && route.kind === 'client' ? `#quarrel:${stage.here.name}` : live.room.roomId
  const {run, document} = await program.fetch(alias, file, route.args, route.env)
  if (document.schema !== 'matrix-state/fetch/1') throw new Error(`schema: ${document.schema}`)
  if (document.room_id !== live.room.roomId) throw new Error(`room: ${document.room_id}`)
  if (document.room_version !== live.room.version) throw new Error(`version: ${document.room_version}`)
  if (document.complete !== (run.code === 0))
    throw new Error(`complete: ${String(document.complete)} with ${String(run.code)}`)
  const failed = document.routes.filter(({error}) => error !== null)
  if (failed.length > 0) throw new Error(`route errors: ${JSON.stringify(failed)}`)
  return {live, route, file, document, seconds: run.seconds, truth}
}

/** Real servers forge nothing. */
function noBadEvidence({findings}: FetchDocument): void {
  const bad = findings.filter(({id}) => id === 'dag/bad-signature' || id === 'dag/hash-mismatch')
  if (bad.length > 0) throw new Error(bad.map(({id, summary}) => `${id}: ${summary}`).join('\n'))
}

/** The route's replay against the union's, and a row of the table. */
async function judge(checking: Checking, fetched: Fetched, union: Union): Promise<(string | number)[]> {
  const {live, route, document, truth, file} = fetched
  noBadEvidence(document)
  const lines = await checking.program.replay(file)
  const wrong: string[] = []
  let undetermined = 0
  for (const [id, line] of lines) {
    const whole = union.lines.get(id)
    if (line.verdict === 'undetermined') undetermined += 1
    else if (whole === undefined) wrong.push(`${id}: not in the union`)
    else wrong.push(...differing(line, whole).map((what) => `${id}: ${what}`))
  }
  const lacks = (kind: (event: HeldEvent) => boolean): string => {
    const held = [...truth.events.values()].filter(kind)
    return `${String(held.filter(({eventId}) => !lines.has(eventId)).length)} / ${String(held.length)}`
  }
  const isPlain = ({rejected, softFailed, outlier}: HeldEvent): boolean => rejected === null && !softFailed && !outlier
  const others = lacks(isPlain)
  const showsAll = !route.name.endsWith('came late') && !route.args.includes('--no-messages')
  if (showsAll && !others.startsWith('0 /')) wrong.push(`events that nothing speaks against are not shown: ${others}`)
  if (route.kind === 'database' && truth.events.size !== lines.size) {
    wrong.push(`${String(lines.size)} events of ${String(truth.events.size)} in the database`)
  }
  const hidden = live.kind === 'hidden' ? await hiddenContents(checking, fetched) : 0
  if (wrong.length > 0) throw new Error(wrong.slice(0, 12).join('\n'))
  const seconds = document.routes.reduce((sum, one) => sum + one.seconds, 0)
  return [
    live.title,
    route.name,
    lines.size,
    Number(seconds.toFixed(2)),
    document.summary.requests,
    document.summary.missing,
    undetermined,
    lacks(({rejected}) => rejected !== null),
    lacks(({softFailed}) => softFailed),
    lacks(({outlier, rejected}) => outlier && rejected === null),
    others,
    hidden,
  ]
}

/** In what two lines of a replay contradict each other: what one of them leaves open is no contradiction. */
export function differing(line: ReplayLine, whole: ReplayLine): string[] {
  if (whole.verdict === 'undetermined') return []
  const wrong: string[] = []
  if (line.verdict !== whole.verdict)
    wrong.push(`${line.verdict} ${line.rule ?? ''} instead of ${whole.verdict} ${whole.rule ?? ''}`)
  for (const side of ['before', 'after'] as const) {
    const [mine, theirs] = [line[side], whole[side]]
    if (mine !== null && theirs !== null && mine.sha256 !== theirs.sha256) {
      wrong.push(`another state ${side} (${String(mine.size)} slots instead of ${String(theirs.size)})`)
    }
  }
  return wrong
}

/** Copies whose content is not the one that the server holds, although nobody redacted them. */
async function hiddenContents({program}: Checking, {live, file, truth}: Fetched): Promise<number> {
  const rules = rulesFor(live.room.version)!
  let hidden = 0
  for (const text of await program.exported(file)) {
    const held = truth.events.get(parsePdu(text, rules).eventId)
    const {content} = JSON.parse(text) as {content: unknown}
    if (held !== undefined && !held.redacted && held.content !== sortedJson(content)) hidden += 1
  }
  return hidden
}

/** Dumps of servers that have come to rest: two in a row are the same. Client addresses are written every five seconds. */
export async function settled(servers: readonly Synapse[]): Promise<Dump[]> {
  let last = await Promise.all(servers.map(dump))
  for (let tries = 0; tries < 20; tries += 1) {
    await sleep(6000)
    const next = await Promise.all(servers.map(dump))
    if (servers.every((_, n) => changes(last[n]!, next[n]!).length === 0)) return next
    last = next
  }
  throw new Error('the servers do not come to rest')
}

export function showChange({table, added, removed}: TableChange): string {
  const rows = [...added.map((row) => `+ ${row}`), ...removed.map((row) => `- ${row}`)]
  return `${table}: ${String(added.length)} rows came, ${String(removed.length)} went\n${rows
    .slice(0, 4)
    .map((row) => row.slice(0, 300))
    .join('\n')}`
}

/** What a script that only pages through took on another machine for 3,076 events: bare HTTP, nothing stored. Seconds by route. */
const BARE: Readonly<Record<string, number>> = {database: 0.06, federation: 4.2, admin: 4.0, client: 4.0}

function publishRates({publish, say}: Checking, fetched: readonly Fetched[]): void {
  const rows = fetched
    .filter(({live}) => live.kind === 'long')
    .map(({route, document, seconds}): (string | number)[] => {
      const inRoutes = document.routes.reduce((sum, one) => sum + one.seconds, 0)
      const bare = BARE[route.kind]
      return [
        route.name,
        document.summary.events,
        document.summary.requests,
        Number(seconds.toFixed(1)),
        Number(inRoutes.toFixed(1)),
        inRoutes === 0 ? '' : Math.round(document.summary.events / inRoutes),
        bare === undefined ? '' : Math.round(3076 / bare),
      ]
    })
  const heads = ['route', 'events', 'requests', 's in all', 's in routes', 'events/s', 'bare requests, events/s']
  const table = markdownTable(heads, rows)
  publish(`## Rates in a room of a few thousand events\n\n${table}`)
  say(table.replaceAll(/^/gmu, '      '))
}
