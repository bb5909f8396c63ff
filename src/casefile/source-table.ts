import type {RouteIdentity, Step} from '../sources/evidence.ts'
import type {SourceId, StoredSource} from './shapes.ts'
import type {Store} from './store.ts'

type SourceRow = Omit<StoredSource, 'insecure' | 'unknowable'> & {
  readonly insecure: number
  readonly unknowable: string
}

/** Who gave evidence, and where each is to go on. Writing works within the caller's transaction. */
export class SourceTable {
  readonly #store: Store

  constructor(store: Store) {
    this.#store = store
  }

  /** In the order in which they first gave something. @param createdTs - stands for the times of those that gave nothing yet */
  all(createdTs: number): readonly StoredSource[] {
    const rows = this.#store.all(
      `SELECT id, name, kind, server, address, insecure, ifnull(first_ts, ?) AS firstTs, ifnull(last_ts, ?) AS lastTs, requests,
       unknowable FROM source ORDER BY id`,
      createdTs,
      createdTs,
    ) as unknown as readonly SourceRow[]
    return rows.map((row) => ({
      ...row,
      insecure: row.insecure === 1,
      unknowable: this.#store.json<readonly string[]>('list', row.unknowable),
    }))
  }

  /** The source of this name, made when it is new; once insecure, always insecure. */
  add({name, kind, server, address, insecure}: RouteIdentity, unknowable: readonly string[]): SourceId {
    return this.#store.number(
      `INSERT INTO source (name, kind, server, address, insecure, unknowable) VALUES (?, ?, ?, ?, ?, ?)
       ON CONFLICT (name) DO UPDATE SET address = excluded.address, insecure = max(insecure, excluded.insecure),
       unknowable = excluded.unknowable RETURNING id`,
      name,
      kind,
      server,
      address,
      Number(insecure),
      JSON.stringify(unknowable),
    )
  }

  /** @returns whether there is such a source */
  touch(source: SourceId, {requests}: Pick<Step, 'requests'>, ts: number): boolean {
    const changed = this.#store.run(
      `UPDATE source SET requests = requests + ?, first_ts = min(ifnull(first_ts, ?), ?), last_ts = max(ifnull(last_ts, ?), ?)
       WHERE id = ?`,
      requests,
      ts,
      ts,
      ts,
      ts,
      source,
    )
    return changed > 0
  }

  /** Takes in a source of another case. Requests are a lower bound then: a file and its copy may count the same ones. */
  merge(theirs: StoredSource): SourceId {
    const known = this.#store.get('SELECT id, unknowable FROM source WHERE name = ?', theirs.name)
    const before = known === undefined ? [] : this.#store.json<readonly string[]>('list', known['unknowable'])
    const unknowable = [...new Set([...before, ...theirs.unknowable])]
    // Which address is the newer one cannot be told: it stays.
    const id = known === undefined ? this.add(theirs, unknowable) : Number(known['id'])
    this.#store.run(
      `UPDATE source SET insecure = max(insecure, ?), requests = max(requests, ?), first_ts = min(ifnull(first_ts, ?), ?),
       last_ts = max(ifnull(last_ts, ?), ?), unknowable = ? WHERE id = ?`,
      Number(theirs.insecure),
      theirs.requests,
      theirs.firstTs,
      theirs.firstTs,
      theirs.lastTs,
      theirs.lastTs,
      JSON.stringify(unknowable),
      id,
    )
    return id
  }

  marks(source: SourceId): ReadonlyMap<string, string> {
    const rows = this.#store.all('SELECT name, value FROM mark WHERE source = ? ORDER BY name', source)
    return new Map(rows.map((row) => [String(row['name']), String(row['value'])]))
  }

  mark(source: SourceId, marks: Readonly<Record<string, string | null>>): void {
    for (const [name, value] of Object.entries(marks)) {
      if (value === null) this.#store.run('DELETE FROM mark WHERE source = ? AND name = ?', source, name)
      else
        this.#store.run(
          'INSERT INTO mark VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET value = excluded.value',
          source,
          name,
          value,
        )
    }
  }
}
