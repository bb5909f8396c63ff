import {generateKeyPairSync, type KeyObject, sign} from 'node:crypto'
import {createServer, type IncomingMessage, type ServerResponse} from 'node:http'
import {canonicalJson} from '../../src/matrix/canonical-json.ts'
import type {JsonObject} from '../../src/matrix/json.ts'
import {listen} from '../sources/listen.ts'

interface Pair {
  readonly publicKey: string
  readonly sign: (object: JsonObject) => string
}

const unpadded = (bytes: Buffer): string => bytes.toString('base64').replace(/=+$/, '')

function ed25519(): Pair {
  const {publicKey, privateKey} = generateKeyPairSync('ed25519')
  return {
    publicKey: unpadded(publicKey.export({type: 'spki', format: 'der'}).subarray(-32)),
    sign: (object) => signature(object, privateKey),
  }
}

function signature({signatures: _1, unsigned: _2, ...rest}: JsonObject, key: KeyObject): string {
  return unpadded(sign(null, Buffer.from(canonicalJson(rest, 'python')), key))
}

function curve25519(): string {
  const {publicKey} = generateKeyPairSync('x25519')
  return unpadded(publicKey.export({type: 'spki', format: 'der'}).subarray(-32))
}

/** A user with cross-signing keys and devices, all really signed. */
export class Person {
  readonly userId: string
  readonly master: JsonObject
  readonly selfSigning: JsonObject
  readonly devices: Record<string, JsonObject> = {}
  readonly #selfSigning = ed25519()

  constructor(userId: string) {
    this.userId = userId
    const master = ed25519()
    const key = (pair: Pair, usage: string): JsonObject => ({
      user_id: userId,
      usage: [usage],
      keys: {[`ed25519:${pair.publicKey}`]: pair.publicKey},
    })
    this.master = key(master, 'master')
    const selfSigning = key(this.#selfSigning, 'self_signing')
    const by = {[`ed25519:${master.publicKey}`]: master.sign(selfSigning)}
    this.selfSigning = {...selfSigning, signatures: {[userId]: by}}
  }

  /** A device whose own signature is good; `verified`: signed by the self-signing key, too. Done again, it has other keys. */
  device(deviceId: string, {verified = true} = {}): this {
    const own = ed25519()
    const device: JsonObject = {
      user_id: this.userId,
      device_id: deviceId,
      algorithms: ['m.olm.v1.curve25519-aes-sha2', 'm.megolm.v1.aes-sha2'],
      keys: {[`curve25519:${deviceId}`]: curve25519(), [`ed25519:${deviceId}`]: own.publicKey},
    }
    const signatures = {
      [`ed25519:${deviceId}`]: own.sign(device),
      ...(verified ? {[`ed25519:${this.#selfSigning.publicKey}`]: this.#selfSigning.sign(device)} : {}),
    }
    this.devices[deviceId] = {...device, signatures: {[this.userId]: signatures}}
    return this
  }
}

export const TOKEN = 'syt_a_secret_that_no_output_may_hold'

/** A homeserver on a real socket that answers what `devices` asks by the client API; everything that it was asked is kept. */
export class KeyServer {
  readonly url: string
  readonly people: readonly Person[]
  readonly asked: string[] = []
  /** Whose token it is. */
  readonly owner: Person
  oneTimeKeys = 50
  /** Refuses every question. */
  refuses = false
  /** Refuses questions whose path ends like that. */
  refusesPath: string | null = null

  private constructor(url: string, people: readonly Person[]) {
    const [owner] = people
    if (owner === undefined) throw new Error('there is nobody')
    this.url = url
    this.people = people
    this.owner = owner
  }

  /** @param people - the token is that of the first, and of the first of their devices */
  static async start(...people: readonly Person[]): Promise<KeyServer> {
    const server = createServer()
    const made = new KeyServer(`http://127.0.0.1:${String(await listen(server))}`, people)
    server.on('request', (request: IncomingMessage, response: ServerResponse) => {
      const chunks: Buffer[] = []
      request.on('data', (chunk: Buffer) => chunks.push(chunk))
      request.on('end', () => {
        const {pathname} = new URL(request.url ?? '/', made.url)
        made.asked.push(`${request.method ?? ''} ${request.url ?? ''}`)
        const body = Buffer.concat(chunks).toString('utf8')
        const [status, answer] = made.#answer(decodeURIComponent(pathname), body)
        response.writeHead(status, {'content-type': 'application/json'}).end(JSON.stringify(answer))
      })
    })
    return made
  }

  #answer(path: string, body: string): readonly [number, object] {
    if (this.refuses) return [401, {errcode: 'M_UNKNOWN_TOKEN', error: 'Invalid access token'}]
    if (this.refusesPath !== null && path.endsWith(this.refusesPath))
      return [403, {errcode: 'M_FORBIDDEN', error: 'not for you'}]
    const [deviceId] = Object.keys(this.owner.devices)
    if (path.endsWith('/account/whoami')) return [200, {user_id: this.owner.userId, device_id: deviceId}]
    if (path.endsWith('/versions')) return [200, {versions: ['v1.11']}]
    if (path.endsWith('/keys/query')) return [200, this.#keys(body)]
    if (path.endsWith('/devices')) return [200, {devices: Object.keys(this.owner.devices).map(loginOf)}]
    if (path.endsWith('/sync')) {
      const counts = {signed_curve25519: this.oneTimeKeys}
      const types = {device_one_time_keys_count: counts, device_unused_fallback_key_types: []}
      return [200, {next_batch: 's1', to_device: {events: []}, ...types}]
    }
    if (path.endsWith('/joined_rooms')) return [200, {joined_rooms: []}]
    return [404, {errcode: 'M_NOT_FOUND', error: 'Not found'}]
  }

  #keys(body: string): object {
    const {device_keys: wanted = {}} = JSON.parse(body) as {readonly device_keys?: object}
    const people = this.people.filter(({userId}) => userId in wanted)
    const by = (of: (person: Person) => object): object =>
      Object.fromEntries(people.map((person) => [person.userId, of(person)]))
    return {
      device_keys: by(({devices}) => devices),
      master_keys: by(({master}) => master),
      self_signing_keys: by(({selfSigning}) => selfSigning),
      failures: {},
    }
  }
}

const loginOf = (deviceId: string): object => ({
  device_id: deviceId,
  display_name: `Client ${deviceId}`,
  last_seen_ts: Date.now() - 7_300_000,
})
