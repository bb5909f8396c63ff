import type {EventMarks} from '../sources/evidence.ts'
import type {CaseCounts, Sighting, StoredCopy} from './shapes.ts'
import type {Row, Store} from './store.ts'

/** Copies read at once: no lock is held between two reads, so that a writer is never kept waiting. */
const PAGE = 500

/** Text that has no name yet, or never will. */
export interface NamelessText {
  readonly source: number
  /** Milliseconds since 1970, by this machine's clock. */
  readonly ts: number
  readonly how: string
  /** The ID under which it was given, or `''`. */
  readonly claimed: string
  readonly marks: EventMarks
  /** Why it has no name; `''` while it waits for the room version. */
  readonly reason: string
  readonly text: string
}

/** Reads the copies of events and what they cite. */
export class CopyReader {
  readonly #store: Store

  constructor(store: Store) {
    this.#store = store
  }

  *all(): Generator<StoredCopy> {
    for (let after = 0; ;) {
      const page = this.#copies(`c.id > ? ORDER BY c.id LIMIT ${PAGE}`, after)
      yield* page
      const last = page.at(-1)
      if (last === undefined) return
      after = last.id
    }
  }

  of(eventId: string): readonly StoredCopy[] {
    return this.#copies('e.event_id = ? ORDER BY c.id', eventId)
  }

  #copies(which: string, value: number | string): readonly StoredCopy[] {
    return this.#store.snapshot(() => {
      const rows = this.#store.all(
        `SELECT c.id, e.event_id, c.text, e.elsewhere, e.id AS event FROM copy c JOIN event e ON e.id = c.event WHERE ${which}`,
        value,
      ) as CopyRow[]
      return rows.map(({id, event_id: eventId, text, elsewhere, event}) => ({
        id,
        eventId,
        text,
        sightings: this.#sightings(id),
        ...(elsewhere === 1 && !this.#isCited(event) ? {stray: true as const} : {}),
      }))
    })
  }

  #sightings(copy: number): readonly Sighting[] {
    const rows = this.#store.all(
      `SELECT s.source, s.ts, h.text AS how, s.marks, s.claimed FROM sighting s JOIN how h ON h.id = s.how WHERE s.copy = ?
       ORDER BY s.ts, s.source, h.text, s.marks, s.claimed`,
      copy,
    ) as SightingRow[]
    return rows.map(({source, ts, how, marks, claimed}) => ({
      source,
      ts,
      how,
      marks: this.#marks(marks),
      ...(claimed === '' ? {} : {claimedId: claimed}),
    }))
  }

  #marks(text: string): EventMarks {
    return text === '' ? {} : this.#store.json<EventMarks>('object', text)
  }

  #isCited(event: number): boolean {
    return this.#store.get(`SELECT 1 WHERE EXISTS (${citing('?')})`, event) !== undefined
  }

  knows(eventId: string): boolean {
    return this.#store.get('SELECT 1 FROM event WHERE event_id = ? AND held = 1', eventId) !== undefined
  }

  /** In the order in which they were first named. */
  missing(kind?: 'auth' | 'prev'): readonly string[] {
    if (kind !== undefined) return this.#absent(citing('e.id', kind))
    return [...new Set([...this.missing('auth'), ...this.missing('prev')])]
  }

  /**
   * IDs that sources named as those of events, though no event cites them and none here has them: in states, as extremities, or beside a
   * text that is another event or none. In the order in which they were first named.
   */
  named(): readonly string[] {
    const told = this.#store.all(
      `SELECT event_id FROM event e WHERE held = 0 AND NOT EXISTS (${citing('e.id')}) ORDER BY id`,
    )
    const claimed = this.#store.all(
      `SELECT DISTINCT claimed AS event_id FROM (SELECT claimed FROM sighting UNION ALL SELECT claimed FROM unreadable) c
       WHERE claimed <> '' AND NOT EXISTS (SELECT 1 FROM event e WHERE e.event_id = c.claimed AND e.held = 1)`,
    )
    return [...new Set([...ids(told), ...ids(claimed)])]
  }

  /** Home events that no home event cites. */
  uncited(): readonly string[] {
    return ids(
      this.#store.all(
        `SELECT event_id FROM event e WHERE held = 1 AND elsewhere = 0 AND NOT EXISTS (${citing('e.id')}) ORDER BY id`,
      ),
    )
  }

  #absent(citations: string): readonly string[] {
    return ids(this.#store.all(`SELECT event_id FROM event e WHERE held = 0 AND EXISTS (${citations}) ORDER BY id`))
  }

  counts(): Pick<CaseCounts, 'events' | 'copies' | 'missing' | 'unnamed' | 'unreadable'> {
    const count = (from: string): number => this.#store.number(`SELECT count(*) FROM ${from}`)
    return {
      events: count('event WHERE held = 1'),
      copies: count('copy'),
      missing: count(`event e WHERE held = 0 AND EXISTS (${citing('e.id')})`),
      unnamed: count('unnamed'),
      unreadable: count('unreadable'),
    }
  }

  /** What waits for the room version. */
  unnamed(): readonly NamelessText[] {
    return this.#nameless('unnamed', "''")
  }

  /** What is no event, and why. */
  unreadable(): readonly NamelessText[] {
    return this.#nameless('unreadable', 'u.reason')
  }

  #nameless(table: 'unnamed' | 'unreadable', reason: string): readonly NamelessText[] {
    const rows = this.#store.all(
      `SELECT u.source, u.ts, h.text AS how, u.marks, u.claimed, ${reason} AS reason, u.text FROM ${table} u JOIN how h ON h.id = u.how
       ORDER BY u.id`,
    ) as unknown as readonly (Omit<NamelessText, 'marks'> & {readonly marks: string})[]
    return rows.map((row) => ({...row, marks: this.#marks(row.marks)}))
  }
}

/** Citations of an event by events of this room. */
function citing(event: string, kind?: 'auth' | 'prev'): string {
  const only = kind === undefined ? '' : ` AND x.auth = ${kind === 'auth' ? 1 : 0}`
  return `SELECT 1 FROM edge x JOIN event y ON y.id = x.child WHERE x.parent = ${event}${only} AND y.elsewhere = 0`
}

function ids(rows: readonly Row[]): readonly string[] {
  return rows.map((row) => String(row['event_id']))
}

type CopyRow = {id: number; event_id: string; text: string; elsewhere: number; event: number}
type SightingRow = {source: number; ts: number; how: string; marks: string; claimed: string}
