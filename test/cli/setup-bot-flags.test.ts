import {mkdtemp, rm, writeFile} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import path from 'node:path'
import {afterEach, beforeEach, describe, expect, it, vi} from 'vitest'
import {type BotFlags, botStep} from '../../src/cli/setup-bot-flags.ts'
import {StateError} from '../../src/errors.ts'
import type {BotContext} from '../../src/investigate/setup-request.ts'
import {type AccountStub, accountStub, BOT, PASSWORD, TOKEN} from '../sources/account-stub.ts'

let stub: AccountStub
let folder = ''
const printed: string[] = []
beforeEach(async () => {
  stub = await accountStub()
  folder = await mkdtemp(path.join(tmpdir(), 'matrix-state-flags-'))
  printed.length = 0
})
afterEach(() => rm(folder, {recursive: true, force: true}))

const FLAGS: BotFlags = {
  bot: true,
  device: undefined,
  store: undefined,
  'store-check-file': undefined,
  'store-check-command': undefined,
  bootstrap: false,
  'recovery-key-file': undefined,
  'accept-new-identity': false,
}

const stepOf = (flags: Partial<BotFlags>, json = false): ReturnType<typeof botStep> =>
  botStep({...FLAGS, ...flags}, {json, print: (text) => Promise.resolve(void printed.push(text))})

function context(more: Partial<BotContext> = {}): BotContext {
  return {
    profile: 'bot',
    baseUrl: stub.url,
    insecure: false,
    userId: BOT,
    deviceId: 'BOTDEVICE',
    accessToken: TOKEN,
    ownLogin: false,
    password: () => Promise.resolve(PASSWORD),
    store: () => Promise.resolve(undefined),
    before: null,
    signal: new AbortController().signal,
    nowMs: () => 1_780_000_000_000,
    ...more,
  }
}

async function run(flags: Partial<BotFlags>, more: Partial<BotContext> = {}) {
  const step = stepOf(flags)
  if (step === null) throw new Error('there is no step')
  return step(context(more))
}

const refusal = (flags: Partial<BotFlags>, more: Partial<BotContext> = {}): Promise<unknown> =>
  run(flags, more).then(
    () => null,
    (error: unknown) => (error instanceof StateError ? {code: error.code, hint: error.hint} : error),
  )

it('does nothing without --bot', () => {
  expect(stepOf({bot: false})).toBe(null)
})

describe('the bot’s device', () => {
  const device = async (flags: Partial<BotFlags>, more: Partial<BotContext> = {}): Promise<string> =>
    (await run(flags, more)).baseline.device_id

  it('is that of a token that was given, which --device may confirm', async () => {
    expect(await device({})).toBe('BOTDEVICE')
    expect(await device({device: 'BOTDEVICE'})).toBe('BOTDEVICE')
    expect(await refusal({device: 'OTHER'})).toMatchObject({code: 'USAGE'})
  })

  it('must be named where the server does not tell', async () => {
    expect(await refusal({}, {deviceId: null})).toMatchObject({code: 'USAGE'})
    expect(await device({device: 'BOTDEVICE'}, {deviceId: null})).toBe('BOTDEVICE')
  })

  it('must be named where matrix-state has a device of its own, which is not it', async () => {
    const own = {ownLogin: true, deviceId: 'OWN'}
    expect(await refusal({}, own)).toMatchObject({code: 'USAGE', hint: expect.stringContaining('--device')})
    expect(await refusal({device: 'OWN'}, own)).toMatchObject({code: 'USAGE'})
    expect(await device({device: 'BOTDEVICE'}, own)).toBe('BOTDEVICE')
  })

  it('is the one that was recorded before', async () => {
    const before = (await run({})).baseline
    expect(await device({}, {before, ownLogin: true, deviceId: 'OWN'})).toBe('BOTDEVICE')
  })
})

describe('the store', () => {
  it('stands as it was named, with the check', async () => {
    await writeFile(path.join(folder, 'crypto.db'), 'x')
    const store = {path: folder, check: {kind: 'command', command: 'true'}}
    expect((await run({store: folder, 'store-check-command': 'true'})).baseline.store).toEqual(store)
    const file = path.join(folder, 'key')
    await writeFile(file, stub.bot.ed25519.publicKey)
    expect((await run({store: folder, 'store-check-file': file})).baseline.store).toEqual({
      path: folder,
      check: {kind: 'file', path: file},
    })
  })

  it('is as before where none is named; its absence, and a check outside it, are told', async () => {
    await writeFile(path.join(folder, 'crypto.db'), 'x')
    const {baseline: before, notes} = await run({store: folder})
    expect(notes).toEqual([])
    expect((await run({}, {before})).baseline.store).toEqual(before.store)
    expect((await run({})).notes.join()).toMatch(
      /preflight cannot see .* matrix-state setup --bot --modify --profile bot --store PATH/,
    )
    const file = path.join(folder, '..', `${path.basename(folder)}.key`)
    await writeFile(file, stub.bot.ed25519.publicKey)
    expect((await run({store: folder, 'store-check-file': file})).notes.join()).toContain('outside the store')
    await rm(file)
  })
})

describe('the store, where a person can be asked', () => {
  it('is asked for when nothing was recorded and none is named', async () => {
    await writeFile(path.join(folder, 'crypto.db'), 'x')
    const typed = {path: folder, check: null}
    const store = vi.fn(() => Promise.resolve(typed))
    const {baseline: before} = await run({}, {store})
    expect(before.store).toEqual(typed)
    await run({store: folder}, {store})
    await run({}, {store, before})
    expect(store).toHaveBeenCalledTimes(1)
    expect((await run({}, {store: () => Promise.resolve(null)})).baseline.store).toBe(null)
  })
})

describe('a check without a store beside it', () => {
  it('is one of the store that was recorded', async () => {
    await writeFile(path.join(folder, 'crypto.db'), 'x')
    const {baseline: before} = await run({store: folder})
    const check = {kind: 'command', command: 'true'}
    expect((await run({'store-check-command': 'true'}, {before})).baseline.store).toEqual({path: folder, check})
  })

  it('is refused where none was, in a new profile before anything is asked', async () => {
    const refused = {code: 'USAGE', hint: expect.stringContaining('--store PATH')}
    expect(await refusal({'store-check-command': 'true'})).toMatchObject(refused)
    expect(() => stepOf({modify: false, 'store-check-command': 'true'})).toThrow('no store')
  })
})

describe('--bootstrap', () => {
  it('prints the recovery key once, and no other secret', async () => {
    const {baseline} = await run({bootstrap: true})
    expect(baseline.cross_signed).toBe(true)
    expect(printed).toHaveLength(1)
    expect(printed[0]).toMatch(/^Recovery key of @bot:localhost\..*\n\n {2}Es\w{2}( \w{4}){11}\n\n$/u)
    expect(printed[0]).not.toContain(PASSWORD)
  })

  it('needs the password', async () => {
    expect(await refusal({bootstrap: true}, {password: () => Promise.resolve(null)})).toMatchObject({
      code: 'CREDENTIALS_ABSENT',
      hint: expect.stringContaining('MATRIX_STATE_PASSWORD'),
    })
    expect(stub.asked).toEqual([])
  })

  it('puts no key into a JSON document', () => {
    expect(() => stepOf({bootstrap: true}, true)).toThrow('--recovery-key-file')
    expect(stepOf({bootstrap: true, 'recovery-key-file': path.join(folder, 'key')}, true)).not.toBe(null)
  })
})
