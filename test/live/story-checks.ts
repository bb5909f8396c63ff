import {DatabaseSync} from 'node:sqlite'
import path from 'node:path'
import {equal} from './checking.ts'
import type {Checking} from './checking.ts'
import {agree, meet, reach} from './forks.ts'
import {told} from './program.ts'
import {TestRoom} from './rooms.ts'
import type {Stage} from './stage.ts'
import type {Account} from './synapse.ts'

/** How a room is got at: arguments of the program, and what goes into its environment. */
interface Way {
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
}

interface Event {
  readonly event_id: string
  readonly sender: string
  readonly value: string
}

/** `blame --json`, as far as the checks read it. */
interface BlameDocument {
  readonly complete: boolean
  readonly now: Event | null
  readonly entries: readonly {
    readonly kind: string
    readonly at?: Event | null
    readonly reset?: {readonly cause: string; readonly expected: boolean} | null
  }[]
  readonly findings: readonly {readonly id: string; readonly severity: string; readonly cause?: string}[]
}

/** `diff --json`, as far as the checks read it. */
interface DiffDocument {
  readonly complete: boolean
  readonly sides: readonly {readonly id: string; readonly server?: string; readonly differences?: number}[]
  readonly differences: readonly {
    readonly type: string
    readonly state_key: string
    readonly grade: string
    readonly values: Readonly<Record<string, string | null>>
    readonly grades: Readonly<Record<string, string>>
  }[]
  readonly divergence_points: readonly {
    readonly event_id: string
    readonly server: string
    readonly position: string
    readonly proven_earliest: boolean
    readonly method: string
    readonly requests: number
    readonly slots: readonly {readonly type: string; readonly state_key: string}[]
  }[]
  readonly agreeing_at_every_event: readonly {readonly server: string}[]
  readonly findings: readonly {readonly id: string; readonly severity: string; readonly summary: string}[]
}

/**
 * Two stories on real servers, told by the program. In one, a member vanishes by a merge after an outage: everybody agrees, and `blame` says
 * why. In the other, somebody edits a server's database while it is stopped: `diff` says where, and since which event.
 */
export async function checkStories(checking: Checking): Promise<void> {
  const {check, stage} = checking
  let told: Told | null = null
  await check('stories: the servers live through them', async () => {
    told = await live(stage)
  })
  // What the closure assigned is not seen by the compiler.
  const stories = told as Told | null
  if (stories === null) return
  await check('story of a member who vanished', () => checkVanished(checking, stories.vanished))
  await check('story of a member who vanished, by federation', () => checkVanishedAfar(checking, stories.vanished))
  await check('story of an edited database', () => checkEdited(checking, stories.edited))
  await check('story of an edited database, by federation', () => checkEditedAfar(checking, stories.edited))
}

interface Told {
  readonly vanished: TestRoom
  readonly edited: EditedRoom
}

interface EditedRoom {
  readonly room: TestRoom
  /** Where the database was edited: the event whose state group it is. */
  readonly at: string
  readonly banned: Account
  readonly ban: string
  readonly join: string
}

async function live(stage: Stage): Promise<Told> {
  const {here, there, alice, bob, carol, dave, rita} = stage
  const vanished = await TestRoom.create(here, alice, '10', {name: 'The garden'})
  for (const user of [bob, carol]) await vanished.join(here, user)
  await vanished.join(there, rita, here)
  await vanished.setPower(here, alice, {[rita.userId]: 50})
  const room = await TestRoom.create(here, alice, '11', {name: 'The library'})
  for (const user of [bob, dave]) await room.join(here, user)
  await room.join(there, rita, here)
  for (let n = 0; n < 20; n += 1) await room.say(here, n % 2 === 0 ? alice : dave, `quiet please, ${String(n)}`)
  await room.member(here, alice, 'ban', dave)
  for (let n = 0; n < 5; n += 1) await room.say(here, bob, `what a relief, ${String(n)}`)
  await agree(vanished, stage)
  // From here on one side alone speaks: a branch that forked before the topic would bring the ban back when Synapse merges it.
  await agree(room, stage)
  await meet(room, stage)
  await reach(room, stage)
  const at = await room.setState(here, alice, 'm.room.topic', {topic: 'Please be quiet'})
  for (let n = 0; n < 10; n += 1) await room.say(here, bob, `after the topic, ${String(n)}`)
  await reach(room, stage)

  await there.stop()
  await vanished.setPower(here, alice, {[rita.userId]: 0})
  await vanished.setState(here, alice, 'm.room.join_rules', {join_rule: 'invite'})
  await vanished.say(here, bob, 'has anybody heard of Rita?')
  await here.stop()
  const edited = {
    room,
    at,
    banned: dave,
    ...unban(path.join(here.folder, 'homeserver.db'), room.roomId, at, dave.userId),
  }
  await there.start()
  await vanished.member(there, rita, 'ban', carol)
  await vanished.say(there, rita, 'Carol was rude')
  await here.start()
  await meet(vanished, stage)
  await reach(room, stage)
  for (let n = 0; n < 10; n += 1) await room.say(here, alice, `and on we go, ${String(n)}`)
  await reach(room, stage)
  return {vanished, edited}
}

/** Puts a join from before the ban back, into the state group after `at` and into the current state, as somebody might who wants to help. */
export function unban(file: string, roomId: string, at: string, userId: string): {ban: string; join: string} {
  const database = new DatabaseSync(file)
  try {
    const one = (sql: string, ...params: (string | number)[]): string =>
      String(Object.values(database.prepare(sql).get(...params) ?? {})[0])
    const group = Number(one('SELECT state_group FROM event_to_state_groups WHERE event_id = ?', at))
    const slot = `room_id = ? AND type = 'm.room.member' AND state_key = ?`
    const join = one(
      `SELECT event_id FROM room_memberships WHERE room_id = ? AND user_id = ? AND membership = 'join'`,
      roomId,
      userId,
    )
    const ban = one(`SELECT event_id FROM current_state_events WHERE ${slot}`, roomId, userId)
    const changes = [
      database
        .prepare(
          `INSERT INTO state_groups_state (state_group, room_id, type, state_key, event_id) VALUES (?, ?, 'm.room.member', ?, ?)`,
        )
        .run(group, roomId, userId, join),
      database
        .prepare(`UPDATE current_state_events SET event_id = ?, membership = 'join' WHERE ${slot}`)
        .run(join, roomId, userId),
    ]
    equal('rows', changes.map((change) => String(change.changes)).join(), '1,1')
    return {ban, join}
  } finally {
    database.close()
  }
}

function byDatabases({here, there}: Stage): Way {
  const env = there.database === null ? {} : {PGPASSWORD: there.database.cluster.password}
  return {args: ['--database', here.databaseUrl, '--database', there.databaseUrl], env}
}

/** As the other server, which needs nothing of the first but its answers. */
function byFederation({here, there, rita}: Stage, servers: readonly string[] = [here.name]): Way {
  const key = ['--signing-key', there.signingKeyFile, '--server-name', there.name, '--as-user', rita.userId]
  return {args: [...key, ...servers.flatMap((server) => ['--with', server]), '--insecure'], env: {}}
}

/** Runs the program for people and for machines, shows the former, and gives back the latter. */
async function tell(
  {program, publish}: Checking,
  title: string,
  command: readonly string[],
  {args, env}: Way,
  code: number,
): Promise<{readonly document: unknown; readonly text: string}> {
  const {document} = await program.json([...command, ...args], [code], {env})
  const run = await program.run([...command, ...args], {env})
  if (run.code !== code) throw new Error(told([...command, ...args], run))
  const typed = [...command, ...args].map((word) => (/^[\w@%+=:,./-]+$/u.test(word) ? word : `'${word}'`)).join(' ')
  publish(`## ${title}\n\n\`\`\`console\n$ matrix-state ${typed}\n${run.stdout.trimEnd()}\n\`\`\``)
  return {document, text: run.stdout}
}

async function tellBlame(...args: Parameters<typeof tell>): Promise<{document: BlameDocument; text: string}> {
  const {document, text} = await tell(...args)
  return {document: document as BlameDocument, text}
}

async function tellDiff(...args: Parameters<typeof tell>): Promise<{document: DiffDocument; text: string}> {
  const {document, text} = await tell(...args)
  return {document: document as DiffDocument, text}
}

async function checkVanished(checking: Checking, {roomId}: TestRoom): Promise<string> {
  const {stage} = checking
  const {carol} = stage
  await bothLack(checking, roomId)
  const way = byDatabases(stage)
  const blame = await tellBlame(
    checking,
    'A member who vanished: blame',
    ['blame', roomId, 'm.room.member', carol.userId],
    way,
    0,
  )
  const merge = expectReset(blame.document)
  equal('text names the cause', /reset/iu.test(blame.text), true)
  equal('text names the merge', blame.text.includes(merge.slice(0, 10)), true)
  const {document} = await tellDiff(checking, 'A member who vanished: diff', ['diff', roomId], way, 0)
  equal('complete', document.complete, true)
  equal('differences', JSON.stringify(document.differences), '[]')
  equal(
    'agreeing',
    document.agreeing_at_every_event
      .map(({server}) => server)
      .sort()
      .join(),
    names(stage),
  )
  return `merged at ${merge}`
}

/** Neither server has any membership of hers: the reset is real, whatever the program says. */
async function bothLack({stage}: Checking, roomId: string): Promise<void> {
  const {here, there, alice, rita, carol} = stage
  for (const [server, account] of [
    [here, alice],
    [there, rita],
  ] as const) {
    const room = new TestRoom(roomId, '10')
    const lines = await room.stateLines(server, account)
    const mine = lines.filter((line) => line.startsWith(`m.room.member\0${carol.userId}\0`))
    equal(`membership of Carol on ${server.name}`, mine.length, 0)
  }
}

function names({here, there}: Stage): string {
  return [here.name, there.name].sort().join()
}

/** @returns the event that merges */
function expectReset({complete, now, entries, findings}: BlameDocument): string {
  equal('complete', complete, true)
  equal('now', now, null)
  const merges = entries.filter(({reset}) => reset !== null && reset !== undefined)
  equal('merges that reset the slot', merges.length, 1)
  const [merge] = merges
  equal('expected behaviour', merge?.reset?.expected, false)
  const found = findings.filter(({id}) => id === 'state/reset')
  equal('findings', found.map(({severity}) => severity).join(), 'error')
  equal('cause', found[0]?.cause, merge?.reset?.cause)
  equal('cause is known', typeof found[0]?.cause, 'string')
  if (typeof merge?.at?.event_id !== 'string') throw new Error('no event merges')
  return merge.at.event_id
}

async function checkVanishedAfar(checking: Checking, {roomId}: TestRoom): Promise<string> {
  const {stage} = checking
  const way = byFederation(stage, [stage.here.name, stage.there.name])
  const {document: blame} = await tellBlame(
    checking,
    'A member who vanished: blame by federation',
    ['blame', roomId, 'm.room.member', stage.carol.userId],
    way,
    0,
  )
  const merge = expectReset(blame)
  const {document} = await tellDiff(checking, 'A member who vanished: diff by federation', ['diff', roomId], way, 0)
  equal('differences', JSON.stringify(document.differences), '[]')
  equal('sides', [...new Set(document.sides.map(({server}) => server ?? ''))].sort().join(), `,${names(stage)}`)
  return `merged at ${merge}`
}

async function checkEdited(checking: Checking, edited: EditedRoom): Promise<string> {
  const {stage} = checking
  const {document, text} = await tellDiff(
    checking,
    'A database that was edited: diff of both databases',
    ['diff', edited.room.roomId],
    byDatabases(stage),
    1,
  )
  expectEdit(stage, edited, document)
  const [point, ...more] = document.divergence_points
  equal('points', more.length, 0)
  equal('first event', `${point?.position ?? ''} ${point?.event_id ?? ''}`, `after ${edited.at}`)
  equal(
    'slots there',
    JSON.stringify(point?.slots),
    JSON.stringify([{type: 'm.room.member', state_key: edited.banned.userId}]),
  )
  equal('proven earliest', point?.proven_earliest, true)
  equal('method', point?.method, 'scan')
  equal('agreeing', document.agreeing_at_every_event.map(({server}) => server).join(), stage.there.name)
  for (const word of [stage.here.name, edited.banned.userId, edited.at])
    equal(`text has ${word}`, text.includes(word), true)
  return `parted at ${edited.at}`
}

function expectEdit({here, there}: Stage, {banned, ban, join}: EditedRoom, document: DiffDocument): void {
  equal(
    'slots',
    document.differences.map((one) => `${one.type} ${one.state_key} ${one.grade}`).join(),
    `m.room.member ${banned.userId} diverged`,
  )
  const [difference] = document.differences
  equal('the replay', difference?.values['replay'], ban)
  for (const {id, server} of document.sides) {
    if (server === here.name) equal(`${id} of here`, difference?.values[id], join)
    if (server === there.name) equal(`${id} of there`, difference?.values[id], ban)
  }
  equal(
    'asked here',
    document.sides.some(({server}) => server === here.name),
    true,
  )
  const errors = document.findings.filter(({id, severity}) => severity === 'error' && id === 'state/divergence')
  equal('divergences', errors.length, 1)
}

async function checkEditedAfar(checking: Checking, edited: EditedRoom): Promise<string> {
  const {stage} = checking
  const {document, text} = await tellDiff(
    checking,
    'A database that was edited: diff by federation only',
    ['diff', edited.room.roomId],
    byFederation(stage),
    1,
  )
  expectEdit(stage, edited, document)
  const [point] = document.divergence_points
  equal('method', point?.method, 'bisection')
  equal('server', point?.server, stage.here.name)
  equal('proven earliest', point?.proven_earliest, false)
  equal(
    'slots there',
    JSON.stringify(point?.slots),
    JSON.stringify([{type: 'm.room.member', state_key: edited.banned.userId}]),
  )
  const requests = point?.requests ?? 0
  if (requests < 2 || requests > 20) throw new Error(`${String(requests)} requests`)
  equal('text tells the requests', text.includes(`${String(requests)} requests`), true)
  // The state after the topic is edited, so that the first event before which it is wrong is the one that comes next.
  return `boundary before ${point?.event_id ?? ''} by ${String(requests)} requests`
}
