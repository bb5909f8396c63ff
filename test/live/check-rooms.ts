import {DatabaseSync} from 'node:sqlite'
import {setTimeout as sleep} from 'node:timers/promises'
import {withClient} from './postgres.ts'
import {TestRoom} from './rooms.ts'
import {spread} from './stage.ts'
import type {Account, Synapse} from './synapse.ts'

/** What is done to a room in the database of its server, and what `check` must find of it by each route. */
export const DEEDS = {
  'current state: an older topic': {database: 'state/divergence', admin: 'state/divergence', verdict: 'findings'},
  // The API shows state groups only where the newest event has one.
  'state group: an older topic': {database: 'server/wrong-record', admin: 'state/divergence', verdict: 'findings'},
  'a message is gone': {database: 'dag/missing-event', admin: 'dag/missing-event', verdict: 'inconclusive'},
} as const
export type Deed = keyof typeof DEEDS

/** A room of the many. */
export interface ManyRoom {
  readonly roomId: string
  /** `null`: nothing is wrong with it. */
  readonly deed: Deed | null
}

/** Each deed is done to one room of so many. */
const ROOMS_A_DEED = 25
const WIDTH = 8

interface Made {
  readonly room: TestRoom
  readonly topics: readonly [string, string]
  readonly message: string
}

/** Makes many rooms with a short life, a fork in every tenth, then stops the server and does its deeds in the database. */
export async function makeManyRooms(server: Synapse, root: Account, count: number): Promise<readonly ManyRoom[]> {
  const [alice, bob] = await Promise.all([server.register('alice'), server.register('bob')])
  const made = await spread([...Array(count).keys()], WIDTH, async (n) => live(server, [alice, bob], n))
  const deeds = Object.keys(DEEDS) as Deed[]
  const rooms = made.map((one, n) => ({...one, deed: deeds[n % ROOMS_A_DEED] ?? null}))
  await listed(server, root, count)
  await server.stop()
  await change(
    server,
    rooms.flatMap(({deed, ...one}) => (deed === null ? [] : statements(deed, one))),
  )
  await server.start()
  return rooms.map(({room: {roomId}, deed}) => ({roomId, deed}))
}

/** Its admin API lists the rooms that it has statistics of, which it makes a little later. */
async function listed(server: Synapse, root: Account, count: number): Promise<void> {
  const end = Date.now() + 120_000
  for (let total = 0; total < count;) {
    if (Date.now() > end) throw new Error(`the server lists ${String(total)} rooms of ${String(count)}`)
    await sleep(250)
    const answer = await server.ask<{total_rooms: number}>(root, 'GET', '/_synapse/admin/v1/rooms?limit=1')
    total = answer.total_rooms
  }
}

async function live(server: Synapse, [alice, bob]: readonly [Account, Account], n: number): Promise<Made> {
  const version = ['10', '11', '12', '6'][n % 4] ?? '10'
  const room = await TestRoom.create(server, alice, version, {name: `Room ${String(n)}`})
  const first = await room.setState(server, alice, 'm.room.topic', {topic: 'the first'})
  await room.join(server, bob)
  const message = await room.say(server, bob, 'something')
  const second = await room.setState(server, alice, 'm.room.topic', {topic: 'the second'})
  if (n % 10 === 9) {
    // Side by side: branches that the next ones merge.
    await Promise.all([...Array(6).keys()].map((at) => room.say(server, at % 2 === 0 ? alice : bob, 'all at once')))
    for (let at = 0; at < 3; at += 1) await room.say(server, alice, 'one after another')
  }
  await room.say(server, alice, 'the end')
  return {room, topics: [first, second], message}
}

type Statement = readonly [sql: string, ...values: string[]]

function statements(deed: Deed, {room: {roomId}, topics: [first, second], message}: Made): readonly Statement[] {
  switch (deed) {
    case 'current state: an older topic':
      return [
        [
          `UPDATE current_state_events SET event_id = $1, event_stream_ordering = (SELECT stream_ordering FROM events
            WHERE event_id = $1) WHERE room_id = $2 AND event_id = $3`,
          first,
          roomId,
          second,
        ],
      ]
    case 'state group: an older topic':
      return [
        ['UPDATE state_groups_state SET event_id = $1 WHERE room_id = $2 AND event_id = $3', first, roomId, second],
      ]
    case 'a message is gone':
      return ['event_json', 'events', 'event_to_state_groups'].map((table) => [
        `DELETE FROM ${table} WHERE event_id = $1`,
        message,
      ])
  }
}

async function change(server: Synapse, deeds: readonly Statement[]): Promise<void> {
  const {database} = server
  if (database !== null) {
    const {cluster, name} = database
    await withClient({host: cluster.socket, port: cluster.port, user: cluster.user, database: name}, async (query) => {
      // Without its constraints and triggers, which guard against just that.
      await query('SET session_replication_role = replica')
      for (const [sql, ...values] of deeds) await query(sql, values)
    })
    return
  }
  const file = new DatabaseSync(server.databaseUrl.slice('sqlite:'.length), {enableForeignKeyConstraints: false})
  // Named as Postgres numbers them.
  for (const [sql, ...values] of deeds)
    file.prepare(sql).run(Object.fromEntries(values.map((value, at) => [`$${String(at + 1)}`, value])))
  file.close()
}
