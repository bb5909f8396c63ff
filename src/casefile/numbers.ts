import type {ReportedSlot} from '../sources/evidence.ts'
import {sha256} from './essence.ts'
import type {Store} from './store.ts'

/**
 * Small numbers for what a case names many times: event IDs, endpoints, slots of states, and whole lists of slots. Numbers are never
 * taken back, so that what was looked up once holds as long as its transaction does.
 */
export class Numbers {
  readonly #store: Store
  readonly #events = new Map<string, number>()
  readonly #slots = new Map<string, number>()
  readonly #named = new Map<number, ReportedSlot>()

  constructor(store: Store) {
    this.#store = store
    store.onRollback(() => {
      this.#events.clear()
      this.#slots.clear()
      this.#named.clear()
    })
  }

  /** 0 for `null`. */
  event(eventId: string | null): number {
    if (eventId === null) return 0
    const known = this.#events.get(eventId)
    if (known !== undefined) return known
    const id = this.#intern('event', 'event_id', eventId)
    this.#events.set(eventId, id)
    return id
  }

  how(text: string): number {
    return this.#intern('how', 'text', text)
  }

  #intern(table: 'event' | 'how', column: string, value: string): number {
    const row = this.#store.get(`SELECT id FROM ${table} WHERE ${column} = ?`, value)
    if (row !== undefined) return Number(row['id'])
    return this.#store.number(`INSERT INTO ${table} (${column}) VALUES (?) RETURNING id`, value)
  }

  /** The number of a list of slots; their order means nothing. */
  slotList(slots: readonly ReportedSlot[]): number {
    const lines = new Map(slots.map((slot) => [slotLine(slot), slot]))
    const sorted = [...lines.keys()].sort()
    const digest = sha256(sorted.join('\n'))
    const known = this.#store.get('SELECT id FROM slot_list WHERE sha256 = ?', digest)
    if (known !== undefined) return Number(known['id'])
    const numbers = sorted.map((line) => this.#slot(line, lines.get(line)!))
    return this.#store.number(
      'INSERT INTO slot_list (sha256, slots) VALUES (?, ?) RETURNING id',
      digest,
      JSON.stringify(numbers),
    )
  }

  #slot(line: string, slot: ReportedSlot): number {
    const known = this.#slots.get(line)
    if (known !== undefined) return known
    const [event, type, stateKey] = [this.event(slot.eventId), slot.type ?? null, slot.stateKey ?? null]
    const row = this.#store.get(
      'SELECT id FROM slot WHERE event = ? AND type IS ? AND state_key IS ?',
      event,
      type,
      stateKey,
    )
    const id =
      row !== undefined
        ? Number(row['id'])
        : this.#store.number(
            'INSERT INTO slot (event, type, state_key) VALUES (?, ?, ?) RETURNING id',
            event,
            type,
            stateKey,
          )
    this.#slots.set(line, id)
    return id
  }

  /** Slots of a list, ordered by their event IDs. */
  slotsOf(list: number): readonly ReportedSlot[] {
    const text = this.#store.get('SELECT slots FROM slot_list WHERE id = ?', list)?.['slots']
    return this.#store
      .json<readonly number[]>('list', text)
      .map((slot) => this.#named.get(slot) ?? this.#readSlot(slot))
  }

  #readSlot(id: number): ReportedSlot {
    const row = this.#store.get(
      'SELECT e.event_id, s.type, s.state_key FROM slot s JOIN event e ON e.id = s.event WHERE s.id = ?',
      id,
    )
    const {event_id: eventId, type, state_key: stateKey} = row as SlotRow
    const slot = {eventId, ...(type === null ? {} : {type}), ...(stateKey === null ? {} : {stateKey})}
    this.#named.set(id, slot)
    return slot
  }
}

type SlotRow = {event_id: string; type: string | null; state_key: string | null}

function slotLine({eventId, type, stateKey}: ReportedSlot): string {
  return JSON.stringify([eventId, type ?? null, stateKey ?? null])
}
