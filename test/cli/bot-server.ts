import {createServer, type IncomingMessage, type ServerResponse} from 'node:http'
import type {Baseline} from '../../src/matrix/device-baseline.ts'
import type {JsonObject} from '../../src/matrix/json.ts'
import {signed, type TestDevice, type TestUser, user} from '../devices/users.ts'
import {listen} from '../sources/listen.ts'

export const BOT = '@bot:a.example'
export const DEVICE = 'BOTDEVICE'
export const BOT_TOKEN = 'syt_the_bots_secret_that_no_output_may_hold'

export interface AskedOf {
  readonly method: string
  readonly path: string
  readonly query: URLSearchParams
  readonly body: string
  readonly token: string | undefined
}

type Reply = readonly [status: number, body: object]

/** A homeserver on a real socket with one bot whose keys are really signed; everything that it was asked is kept. */
export class BotServer {
  readonly url: string
  readonly owner: TestUser = user(BOT)
  readonly asked: AskedOf[] = []
  /** What it publishes; a test puts something else there. */
  device: TestDevice | null = this.owner.verified(DEVICE)
  identity: Readonly<Record<'master_key' | 'self_signing_key', JsonObject | null>> = this.owner.own
  /** Whose token it is. */
  whoami: JsonObject = {user_id: BOT, device_id: DEVICE}
  oneTimeKeys = 50
  backup: JsonObject | null = this.backupOf('1', 'backupkey')
  /** Answers instead of the usual one, by the end of the path. */
  readonly instead = new Map<string, Reply>()
  /** Paths that end like that are never answered. */
  silent: string | null = null

  private constructor(url: string) {
    this.url = url
  }

  static async start(): Promise<BotServer> {
    const server = createServer()
    const made = new BotServer(`http://127.0.0.1:${String(await listen(server))}`)
    server.on('request', (request: IncomingMessage, response: ServerResponse) => {
      const chunks: Buffer[] = []
      request.on('data', (chunk: Buffer) => chunks.push(chunk))
      request.on('end', () => {
        const {pathname, searchParams: query} = new URL(request.url ?? '/', made.url)
        const path = decodeURIComponent(pathname)
        const token = request.headers.authorization?.replace('Bearer ', '')
        const body = Buffer.concat(chunks).toString('utf8')
        made.asked.push({method: request.method ?? '', path, query, body, token})
        if (made.silent !== null && path.endsWith(made.silent)) return
        const [status, answer] = made.#answer(path, token)
        response.writeHead(status, {'content-type': 'application/json'}).end(JSON.stringify(answer))
      })
    })
    return made
  }

  /** Of the bot as it is published now. */
  baseline(more: Partial<Baseline> = {}): Baseline {
    const {device, owner} = this
    if (device === null) throw new Error('no device is published')
    return {
      recorded_ts: 1_780_000_000_000,
      user_id: BOT,
      device_id: DEVICE,
      ed25519: device.ed25519.publicKey,
      curve25519: device.curve25519.publicKey,
      master_key: owner.master.publicKey,
      self_signing_key: owner.selfSigning.publicKey,
      cross_signed: true,
      backup: {version: '1', public_key: 'backupkey'},
      // A folder that is there, and nothing to see by whether it opens.
      store: {path: import.meta.dirname, check: null},
      ...more,
    }
  }

  backupOf(version: string, key: string): JsonObject {
    const {master} = this.owner
    return {
      version,
      algorithm: 'm.megolm_backup.v1.curve25519-aes-sha2',
      auth_data: signed({public_key: key}, BOT, master.publicKey, master),
      count: 1,
      etag: '1',
    }
  }

  /** New keys under the same device ID, as of a store that was lost and made anew. */
  makeAnew({verified = true} = {}): void {
    this.device = verified ? this.owner.verified(DEVICE) : this.owner.device(DEVICE)
  }

  #answer(path: string, token: string | undefined): Reply {
    for (const [end, reply] of this.instead) if (path.endsWith(end)) return reply
    if (token !== BOT_TOKEN) return [401, {errcode: 'M_UNKNOWN_TOKEN', error: 'Invalid access token'}]
    if (path.endsWith('/account/whoami')) return [200, this.whoami]
    if (path.endsWith('/keys/query')) return [200, this.#keys()]
    if (path.endsWith('/devices')) return [200, {devices: [{device_id: DEVICE, last_seen_ts: Date.now()}]}]
    if (path.endsWith('/room_keys/version')) {
      return this.backup === null ? [404, {errcode: 'M_NOT_FOUND', error: 'No backup found'}] : [200, this.backup]
    }
    if (path.endsWith('/sync')) {
      const counts = {signed_curve25519: this.oneTimeKeys}
      const types = {device_one_time_keys_count: counts, device_unused_fallback_key_types: ['signed_curve25519']}
      return [200, {next_batch: 's1', to_device: {events: []}, ...types}]
    }
    return [404, {errcode: 'M_NOT_FOUND', error: 'Not found'}]
  }

  #keys(): object {
    const {master_key: master, self_signing_key: selfSigning} = this.identity
    return {
      device_keys: {[BOT]: this.device === null ? {} : {[DEVICE]: this.device.keys}},
      master_keys: master === null ? {} : {[BOT]: master},
      self_signing_keys: selfSigning === null ? {} : {[BOT]: selfSigning},
      user_signing_keys: {[BOT]: this.owner.own.user_signing_key},
      failures: {},
    }
  }
}
