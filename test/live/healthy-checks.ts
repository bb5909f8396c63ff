import {rm} from 'node:fs/promises'
import {diffRoom} from '../../src/investigate/diff-room.ts'
import {fetchRoom} from '../../src/investigate/fetch-room.ts'
import type {FetchAccess} from '../../src/investigate/open-routes.ts'
import {openCaseRoom} from '../../src/investigate/open-case.ts'
import {resolveRoom} from '../../src/investigate/resolve-room.ts'
import type {Finding} from '../../src/finding/finding.ts'
import {markdownTable} from './checking.ts'
import type {Checking} from './checking.ts'
import {seeded} from './edits.ts'
import {agree} from './forks.ts'
import {TestRoom} from './rooms.ts'
import {spread} from './stage.ts'
import type {Stage} from './stage.ts'
import {ApiError} from './synapse.ts'
import type {Account, Synapse} from './synapse.ts'

const SEED = 50
const VERSIONS = 12

/** Somebody on one of the two servers. */
interface Person {
  readonly account: Account
  readonly server: Synapse
}

interface Healthy {
  readonly title: string
  readonly room: TestRoom
  /** What was refused, since somebody else had just changed the room: that is life. */
  readonly refused: number
}

/** What `resolve` and `diff` say about one room by one route. */
interface Judged {
  readonly title: string
  readonly room: TestRoom
  readonly route: string
  readonly events: number
  readonly merges: number
  readonly complete: boolean
  /** Servers whose recorded states are the replay's at every event. */
  readonly agreeing: number
  readonly findings: readonly Finding[]
}

/**
 * Fifty rooms in which nothing is wrong: people of two servers who see each other at all times speak at the same time, and between that one of them
 * joins, leaves, renames, kicks, bans or sets something. By each route, `resolve`
 * and `diff` must raise no error. (Several who change memberships or powers at the same moment do make rooms go back: that is in `stories`.)
 */
export async function checkHealthy(checking: Checking): Promise<void> {
  const {check, stage, quick, publish, say} = checking
  const rooms: Healthy[] = []
  await check('healthy: rooms live', async () => {
    rooms.push(...(await liveRooms(stage, quick ? VERSIONS : 50)))
    return `${String(rooms.length)} rooms, ${String(rooms.reduce((sum, {refused}) => sum + refused, 0))} actions refused`
  })
  const judged: Judged[] = []
  await check('healthy: by no route an error, but for resets that both servers recorded as well', async () => {
    const {database} = stage.there
    if (database !== null) process.env['PGPASSWORD'] = database.cluster.password
    await spread(rooms, 2, async (one) => {
      for (const [route, access] of routesTo(stage)) judged.push(await judge(checking, one, route, access))
    }).finally(() => {
      delete process.env['PGPASSWORD']
    })
    publish(published(rooms.length, judged))
    const grave = judged.flatMap(({title, room, route, findings}) =>
      findings
        .filter(({severity}) => severity !== 'note')
        .map(({id, severity, summary}) => ({
          room,
          id,
          severity,
          text: `${title} by ${route}: ${severity} ${id}: ${summary}`,
        })),
    )
    for (const {text} of grave) say(`      ${text}`)
    const open = judged.filter(({complete}) => !complete).map(({title, route}) => `${title} by ${route}`)
    if (open.length > 0) say(`      not complete: ${open.join(', ')}`)
    // Servers lag behind each other even here, and now and then a room really goes back. Where both servers recorded just that at every event,
    // it is the truth, and is shown and counted; anything else is a false alarm.
    const isReal = (room: TestRoom): boolean =>
      judged.some((one) => one.room === room && one.route === 'both databases' && one.agreeing === 2)
    const back = new Set(
      grave.filter(({id, severity}) => severity === 'error' && id === 'state/reset').map(({room}) => room),
    )
    const errors = grave.filter(
      ({room, id, severity}) => severity === 'error' && !(id === 'state/reset' && isReal(room)),
    )
    if (back.size * 10 > rooms.length)
      throw new Error(`${String(back.size)} of ${String(rooms.length)} rooms went back`)
    if (errors.length > 0) throw new Error(errors.map(({text}) => text).join('\n'))
    if (judged.every(({merges}) => merges === 0)) throw new Error('nothing ever happened at the same time')
    return `${String(judged.length)} fetches of ${String(rooms.length)} rooms, of which ${String(back.size)} really went back`
  })
}

async function liveRooms(stage: Stage, count: number): Promise<Healthy[]> {
  const {here, there, alice, bob, carol, dave, rita, sam} = stage
  const [tina, uma] = await Promise.all([there.register('tina'), there.register('uma')])
  const mine = [alice, bob, carol, dave].map((account) => ({account, server: here}))
  const theirs = [rita, sam, tina, uma].map((account) => ({account, server: there}))
  return spread(
    Array.from({length: count}, (_, n) => n),
    4,
    async (n) => {
      const version = String((n % VERSIONS) + 1)
      const perServer = 2 + (n % 3)
      const people = [...mine.slice(0, perServer), ...theirs.slice(0, perServer)]
      return life(stage, {people, version, n})
    },
  )
}

/** In each, all speak at once, and then one changes the state. */
const ROUNDS = 3

interface Life {
  readonly people: readonly Person[]
  readonly version: string
  readonly n: number
}

/** Rounds in which some act at the same time, on both servers. */
async function life(stage: Stage, {people, version, n}: Life): Promise<Healthy> {
  const {here} = stage
  const random = seeded(SEED + n)
  const pick = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)]!
  const [owner, ...others] = people as [Person, ...Person[]]
  const name = `Healthy ${String(n)}`
  const room = await TestRoom.create(here, owner.account, version, {name, room_alias_name: `healthy${String(n)}`})
  const moderator = others.find(({server}) => server !== here)!
  for (const {account, server} of others) await room.join(server, account, server === here ? undefined : here)
  await room.setPower(here, owner.account, {[moderator.account.userId]: 50})
  let refused = 0
  // A server that has not heard of the latest change yet, or has just heard of it, refuses what would have been fine.
  const tried = async (action: () => Promise<unknown>): Promise<void> => {
    try {
      await action()
    } catch (error) {
      if (!(error instanceof ApiError)) throw error
      refused += 1
    }
  }
  const ordinary = (by: Person): (() => Promise<unknown>) => {
    const {account, server} = by
    const say = (): Promise<unknown> => room.say(server, account, `said in ${name}`)
    const takeBack = async (): Promise<void> => room.redact(server, account, await room.say(server, account, 'oops'))
    return pick([say, say, say, takeBack])
  }
  /** What changes the state; one such act at a time, as people who see each other do it. */
  const change = (): (() => Promise<unknown>) => {
    const by = pick(people)
    if (by === owner || by === moderator) return moderate(by)
    const {account, server} = by
    const rename = (): Promise<unknown> =>
      room.setState(server, account, 'm.room.member', {membership: 'join', displayname: `${name} fan`}, account.userId)
    const rejoin = async (): Promise<void> => {
      await server.ask(account, 'POST', room.address('leave'), {})
      await room.join(server, account, server === here ? undefined : here)
    }
    return pick([rename, rejoin])
  }
  const moderate = (by: Person): (() => Promise<unknown>) => {
    const {account, server} = by
    const members = people.filter((one) => one !== owner && one !== moderator)
    const whom = members.length === 0 ? null : pick(members)
    const topic = (): Promise<unknown> =>
      room.setState(server, account, 'm.room.topic', {topic: `by ${account.userId}`})
    const avatar = (): Promise<unknown> => room.setState(server, account, 'm.room.avatar', {url: 'mxc://localhost/cat'})
    if (whom === null) return pick([topic, avatar])
    const kick = async (): Promise<void> => {
      await room.member(server, account, 'kick', whom.account)
      await agree(room, stage)
      await room.join(whom.server, whom.account, whom.server === here ? undefined : here)
    }
    const ban = async (): Promise<void> => {
      await room.member(server, account, 'ban', whom.account)
      await agree(room, stage)
      await room.member(server, account, 'unban', whom.account)
      await agree(room, stage)
      await room.join(whom.server, whom.account, whom.server === here ? undefined : here)
    }
    const raise = async (): Promise<void> => {
      const level = pick([0, 10, 25])
      if (by === owner) await room.setPower(server, account, {[whom.account.userId]: level})
    }
    return pick([topic, topic, avatar, kick, ban, raise])
  }
  for (let round = 0; round < ROUNDS; round += 1) {
    const acts = people.flatMap((person) => [ordinary(person), ordinary(person)])
    await Promise.all(acts.map((act) => tried(act)))
    await agree(room, stage)
    // A ban that is lifted while others speak on branches that know of neither does make a room go back: Synapse records just that.
    await tried(change())
    await agree(room, stage)
  }
  return {title: `${name}, version ${version}, ${String(people.length)} people`, room, refused}
}

function routesTo({here, there, alice, rita}: Stage): readonly (readonly [string, FetchAccess])[] {
  const key = {signingKeyFile: there.signingKeyFile, serverName: there.name, asUser: rita.userId, insecure: true}
  return [
    ['database here', {databases: [here.databaseUrl]}],
    ['database there', {databases: [there.databaseUrl]}],
    ['both databases', {databases: [here.databaseUrl, there.databaseUrl]}],
    ['federation', {...key, servers: [here.name, there.name]}],
    ['client', {homeserver: here.baseUrl, accessToken: alice.accessToken}],
  ]
}

async function judge({program}: Checking, {title, room}: Healthy, route: string, access: FetchAccess): Promise<Judged> {
  const casePath = program.newCase()
  let isFound = false
  try {
    const signal = new AbortController().signal
    await fetchRoom(room.roomId, {access, limits: {}, casePath, signal, nowMs: Date.now})
    const opened = await openCaseRoom(casePath, {})
    const resolved = resolveRoom(opened.room, {
      unknowable: opened.unknowable,
      reported: opened.reported,
      reportedExtremities: opened.reportedExtremities,
      evidenceFindings: opened.findings,
      nowMs: Date.now(),
      ...(opened.views === undefined ? {} : {views: opened.views}),
    })
    const diff = await diffRoom(opened)
    const found = new Map([...resolved.findings, ...diff.findings].map((one) => [`${one.id} ${one.summary}`, one]))
    isFound = [...found.values()].some(({severity}) => severity === 'error')
    return {
      title: isFound ? `${title} (${casePath})` : title,
      room,
      route,
      events: opened.room.graph.size,
      merges: Array.from({length: opened.room.graph.size}, (_, row) => row).filter(
        (row) => opened.room.graph.prevOf(row).length > 1,
      ).length,
      complete: resolved.complete && diff.complete,
      agreeing: diff.agreeing.length,
      findings: [...found.values()],
    }
  } finally {
    // Whatever is found stays for a look, with --keep.
    if (!isFound) await rm(casePath, {force: true})
  }
}

function published(rooms: number, judged: readonly Judged[]): string {
  const routes = [...new Set(judged.map(({route}) => route))]
  const rows = routes.map((route) => {
    const of = judged.filter((one) => one.route === route)
    const sum = (value: (one: Judged) => number): number => of.reduce((total, one) => total + value(one), 0)
    const graded = (severity: string): number =>
      sum(({findings}) => findings.filter((one) => one.severity === severity).length)
    return [
      ...[route, of.length, sum(({events}) => events), sum(({merges}) => merges)],
      ...[of.filter(({complete}) => complete).length, graded('error'), graded('warning'), graded('note')],
    ]
  })
  const heads = ['route', 'fetches', 'events', 'merging events', 'complete', 'errors', 'warnings', 'notes']
  const counts = new Map<string, number>()
  for (const {id, severity} of judged.flatMap(({findings}) => findings)) {
    const key = `${severity} \`${id}\``
    counts.set(key, (counts.get(key) ?? 0) + 1)
  }
  const byId = [...counts].sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, count]) => [key, count])
  const title = `## ${String(rooms)} rooms in which nothing is wrong: what \`resolve\` and \`diff\` find`
  return `${title}\n\n${markdownTable(heads, rows)}\n\n${markdownTable(['finding', 'times'], byId)}`
}
