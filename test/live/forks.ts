import {setTimeout as sleep} from 'node:timers/promises'
import {pushEvents} from './forged.ts'
import {TestRoom} from './rooms.ts'
import {wholeEvidence} from './source-checks.ts'
import type {Account, Synapse} from './synapse.ts'

/** The people of a room that both servers are in. */
export interface People {
  readonly alice: Account
  readonly bob: Account
  readonly carol: Account
  /** On the other server, as is Sam. */
  readonly rita: Account
  readonly sam: Account
}

/** Two servers and who is on them. */
export interface Pair extends People {
  readonly here: Synapse
  readonly there: Synapse
}

/** What happens in a room whose two servers lose sight of each other: all rooms act their parts during the same two outages. */
export interface Story {
  readonly room: TestRoom
  readonly whileThereIsDown: () => Promise<void>
  readonly whileHereIsDown: () => Promise<void>
  readonly afterwards: () => Promise<void>
}

/** A plain fork: both sides change slots of their own and one that the other changes too, and agree afterwards. */
export async function mildFork(pair: Pair, version: string): Promise<Story> {
  const {here, there, alice, rita} = pair
  const room = await TestRoom.create(here, alice, version, {name: `Forked ${version}`})
  await room.join(there, rita, here)
  await room.setPower(here, alice, {[rita.userId]: 50})
  await agree(room, pair)
  return {
    room,
    whileThereIsDown: async () => {
      await room.setState(here, alice, 'm.room.topic', {topic: 'the topic of here'})
      await room.setState(here, alice, 'org.example.here', {n: 1})
    },
    whileHereIsDown: async () => {
      await room.setState(there, rita, 'm.room.topic', {topic: 'the topic of there'})
      await room.setState(there, rita, 'org.example.there', {n: 1})
    },
    afterwards: () => agree(room, pair),
  }
}

/**
 * A quarrel: Alice takes Rita's power away, closes the room and bans Sam, while Rita, who does not know, bans Carol, and Sam speaks. The
 * merge takes back what was done under the old power (in most versions Carol is neither banned nor joined then), and what Sam said is
 * soft-failed by the server that knew of the ban. At last Rita's server sends something that she must not do, and a message on top of it.
 */
export async function quarrel(pair: Pair, version: string, options: object = {}): Promise<Story> {
  const {here, there, alice, bob, carol, rita, sam} = pair
  const room = await TestRoom.create(here, alice, version, {name: `Quarrel ${version}`, ...options})
  for (const user of [bob, carol]) await room.join(here, user)
  for (const user of [rita, sam]) await room.join(there, user, here)
  await room.setPower(here, alice, {[rita.userId]: 90, [bob.userId]: 50})
  const topic = await room.setState(here, bob, 'm.room.topic', {topic: 'first \u{1F408} topic'})
  const words = await room.say(here, carol, 'something to take back')
  await room.redact(here, carol, words)
  await room.redact(here, alice, topic)
  await room.setState(here, alice, 'org.example.widget', {n: 1}, 'a key with \u00fcmlauts \u{1F408}')
  await room.member(here, bob, 'kick', carol)
  await room.join(here, carol)
  await agree(room, pair)
  return {
    room,
    whileThereIsDown: async () => {
      await room.setPower(here, alice, {[rita.userId]: 0})
      await room.setState(here, alice, 'm.room.join_rules', {join_rule: 'invite'})
      await room.setState(here, alice, 'm.room.topic', {topic: 'the topic of here'})
      await room.member(here, alice, 'ban', sam)
      await room.say(here, bob, 'is anybody there?')
    },
    whileHereIsDown: async () => {
      await room.setState(there, rita, 'm.room.topic', {topic: 'the topic of there'})
      await room.member(there, rita, 'ban', carol)
      await room.say(there, sam, 'nobody told me that I am banned')
      await room.redact(there, sam, await room.say(there, sam, 'something that only one server takes back'))
      await room.setState(there, rita, 'org.example.there', {n: 1})
    },
    afterwards: async () => {
      await meet(room, pair)
      await pushEvents(pair, room)
      await meet(room, pair)
    },
  }
}

/** History that only those who were there may see: Dave and the other server come late. */
export async function hiddenHistory(pair: Pair, version: string, dave: Account): Promise<TestRoom> {
  const {here, there, alice, bob, rita} = pair
  const visibility = {type: 'm.room.history_visibility', state_key: '', content: {history_visibility: 'joined'}}
  const room = await TestRoom.create(here, alice, version, {name: `Hidden ${version}`, initial_state: [visibility]})
  await room.join(here, bob)
  for (let n = 0; n < 6; n += 1) await room.say(here, n % 2 === 0 ? alice : bob, `a secret of two, part ${String(n)}`)
  await room.setState(here, alice, 'm.room.topic', {topic: 'overwritten'})
  await room.setState(here, alice, 'm.room.topic', {topic: 'before the others came'})
  await room.join(here, dave)
  await room.say(here, alice, 'Dave may read this')
  await room.join(there, rita, here)
  await meet(room, pair)
  return room
}

/**
 * A room of the other server that this one has come into late: it holds the state, as outliers, and nothing of what happened before. The
 * first `/messages` makes it fetch that from the other, which is what routes that must change nothing are held against.
 */
export async function lateServer({here, there, alice, rita, sam}: Pair, version: string): Promise<TestRoom> {
  const room = await TestRoom.create(there, rita, version, {name: `Late ${version}`})
  await room.join(there, sam)
  for (let n = 0; n < 20; n += 1) await room.say(there, n % 2 === 0 ? rita : sam, `before you came, part ${String(n)}`)
  await room.setState(there, rita, 'm.room.topic', {topic: 'before the other server came'})
  await room.join(here, alice, there)
  return room
}

/** The evidence must be whole and show the fork: an event that names two others as its predecessors. */
export async function checkFork(server: Synapse, room: TestRoom, account: Account): Promise<void> {
  const evidence = await wholeEvidence(server, room, account, 10)
  const merges = evidence.pdus.filter(({text}) => (JSON.parse(text) as {prev_events: unknown[]}).prev_events.length > 1)
  if (merges.length === 0) throw new Error('no event has two predecessors: the servers never forked')
}

/** Both sides speak until each server has heard of the other and both tell the same state. */
export async function agree(room: TestRoom, {here, there, alice, rita}: Pair): Promise<void> {
  let differing: string[] = []
  const [start, limit] = [Date.now(), 90_000]
  let nudges = 0
  for (let wait = 50; Date.now() - start < limit; wait = Math.min(wait * 2, 1000)) {
    // Synapse may keep a stale current state while only messages come: a state event makes it look again.
    if (Date.now() - start > (nudges + 1) * 15_000) {
      nudges += 1
      await room.setState(here, alice, 'org.example.nudge', {n: nudges})
    }
    await room.say(here, alice, 'can you hear me?')
    await room.say(there, rita, 'yes, and you?')
    await sleep(wait)
    const mine = await room.stateLines(here, alice)
    const theirs = await room.stateLines(there, rita)
    differing = [...mine.filter((line) => !theirs.includes(line)), ...theirs.filter((line) => !mine.includes(line))]
    if (differing.length === 0) return
  }
  throw new Error(`the servers did not agree on ${room.roomId}: ${differing.join('; ').replaceAll('\0', ' | ')}`)
}

/** Both sides speak until each has heard the other. They need not agree: that is what quarrels are for. */
export async function meet(room: TestRoom, {here, there, alice, rita}: Pair): Promise<void> {
  const end = Date.now() + 60_000
  for (;;) {
    const mine = await room.say(here, alice, 'I am back')
    const theirs = await room.say(there, rita, 'so am I')
    for (let n = 0; n < 6; n += 1) {
      await sleep(200)
      if ((await heard(room, there, rita, mine)) && (await heard(room, here, alice, theirs))) return
    }
    if (Date.now() > end) throw new Error(`the servers did not meet again in ${room.roomId}`)
  }
}

/** This side alone speaks until the other has heard it: the room stays, or becomes, one line. */
export async function reach(room: TestRoom, {here, there, alice, rita}: Pair): Promise<void> {
  const end = Date.now() + 60_000
  for (;;) {
    const mine = await room.say(here, alice, 'do you hear me?')
    for (let n = 0; n < 10; n += 1) {
      await sleep(200)
      if (await heard(room, there, rita, mine)) return
    }
    if (Date.now() > end) throw new Error(`${there.name} heard nothing of ${room.roomId}`)
  }
}

async function heard(room: TestRoom, server: Synapse, account: Account, eventId: string): Promise<boolean> {
  return server.ask(account, 'GET', room.address(`event/${encodeURIComponent(eventId)}`)).then(
    () => true,
    () => false,
  )
}
