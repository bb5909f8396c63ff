import {DatabaseSync} from 'node:sqlite'

/** Numbers from 0 up to, not including, 1: the same for the same seed (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** What is done to a database: to `current_state_events`, or to the slots of a state group. */
export const EDIT_KINDS = [
  'current state: an older event',
  'current state: nothing',
  'group: an older event in a slot that it sets',
  'group: an older event in a slot that it leaves alone',
  'group: a slot that it sets left out',
  'whole group: a slot left out',
] as const
export type EditKind = (typeof EDIT_KINDS)[number]

/** One slot of one table, changed. */
export interface Edit {
  readonly kind: EditKind
  readonly roomId: string
  readonly type: string
  readonly stateKey: string
  /** `null`: the current state. */
  readonly group: number | null
  /** Event before and after; `null`: no row. */
  readonly from: string | null
  readonly to: string | null
}

interface Place {
  readonly type: string
  readonly stateKey: string
  readonly eventId: string
  readonly group: number | null
}

type Param = string | number | null

/** A copy of a server's SQLite database that is changed and put back. Nothing of it is the program's own. */
export class EditedCopy {
  readonly file: string
  readonly #database: DatabaseSync
  readonly #random: () => number

  /** @param from - a database in use, which is only read: the copy is one consistent snapshot */
  constructor(from: string, file: string, random: () => number) {
    const source = new DatabaseSync(from, {readOnly: true})
    source.prepare('VACUUM INTO ?').run(file)
    source.close()
    this.file = file
    this.#database = new DatabaseSync(file)
    this.#random = random
  }

  pick<T>(items: readonly T[]): T | undefined {
    return items[Math.floor(this.#random() * items.length)]
  }

  /** An edit of this kind somewhere in the room, or `null` where this draw hit nothing that can be edited so. */
  draw(kind: EditKind, roomId: string): Edit | null {
    const place = this.#place(kind, roomId)
    if (place === undefined) return null
    const {type, stateKey, group} = place
    const common = {kind, roomId, type, stateKey, group}
    if (kind.endsWith('nothing') || kind.endsWith('left out')) return {...common, from: place.eventId, to: null}
    const older = this.pick(this.#olderThan(roomId, place))
    if (older === undefined) return null
    const isAdded = kind.endsWith('leaves alone')
    return {...common, from: isAdded ? null : place.eventId, to: older}
  }

  #place(kind: EditKind, roomId: string): Place | undefined {
    if (kind.startsWith('current')) {
      return this.pick(
        this.#all('SELECT type, state_key, event_id, NULL AS g FROM current_state_events WHERE room_id = ?', roomId),
      )
    }
    const isWhole = kind.startsWith('whole')
    const edges = 'SELECT state_group FROM state_group_edges'
    const groups = this.#database
      .prepare(
        `SELECT id FROM state_groups WHERE room_id = ? AND id ${isWhole ? 'NOT IN' : 'IN'} (${edges}) ORDER BY id`,
      )
      .all(roomId)
      .map(({id}) => Number(id))
    const group = this.pick(groups)
    if (group === undefined) return undefined
    const own = this.#slotsOf(group)
    if (!kind.endsWith('leaves alone')) return this.pick(own)
    const whole = this.#expanded(group)
    const others = [...whole.values()].filter((one) => own.every((mine) => keyOf(mine) !== keyOf(one)))
    const place = this.pick(others)
    return place === undefined ? undefined : {...place, group}
  }

  #all(sql: string, ...params: Param[]): Place[] {
    const rows = this.#database.prepare(`${sql} ORDER BY type, state_key`).all(...params)
    return rows.map((row) => ({
      type: String(row['type']),
      stateKey: String(row['state_key']),
      eventId: String(row['event_id']),
      group: row['g'] === null ? null : Number(row['g']),
    }))
  }

  #slotsOf(group: number): Place[] {
    const sql = 'SELECT type, state_key, event_id, state_group AS g FROM state_groups_state WHERE state_group = ?'
    return this.#all(sql, group)
  }

  #expanded(group: number): Map<string, Place> {
    const chain: number[] = []
    const next = this.#database.prepare('SELECT prev_state_group AS base FROM state_group_edges WHERE state_group = ?')
    for (let at: number | null = group; at !== null;) {
      chain.push(at)
      const row: Record<string, unknown> | undefined = next.get(at)
      at = row === undefined ? null : Number(row['base'])
    }
    return new Map(chain.reverse().flatMap((one) => this.#slotsOf(one).map((place) => [keyOf(place), place] as const)))
  }

  #olderThan(roomId: string, {type, stateKey, eventId}: Place): string[] {
    const sql = `SELECT s.event_id AS event_id FROM state_events s JOIN events e ON e.event_id = s.event_id
      WHERE s.room_id = ? AND s.type = ? AND s.state_key = ?
        AND e.depth < (SELECT depth FROM events WHERE event_id = ?) ORDER BY e.depth, s.event_id`
    return this.#database
      .prepare(sql)
      .all(roomId, type, stateKey, eventId)
      .map((row) => String(row['event_id']))
  }

  apply({roomId, type, stateKey, group, from, to}: Edit): void {
    this.#write(roomId, {type, stateKey, group}, from, to)
  }

  revert({roomId, type, stateKey, group, from, to}: Edit): void {
    this.#write(roomId, {type, stateKey, group}, to, from)
  }

  #write(
    roomId: string,
    {type, stateKey, group}: Omit<Place, 'eventId'>,
    from: string | null,
    to: string | null,
  ): void {
    const table = group === null ? 'current_state_events' : 'state_groups_state'
    const where = group === null ? 'room_id = ?' : 'state_group = ?'
    const owner = group ?? roomId
    if (from !== null && to !== null) {
      this.#run(`UPDATE ${table} SET event_id = ? WHERE ${where} AND type = ? AND state_key = ?`, [
        ...[to, owner, type, stateKey],
      ])
    } else if (from !== null) {
      this.#run(`DELETE FROM ${table} WHERE ${where} AND type = ? AND state_key = ?`, [owner, type, stateKey])
    } else if (to !== null && group !== null) {
      const values = [group, roomId, type, stateKey, to]
      this.#run(`INSERT INTO ${table} (state_group, room_id, type, state_key, event_id) VALUES (?, ?, ?, ?, ?)`, values)
    } else if (to !== null) {
      const values = [to, roomId, type, stateKey]
      this.#run(`INSERT INTO ${table} (event_id, room_id, type, state_key) VALUES (?, ?, ?, ?)`, values)
    }
  }

  #run(sql: string, params: Param[]): void {
    const {changes} = this.#database.prepare(sql).run(...params)
    if (Number(changes) !== 1) throw new Error(`${String(changes)} rows instead of one: ${sql}`)
  }

  close(): void {
    this.#database.close()
  }
}

export const keyOf = ({type, stateKey}: {readonly type: string; readonly stateKey: string}): string =>
  `${type}\0${stateKey}`
