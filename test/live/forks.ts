import {setTimeout as sleep} from 'node:timers/promises'
import {TestRoom} from './rooms.ts'
import {wholeEvidence} from './source-checks.ts'
import type {Account, Synapse} from './synapse.ts'

/** A room whose two servers could not see each other for a while, and have met again. */
export interface Forked {
  readonly room: TestRoom
  readonly local: Account
  readonly remote: Account
}

/**
 * Makes a room with a real fork: each server is stopped in turn while the people of the other act.
 *
 * @remarks Both sides change slots of their own and one that the other changes too (the topic), so that the merge is a
 * conflict. Returns when both servers tell the same state; throws when they do not within half a minute.
 */
export async function fork(here: Synapse, there: Synapse, version: string): Promise<Forked> {
  const [local, remote] = await Promise.all([here.register(`local${version}`), there.register(`remote${version}`)])
  const room = await TestRoom.create(here, local, version, {name: `Forked ${version}`})
  await room.join(there, remote, here)
  await room.setPower(here, local, {[remote.userId]: 50})
  await agree(room, here, local, there, remote)

  await there.stop()
  await room.setState(here, local, 'm.room.topic', {topic: 'the topic of here'})
  await room.setState(here, local, 'org.example.here', {n: 1})
  await here.stop()
  await there.start()
  await room.setState(there, remote, 'm.room.topic', {topic: 'the topic of there'})
  await room.setState(there, remote, 'org.example.there', {n: 1})
  await here.start()

  await agree(room, here, local, there, remote)
  return {room, local, remote}
}

/** The evidence must be whole and show the fork: an event that names two others as its predecessors. */
export async function checkFork(server: Synapse, room: TestRoom, account: Account): Promise<void> {
  const evidence = await wholeEvidence(server, room, account, 10)
  const merges = evidence.pdus.filter(({text}) => (JSON.parse(text) as {prev_events: unknown[]}).prev_events.length > 1)
  if (merges.length === 0) throw new Error('no event has two predecessors: the servers never forked')
}

/** Both sides speak until each server has heard of the other and both tell the same state. */
async function agree(room: TestRoom, here: Synapse, local: Account, there: Synapse, remote: Account): Promise<void> {
  let differing: string[] = []
  const end = Date.now() + 30_000
  while (Date.now() < end) {
    await room.say(here, local, 'can you hear me?')
    await room.say(there, remote, 'yes, and you?')
    await sleep(500)
    const mine = await room.stateLines(here, local)
    const theirs = await room.stateLines(there, remote)
    differing = [...mine.filter((line) => !theirs.includes(line)), ...theirs.filter((line) => !mine.includes(line))]
    if (differing.length === 0) return
  }
  throw new Error(`the servers did not agree on ${room.roomId}: ${differing.join('; ').replaceAll('\0', ' | ')}`)
}
