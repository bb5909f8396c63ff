/**
 * A room that looks like a big public one: people join all the time and mostly talk; servers that are late make it fork, and every
 * now and then both sides of a fork change the same. Event IDs and hashes are real, signatures are not.
 */
import {hash} from 'node:crypto'
import {closeSync, openSync, writeSync} from 'node:fs'

export interface RoomPlan {
  readonly events: number
  readonly members: number
  /** Share of events that merge the sides of a fork. */
  readonly forkRate: number
  readonly seed: number
}

const SERVERS = 40
const ROOM = '!bench:s0.example'
const ADMIN = '@u0:s0.example'
const START = 1_600_000_000_000
const PIECE = 2 ** 20

/** Content as canonical JSON, and what is left of it after redaction in room version 10. */
interface Content {
  readonly type: string
  readonly stateKey: string | null
  readonly full: string
  readonly kept: string
}

interface Member {
  readonly user: string
  /** ID of the join event. */
  readonly joined: string
}

/** One side of a fork: its newest event, and that event's depth. */
interface Tip {
  readonly id: string
  readonly depth: number
}

/** Numbers in [0, 1) that only depend on the seed (mulberry32). */
function randomFrom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** The room's events as lines of NDJSON, parents first. */
export function* generateRoom(plan: RoomPlan): Generator<string> {
  const room = new Room(plan)
  for (let line = room.next(); line !== null; line = room.next()) yield line
}

/** Writes the room to a file, piece by piece. */
export function writeRoom(path: string, plan: RoomPlan): void {
  const file = openSync(path, 'w')
  let piece = ''
  for (const line of generateRoom(plan)) {
    piece += `${line}\n`
    if (piece.length >= PIECE) {
      writeSync(file, piece)
      piece = ''
    }
  }
  writeSync(file, piece)
  closeSync(file)
}

class Room {
  readonly #plan: RoomPlan
  readonly #random: () => number
  /** Members who joined before the last fork, and the IDs of their join events. */
  readonly #members: Member[] = []
  /** Who joined on a side of the fork at hand. */
  readonly #arriving: Member[] = []
  #made = 0
  #asked = 0
  #create = ''
  #power = ''
  #joinRules = ''
  /** The event that all sides come from, then one tip for each side. */
  #tips: Tip[] = []
  /** Events still to come before the sides are merged. */
  #forked = 0

  constructor(plan: RoomPlan) {
    this.#plan = plan
    this.#random = randomFrom(plan.seed)
  }

  next(): string | null {
    if (this.#made === this.#plan.events) return null
    this.#made += 1
    switch (this.#made) {
      case 1:
        return this.#begin()
      case 2:
        return this.#join(ADMIN)
      case 3:
        return this.#setPower(0)
      case 4:
        return this.#send(
          state('m.room.join_rules', '', '{"join_rule":"public"}'),
          this.#admin,
          (id) => (this.#joinRules = id),
        )
      default:
        return this.#goOn()
    }
  }

  get #admin(): Member {
    return this.#members[0] ?? {user: ADMIN, joined: ''}
  }

  #begin(): string {
    const {line, id} = this.#event(
      state('m.room.create', '', `{"creator":"${ADMIN}","room_version":"10"}`, `{"creator":"${ADMIN}"}`),
      ADMIN,
      [],
      [],
    )
    this.#create = id
    this.#tips = [{id, depth: 1}]
    return line
  }

  #goOn(): string {
    if (this.#tips.length === 1) {
      this.#members.push(...this.#arriving.splice(0))
      if (this.#made % 2000 === 0) return this.#setPower(this.#made / 2000)
      if (this.#random() < this.#plan.forkRate) {
        const [base] = this.#tips
        if (base !== undefined) this.#tips = [base, base]
        this.#forked = 2 + Math.floor(this.#random() * 4)
      }
    }
    const joins = Math.floor((this.#made * this.#plan.members) / this.#plan.events)
    if (joins > this.#asked) {
      this.#asked += 1
      return this.#join(`@u${String(this.#asked)}:s${String(this.#asked % SERVERS)}.example`)
    }
    if (this.#tips.length > 1 && this.#random() < 0.1) {
      const type = this.#random() < 0.5 ? 'm.room.topic' : 'm.room.name'
      return this.#send(state(type, '', `{"${type.slice(7)}":"${this.#words(3)}"}`, '{}'), this.#admin)
    }
    const sender = this.#members[Math.floor(this.#random() * this.#members.length)] ?? this.#admin
    const body = this.#words(2 + Math.floor(this.#random() * 12))
    return this.#send(
      {type: 'm.room.message', stateKey: null, full: `{"body":"${body}","msgtype":"m.text"}`, kept: '{}'},
      sender,
    )
  }

  #setPower(change: number): string {
    const rest = `"kick":50,"redact":50,"state_default":50,"users":{"${ADMIN}":100},"users_default":0}`
    const first = `{"ban":50,"events":{"m.room.name":${String(change % 50)}},"events_default":0,`
    return this.#send(
      state('m.room.power_levels', '', `${first}"invite":0,${rest}`, `${first}${rest}`),
      this.#admin,
      (id) => (this.#power = id),
    )
  }

  #join(user: string): string {
    const auth = user === ADMIN ? [this.#create] : [this.#create, this.#power, this.#joinRules]
    return this.#append(state('m.room.member', user, '{"membership":"join"}'), user, auth, (joined) => {
      this.#arriving.push({user, joined})
      if (user === ADMIN) this.#members.push(...this.#arriving.splice(0))
    })
  }

  #send(content: Content, sender: Member, made?: (id: string) => void): string {
    const auth = [this.#create, this.#power, sender.joined].filter((id) => id !== '')
    return this.#append(content, sender.user, auth, made)
  }

  /** Puts an event onto one of the sides, or onto all of them when it is time to merge. */
  #append(content: Content, sender: string, auth: readonly string[], made?: (id: string) => void): string {
    const merges = this.#tips.length > 1 && this.#forked === 0
    const side = Math.floor(this.#random() * this.#tips.length)
    const parents = merges ? this.#tips : this.#tips.slice(side, side + 1)
    const {line, id, depth} = this.#event(content, sender, auth, parents)
    if (merges || this.#tips.length === 1) this.#tips = [{id, depth}]
    else {
      this.#tips[side] = {id, depth}
      this.#forked -= 1
    }
    made?.(id)
    return line
  }

  #event(content: Content, sender: string, auth: readonly string[], parents: readonly Tip[]) {
    const prev = [...new Set(parents.map(({id}) => id))]
    const depth = 1 + Math.max(0, ...parents.map((parent) => parent.depth))
    const ts = START + this.#made * 1000
    const authList = JSON.stringify(auth)
    const prevList = JSON.stringify(prev)
    const key = content.stateKey === null ? '' : `"state_key":"${content.stateKey}",`
    const head = `{"auth_events":${authList},"content":`
    const tail = `"origin_server_ts":${String(ts)},"prev_events":${prevList},"room_id":"${ROOM}","sender":"${sender}",${key}"type":"${content.type}"}`
    const sha256 = hash('sha256', `${head}${content.full},"depth":${String(depth)},${tail}`, 'base64').slice(0, 43)
    const hashes = `"hashes":{"sha256":"${sha256}"}`
    const id = `$${hash('sha256', `${head}${content.kept},"depth":${String(depth)},${hashes},${tail}`, 'base64url')}`
    const signature = hash('sha512', id, 'base64').slice(0, 86)
    const server = sender.slice(sender.indexOf(':') + 1)
    const line =
      `{"type":"${content.type}","sender":"${sender}","content":${content.full},${key}"prev_events":${prevList},"auth_events":${authList},` +
      `"depth":${String(depth)},"origin_server_ts":${String(ts)},"room_id":"${ROOM}",${hashes},` +
      `"signatures":{"${server}":{"ed25519:bench":"${signature}"}},"unsigned":{"age":${String(this.#made % 10_000)}}}`
    return {line, id, depth}
  }

  #words(count: number): string {
    let text = ''
    for (let k = 0; k < count; k += 1)
      text += `${k === 0 ? '' : ' '}${Math.floor(this.#random() * 2 ** 40).toString(36)}`
    return text
  }
}

function state(type: string, stateKey: string, full: string, kept = full): Content {
  return {type, stateKey, full, kept}
}
