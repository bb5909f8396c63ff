import {spawn} from 'node:child_process'
import type {ChildProcess} from 'node:child_process'
import {createHmac, randomBytes} from 'node:crypto'
import {closeSync, openSync, rmSync} from 'node:fs'
import {mkdir, mkdtemp, readFile, rm, writeFile} from 'node:fs/promises'
import {createServer} from 'node:net'
import type {AddressInfo} from 'node:net'
import {tmpdir} from 'node:os'
import path from 'node:path'
import {setTimeout as sleep} from 'node:timers/promises'

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

const LIMITLESS = {per_second: 10_000, burst_count: 100_000}

/** One real Synapse on loopback, with SQLite in a temporary folder. */
export class Synapse {
  /** Its server name; carries the federation port, so that no discovery is needed. */
  readonly name: string
  readonly baseUrl: string
  readonly folder: string
  readonly #python: string
  readonly #secret: string
  #process: ChildProcess | null = null

  private constructor(python: string, folder: string, name: string, baseUrl: string, secret: string) {
    this.#python = python
    this.folder = folder
    this.name = name
    this.baseUrl = baseUrl
    this.#secret = secret
  }

  /** Writes a configuration for free ports and starts the server. `federation` opens a TLS port for others on loopback. */
  static async launch(python: string, options: {readonly federation?: boolean} = {}): Promise<Synapse> {
    const folder = await mkdtemp(path.join(tmpdir(), 'matrix-state-synapse-'))
    const [clientPort, federationPort] = await freePorts()
    const secret = randomBytes(16).toString('hex')
    const name = `localhost:${String(federationPort)}`
    const server = new Synapse(python, folder, name, `http://127.0.0.1:${String(clientPort)}`, secret)
    try {
      const seed = randomBytes(32).toString('base64').replaceAll('=', '')
      await writeFile(path.join(folder, 'signing.key'), `ed25519 a_${randomBytes(2).toString('hex')} ${seed}\n`)
      if (options.federation === true) await makeCertificate(python, folder)
      const config = configuration(
        folder,
        name,
        clientPort,
        options.federation === true ? federationPort : null,
        secret,
      )
      // JSON is YAML.
      await writeFile(path.join(folder, 'homeserver.yaml'), JSON.stringify(config, null, 2))
      await writeFile(path.join(folder, 'log.yaml'), JSON.stringify(logging(folder), null, 2))
      await mkdir(path.join(folder, 'media'))
      await server.start()
      return server
    } catch (error) {
      await server.dispose()
      throw error
    }
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
    const killAtExit = (): void => {
      child.kill('SIGKILL')
      rmSync(this.folder, {recursive: true, force: true, maxRetries: 5})
    }
    process.once('exit', killAtExit)
    child.once('exit', () => process.removeListener('exit', killAtExit))
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
    await rm(this.folder, {recursive: true, force: true, maxRetries: 5})
  }

  async logTail(): Promise<string> {
    const logs = await Promise.all(
      ['output.log', 'homeserver.log'].map((file) => readFile(path.join(this.folder, file), 'utf8').catch(() => '')),
    )
    return logs.map((log) => log.split('\n').slice(-25).join('\n')).join('\n')
  }

  /** Registers a user by the shared secret. */
  async register(localpart: string, options: {readonly admin?: boolean} = {}): Promise<Account> {
    const {nonce} = await this.ask<{nonce: string}>(null, 'GET', '/_synapse/admin/v1/register')
    const password = randomBytes(8).toString('hex')
    const admin = options.admin === true
    const mac = createHmac('sha1', this.#secret)
      .update([nonce, localpart, password, admin ? 'admin' : 'notadmin'].join('\0'))
      .digest('hex')
    const body = {nonce, username: localpart, password, admin, mac}
    const made = await this.ask<{user_id: string; access_token: string}>(
      null,
      'POST',
      '/_synapse/admin/v1/register',
      body,
    )
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

/** Two ports that were free a moment ago. */
async function freePorts(): Promise<[number, number]> {
  const servers = [createServer(), createServer()]
  const ports = await Promise.all(
    servers.map(
      (server) =>
        new Promise<number>((resolve, reject) => {
          server.once('error', reject)
          server.listen(0, '127.0.0.1', () => {
            resolve((server.address() as AddressInfo).port)
          })
        }),
    ),
  )
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
  return [ports[0] ?? 0, ports[1] ?? 0]
}

function configuration(
  folder: string,
  name: string,
  clientPort: number,
  federationPort: number | null,
  secret: string,
): object {
  const listener = (port: number, tls: boolean, names: string[]): object => ({
    port,
    tls,
    type: 'http',
    bind_addresses: ['127.0.0.1'],
    x_forwarded: false,
    resources: [{names, compress: false}],
  })
  return {
    server_name: name,
    report_stats: false,
    signing_key_path: path.join(folder, 'signing.key'),
    media_store_path: path.join(folder, 'media'),
    log_config: path.join(folder, 'log.yaml'),
    database: {name: 'sqlite3', args: {database: path.join(folder, 'homeserver.db')}},
    listeners: [
      listener(clientPort, false, ['client']),
      ...(federationPort === null ? [] : [listener(federationPort, true, ['federation'])]),
    ],
    ...(federationPort === null
      ? {federation_domain_whitelist: []}
      : {
          tls_certificate_path: path.join(folder, 'tls.crt'),
          tls_private_key_path: path.join(folder, 'tls.key'),
          federation_verify_certificates: false,
          ip_range_blacklist: [],
        }),
    trusted_key_servers: [],
    suppress_key_server_warning: true,
    registration_shared_secret: secret,
    macaroon_secret_key: secret,
    form_secret: secret,
    presence: {enabled: false},
    bcrypt_rounds: 4,
    rc_message: LIMITLESS,
    rc_registration: LIMITLESS,
    rc_admin_redaction: LIMITLESS,
    rc_login: {address: LIMITLESS, account: LIMITLESS, failed_attempts: LIMITLESS},
    rc_joins: {local: LIMITLESS, remote: LIMITLESS},
    rc_joins_per_room: LIMITLESS,
    rc_room_creation: LIMITLESS,
    rc_invites: {per_room: LIMITLESS, per_user: LIMITLESS, per_issuer: LIMITLESS},
    rc_federation: {window_size: 1000, sleep_limit: 100_000, sleep_delay: 1, reject_limit: 100_000, concurrent: 50},
    federation: {destination_min_retry_interval: '1s', destination_max_retry_interval: '2s'},
  }
}

function logging(folder: string): object {
  return {
    version: 1,
    formatters: {plain: {format: '%(asctime)s %(levelname)s %(name)s: %(message)s'}},
    handlers: {
      file: {class: 'logging.FileHandler', formatter: 'plain', filename: path.join(folder, 'homeserver.log')},
    },
    root: {level: 'INFO', handlers: ['file']},
    disable_existing_loggers: false,
  }
}

/** A self-signed certificate for localhost, by the Python library that Synapse brings. */
async function makeCertificate(python: string, folder: string): Promise<void> {
  const code = `
import datetime, sys
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
key = ec.generate_private_key(ec.SECP256R1())
name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
now = datetime.datetime.now(datetime.timezone.utc)
day = datetime.timedelta(days=1)
cert = (x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
  .serial_number(x509.random_serial_number()).not_valid_before(now - day).not_valid_after(now + 30 * day)
  .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False).sign(key, hashes.SHA256()))
open("tls.crt", "wb").write(cert.public_bytes(serialization.Encoding.PEM))
open("tls.key", "wb").write(key.private_bytes(serialization.Encoding.PEM,
  serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
`
  const child = spawn(python, ['-c', code], {cwd: folder, stdio: ['ignore', 'ignore', 'pipe']})
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => (said += chunk))
  const status = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', resolve)
  })
  if (status !== 0) throw new Error(`No certificate could be made: ${said}`)
}
