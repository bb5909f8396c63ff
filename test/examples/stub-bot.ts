/** Stands for a bot in the test of the compose file: `setup` and `run` as docs/bots.md asks of them, with one real signing key and nothing else. */
import {existsSync, mkdirSync, readFileSync, writeFileSync} from 'node:fs'
import path from 'node:path'
import {SigningKey} from '../live/device-signing.ts'

const {BOT_DATA: data = '', BOT_HOMESERVER: homeserver = '', BOT_PASSWORD_FILE: passwordFile = ''} = process.env
const userId = process.env['BOT_USER'] ?? ''
const store = path.join(data, 'store')
const checkFile = path.join(store, 'ed25519')

function stop(code: number, message: string): never {
  process.stderr.write(`bot: ${message}\n`)
  process.exit(code)
}

async function ask<T>(token: string | null, address: string, body: object): Promise<T> {
  const authorization = token === null ? {} : {authorization: `Bearer ${token}`}
  const method = 'POST'
  const response = await fetch(`${homeserver}${address}`, {method, headers: authorization, body: JSON.stringify(body)})
  if (!response.ok) stop(4, await response.text())
  return (await response.json()) as T
}

async function setup(): Promise<void> {
  if (existsSync(store)) stop(6, 'there is a store already')
  mkdirSync(store, {mode: 0o700})
  const password = readFileSync(passwordFile, 'utf8').trim()
  const {access_token: token, device_id: deviceId} = await ask<{access_token: string; device_id: string}>(
    null,
    '/_matrix/client/v3/login',
    {type: 'm.login.password', identifier: {type: 'm.id.user', user: userId}, password},
  )
  const [ed25519, curve25519] = [new SigningKey(), new SigningKey().public]
  const keys = {[`ed25519:${deviceId}`]: ed25519.public, [`curve25519:${deviceId}`]: curve25519}
  const algorithms = ['m.olm.v1.curve25519-aes-sha2', 'm.megolm.v1.aes-sha2']
  const device = ed25519.signed({user_id: userId, device_id: deviceId, algorithms, keys}, userId, deviceId)
  await ask(token, '/_matrix/client/v3/keys/upload', {device_keys: device})
  writeFileSync(path.join(store, 'crypto.db'), ed25519.public, {mode: 0o600})
  writeFileSync(checkFile, `${ed25519.public}\n`, {mode: 0o600})
  writeFileSync(path.join(data, 'access-token'), `${token}\n`, {mode: 0o600})
}

function run(): void {
  if (!existsSync(store)) stop(5, 'there is no store')
  writeFileSync(checkFile, `${readFileSync(path.join(store, 'crypto.db'), 'utf8')}\n`)
  process.stdout.write('running\n')
}

if (process.argv[2] === 'setup') await setup()
else if (process.argv[2] === 'run') run()
else stop(2, 'setup or run')
