import {isObject, JsonError, parseJson} from '../matrix/json.ts'
import type {DeviceFact, DeviceSnapshot} from '../matrix/device-facts.ts'
import {canonicalJson} from '../matrix/canonical-json.ts'
import type {Json} from '../matrix/json.ts'
import type {DeviceRouteIdentity, DeviceStep} from '../sources/device-evidence.ts'
import type {Numbers} from './numbers.ts'
import type {DeviceKeeper, DeviceReader, DeviceRefusal, SourceId, StoredDeviceSource} from './shapes.ts'
import {damaged, type Store} from './store.ts'
import {DEVICE_FACTS, mergeTold, tell} from './told.ts'

type SourceRow = Omit<StoredDeviceSource, 'insecure' | 'account'> & {
  readonly insecure: number
  readonly userId: string
  readonly deviceId: string
}

/** Reads what was told of devices. */
export class DeviceFacts implements DeviceReader {
  protected readonly store: Store
  protected readonly numbers: Numbers

  constructor(store: Store, numbers: Numbers) {
    this.store = store
    this.numbers = numbers
  }

  sources(): readonly StoredDeviceSource[] {
    const rows = this.store.all(
      `SELECT id, name, kind, server, address, insecure, user_id AS userId, device_id AS deviceId, ifnull(first_ts, 0) AS firstTs,
       ifnull(last_ts, 0) AS lastTs, requests FROM device_source ORDER BY id`,
    ) as unknown as readonly SourceRow[]
    return rows.map(({insecure, userId, deviceId, ...row}) => ({
      ...row,
      insecure: insecure === 1,
      account: userId === '' ? null : {userId, deviceId: deviceId === '' ? null : deviceId},
    }))
  }

  users(): readonly string[] {
    return this.store
      .all('SELECT DISTINCT user_id FROM device_fact ORDER BY user_id')
      .map((row) => String(row['user_id']))
  }

  of(userId: string): readonly DeviceSnapshot[] {
    return this.store
      .all(
        `SELECT s.name, s.server, h.text AS how, f.fact, f.ts, f.last_ts FROM device_fact f JOIN device_source s ON s.id = f.source
         JOIN how h ON h.id = f.how WHERE f.user_id = ? ORDER BY f.last_ts, f.ts, f.id`,
        userId,
      )
      .map((row) => ({
        userId,
        route: String(row['name']),
        server: String(row['server']),
        how: String(row['how']),
        ts: this.#time(row['ts']),
        lastTs: this.#time(row['last_ts']),
        fact: this.#fact(row['fact']),
      }))
  }

  #time(value: unknown): number {
    if (typeof value !== 'number') throw damaged(this.store.path)
    return value
  }

  /** Written by this class as a JSON object that names its kind; what else is there, somebody else wrote. */
  #fact(text: unknown): DeviceFact {
    try {
      const fact = parseJson(String(text))
      if (isObject(fact) && typeof fact['kind'] === 'string') return fact as unknown as DeviceFact
    } catch (error) {
      if (!(error instanceof JsonError)) throw error
      throw damaged(this.store.path, error)
    }
    throw damaged(this.store.path)
  }

  refusals(): readonly DeviceRefusal[] {
    return this.store.all('SELECT * FROM device_refusal ORDER BY source, user_id, what').map((row) => ({
      source: Number(row['source']),
      userId: row['user_id'] === '' ? null : String(row['user_id']),
      what: String(row['what']),
      outcome: row['outcome'] as DeviceRefusal['outcome'],
      ...(row['status'] === null ? {} : {status: Number(row['status'])}),
      message: String(row['message']),
      ts: Number(row['ts']),
    }))
  }
}

/** Keeps what was told of devices. */
export class DeviceFactKeeper extends DeviceFacts implements DeviceKeeper {
  source(identity: DeviceRouteIdentity): SourceId {
    return this.store.transaction(() => this.#source(identity))
  }

  #source({name, kind, server, address, insecure, account}: DeviceRouteIdentity): SourceId {
    return this.store.number(
      `INSERT INTO device_source (name, kind, server, address, insecure, user_id, device_id) VALUES (?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (name) DO UPDATE SET address = excluded.address, insecure = max(insecure, excluded.insecure),
       user_id = excluded.user_id, device_id = excluded.device_id RETURNING id`,
      name,
      kind,
      server,
      address,
      Number(insecure),
      account?.userId ?? '',
      account?.deviceId ?? '',
    )
  }

  keep(source: SourceId, {how, requests, facts, refusals = []}: DeviceStep, nowMs: number): void {
    this.store.transaction(() => {
      const changed = this.#touch(source, requests, [nowMs, nowMs])
      if (changed === 0) throw new Error(`there is no device source ${source} in ${this.store.path}`)
      const howId = this.numbers.how(how)
      for (const {userId, fact} of facts) {
        tell(this.store, DEVICE_FACTS, [userId, source, fact.kind, howId], textOf(fact), nowMs)
      }
      for (const {userIds, ...refusal} of refusals) {
        for (const userId of userIds ?? ['']) this.#refusal(source, {...refusal, userId, ts: nowMs})
      }
    })
  }

  #touch(source: SourceId, requests: number, [first, last]: readonly [number, number]): number | bigint {
    return this.store.run(
      `UPDATE device_source SET requests = requests + ?, first_ts = min(ifnull(first_ts, ?), ?), last_ts = max(ifnull(last_ts, ?), ?)
       WHERE id = ?`,
      requests,
      first,
      first,
      last,
      last,
      source,
    )
  }

  #refusal(source: SourceId, {userId, what, outcome, status, message, ts}: Omit<DeviceRefusal, 'source'>): void {
    this.store.run(
      `INSERT INTO device_refusal (source, user_id, what, outcome, status, message, ts) VALUES (?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT DO UPDATE SET outcome = excluded.outcome, status = excluded.status, message = excluded.message, ts = excluded.ts
       WHERE (excluded.ts, excluded.outcome, excluded.message) > (ts, outcome, message)`,
      source,
      userId ?? '',
      what,
      outcome,
      status ?? null,
      message,
      ts,
    )
  }

  /** Takes in what another case was told; works within the caller's transaction. */
  mergeFrom(theirs: DeviceReader): void {
    const ours = new Map<string, SourceId>()
    const byId = new Map<SourceId, SourceId>()
    for (const {id, requests, firstTs, lastTs, ...identity} of theirs.sources()) {
      const known = this.sources().find(({name}) => name === identity.name)
      const own = this.#source(identity)
      // A file and its copy may count the same requests.
      this.#touch(own, Math.max(0, requests - (known?.requests ?? 0)), [firstTs, lastTs])
      ours.set(identity.name, own)
      byId.set(id, own)
    }
    for (const userId of theirs.users()) {
      for (const {route, how, fact, ts, lastTs} of theirs.of(userId)) {
        const key = [userId, ours.get(route)!, fact.kind, this.numbers.how(how)]
        mergeTold(this.store, DEVICE_FACTS, key, textOf(fact), [ts, lastTs])
      }
    }
    for (const {source, ...refusal} of theirs.refusals()) this.#refusal(byId.get(source)!, refusal)
  }
}

/** Canonical, so that the same said in another order is the same. */
function textOf(fact: DeviceFact): string {
  return canonicalJson(fact as unknown as Json, 'python')
}
