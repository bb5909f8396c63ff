import {JsonError} from '../matrix/json.ts'
import type {Pdu} from '../matrix/pdu.ts'
import type {RoomVersionRules} from '../matrix/room-version.ts'
import type {EventMarks} from '../sources/evidence.ts'
import {type Essence, essence, sha256} from './essence.ts'
import type {Numbers} from './numbers.ts'
import type {Kept} from './shapes.ts'
import type {Store} from './store.ts'

/** An event of 65,536 bytes, the longest that servers take, has no room for more citations; what comes with more of them is forged. */
const MOST_CITED = 20_000

/** A text as it came. */
export interface Arrival {
  readonly text: string
  readonly source: number
  /** Number of the endpoint or table. */
  readonly how: number
  /** Canonical JSON, as `marksText` makes it. */
  readonly marks: string
  /** The event ID that came beside the text or in it; `''` when none did. */
  readonly claimed: string
  readonly ts: number
}

/** Equal marks have equal texts. */
export function marksText(marks: EventMarks | undefined): string {
  if (marks === undefined) return ''
  const told = Object.entries(marks).filter(([, value]) => value !== undefined)
  return told.length === 0 ? '' : JSON.stringify(Object.fromEntries(told.sort(([a], [b]) => (a < b ? -1 : 1))))
}

/** Keeps the copies of events: one text for each form of an event, and who gave it. Works within the caller's transaction. */
export class CopyKeeper {
  readonly #store: Store
  readonly #numbers: Numbers
  readonly #roomId: string
  events = 0
  copies = 0

  constructor(store: Store, numbers: Numbers, roomId: string) {
    this.#store = store
    this.#numbers = numbers
    this.#roomId = roomId
  }

  get kept(): Kept {
    return {events: this.events, copies: this.copies}
  }

  /** `rules` `null`: it waits until the room version is known. */
  keep(arrival: Arrival, rules: RoomVersionRules | null): void {
    if (rules === null) {
      this.#hold(arrival)
      return
    }
    const form = this.#essenceOf(arrival, rules)
    if (form === null) return
    const event = this.#numbers.event(form.eventId)
    const known = this.#store.get('SELECT id FROM copy WHERE event = ? AND sha256 = ?', event, form.sha256)
    const copy = known === undefined ? this.#add(event, form, arrival.text) : Number(known['id'])
    this.#sight(copy, arrival, form)
  }

  /**
   * Takes in a form that another case has, with all its sightings. Where both have it, the text that came first stays; at the same time,
   * the one that sorts first, so that the order of merging does not matter.
   *
   * @param sightings - at least one; with the same text in each
   */
  keepForm(sightings: readonly Arrival[], rules: RoomVersionRules): void {
    const [first] = sightings
    if (first === undefined) return
    const form = this.#essenceOf(first, rules)
    if (form === null) return
    const event = this.#numbers.event(form.eventId)
    const known = this.#store.get('SELECT id, text FROM copy WHERE event = ? AND sha256 = ?', event, form.sha256)
    const copy = known === undefined ? this.#add(event, form, first.text) : Number(known['id'])
    if (known !== undefined && known['text'] !== first.text) {
      const theirs = Math.min(...sightings.map(({ts}) => ts))
      const ours = this.#store.number('SELECT min(ts) FROM sighting WHERE copy = ?', copy)
      if (theirs < ours || (theirs === ours && first.text < String(known['text']))) {
        this.#store.run('UPDATE copy SET text = ? WHERE id = ?', first.text, copy)
      }
    }
    for (const sighting of sightings) this.#sight(copy, sighting, form)
  }

  /** Texts that waited for the room version get their names, in the order in which they came. */
  nameWaiting(rules: RoomVersionRules): void {
    for (;;) {
      const rows = this.#store.all('SELECT * FROM unnamed ORDER BY id LIMIT 500') as ArrivalRow[]
      if (rows.length === 0) return
      for (const row of rows) this.keep(row, rules)
      this.#store.run('DELETE FROM unnamed WHERE id <= ?', rows.at(-1)!.id)
    }
  }

  /** All names were made by the rules of a wrong version: everything waits for its name again. */
  forgetNames(): void {
    const columns = 'sha256, source, how, marks, claimed, ts, text'
    this.#store.run(`
      INSERT OR IGNORE INTO unnamed (${columns})
      SELECT c.sha256, s.source, s.how, s.marks, s.claimed, s.ts, c.text FROM copy c JOIN sighting s ON s.copy = c.id ORDER BY c.id, s.ts`)
    this.#store.run(`INSERT OR IGNORE INTO unnamed (${columns}) SELECT ${columns} FROM unreadable ORDER BY id`)
    for (const table of ['copy', 'sighting', 'edge', 'unreadable']) this.#store.run(`DELETE FROM ${table}`)
    this.#store.run('UPDATE event SET held = 0, elsewhere = 0')
  }

  #hold({text, source, how, marks, claimed, ts}: Arrival): void {
    this.#store.run(
      'INSERT OR IGNORE INTO unnamed (sha256, source, how, marks, claimed, ts, text) VALUES (?, ?, ?, ?, ?, ?, ?)',
      sha256(text),
      source,
      how,
      marks,
      claimed,
      ts,
      text,
    )
  }

  /** What is no event is kept as well, with the reason. */
  #essenceOf({text, source, how, marks, claimed, ts}: Arrival, rules: RoomVersionRules): Essence | null {
    try {
      return essence(text, rules)
    } catch (error) {
      if (!(error instanceof JsonError)) throw error
      this.#store.run(
        `INSERT INTO unreadable (sha256, source, how, marks, claimed, ts, reason, text) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
         ON CONFLICT DO UPDATE SET ts = min(ts, excluded.ts)`,
        sha256(text),
        source,
        how,
        marks,
        claimed,
        ts,
        error.message,
        text,
      )
      return null
    }
  }

  #add(event: number, {sha256: digest, pdu}: Essence, text: string): number {
    if (this.#store.number('SELECT held FROM event WHERE id = ?', event) === 0) {
      this.events += 1
      this.#describe(event, pdu)
    } else {
      this.copies += 1
      if (!this.#isElsewhere(pdu)) this.#store.run('UPDATE event SET elsewhere = 0 WHERE id = ?', event)
    }
    // Forms of one event can only differ in their edges where the ID is no hash.
    this.#cite(event, 1, pdu.authEvents)
    this.#cite(event, 0, pdu.prevEvents)
    return this.#store.number(
      'INSERT INTO copy (event, sha256, text) VALUES (?, ?, ?) RETURNING id',
      event,
      digest,
      text,
    )
  }

  #describe(event: number, pdu: Pdu): void {
    const {type, sender, stateKey = null, depth, originServerTs} = pdu
    this.#store.run(
      `UPDATE event SET held = 1, elsewhere = ?, type = ?, sender = ?, state_key = ?, depth = ?, origin_server_ts = ? WHERE id = ?`,
      Number(this.#isElsewhere(pdu)),
      type,
      sender,
      stateKey,
      depth,
      originServerTs,
      event,
    )
  }

  #isElsewhere({roomId}: Pdu): boolean {
    return roomId !== '' && roomId !== this.#roomId
  }

  #cite(child: number, auth: 0 | 1, parents: readonly string[]): void {
    for (const parent of parents.slice(0, MOST_CITED)) {
      this.#store.run('INSERT OR IGNORE INTO edge VALUES (?, ?, ?)', child, auth, this.#numbers.event(parent))
    }
  }

  #sight(copy: number, {source, how, marks, claimed, ts}: Arrival, {eventId, pdu}: Essence): void {
    const given = claimed !== '' ? claimed : (pdu.wrongId ?? '')
    this.#store.run(
      `INSERT INTO sighting (copy, source, how, marks, claimed, ts) VALUES (?, ?, ?, ?, ?, ?)
       ON CONFLICT DO UPDATE SET ts = min(ts, excluded.ts)`,
      copy,
      source,
      how,
      marks,
      given === eventId ? '' : given,
      ts,
    )
  }
}

/** A row of `unnamed` is an arrival. */
type ArrivalRow = {
  id: number
  text: string
  source: number
  how: number
  marks: string
  claimed: string
  ts: number
}
