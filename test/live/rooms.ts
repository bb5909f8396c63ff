import type {Account, Synapse} from './synapse.ts'

/** A room on test servers, acted upon by accounts of one of them at a time. */
export class TestRoom {
  readonly roomId: string
  readonly version: string

  constructor(roomId: string, version: string) {
    this.roomId = roomId
    this.version = version
  }

  static async create(server: Synapse, creator: Account, version: string, options: object = {}): Promise<TestRoom> {
    const body = {room_version: version, preset: 'public_chat', ...options}
    const {room_id: roomId} = await server.ask<{room_id: string}>(
      creator,
      'POST',
      '/_matrix/client/v3/createRoom',
      body,
    )
    return new TestRoom(roomId, version)
  }

  address(endpoint: string): string {
    return `/_matrix/client/v3/rooms/${encodeURIComponent(this.roomId)}/${endpoint}`
  }

  /** Joins, by way of `via` if the account's server is not in the room yet. */
  async join(server: Synapse, account: Account, via?: Synapse): Promise<void> {
    const query =
      via === undefined ? '' : `?server_name=${encodeURIComponent(via.name)}&via=${encodeURIComponent(via.name)}`
    await server.ask(account, 'POST', `/_matrix/client/v3/join/${encodeURIComponent(this.roomId)}${query}`, {})
  }

  async setState(server: Synapse, account: Account, type: string, content: object, stateKey = ''): Promise<string> {
    const address = this.address(`state/${encodeURIComponent(type)}/${encodeURIComponent(stateKey)}`)
    return (await server.ask<{event_id: string}>(account, 'PUT', address, content)).event_id
  }

  async say(server: Synapse, account: Account, body: string): Promise<string> {
    const address = this.address(`send/m.room.message/${crypto.randomUUID()}`)
    const content = {msgtype: 'm.text', body}
    return (await server.ask<{event_id: string}>(account, 'PUT', address, content)).event_id
  }

  async redact(server: Synapse, account: Account, eventId: string): Promise<void> {
    const address = this.address(`redact/${encodeURIComponent(eventId)}/${crypto.randomUUID()}`)
    await server.ask(account, 'PUT', address, {reason: 'a test'})
  }

  async member(server: Synapse, by: Account, action: 'ban' | 'kick' | 'unban' | 'invite', who: Account): Promise<void> {
    await server.ask(by, 'POST', this.address(action), {user_id: who.userId})
  }

  /** Changes some keys of the power levels. */
  async setPower(server: Synapse, by: Account, users: Readonly<Record<string, number>>): Promise<void> {
    const address = this.address('state/m.room.power_levels/')
    const levels = await server.ask<{users?: Record<string, number>}>(by, 'GET', address)
    await server.ask(by, 'PUT', address, {...levels, users: {...levels.users, ...users}})
  }

  /** The server's own words on the current state: lines `type NUL state_key NUL event_id`, sorted. */
  async stateLines(server: Synapse, account: Account): Promise<string[]> {
    return stateLines(await server.ask<StateEntry[]>(account, 'GET', this.address('state')))
  }
}

/** What a state entry has in the server's answer and in the program's output alike. */
export interface StateEntry {
  readonly type: string
  readonly state_key: string
  readonly event_id: string
}

/** A state as lines that can be compared. */
export function stateLines(entries: readonly StateEntry[]): string[] {
  return entries.map((entry) => [entry.type, entry.state_key, entry.event_id].join('\0')).sort()
}

/** People of one server who fill rooms with ordinary life. */
export interface Cast {
  readonly alice: Account
  readonly bob: Account
  readonly carol: Account
  readonly dave: Account
}

export async function registerCast(server: Synapse, suffix = ''): Promise<Cast> {
  const [alice, bob, carol, dave] = await Promise.all([
    server.register(`alice${suffix}`),
    server.register(`bob${suffix}`),
    server.register(`carol${suffix}`),
    server.register(`dave${suffix}`),
  ])
  return {alice, bob, carol, dave}
}

/** Joins, power changes, a ban, a kick, topics, redactions and a change of join rules, one after another. */
export async function ordinaryLife(server: Synapse, version: string, cast: Cast): Promise<TestRoom> {
  const {alice, bob, carol, dave} = cast
  const room = await TestRoom.create(server, alice, version, {name: `Ordinary ${version}`})
  for (const user of [bob, carol, dave]) await room.join(server, user)
  await room.setPower(server, alice, {[bob.userId]: 50, [carol.userId]: 50})
  await room.setState(server, bob, 'm.room.topic', {topic: 'first \u{1F408} topic'})
  const topic = await room.setState(server, carol, 'm.room.topic', {topic: 'second topic'})
  const words = await room.say(server, dave, 'something to take back')
  await room.redact(server, dave, words)
  await room.redact(server, alice, topic)
  await room.setPower(server, alice, {[carol.userId]: 0})
  await room.member(server, bob, 'ban', dave)
  await room.member(server, bob, 'kick', carol)
  await room.setState(server, alice, 'm.room.join_rules', {join_rule: 'invite'})
  await room.member(server, alice, 'invite', carol)
  await room.join(server, carol)
  await room.setState(server, alice, 'org.example.widget', {n: 1}, 'a key with \u00fcmlauts \u{1F408}')
  await room.say(server, alice, 'the end')
  return room
}

/** Many events of some people, one in eight a change of state, sent side by side so that paging is needed. */
export async function longLife(
  server: Synapse,
  room: TestRoom,
  people: readonly Account[],
  count: number,
): Promise<void> {
  let next = 0
  const worker = async (): Promise<void> => {
    for (let n = next++; n < count; n = next++) {
      const who = people[n % people.length]!
      if (n % 8 === 0) await room.setState(server, who, 'org.example.counter', {n}, `of ${who.userId}`)
      else await room.say(server, who, `message ${String(n)}`)
    }
  }
  await Promise.all(Array.from({length: 16}, worker))
  // Side by side they leave a hundred forward extremities behind, of which an event can take up ten.
  for (let n = 0; n < 15; n += 1) await room.say(server, people[0]!, 'one after another')
}
