import {mkdir, mkdtemp, readFile, rm, stat, writeFile} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import path from 'node:path'
import {afterEach, beforeEach, describe, expect, it, vi} from 'vitest'
import {StateError} from '../../src/errors.ts'
import {type BotSetUp, setUpBot, type SetUpBot} from '../../src/investigate/set-up-bot.ts'
import type {Baseline} from '../../src/matrix/device-baseline.ts'
import type {JsonObject} from '../../src/matrix/json.ts'
import {BootstrapError, type Left} from '../../src/sources/bootstrap-errors.ts'
import {type AccountStub, accountStub, BOT, otherCrossSigning, PASSWORD, TOKEN} from '../sources/account-stub.ts'
import {device, pair} from '../devices/users.ts'
import {CUT} from '../sources/device-gathered.ts'

let folder = ''
let stub: AccountStub
const said: string[] = []
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'matrix-state-bot-'))
  stub = await accountStub()
  said.length = 0
  for (const name of ['log', 'info', 'warn', 'error', 'debug', 'trace'] as const)
    vi.spyOn(console, name).mockImplementation((...words: unknown[]) => void said.push(words.join(' ')))
})
afterEach(async () => {
  vi.restoreAllMocks()
  await rm(folder, {recursive: true, force: true})
})

const shown: string[] = []
beforeEach(() => void (shown.length = 0))

function asked(more: Partial<SetUpBot> = {}): SetUpBot {
  return {
    profile: 'bot',
    baseUrl: stub.url,
    insecure: false,
    accessToken: TOKEN,
    userId: BOT,
    deviceId: stub.bot.deviceId,
    store: undefined,
    before: null,
    acceptNewIdentity: false,
    bootstrap: null,
    signal: new AbortController().signal,
    nowMs: () => 1_780_000_000_000,
    maxRetryMs: 300,
    ...more,
  }
}

const bootstrap = (recoveryKeyFile: string | null = null) => ({
  password: PASSWORD,
  recoveryKeyFile,
  showRecoveryKey: (key: string) => Promise.resolve(void shown.push(key)),
  hostname: 'here',
})

/** What is told of one that did not come to its end. */
interface Failure {
  readonly error: StateError
  readonly code: string
  readonly message: string
  readonly hint: string | undefined
  readonly left: Left | undefined
}

async function failure(options: SetUpBot): Promise<Failure> {
  const outcome = await setUpBot(options).then(
    () => null,
    (error: unknown) => error,
  )
  if (!(outcome instanceof StateError)) throw new Error('did not fail as it should', {cause: outcome})
  const {code, message, hint} = outcome
  return {error: outcome, code, message, hint, left: outcome instanceof BootstrapError ? outcome.left : undefined}
}

/** Nothing that anybody could see is other than before. */
function expectUntouched(): void {
  const {kept, bot} = stub
  expect([...kept.sessions]).toEqual([bot.deviceId])
  expect([...kept.devices]).toEqual([[bot.deviceId, bot.keys]])
  expect(kept.master).toBe(null)
  expect([...kept.data.values()].filter((content) => Object.keys(content).length > 0)).toEqual([])
}

function expectNoSecret({error, message, hint = ''}: Failure): void {
  const everything = [message, hint, JSON.stringify(error), ...said].join('\n')
  for (const secret of [PASSWORD, TOKEN, 'syt_temporary', ...shown]) expect(everything).not.toContain(secret)
}

const answer = (end: string, method: string, ...answers: unknown[]): void => {
  stub.fault = (question) =>
    question.path.endsWith(end) && question.method === method && answers.length > 0 ? answers.shift() : undefined
}

describe('a bootstrap', () => {
  const expectGood = ({baseline}: BotSetUp): void => {
    const {kept, bot} = stub
    expect(baseline).toMatchObject({
      cross_signed: true,
      ed25519: bot.ed25519.publicKey,
      curve25519: bot.curve25519.publicKey,
      backup: null,
    })
    expect(baseline.master_key).not.toBe(null)
    expect([...kept.sessions]).toEqual([bot.deviceId])
    expect(kept.uploads).toEqual(['TEMPORARY'])
    expect(said).toEqual([])
  }

  it('shows the key, signs the bot, uploads nothing under its ID, and logs its own device out', async () => {
    expectGood(await setUpBot(asked({bootstrap: bootstrap()})))
    expect(shown).toHaveLength(1)
    expect(shown[0]).toMatch(/^Es\w{2}( \w{4}){11}$/u)
  })

  it('gives the password where the server asks for it', async () => {
    stub.stages = ['m.login.password']
    expectGood(await setUpBot(asked({bootstrap: bootstrap()})))
  })

  it('writes the key into its file before anything is uploaded', async () => {
    const file = path.join(folder, 'key')
    const early = vi.fn(async () => readFile(file, 'utf8'))
    stub.fault = ({method, path: where}) => {
      if (method === 'PUT' || where.includes('/upload')) void early()
      return undefined
    }
    expectGood(await setUpBot(asked({bootstrap: bootstrap(file)})))
    expect(early.mock.results.length).toBeGreaterThan(4)
    for (const {value} of early.mock.results) await expect(value).resolves.toMatch(/^Es/u)
    expect((await stat(file)).mode & 0o777).toBe(0o600)
    expect(shown).toEqual([])
  })

  it('tries again, in silence, where a connection breaks', async () => {
    const cut = new Set(['/account_data/m.cross_signing.master', '/device_signing/upload', '/signatures/upload'])
    stub.fault = ({method, path: where}) => {
      const end = [...cut].find((one) => where.endsWith(one))
      return method !== 'GET' && end !== undefined && cut.delete(end) ? CUT : undefined
    }
    expectGood(await setUpBot(asked({bootstrap: bootstrap()})))
    expect(cut.size).toBe(0)
  }, 20_000)

  it('is done to its end once the key is kept, whatever the signal says', async () => {
    const controller = new AbortController()
    const stopped = {
      ...bootstrap(),
      showRecoveryKey: () => {
        controller.abort(new Error('interrupted'))
        return Promise.resolve()
      },
    }
    expectGood(await setUpBot(asked({bootstrap: stopped, signal: controller.signal})))
  })

  it('goes on where the connection broke while the keys were taken', async () => {
    // The keys arrive; the answer is an error that the SDK does not try again.
    let times = 0
    stub.fault = (question) => {
      if (!question.path.endsWith('/device_signing/upload') || (times += 1) > 1) return undefined
      stub.fault = null
      const json = JSON.parse(question.body) as Record<string, JsonObject | undefined>
      stub.kept.master = json['master_key'] ?? null
      stub.kept.selfSigning = json['self_signing_key'] ?? null
      return [400, {errcode: 'M_UNKNOWN', error: 'lost on the way'}]
    }
    expectGood(await setUpBot(asked({bootstrap: bootstrap()})))
  })
})

describe('a bootstrap that fails before the public keys are sent leaves nothing', () => {
  const cases: readonly (readonly [string, () => void, StateError['code']])[] = [
    [
      'wrong password',
      () => answer('/login', 'POST', [403, {errcode: 'M_FORBIDDEN', error: PASSWORD}]),
      'SERVER_REFUSED',
    ],
    [
      'account data refused at once',
      () => {
        stub.fault = ({method, path: where, body}) =>
          method === 'PUT' && where.includes('/account_data/m.secret_storage.key') && body !== '{}'
            ? [403, {errcode: 'M_FORBIDDEN', error: `no ${PASSWORD}`}]
            : undefined
      },
      'SERVER_REFUSED',
    ],
    [
      'account data refused half-way',
      () => answer('/account_data/m.cross_signing.self_signing', 'PUT', [403, {errcode: 'M_FORBIDDEN', error: 'no'}]),
      'SERVER_REFUSED',
    ],
    [
      'account data lost',
      () => {
        stub.fault = ({method, path: where, body}) =>
          method === 'PUT' && where.endsWith('m.cross_signing.user_signing') && body !== '{}' ? {} : undefined
      },
      'SERVER_ANSWER_MALFORMED',
    ],
    [
      'device keys refused',
      () => answer('/keys/upload', 'POST', [400, {errcode: 'M_UNKNOWN', error: 'no'}]),
      'SERVER_REFUSED',
    ],
    [
      'public keys refused',
      () => answer('/device_signing/upload', 'POST', [403, {errcode: 'M_FORBIDDEN', error: 'no'}]),
      'SERVER_REFUSED',
    ],
    ['more than a password asked for', () => void (stub.stages = ['m.login.sso']), 'SERVER_REFUSED'],
  ]

  it.each(cases)('%s', async (_, arrange, code) => {
    const file = path.join(folder, 'key')
    arrange()
    const error = await failure(asked({bootstrap: bootstrap(file)}))
    expect(error.code).toBe(code)
    stub.fault = null
    expectUntouched()
    expectNoSecret(error)
    await expect(stat(file)).rejects.toThrow('ENOENT')
  })

  it.each(cases.slice(1))('%s, with what stood there before', async (_, arrange) => {
    const leftover = {encrypted: {gone: {iv: 'a', ciphertext: 'b', mac: 'c'}}}
    stub.kept.data.set('m.cross_signing.master', leftover)
    arrange()
    const error = await failure(asked({bootstrap: bootstrap()}))
    expect(error).toMatchObject({left: 'nothing', hint: expect.stringContaining('opens nothing')})
    stub.fault = null
    expect(stub.kept.data.get('m.cross_signing.master')).toEqual(leftover)
    stub.kept.data.delete('m.cross_signing.master')
    expectUntouched()
  })

  it('interrupted', async () => {
    const controller = new AbortController()
    stub.fault = ({path: where}) => {
      if (where.endsWith('m.cross_signing.user_signing')) controller.abort(new Error('interrupted'))
      return undefined
    }
    await expect(setUpBot(asked({bootstrap: bootstrap(), signal: controller.signal}))).rejects.toThrow('interrupted')
    expectUntouched()
    expect(shown).toEqual([])
  })

  it('the key cannot be shown', async () => {
    const broken = {...bootstrap(), showRecoveryKey: () => Promise.reject(new StateError('OUTPUT_FAILED', 'gone'))}
    expect(await failure(asked({bootstrap: broken}))).toMatchObject({code: 'OUTPUT_FAILED'})
    expectUntouched()
    expect(stub.asked.filter(({method}) => method === 'PUT')).toEqual([])
  })

  it('the file of the key is there: it is not touched, nor is anybody asked', async () => {
    const file = path.join(folder, 'key')
    await writeFile(file, 'of another account')
    expect(await failure(asked({bootstrap: bootstrap(file)}))).toMatchObject({code: 'OUTPUT_FAILED'})
    expect(await readFile(file, 'utf8')).toBe('of another account')
    expect(stub.asked).toEqual([])
  })

  it('somebody else makes cross-signing meanwhile', async () => {
    stub.fault = ({method, path: where}) => {
      if (method === 'PUT' && where.endsWith('m.cross_signing.user_signing')) otherCrossSigning(stub)
      return undefined
    }
    const error = await failure(asked({bootstrap: bootstrap()}))
    expect(error).toMatchObject({code: 'OTHER_IDENTITY', left: 'nothing'})
    expect(stub.asked.filter(({path: where}) => where.endsWith('/device_signing/upload'))).toEqual([])
    stub.kept.master = null
    expectUntouched()
  })
})

describe('a bootstrap that fails later says what is there, and keeps the key', () => {
  const afterwards = async (): Promise<Failure> => {
    const file = path.join(folder, 'key')
    const error = await failure(asked({bootstrap: bootstrap(file)}))
    expect(await readFile(file, 'utf8')).toMatch(/^Es/u)
    expect(error.error).toBeInstanceOf(BootstrapError)
    expectNoSecret(error)
    return error
  }
  const signatureOfBot = (body: string): boolean => body.includes('"BOTDEVICE"')

  it.each([
    ['refused', [403, {errcode: 'M_FORBIDDEN', error: 'no'}], 'SERVER_REFUSED'],
    [
      'refused with 200',
      {failures: {[BOT]: {BOTDEVICE: {errcode: 'M_INVALID_SIGNATURE', error: 'Invalid signature'}}}},
      'SERVER_REFUSED',
    ],
    ['taken and lost', {failures: {}}, 'SERVER_REFUSED'],
  ])('the signature is %s', async (_, said, code) => {
    stub.fault = ({path: where, body}) =>
      where.endsWith('/signatures/upload') && signatureOfBot(body) ? said : undefined
    const error = await afterwards()
    expect(error).toMatchObject({code, left: 'cross-signing'})
    expect(error.message).toContain(Object.values(stub.kept.master?.['keys'] ?? {})[0])
    expect(error.message).toContain('BOTDEVICE was not signed')
    if (Array.isArray(said))
      expect(error.message).toContain(`${stub.url}/_matrix/client/v3/keys/signatures/upload answered 403`)
    expect(error.hint).toMatch(/Keep the recovery key.*verify/u)
    expect([...stub.kept.sessions]).toEqual(['BOTDEVICE'])
  })

  it.each([
    ['is gone all at once', null],
    ['has other keys all at once', device(BOT, 'BOTDEVICE').keys],
  ])('the bot’s device %s: nothing of it is signed', async (_, keys) => {
    stub.fault = ({path: where}) => {
      if (!where.endsWith('/device_signing/upload')) return undefined
      if (keys === null) stub.kept.devices.delete('BOTDEVICE')
      else stub.kept.devices.set('BOTDEVICE', keys)
      return undefined
    }
    expect(await afterwards()).toMatchObject({left: 'cross-signing'})
    expect(
      stub.asked.filter(({path: where, body}) => where.endsWith('/signatures/upload') && signatureOfBot(body)),
    ).toEqual([])
  })

  it('it is not known whether the keys arrived', async () => {
    let sent = false
    stub.fault = ({path: where}) => {
      if (where.endsWith('/device_signing/upload')) {
        sent = true
        return [400, {errcode: 'M_UNKNOWN', error: 'no'}]
      }
      return sent && where.endsWith('/keys/query') ? [403, {errcode: 'M_FORBIDDEN', error: 'no'}] : undefined
    }
    expect(await afterwards()).toMatchObject({left: 'unknown', message: expect.stringContaining('is not known')})
    expect([...stub.kept.sessions]).toEqual(['BOTDEVICE'])
  })

  it('the secret storage cannot be taken back', async () => {
    stub.fault = ({method, path: where, body}) => {
      if (where.endsWith('/device_signing/upload')) return [403, {errcode: 'M_FORBIDDEN', error: 'no'}]
      const undone = method === 'PUT' && where.endsWith('/m.secret_storage.default_key') && body === '{}'
      return undone ? [403, {errcode: 'M_FORBIDDEN', error: 'no'}] : undefined
    }
    expect(await afterwards()).toMatchObject({
      left: 'storage',
      message: expect.stringContaining('m.secret_storage.default_key'),
    })
  })

  it('the temporary device stays, after success and after failure', async () => {
    stub.fault = ({path: where}) =>
      where.endsWith('/logout') ? [403, {errcode: 'M_FORBIDDEN', error: 'no'}] : undefined
    const {notes} = await setUpBot(asked({bootstrap: bootstrap()}))
    expect(notes.join()).toContain('TEMPORARY could not be logged out')
    stub = await accountStub()
    stub.fault = ({path: where}) =>
      where.endsWith('/logout') || where.endsWith('/device_signing/upload')
        ? [403, {errcode: 'M_FORBIDDEN', error: 'no'}]
        : undefined
    const error = await failure(asked({bootstrap: bootstrap()}))
    expect(error.hint).toContain('could not be logged out')
    expect(error.hint).toContain('matrix-state on here')
  })
})

describe('a bootstrap is refused', () => {
  it('where the account has cross-signing, before anybody logs in', async () => {
    otherCrossSigning(stub)
    expect(await failure(asked({bootstrap: bootstrap()}))).toMatchObject({
      code: 'OTHER_IDENTITY',
      hint: expect.stringMatching(/recovery key, and verify the device/u),
    })
    expect(stub.asked.filter(({path: where}) => where.endsWith('/login'))).toEqual([])
  })

  it('where the account has secret storage', async () => {
    stub.kept.data.set('m.secret_storage.default_key', {key: 'theirs'})
    expect(await failure(asked({bootstrap: bootstrap()}))).toMatchObject({code: 'OTHER_IDENTITY'})
    expect([...stub.kept.data]).toEqual([['m.secret_storage.default_key', {key: 'theirs'}]])
    expect([...stub.kept.sessions]).toEqual(['BOTDEVICE'])
  })

  it('but not where secret storage was taken away again', async () => {
    stub.kept.data.set('m.secret_storage.default_key', {})
    expect((await setUpBot(asked({bootstrap: bootstrap()}))).baseline.cross_signed).toBe(true)
  })
})

describe('a baseline that is there', () => {
  const recorded = async (more: Partial<Baseline> = {}): Promise<Baseline> => ({
    ...(await setUpBot(asked())).baseline,
    ...more,
  })

  it('is recorded again where it is the same device', async () => {
    const before = await recorded({recorded_ts: 5, backup: {version: '1', public_key: null}})
    expect((await setUpBot(asked({before}))).baseline).toMatchObject({recorded_ts: 1_780_000_000_000, backup: null})
  })

  it('keeps its store unless another one is named', async () => {
    const store = path.join(folder, 'store')
    await mkdir(store)
    await writeFile(path.join(store, 'crypto.db'), 'x')
    const before = await recorded({store: {path: store, check: null}})
    expect((await setUpBot(asked({before}))).baseline.store).toEqual({path: store, check: null})
    await rm(path.join(store, 'crypto.db'))
    // A start would make keys that do not fit.
    expect(await failure(asked({before}))).toMatchObject({
      code: 'BASELINE_UNRECORDABLE',
      hint: expect.stringMatching(/^Restore the store, and do not start the bot/),
    })
    const other = {...before, device_id: 'OTHER'}
    expect((await failure(asked({before: other, acceptNewIdentity: true}))).hint).toContain('start it once')
    expect((await setUpBot(asked({before, store: null}))).baseline.store).toBe(null)
  })

  it.each([
    ['ed25519', pair().publicKey],
    ['curve25519', pair().publicKey],
    ['device_id', 'OTHER'],
    ['user_id', '@other:localhost'],
    ['master_key', pair().publicKey],
  ] as const)('is not replaced by one with another %s, unless that is accepted', async (field, value) => {
    const before = await recorded({[field]: value})
    const error = await failure(asked({before}))
    expect(error.code).toBe('OTHER_IDENTITY')
    expect(error.message).toContain(value)
    expect(error.hint).toContain('--accept-new-identity')
    expect((await setUpBot(asked({before, acceptNewIdentity: true}))).baseline.ed25519).toBe(stub.bot.ed25519.publicKey)
  })

  it('takes cross-signing that came since', async () => {
    const before = await recorded()
    expect((await setUpBot(asked({before, bootstrap: bootstrap()}))).baseline.cross_signed).toBe(true)
  })
})
