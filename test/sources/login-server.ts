import {createServer} from 'node:http'
import type {IncomingMessage, Server} from 'node:http'
import {createServer as createTlsServer} from 'node:https'
import type {JsonObject} from '../../src/matrix/json.ts'
import {CERTIFICATE, PRIVATE_KEY} from './client-certificate.ts'
import {json, refusal, type Reply} from './client-stub.ts'
import {listen} from './listen.ts'

/** A request as it came. */
export interface CameIn {
  /** `POST /login`: method, and the path without its prefix. */
  readonly what: string
  readonly authorization: string | undefined
  readonly body: JsonObject
}

/** A device that is logged in. */
export interface Device {
  readonly userId: string
  readonly deviceId: string
  readonly name: string
}

export const ALICE = '@alice:example.org'
/** Nothing that could stand in an output by chance. */
export const PASSWORD = 'Kennwort "mit" ü/+ Beiwerk 7301'
export const ALICE_TOKEN = 'syt_given_token_of_alice_51c0'
export const ADMIN_TOKEN = 'syt_given_token_of_the_admin_88d1'

/** A homeserver on a real socket with accounts, whose devices log in and out. Faults come first, one a request. */
export class LoginServer {
  readonly url: string
  readonly port: number
  readonly asked: CameIn[] = []
  /** By access token: `given` ones, and those that logged in and not out. */
  readonly devices = new Map<string, Device>()
  readonly passwords = new Map([[ALICE, PASSWORD]])
  readonly admins = new Set(['@admin:example.org'])
  flows: readonly object[] = [{type: 'm.login.password'}]
  /** Answer of `/.well-known/matrix/client`. */
  wellKnown: object | null = null
  /** What other questions get, such as `/keys/query`. */
  more: (what: string, body: JsonObject) => object | null = () => null
  readonly #faults = new Map<string, Reply[]>()
  readonly #waiting = new Map<string, () => void>()
  #made = 0

  private constructor(server: Server, scheme: string, port: number) {
    this.port = port
    this.url = `${scheme}://localhost:${String(port)}`
    this.devices.set(ALICE_TOKEN, {userId: ALICE, deviceId: 'GIVEN', name: 'Element'})
    this.devices.set(ADMIN_TOKEN, {userId: '@admin:example.org', deviceId: 'ADMIN', name: 'Element'})
    server.on('request', (request: IncomingMessage, response) => {
      const chunks: Buffer[] = []
      request.on('data', (chunk: Buffer) => chunks.push(chunk))
      request.on('end', () => {
        const text = Buffer.concat(chunks).toString('utf8')
        const path = decodeURIComponent(new URL(request.url ?? '/', this.url).pathname)
        const what = `${request.method ?? ''} ${path.replace(/^\/_matrix\/client(?:\/v3)?/, '')}`
        const {authorization} = request.headers
        const came = {what, authorization, body: (text === '' ? {} : JSON.parse(text)) as JsonObject}
        this.asked.push(came)
        this.#waiting.get(what)?.()
        const fault = this.#faults.get(what)?.shift()
        ;(fault ?? this.#answer(came))(request, response)
      })
    })
  }

  static async start({tls = false}: {readonly tls?: boolean} = {}): Promise<LoginServer> {
    const server = tls ? createTlsServer({cert: CERTIFICATE, key: PRIVATE_KEY}) : createServer()
    return new LoginServer(server, tls ? 'https' : 'http', await listen(server, 'localhost'))
  }

  /** Sets what the next requests get, such as `GET /account/whoami`. */
  fault(what: string, ...replies: readonly Reply[]): this {
    this.#faults.set(what, [...replies])
    return this
  }

  /** Until it is asked that. */
  askedFor(what: string): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.set(what, resolve)
    })
  }

  /** What was asked, without queries and bodies. */
  get words(): readonly string[] {
    return this.asked.map(({what}) => what)
  }

  /** Devices that logged in here and are still. */
  get loggedIn(): readonly Device[] {
    return [...this.devices].filter(([token]) => !token.startsWith('syt_given')).map(([, device]) => device)
  }

  /** Does what a login does, answering later or never. */
  logIn(body: JsonObject): Reply {
    const {user = ''} = (body['identifier'] ?? {}) as {user?: string}
    const userId = user.startsWith('@') ? user : `@${user}:example.org`
    if (this.passwords.get(userId) !== body['password'])
      return refusal(403, 'M_FORBIDDEN', 'Invalid username or password')
    const token = `syt_made_${String((this.#made += 1))}_${String(this.port)}_made`
    const deviceId = textOf(body['device_id'], `MADE${String(this.#made)}`)
    for (const [other, device] of this.devices) {
      if (device.userId === userId && device.deviceId === deviceId) this.devices.delete(other)
    }
    this.devices.set(token, {userId, deviceId, name: textOf(body['initial_device_display_name'])})
    return json({user_id: userId, device_id: deviceId, access_token: token})
  }

  #answer({what, authorization, body}: CameIn): Reply {
    if (what === 'GET /.well-known/matrix/client') {
      return this.wellKnown === null ? refusal(404, 'M_NOT_FOUND', 'none') : json(this.wellKnown)
    }
    if (what === 'GET /versions') return json({versions: ['v1.11']})
    if (what === 'GET /login') return json({flows: this.flows})
    if (what === 'POST /login') return this.logIn(body)
    const token = authorization?.replace('Bearer ', '') ?? ''
    const device = this.devices.get(token)
    if (device === undefined) return refusal(401, 'M_UNKNOWN_TOKEN', 'Invalid access token passed.')
    if (what === 'GET /account/whoami') return json({user_id: device.userId, device_id: device.deviceId})
    if (what === 'POST /logout') {
      this.devices.delete(token)
      return json({})
    }
    if (what.startsWith('GET /_synapse/admin/v1/users/')) {
      if (!this.admins.has(device.userId)) return refusal(403, 'M_FORBIDDEN', 'You are not a server admin')
      return json({admin: true})
    }
    const answer = this.more(what, body)
    return answer === null ? refusal(404, 'M_UNRECOGNIZED', 'Unrecognized request') : json(answer)
  }
}

const textOf = (value: unknown, otherwise = ''): string => (typeof value === 'string' ? value : otherwise)
