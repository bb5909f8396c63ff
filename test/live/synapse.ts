import {spawn} from 'node:child_process'
import type {ChildProcess} from 'node:child_process'
import {createHmac, randomBytes} from 'node:crypto'
import {closeSync, openSync, rmSync} from 'node:fs'
import {mkdir, mkdtemp, readFile, rm, writeFile} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import path from 'node:path'
import {setTimeout as sleep} from 'node:timers/promises'
import type {Cluster} from './postgres.ts'
import {freePorts} from './ports.ts'
import {configuration, logging, makeCertificate} from './synapse-config.ts'
import type {SynapseSettings} from './synapse-config.ts'

/** A logged-in user of a test server. */
export interface Account {
  readonly userId: string
  readonly accessToken: string
}

/** An answer of 400 or more from a test server. */
export class ApiError extends Error {
  readonly status: number
  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

export interface LaunchOptions {
  /** Opens a TLS port for others on loopback. */
  readonly federation?: boolean
  /** Its database: one in this cluster instead of SQLite. */
  readonly cluster?: Cluster
  /** More settings, as `homeserver.yaml` has them. */
  readonly extra?: object
}

export interface Registration {
  readonly admin?: boolean
  /** Made up when absent. */
  readonly password?: string
  /** Device ID of the login that comes with it. */
  readonly deviceId?: string
}

/** One real Synapse on loopback, in a temporary folder. */
export class Synapse {
  /** Its server name; carries the federation port, so that no discovery is needed. */
  readonly name: string
  readonly baseUrl: string
  readonly folder: string
  /** The signing key as Synapse writes it. */
  readonly signingKeyFile: string
  /** `sqlite:PATH` or `postgres://…` without the password. */
  readonly databaseUrl: string
  /** Whatever must never be seen elsewhere: passwords, tokens, seeds. */
  readonly secrets: string[] = []
  readonly #python: string
  #settings: SynapseSettings
  #process: ChildProcess | null = null

  private constructor(python: string, settings: SynapseSettings) {
    const {folder, name, clientPort, database} = settings
    this.#python = python
    this.#settings = settings
    this.folder = folder
    this.name = name
    this.baseUrl = `http://127.0.0.1:${String(clientPort)}`
    this.signingKeyFile = path.join(folder, 'signing.key')
    this.databaseUrl =
      database === null
        ? `sqlite:${path.join(folder, 'homeserver.db')}`
        : `postgres://${database.cluster.user}@127.0.0.1:${String(database.cluster.port)}/${database.name}`
  }

  /** The Postgres that it uses, or `null` for SQLite. */
  get database(): {readonly cluster: Cluster; readonly name: string} | null {
    return this.#settings.database
  }

  /** Writes a configuration for free ports and starts the server. */
  static async launch(python: string, options: LaunchOptions = {}): Promise<Synapse> {
    const folder = await mkdtemp(path.join(tmpdir(), 'matrix-state-synapse-'))
    const [clientPort = 0, federationPort = 0] = await freePorts(2)
    const federation = options.federation === true
    const settings: SynapseSettings = {
      folder,
      name: `localhost:${String(federationPort)}`,
      clientPort,
      federationPort: federation ? federationPort : null,
      secret: randomBytes(16).toString('hex'),
      database: options.cluster === undefined ? null : {cluster: options.cluster, name: `synapse${clientPort}`},
      extra: options.extra ?? {},
    }
    const server = new Synapse(python, settings)
    // Also when it is not running then.
    process.once('exit', server.#removeFolder)
    try {
      const seed = randomBytes(32).toString('base64').replaceAll('=', '')
      server.secrets.push(settings.secret, seed)
      if (settings.database !== null) server.secrets.push(settings.database.cluster.password)
      await writeFile(server.signingKeyFile, `ed25519 a_${randomBytes(2).toString('hex')} ${seed}\n`)
      if (federation) await makeCertificate(python, folder)
      await settings.database?.cluster.createDatabase(settings.database.name)
      await server.#writeConfiguration()
      await writeFile(path.join(folder, 'log.yaml'), JSON.stringify(logging(folder), null, 2))
      await mkdir(path.join(folder, 'media'))
      await server.start()
      return server
    } catch (error) {
      await server.dispose()
      throw error
    }
  }

  /** Starts it again with another port for federation, so that a proxy can stand at the port of its name; `null`: at its own. */
  async moveFederation(port: number | null): Promise<void> {
    await this.stop()
    this.#settings = {...this.#settings, federationPort: port ?? Number(this.name.split(':')[1])}
    await this.#writeConfiguration()
    await this.start()
  }

  async #writeConfiguration(): Promise<void> {
    // JSON is YAML.
    const text = JSON.stringify(configuration(this.#settings), null, 2)
    await writeFile(path.join(this.folder, 'homeserver.yaml'), text)
  }

  /** Starts it (again) and waits until it answers. */
  async start(): Promise<void> {
    const output = openSync(path.join(this.folder, 'output.log'), 'a')
    const child = spawn(
      this.#python,
      ['-m', 'synapse.app.homeserver', '-c', path.join(this.folder, 'homeserver.yaml')],
      {
        cwd: this.folder,
        stdio: ['ignore', output, output],
      },
    )
    closeSync(output)
    this.#process = child
    const spawnErrors: Error[] = []
    child.once('error', (error) => {
      spawnErrors.push(error)
    })
    const end = Date.now() + 60_000
    while (Date.now() < end) {
      if (spawnErrors.length > 0 || child.exitCode !== null || child.signalCode !== null) break
      const up = await fetch(`${this.baseUrl}/_matrix/client/versions`).then(
        (response) => response.ok,
        () => false,
      )
      if (up) return
      await sleep(100)
    }
    throw new Error(`Synapse did not start; the end of its log:\n${await this.logTail()}`, {cause: spawnErrors[0]})
  }

  /** Stops the process that this object started, and waits for its end; the data stays. */
  async stop(): Promise<void> {
    const child = this.#process
    this.#process = null
    if (child?.pid === undefined || child.exitCode !== null || child.signalCode !== null) return
    const ended = new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGTERM')
    const late = setTimeout(() => void child.kill('SIGKILL'), 10_000)
    await ended
    clearTimeout(late)
  }

  /** Stops it and removes its folder. */
  async dispose(): Promise<void> {
    await this.stop()
    process.removeListener('exit', this.#removeFolder)
    await rm(this.folder, {recursive: true, force: true, maxRetries: 5})
  }

  readonly #removeFolder = (): void => {
    this.#process?.kill('SIGKILL')
    rmSync(this.folder, {recursive: true, force: true, maxRetries: 5})
  }

  async logTail(): Promise<string> {
    const logs = await Promise.all(
      ['output.log', 'homeserver.log'].map((file) => readFile(path.join(this.folder, file), 'utf8').catch(() => '')),
    )
    return logs.map((log) => log.split('\n').slice(-25).join('\n')).join('\n')
  }

  /** Registers a user by the shared secret. */
  async register(localpart: string, options: Registration = {}): Promise<Account> {
    const {nonce} = await this.ask<{nonce: string}>(null, 'GET', '/_synapse/admin/v1/register')
    const password = options.password ?? randomBytes(8).toString('hex')
    const admin = options.admin === true
    const mac = createHmac('sha1', this.#settings.secret)
      .update([nonce, localpart, password, admin ? 'admin' : 'notadmin'].join('\0'))
      .digest('hex')
    const device = options.deviceId === undefined ? {} : {device_id: options.deviceId}
    const body = {nonce, username: localpart, password, admin, mac, ...device}
    const made = await this.ask<{user_id: string; access_token: string}>(
      null,
      'POST',
      '/_synapse/admin/v1/register',
      body,
    )
    this.secrets.push(password, made.access_token)
    return {userId: made.user_id, accessToken: made.access_token}
  }

  /** One request; throws `ApiError` on 400 and above. */
  async ask<T = unknown>(account: Account | null, method: string, address: string, body?: unknown): Promise<T> {
    const response = await fetch(`${this.baseUrl}${address}`, {
      method,
      headers: {
        'content-type': 'application/json',
        ...(account === null ? {} : {authorization: `Bearer ${account.accessToken}`}),
      },
      ...(body === undefined ? {} : {body: JSON.stringify(body)}),
    })
    const text = await response.text()
    if (!response.ok) throw new ApiError(response.status, `${method} ${address}: ${String(response.status)} ${text}`)
    return JSON.parse(text) as T
  }
}
