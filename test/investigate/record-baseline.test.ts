import {mkdir, mkdtemp, rm, writeFile} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import path from 'node:path'
import {afterEach, beforeEach, describe, expect, it} from 'vitest'
import {StateError} from '../../src/errors.ts'
import {recordBaseline, type RecordBaseline} from '../../src/investigate/record-baseline.ts'
import type {Baseline} from '../../src/matrix/device-baseline.ts'
import type {JsonObject} from '../../src/matrix/json.ts'
import {pair, signed, type TestDevice, type TestUser, user} from '../devices/users.ts'
import {type Answers, recordingServer} from '../sources/device-gathered.ts'

const BOT = '@bot:localhost'
const NOW = 1_780_000_000_000

/** What the server tells. */
interface Server {
  keys: JsonObject
  devices: readonly string[]
  backup: unknown
  whoami: string
}

let folder = ''
let bot: TestUser
let one: TestDevice
let server: Server
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'matrix-state-baseline-'))
  bot = user(BOT)
  one = bot.verified('BOTDEVICE')
  server = {keys: answerOf([one]), devices: ['BOTDEVICE'], backup: null, whoami: BOT}
})
afterEach(() => rm(folder, {recursive: true, force: true}))

function answerOf(devices: readonly TestDevice[], more: JsonObject = {}): JsonObject {
  const {master_key: master, self_signing_key: selfSigning} = bot.own
  return {
    device_keys: {[BOT]: Object.fromEntries(devices.map(({deviceId, keys}) => [deviceId, keys]))},
    master_keys: {[BOT]: master},
    self_signing_keys: {[BOT]: selfSigning},
    failures: {},
    ...more,
  }
}

async function record(more: Partial<RecordBaseline> = {}): Promise<{baseline: Baseline; asked: readonly string[]}> {
  const answers: Answers = ({path: where}) => {
    if (where.endsWith('/whoami')) return {user_id: server.whoami, device_id: 'BOTDEVICE'}
    if (where.endsWith('/keys/query')) return server.keys
    if (where.endsWith('/devices')) return {devices: server.devices.map((id) => ({device_id: id}))}
    return where.endsWith('/room_keys/version') ? server.backup : null
  }
  const {url, asked} = await recordingServer(answers)
  const baseline = await recordBaseline({
    baseUrl: url,
    accessToken: 'syt_token_of_the_test',
    insecure: false,
    userId: BOT,
    deviceId: 'BOTDEVICE',
    store: null,
    signal: new AbortController().signal,
    nowMs: () => NOW,
    maxRetryMs: 60,
    ...more,
  })
  return {baseline, asked: asked.map(({method, path: where}) => `${method} ${where.replace('/_matrix/client/v3', '')}`)}
}

async function refusal(more: Partial<RecordBaseline> = {}): Promise<{message: string; hint: string}> {
  const error = await record(more).then(
    () => null,
    (thrown: unknown) => thrown,
  )
  if (!(error instanceof StateError)) throw new Error('not refused', {cause: error})
  expect(error.code).toBe('BASELINE_UNRECORDABLE')
  expect(error.hint ?? '').not.toBe('')
  return {message: error.message, hint: error.hint ?? ''}
}

describe('a baseline', () => {
  it('is what the server publishes, verified, by questions that only read', async () => {
    server.backup = {version: '7', algorithm: 'm.megolm_backup.v1.curve25519-aes-sha2', auth_data: {public_key: 'pk'}}
    const {baseline, asked} = await record()
    expect(baseline).toEqual({
      recorded_ts: NOW,
      user_id: BOT,
      device_id: 'BOTDEVICE',
      ed25519: one.ed25519.publicKey,
      curve25519: one.curve25519.publicKey,
      master_key: bot.master.publicKey,
      self_signing_key: bot.selfSigning.publicKey,
      cross_signed: true,
      backup: {version: '7', public_key: 'pk'},
      store: null,
    })
    expect(asked).toEqual(['GET /account/whoami', 'POST /keys/query', 'GET /room_keys/version'])
  })

  it('says that a device is not cross-signed, and that there is no cross-signing', async () => {
    one = bot.device('BOTDEVICE')
    server.keys = answerOf([one])
    expect((await record()).baseline).toMatchObject({cross_signed: false, master_key: bot.master.publicKey})
    server.keys = answerOf([one], {master_keys: {}, self_signing_keys: {}})
    expect((await record()).baseline).toMatchObject({cross_signed: false, master_key: null, self_signing_key: null})
  })

  it('says nothing of a backup that it is not told of: by another account, or refused', async () => {
    server.whoami = '@admin:localhost'
    const {baseline, asked} = await record()
    expect(baseline).not.toHaveProperty('backup')
    expect(asked).toEqual(['GET /account/whoami', 'POST /keys/query'])
    server.whoami = BOT
    server.backup = [403, {errcode: 'M_FORBIDDEN', error: 'no'}]
    expect((await record()).baseline).not.toHaveProperty('backup')
  })

  it('knows a backup of an algorithm without a public key', async () => {
    server.backup = {version: '7', algorithm: 'org.example', auth_data: {}}
    expect((await record()).baseline.backup).toEqual({version: '7', public_key: null})
  })
})

describe('a baseline is not recorded', () => {
  it('of a device that has no keys yet', async () => {
    server.keys = answerOf([])
    expect(await refusal()).toEqual({
      message: expect.stringContaining('published no keys'),
      hint: expect.stringContaining('Start the bot once'),
    })
  })

  it.each(['GONE', 'constructor', '__proto__'])('of a device that is not there: %s', async (deviceId) => {
    const {message, hint} = await refusal({deviceId})
    expect(message).toContain(`no device "${deviceId}"`)
    expect(message).toContain('"BOTDEVICE"')
    expect(hint).toContain('--device')
  })

  it('of a cross-signing key', async () => {
    const deviceId = bot.master.publicKey
    server.keys = answerOf([{...one, deviceId}])
    await refusal({deviceId})
  })

  it('of a device whose own signature is bad, or that names another device', async () => {
    server.keys = answerOf([{...one, keys: {...one.keys, algorithms: []}}])
    expect((await refusal()).message).toContain('does not verify')
    server.keys = answerOf([{...bot.device('ANOTHER'), deviceId: 'BOTDEVICE'}])
    expect((await refusal()).message).toContain('another device')
  })

  it('of a device that was made anew under its ID', async () => {
    const signatures = one.keys['signatures'] as Record<string, JsonObject>
    const anew = bot.device('BOTDEVICE')
    const old = {[`ed25519:${bot.selfSigning.publicKey}`]: signatures[BOT]?.[`ed25519:${bot.selfSigning.publicKey}`]}
    const own = (anew.keys['signatures'] as Record<string, JsonObject>)[BOT]
    server.keys = answerOf([{...anew, keys: {...anew.keys, signatures: {[BOT]: {...own, ...old}}}}])
    expect((await refusal()).message).toContain('of other keys')
  })

  it('of an account whose cross-signing keys do not hang together', async () => {
    const stranger = pair()
    const key = bot.crossSigningKey('self_signing', bot.selfSigning, null)
    const wrong = signed(key, BOT, stranger.publicKey, stranger)
    server.keys = answerOf([one], {self_signing_keys: {[BOT]: wrong}})
    expect((await refusal()).message).toContain('master key')
  })

  it('by what another homeserver says, or one that does not name the user', async () => {
    server.whoami = '@bot:elsewhere.example'
    expect((await refusal()).hint).toContain('own homeserver')
    server.whoami = BOT
    server.keys = answerOf([], {device_keys: {}})
    expect((await refusal()).message).toContain('says nothing')
  })
})

describe('the store of a baseline', () => {
  it('must be there and pass its check; its paths are absolute then', async () => {
    const store = path.join(folder, 'store')
    const relative = path.relative(process.cwd(), store)
    const file = path.join(relative, 'key')
    const named = {path: relative, check: {kind: 'file', path: file}} as const
    expect((await refusal({store: named})).message).toContain('is not there')
    await mkdir(store)
    await writeFile(path.join(store, 'crypto.db'), 'x')
    expect((await refusal({store: named})).hint).toContain('the check fails')
    await writeFile(path.join(store, 'key'), pair().publicKey)
    expect((await refusal({store: named})).message).toContain('another ed25519 key')
    await writeFile(path.join(store, 'key'), one.ed25519.publicKey)
    expect((await record({store: named})).baseline.store).toEqual({
      path: store,
      check: {kind: 'file', path: path.join(store, 'key')},
    })
  })

  it('may have a command, which must end well in time', async () => {
    await writeFile(path.join(folder, 'crypto.db'), 'x')
    const by = (command: string): Partial<RecordBaseline> => ({
      store: {path: folder, check: {kind: 'command', command}},
      storeTimeoutMs: 300,
    })
    const line = `test "$MATRIX_STATE_ED25519" = ${one.ed25519.publicKey}`
    expect((await record(by(line))).baseline.store).toEqual({path: folder, check: {kind: 'command', command: line}})
    expect((await refusal(by('exit 1'))).message).toContain('ended with 1')
    expect((await refusal(by('sleep 5'))).message).toContain('took longer')
    expect((await refusal(by('no-such-command'))).message).toContain('was not found')
  })
})
