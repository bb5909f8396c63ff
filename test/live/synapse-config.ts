import {spawn} from 'node:child_process'
import path from 'node:path'
import type {Cluster} from './postgres.ts'

const LIMITLESS = {per_second: 10_000, burst_count: 100_000}

/** What a test server's configuration depends on. */
export interface SynapseSettings {
  readonly folder: string
  readonly name: string
  readonly clientPort: number
  /** Where it listens for other servers; `null` closes federation. Need not be the port in its name: a proxy may stand there. */
  readonly federationPort: number | null
  readonly secret: string
  /** `null`: SQLite in the folder. */
  readonly database: {readonly cluster: Cluster; readonly name: string} | null
  /** More settings, as the file has them. */
  readonly extra: object
}

/** `homeserver.yaml`: loopback only, no rate limits, nobody else's keys, nothing that runs by the clock if it can be helped. */
export function configuration(settings: SynapseSettings): object {
  const {folder, name, clientPort, federationPort, secret, database, extra} = settings
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
    database:
      database === null
        ? {name: 'sqlite3', args: {database: path.join(folder, 'homeserver.db')}}
        : {name: 'psycopg2', args: {...connection(database.cluster, database.name), cp_min: 1, cp_max: 5}},
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
    push: {enabled: false},
    stats: {enabled: false},
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
    ...extra,
  }
}

function connection({host, port, user, password}: Cluster, database: string): object {
  return {host, port, user, password, dbname: database}
}

/** `log.yaml`: one file in the folder. */
export function logging(folder: string): object {
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

const MAKE_CERTIFICATE = `
import datetime
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

/** A self-signed certificate for localhost, by the Python library that Synapse brings: `tls.crt` and `tls.key` in the folder. */
export async function makeCertificate(python: string, folder: string): Promise<void> {
  const child = spawn(python, ['-c', MAKE_CERTIFICATE], {cwd: folder, stdio: ['ignore', 'ignore', 'pipe']})
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => (said += chunk))
  const status = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', resolve)
  })
  if (status !== 0) throw new Error(`No certificate could be made: ${said}`)
}
