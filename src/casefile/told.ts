import type {Row, Store, Value} from './store.ts'

/** A table whose rows say what a source told, from `ts` to `last_ts`. */
export interface ToldTable {
  readonly table: 'reported_state' | 'reported_extremities' | 'device_fact'
  /** What the telling is about: columns with one current value. */
  readonly keys: readonly string[]
  readonly value: 'slots' | 'events' | 'fact'
}

export const STATES: ToldTable = {table: 'reported_state', keys: ['source', 'what', 'event', 'how'], value: 'slots'}
export const EXTREMITIES: ToldTable = {
  table: 'reported_extremities',
  keys: ['source', 'direction', 'how'],
  value: 'events',
}
export const DEVICE_FACTS: ToldTable = {table: 'device_fact', keys: ['user_id', 'source', 'kind', 'how'], value: 'fact'}

/** What is told again unchanged only gets a later `last_ts`. */
export function tell(
  store: Store,
  {table, keys, value}: ToldTable,
  key: readonly Value[],
  told: Value,
  ts: number,
): void {
  const last = store.get(
    `SELECT id, ${value} AS told FROM ${table} WHERE ${allOf(keys)} ORDER BY last_ts DESC, id DESC LIMIT 1`,
    ...key,
  )
  if (last?.['told'] === told) {
    store.run(`UPDATE ${table} SET ts = min(ts, ?), last_ts = max(last_ts, ?) WHERE id = ?`, ts, ts, last['id']!)
  } else insert(store, {table, keys, value}, key, told, ts, ts)
}

/** Takes in what another case was told: spans of time that overlap and say the same become one. */
export function mergeTold(
  store: Store,
  told: ToldTable,
  key: readonly Value[],
  value: Value,
  [first, last]: readonly [number, number],
): void {
  const {table, keys} = told
  const overlapping = (from: number, to: number): Row[] =>
    store.all(
      `SELECT id, ts, last_ts FROM ${table} WHERE ${allOf(keys)} AND ${told.value} = ? AND ts <= ? AND last_ts >= ? ORDER BY id`,
      ...key,
      value,
      to,
      from,
    )
  let [from, to] = [first, last]
  let rows = overlapping(from, to)
  for (let count = -1; count !== rows.length; rows = overlapping(from, to)) {
    count = rows.length
    from = Math.min(from, ...rows.map((row) => Number(row['ts'])))
    to = Math.max(to, ...rows.map((row) => Number(row['last_ts'])))
  }
  const [kept, ...others] = rows
  if (kept === undefined) {
    insert(store, told, key, value, from, to)
    return
  }
  for (const other of others) store.run(`DELETE FROM ${table} WHERE id = ?`, other['id']!)
  store.run(`UPDATE ${table} SET ts = ?, last_ts = ? WHERE id = ?`, from, to, kept['id']!)
}

function insert(
  store: Store,
  {table, keys, value}: ToldTable,
  key: readonly Value[],
  told: Value,
  ts: number,
  lastTs: number,
): void {
  store.run(
    `INSERT INTO ${table} (${keys.join(', ')}, ${value}, ts, last_ts) VALUES (${keys.map(() => '?').join(', ')}, ?, ?, ?)`,
    ...key,
    told,
    ts,
    lastTs,
  )
}

function allOf(columns: readonly string[]): string {
  return columns.map((column) => `${column} = ?`).join(' AND ')
}
