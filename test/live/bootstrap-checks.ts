import {createPrivateKey, createPublicKey, randomBytes} from 'node:crypto'
import {spawn} from 'node:child_process'
import {existsSync} from 'node:fs'
import {mkdir, mkdtemp, open, readFile, rm, stat, writeFile} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import path from 'node:path'
import {setTimeout as sleep} from 'node:timers/promises'
import {setUpBot, type SetUpBot} from '../../src/investigate/set-up-bot.ts'
import {StateError} from '../../src/errors.ts'
import type {Baseline} from '../../src/matrix/device-baseline.ts'
import {equal} from './checking.ts'
import type {Running} from './checking.ts'
import {type Device, Person} from './device-people.ts'
import {withDatabase} from './database.ts'
import {SILENT} from './account-checks.ts'
import {Olm} from './olm.ts'
import {PROGRAM, told} from './program.ts'
import {Synapse} from './synapse.ts'
import type {Account} from './synapse.ts'

const V3 = '/_matrix/client/v3'
const ONE_TIME_KEYS = 7

/** A bot that has run once: a device with real keys, no cross-signing. */
interface Bot {
  readonly person: Person
  readonly device: Device
  readonly password: string
}

/** `setup --bot --bootstrap` on a real server: what it makes, what it leaves alone, and what it refuses. */
export async function checkBootstrap(running: Running): Promise<void> {
  const {check, python, keepSecret, program} = running
  const world = await launch(python)
  const recoveryKeys: string[] = []
  // Not where outputs are searched for secrets.
  const secretFolder = await mkdtemp(path.join(tmpdir(), 'matrix-state-bots-'))
  try {
    const bot = await newBot(world, 'bootstrapped', 'BOTONE')
    const keyFile = path.join(secretFolder, 'first.key')
    await check('bots: a bootstrap signs the bot’s device and leaves its keys alone', async () => {
      const before = await keysOnServer(world, bot)
      const sessions = await sessionsOf(bot)
      const {baseline, bootstrapped, notes} = await setUpBot({
        ...asked(bot),
        bootstrap: {password: bot.password, recoveryKeyFile: keyFile, showRecoveryKey: never, hostname: 'test'},
      })
      recoveryKeys.push((await readFile(keyFile, 'utf8')).trim())
      equal('mode of the recovery key', ((await stat(keyFile)).mode & 0o777).toString(8), '600')
      equal('notes', notes.filter((note) => !note.startsWith('No store')).join(), '')
      equal('cross-signed', baseline.cross_signed, true)
      equal('master key', baseline.master_key, bootstrapped?.masterKey)
      equal('ed25519', baseline.ed25519, bot.device.keys.ed25519)
      equal('curve25519', baseline.curve25519, bot.device.keys.curve25519)
      const after = await keysOnServer(world, bot)
      equal('one-time keys', before['oneTimeKeys']?.length, ONE_TIME_KEYS)
      equal('uploads under the bot’s ID', JSON.stringify(after), JSON.stringify(before))
      equal('logins afterwards', JSON.stringify(await sessionsOf(bot)), JSON.stringify(sessions))
      return `${String(before['oneTimeKeys']?.length)} one-time keys and the identity keys stay`
    })
    await check('bots: anybody else sees the bot’s device verified', async () => {
      const {signatures, selfSigning} = await publishedTo(world.root, bot)
      equal('signed by the self-signing key', Object.hasOwn(signatures, `ed25519:${selfSigning}`), true)
    })
    await check('bots: the recovery key opens the private keys for another client', async () => {
      const [key = ''] = recoveryKeys
      const opened = await openWith(world.here, bot, key)
      equal('private keys fit the public ones', opened.fits, true)
      equal('by them, the other client trusts the bot’s device', opened.trusted, true)
    })
    await check('bots: the program sets a bot up, with cross-signing, and tells no secret', async () => {
      const other = await newBot(world, 'by-program', 'BOTFOUR')
      const before = await keysOnServer(world, other)
      const store = path.join(secretFolder, 'store')
      await mkdir(store)
      await writeFile(path.join(store, 'crypto.db'), 'keys')
      const file = path.join(secretFolder, 'recovery.key')
      const profiles = path.join(secretFolder, 'profiles')
      const args = ['setup', '--profile', 'bot', '--homeserver', world.here.baseUrl, '--bot', '--store', store]
      const env = {
        MATRIX_STATE_TOKEN: other.device.accessToken,
        MATRIX_STATE_PASSWORD: other.password,
        MATRIX_STATE_PROFILE_DIR: profiles,
      }
      const check = ['--store-check-command', `test "$MATRIX_STATE_ED25519" = ${other.device.keys.ed25519}`]
      const run = await program.run([...args, ...check, '--bootstrap', '--recovery-key-file', file], {env})
      if (run.code !== 0) throw new Error(told(args, run))
      recoveryKeys.push((await readFile(file, 'utf8')).trim())
      const profile = path.join(profiles, 'bot.json')
      equal('mode of the profile', ((await stat(profile)).mode & 0o777).toString(8), '600')
      const {bot: baseline} = JSON.parse(await readFile(profile, 'utf8')) as {bot: Baseline}
      equal('recorded as cross-signed', baseline.cross_signed, true)
      equal('recorded store', baseline.store?.path, store)
      equal('uploads under the bot’s ID', JSON.stringify(await keysOnServer(world, other)), JSON.stringify(before))
      equal('logins', (await sessionsOf(other)).join(), 'BOTFOUR')
      const secrets = [other.password, other.device.accessToken, recoveryKeys.at(-1) ?? '']
      for (const secret of secrets) equal('a secret is told', `${run.stdout}${run.stderr}`.includes(secret), false)
      const again = await program.run([...args, '--bootstrap', '--modify'], {env})
      equal('exit code of a second bootstrap', again.code, 6)
    })
    await check('bots: Ctrl-C amid a bootstrap waits until it is done', async () => {
      const other = await newBot(world, 'interrupted', 'BOTFIVE')
      const file = path.join(secretFolder, 'interrupted.key')
      const args = ['setup', '--profile', 'five', '--homeserver', world.here.baseUrl, '--bot', '--bootstrap']
      // Where outputs are searched for secrets.
      await using output = await open(path.join(program.folder, 'output', 'bootstrap-interrupted.txt'), 'w')
      const child = spawn(process.execPath, [PROGRAM, ...args, '--recovery-key-file', file], {
        env: {
          PATH: process.env.PATH ?? '',
          HOME: secretFolder,
          MATRIX_STATE_TOKEN: other.device.accessToken,
          MATRIX_STATE_PASSWORD: other.password,
          MATRIX_STATE_PROFILE_DIR: path.join(secretFolder, 'profiles'),
        },
        stdio: ['ignore', output.fd, output.fd],
      })
      const ended = new Promise<number | null>((resolve) => child.once('exit', resolve))
      // The key is kept right before the first upload.
      while (!existsSync(file) && child.exitCode === null) await sleep(5)
      child.kill('SIGINT')
      await sleep(200)
      child.kill('SIGINT')
      equal('exit code', await ended, 130)
      recoveryKeys.push((await readFile(file, 'utf8')).trim())
      const {selfSigning, signatures} = await publishedTo(world.root, other)
      equal('signed', Object.hasOwn(signatures, `ed25519:${selfSigning}`), true)
      equal('logins', (await sessionsOf(other)).join(), 'BOTFIVE')
      const profile = await readFile(path.join(secretFolder, 'profiles', 'five.json'), 'utf8')
      equal('recorded', (JSON.parse(profile) as {bot: Baseline}).bot.cross_signed, true)
    })
    await check('bots: a second bootstrap is refused, and changes nothing', async () => {
      const before = JSON.stringify([await keysOnServer(world, bot), await publishedTo(world.root, bot)])
      const error = await refused({
        ...asked(bot),
        bootstrap: {password: bot.password, recoveryKeyFile: null, showRecoveryKey: never, hostname: 'test'},
      })
      equal('code', error.code, 'OTHER_IDENTITY')
      equal('says what to do', (error.hint ?? '').includes('Verify the bot’s device instead'), true)
      equal(
        'nothing changed',
        JSON.stringify([await keysOnServer(world, bot), await publishedTo(world.root, bot)]),
        before,
      )
    })
    await check('bots: a wrong password makes nothing', async () => {
      const other = await newBot(world, 'mistyped', 'BOTTWO')
      const sessions = await sessionsOf(other)
      const error = await refused({
        ...asked(other),
        bootstrap: {password: 'not the password', recoveryKeyFile: null, showRecoveryKey: never, hostname: 'test'},
      })
      equal('code', error.code, 'SERVER_REFUSED')
      equal('logins', JSON.stringify(await sessionsOf(other)), JSON.stringify(sessions))
      equal('secret storage', await accountData(other, 'm.secret_storage.default_key'), null)
    })
    await check('bots: secret storage that is there is not replaced', async () => {
      const other = await newBot(world, 'stored', 'BOTTHREE')
      const key = {key: 'mine'}
      await world.here.ask(other.device, 'PUT', dataPath(other, 'm.secret_storage.default_key'), key)
      const sessions = await sessionsOf(other)
      const error = await refused({
        ...asked(other),
        bootstrap: {password: other.password, recoveryKeyFile: null, showRecoveryKey: never, hostname: 'test'},
      })
      equal('code', error.code, 'OTHER_IDENTITY')
      equal('logins', JSON.stringify(await sessionsOf(other)), JSON.stringify(sessions))
      equal(
        'secret storage',
        JSON.stringify(await accountData(other, 'm.secret_storage.default_key')),
        JSON.stringify(key),
      )
    })
  } finally {
    keepSecret([...world.here.secrets, ...recoveryKeys])
    await world.dispose()
    await rm(secretFolder, {recursive: true, force: true})
  }
}

interface World {
  readonly here: Synapse
  readonly olm: Olm
  /** Somebody who shares nothing with the bots. */
  readonly root: Account
  readonly dispose: () => Promise<void>
}

async function launch(python: string): Promise<World> {
  const here = await Synapse.launch(python)
  const olm = new Olm(python)
  const dispose = async (): Promise<void> => {
    await olm.close()
    await here.dispose()
  }
  try {
    return {here, olm, root: await here.register('root', {admin: true}), dispose}
  } catch (error) {
    await dispose()
    throw error
  }
}

async function newBot({here, olm}: World, localpart: string, deviceId: string): Promise<Bot> {
  const password = randomBytes(12).toString('hex')
  here.secrets.push(password)
  const {person, device} = await Person.register(here, olm, localpart, deviceId, password)
  await device.uploadKeys()
  await device.uploadOneTimeKeys(ONE_TIME_KEYS)
  await device.uploadFallbackKey()
  return {person, device, password}
}

function asked({device, person}: Bot): SetUpBot {
  return {
    baseUrl: person.server.baseUrl,
    insecure: false,
    accessToken: device.accessToken,
    userId: device.userId,
    deviceId: device.deviceId,
    store: undefined,
    profile: 'bot',
    before: null,
    acceptNewIdentity: false,
    bootstrap: null,
    signal: new AbortController().signal,
    nowMs: Date.now,
  }
}

const never = (): Promise<void> => Promise.reject(new Error('the recovery key goes into its file, or nowhere'))

async function refused(options: SetUpBot): Promise<StateError> {
  try {
    await setUpBot(options)
  } catch (error) {
    if (error instanceof StateError) return error
    throw error
  }
  throw new Error('not refused')
}

function dataPath({device}: Bot, type: string): string {
  return `${V3}/user/${encodeURIComponent(device.userId)}/account_data/${type}`
}

async function accountData(bot: Bot, type: string): Promise<unknown> {
  return bot.person.server.ask(bot.device, 'GET', dataPath(bot, type)).catch(() => null)
}

async function sessionsOf({person, device}: Bot): Promise<readonly string[]> {
  const {devices} = await person.server.ask<{devices: {device_id: string}[]}>(device, 'GET', `${V3}/devices`)
  return devices.map((one) => one.device_id).sort()
}

/** What the server's tables have under the device's ID: no upload goes unseen. */
async function keysOnServer({here}: World, {device}: Bot): Promise<Record<string, readonly unknown[]>> {
  const where = `WHERE user_id = '${device.userId}' AND device_id = '${device.deviceId}'`
  return withDatabase(here, async (query) => ({
    keys: await query(`SELECT ts_added_ms, key_json FROM e2e_device_keys_json ${where}`),
    oneTimeKeys: await query(
      `SELECT algorithm, key_id, ts_added_ms, key_json FROM e2e_one_time_keys_json ${where} ORDER BY key_id`,
    ),
    fallback: await query(`SELECT algorithm, key_id, key_json, used FROM e2e_fallback_keys_json ${where}`),
  }))
}

interface KeysAnswer {
  readonly device_keys: Record<string, Record<string, {readonly signatures: Record<string, Record<string, string>>}>>
  readonly master_keys: Record<string, {readonly keys: Record<string, string>}>
  readonly self_signing_keys: Record<string, {readonly keys: Record<string, string>}>
}

/** The account's keys as somebody else is told. */
async function publishedTo(account: Account, {person, device}: Bot) {
  const {userId} = device
  const answer = await person.server.ask<KeysAnswer>(account, 'POST', `${V3}/keys/query`, {device_keys: {[userId]: []}})
  return {
    devices: Object.keys(answer.device_keys[userId] ?? {}),
    signatures: answer.device_keys[userId]?.[device.deviceId]?.signatures[userId] ?? {},
    master: Object.values(answer.master_keys[userId]?.keys ?? {})[0] ?? null,
    selfSigning: Object.values(answer.self_signing_keys[userId]?.keys ?? {})[0] ?? null,
  }
}

/** Another client of the account, which has nothing but the password and the recovery key; it logs out again. */
async function openWith(server: Synapse, bot: Bot, recoveryKey: string): Promise<{fits: boolean; trusted: boolean}> {
  const {createClient} = await import('matrix-js-sdk')
  const {decodeRecoveryKey} = await import('matrix-js-sdk/lib/crypto-api/recovery-key.js')
  const {userId} = bot.device
  const login = await server.ask<{access_token: string; device_id: string}>(null, 'POST', `${V3}/login`, {
    type: 'm.login.password',
    identifier: {type: 'm.id.user', user: userId},
    password: bot.password,
  })
  server.secrets.push(login.access_token)
  const client = createClient({
    baseUrl: server.baseUrl,
    userId,
    deviceId: login.device_id,
    accessToken: login.access_token,
    logger: SILENT,
    cryptoCallbacks: {
      getSecretStorageKey: ({keys}) => Promise.resolve([Object.keys(keys)[0]!, decodeRecoveryKey(recoveryKey)]),
    },
  })
  try {
    await client.initRustCrypto({useIndexedDB: false})
    const seed = Buffer.from((await client.secretStorage.get('m.cross_signing.master')) ?? '', 'base64')
    const pkcs8 = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), seed])
    const spki = createPublicKey(createPrivateKey({key: pkcs8, format: 'der', type: 'pkcs8'}))
    const derived = spki.export({format: 'der', type: 'spki'}).subarray(-32).toString('base64').replace(/=+$/u, '')
    const {master} = await publishedTo(bot.device, bot)
    const crypto = client.getCrypto()!
    await crypto.userHasCrossSigningKeys()
    await crypto.bootstrapCrossSigning({})
    await crypto.userHasCrossSigningKeys()
    const ofBot = await crypto.getDeviceVerificationStatus(userId, bot.device.deviceId)
    return {fits: derived === master, trusted: ofBot?.crossSigningVerified === true}
  } finally {
    await client.logout(true)
  }
}
