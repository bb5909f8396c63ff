import {mkdir, readFile, rm, writeFile} from 'node:fs/promises'
import path from 'node:path'
import {setTimeout as sleep} from 'node:timers/promises'
import {DEEDS, makeManyRooms} from './check-rooms.ts'
import type {ManyRoom} from './check-rooms.ts'
import {equal, markdownTable} from './checking.ts'
import type {Running} from './checking.ts'
import {measuring, peakMb, requestsOf} from './measure.ts'
import {findPostgres, startCluster} from './postgres.ts'
import type {Cluster} from './postgres.ts'
import {told} from './program.ts'
import {Synapse} from './synapse.ts'
import type {Account} from './synapse.ts'

const [ROOMS, QUICK_ROOMS] = [500, 60]
/** Of a run over some of the rooms, with which the run over all is compared. */
const FEW = 50
/** How much more memory all rooms may take than few. */
const MOST_TIMES = 1.5

/** A way to all rooms of one server. */
interface Way {
  readonly route: 'database' | 'admin'
  readonly server: Synapse
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
}

/** What `check --json` says, as far as it is read here. */
interface CheckDocument {
  readonly summary: Readonly<Record<'resumed', number>> & {readonly seconds?: number}
  readonly rooms: readonly CheckedRoom[]
}
interface CheckedRoom {
  readonly room: string
  readonly verdict: string
  readonly findings: readonly {readonly id: string; readonly severity: string; readonly subject: unknown}[]
  readonly open: readonly string[]
  readonly events: number
  readonly requests: number
}

interface Done {
  readonly document: CheckDocument
  readonly seconds: number
  readonly megabytes: number
  /** That the server answered, by its log. */
  readonly requests: number
}

/**
 * Hundreds of rooms of one server, checked in one run: by its database (SQLite, and Postgres if there is one) and by the admin API. What was
 * done to some of them is found, and nothing is in the others; memory does not grow with the rooms; a run that is killed goes on to the same end;
 * shards are disjoint and leave nothing out.
 */
export async function checkCheck(running: Running): Promise<void> {
  const {say, quick, keepSecret, python, publish, program} = running
  const count = Number(process.env['MATRIX_STATE_TEST_ROOMS'] ?? (quick ? QUICK_ROOMS : ROOMS))
  const postgres = findPostgres()
  if ('skip' in postgres) say(`note  check: on SQLite alone: ${postgres.skip}`)
  // In the folder that is searched for secrets: journals are in it.
  const folder = path.join(program.folder, 'check')
  await mkdir(folder)
  const rows: (readonly (string | number)[])[] = []
  await onServer(running, {folder, count, cluster: null, rows})
  if (!('skip' in postgres)) {
    const cluster = await startCluster()
    try {
      await onServer(running, {folder, count: Math.ceil(count / 5), cluster, rows})
    } finally {
      await cluster.stop()
    }
  }
  const heads = ['server, route', 'rooms', 'events', 'processes', 'seconds', 'MB at most', 'requests']
  publish(`## Many rooms in one run of \`check\`\n\n${markdownTable(heads, rows)}`)

  async function onServer(run: Running, given: Given): Promise<void> {
    const {cluster: on} = given
    // Without statistics its admin API lists no room.
    const extra = {stats: {enabled: true}}
    const server = await Synapse.launch(python, {extra, ...(on === null ? {} : {cluster: on})})
    try {
      const root = await server.register('root', {admin: true})
      await checkServer(run, given, server, root)
    } finally {
      keepSecret(server.secrets)
      await server.dispose()
    }
  }
}

interface Given {
  readonly folder: string
  readonly count: number
  readonly cluster: Cluster | null
  readonly rows: (readonly (string | number)[])[]
}

const PROCESSES = 2

async function checkServer(running: Running, given: Given, server: Synapse, root: Account): Promise<void> {
  const {check, say} = running
  const {folder, count, cluster, rows} = given
  const kind = cluster === null ? 'SQLite' : 'Postgres'
  const rooms: ManyRoom[] = []
  await check(`check: ${String(count)} rooms on ${kind}`, async () => {
    const start = performance.now()
    rooms.push(...(await makeManyRooms(server, root, count)))
    const deeds = rooms.filter(({deed}) => deed !== null).length
    return `made in ${((performance.now() - start) / 1000).toFixed(0)} s, something done to ${String(deeds)} of them`
  })
  if (rooms.length === 0) return
  const few = path.join(folder, `${kind}-few.txt`)
  await writeFile(
    few,
    rooms
      .slice(0, FEW)
      .map(({roomId}) => `${roomId}\n`)
      .join(''),
  )
  for (const way of waysTo(server, root)) {
    const title = `${kind}, ${way.route}`
    let all: Done | null = null
    await check(`check: all rooms, ${title}: what was done is found, and nothing else`, async () => {
      all = await runCheck(running, way, folder, ['--all-rooms'])
      rows.push(rowOf(title, all))
      expectDeeds(way, rooms, all.document)
      return words(all)
    })
    const whole = all as Done | null
    if (whole === null) continue
    await check(`check: memory does not grow with the rooms, ${title}`, async () => {
      const part = await runCheck(running, way, folder, ['--rooms', few])
      rows.push(rowOf(title, part))
      const times = whole.megabytes / part.megabytes
      if (times > MOST_TIMES) throw new Error(`${words(part)}, but ${words(whole)}`)
      return `${words(part)}; ${times.toFixed(2)} times as much for all`
    })
    await check(`check: killed in the middle, ${title}`, () => killed(running, way, folder, whole))
    await check(`check: shards, ${title}`, async () => {
      const shards: Done[] = []
      for (const shard of ['1/2', '2/2'])
        shards.push(await runCheck(running, way, folder, ['--all-rooms', '--shard', shard]))
      const [one = [], two = []] = shards.map(({document}) => document.rooms.map(({room}) => room))
      equal('rooms of both shards', one.filter((room) => two.includes(room)).length, 0)
      expectSame({rooms: shards.flatMap(({document}) => document.rooms)}, whole.document)
      return `${String(one.length)} and ${String(two.length)} rooms`
    })
  }
  say(`      ${kind} is done`)
}

function waysTo(server: Synapse, root: Account): readonly Way[] {
  const password = server.database === null ? {} : {PGPASSWORD: server.database.cluster.password}
  const admin = {MATRIX_STATE_ADMIN_TOKEN: root.accessToken}
  return [
    {route: 'database', server, args: ['--database', server.databaseUrl], env: password},
    {route: 'admin', server, args: ['--homeserver', server.baseUrl], env: admin},
  ]
}

const LONG_MS = 1_200_000

async function runCheck({program}: Running, way: Way, folder: string, args: readonly string[]): Promise<Done> {
  const file = path.join(folder, 'peak.txt')
  await rm(file, {force: true})
  const before = await requestsOf(way.server)
  const line = ['check', ...args, ...way.args, '--jobs', String(PROCESSES)]
  const {run, document} = await program.json(line, [0, 1, 3], {
    env: {...way.env, ...measuring(file)},
    timeoutMs: LONG_MS,
  })
  const after = await requestsOf(way.server)
  return {
    document: document as CheckDocument,
    seconds: run.seconds,
    megabytes: await peakMb(file, PROCESSES),
    requests: after.all - before.all,
  }
}

/** With SIGKILL, when a third of the rooms are done. */
async function killed(running: Running, way: Way, folder: string, whole: Done): Promise<string> {
  const journal = path.join(folder, `journal-${way.route}.ndjson`)
  await rm(journal, {force: true})
  const args = ['check', '--all-rooms', ...way.args, '--jobs', String(PROCESSES), '--journal', journal]
  const third = Math.ceil(whole.document.rooms.length / 3)
  const kill = new AbortController()
  const ended = running.program.run(args, {env: way.env, kill: kill.signal, timeoutMs: LONG_MS}).finally(() => {
    kill.abort()
  })
  while (!kill.signal.aborted) {
    const lines = await readFile(journal, 'utf8').then(
      (text) => text.split('\n').length - 2,
      () => 0,
    )
    if (lines >= third) kill.abort()
    else await sleep(20)
  }
  const run = await ended
  if (run.code !== null) throw new Error(`it was not killed: ${told(args, run)}`)
  const done = await runCheck(running, way, folder, ['--all-rooms', '--journal', journal])
  const {resumed} = done.document.summary
  if (resumed < third || resumed >= whole.document.rooms.length) throw new Error(`${String(resumed)} rooms resumed`)
  expectSame(done.document, whole.document)
  return `${String(resumed)} rooms were done when it was killed; the rest took ${words(done)}`
}

const rowOf = (title: string, {document, seconds, megabytes, requests}: Done): readonly (string | number)[] => [
  title,
  document.rooms.length,
  document.rooms.reduce((sum, {events}) => sum + events, 0),
  PROCESSES,
  Math.round(seconds * 10) / 10,
  Math.round(megabytes),
  requests,
]

function words({document, seconds, megabytes, requests}: Done): string {
  const rooms = String(document.rooms.length)
  return `${rooms} rooms in ${seconds.toFixed(1)} s, ${megabytes.toFixed(0)} MB at most, ${String(requests)} requests`
}

/** Each room as what was found in it. */
function expectSame(one: Pick<CheckDocument, 'rooms'>, other: Pick<CheckDocument, 'rooms'>): void {
  const lines = ({rooms}: Pick<CheckDocument, 'rooms'>): string[] =>
    rooms
      .map(({room, verdict, findings, open}) =>
        JSON.stringify([room, verdict, findings.map(({id, severity, subject}) => [id, severity, subject]), open]),
      )
      .sort()
  const [mine, theirs] = [lines(one), lines(other)]
  const differing = mine.filter((line) => !theirs.includes(line))
  equal('rooms', mine.length, theirs.length)
  equal('rooms that came out otherwise', differing.slice(0, 3).join('\n'), '')
}

function expectDeeds({route}: Way, rooms: readonly ManyRoom[], {rooms: checked}: CheckDocument): void {
  const byRoom = new Map(checked.map((one) => [one.room, one]))
  equal('rooms', checked.length, rooms.length)
  const wrong: string[] = []
  for (const {roomId, deed} of rooms) {
    const expected = deed === null ? null : DEEDS[deed]
    const found = byRoom.get(roomId)
    const ids = found?.findings.map(({id}) => id) ?? []
    const isRight =
      found?.verdict === (expected?.verdict ?? 'clean') && (expected === null || ids.includes(expected[route]))
    if (!isRight)
      wrong.push(
        `${roomId} (${deed ?? 'healthy'}): ${found?.verdict ?? 'not checked'}: ${ids.join(', ')} ${found?.open.join(' ') ?? ''}`,
      )
  }
  if (wrong.length > 0) throw new Error(`${String(wrong.length)} rooms\n${wrong.slice(0, 8).join('\n')}`)
}
