import {chmod, mkdir, mkdtemp, readFile, rm, stat, symlink, writeFile} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import path from 'node:path'
import {setTimeout as sleep} from 'node:timers/promises'
import {afterEach, beforeEach, describe, expect, it, vi} from 'vitest'
import {checkStore, type StoreState} from '../../src/investigate/store-check.ts'
import type {StoreBaseline, StoreCheck} from '../../src/matrix/device-baseline.ts'
import {pair} from '../devices/users.ts'

const ED25519 = pair().publicKey
const OWNER = {user_id: '@bot:example.org', device_id: 'BOTDEVICE', ed25519: ED25519}

let folder = ''
let store = ''
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'matrix-state-store-'))
  store = path.join(folder, 'store')
  await mkdir(store)
})
afterEach(async () => {
  vi.unstubAllEnvs()
  await rm(folder, {recursive: true, force: true})
})

const look = (
  check: StoreCheck | null = null,
  more: {at?: string; timeoutMs?: number; signal?: AbortSignal} = {},
): Promise<StoreState> => {
  const baseline: StoreBaseline = {path: more.at ?? store, check}
  return checkStore(baseline, OWNER, {signal: more.signal ?? new AbortController().signal, timeoutMs: more.timeoutMs})
}

const fill = (name = 'crypto.db', text = 'keys'): Promise<void> => writeFile(path.join(store, name), text)
const command = (line: string): StoreCheck => ({kind: 'command', command: line})

describe('a store without a check', () => {
  it('is missing where there is nothing', async () => {
    expect(await look(null, {at: path.join(folder, 'elsewhere')})).toMatchObject({outcome: 'missing'})
    expect(await look(null, {at: path.join(folder, 'store', 'x', 'y')})).toMatchObject({outcome: 'missing'})
  })

  it('is missing where the folder is empty, as a volume that was just made', async () => {
    expect(await look()).toMatchObject({outcome: 'missing', where: store})
    await mkdir(path.join(store, 'lost+found'))
    await mkdir(path.join(store, 'crypto', 'deep'), {recursive: true})
    await fill('empty.db', '')
    expect(await look()).toMatchObject({outcome: 'missing'})
    await writeFile(path.join(store, 'crypto', 'deep', 'store.db'), 'x')
    expect(await look()).toMatchObject({outcome: 'present'})
  })

  it('is missing where the file is empty, and present where it holds something', async () => {
    await fill('bot.db', '')
    expect(await look(null, {at: path.join(store, 'bot.db')})).toMatchObject({outcome: 'missing'})
    await fill('bot.db', 'x')
    expect(await look(null, {at: path.join(store, 'bot.db')})).toMatchObject({outcome: 'present'})
  })

  it('is missing where a device stands in its place', async () => {
    expect(await look(null, {at: '/dev/null'})).toMatchObject({outcome: 'missing'})
  })

  it('is found behind links, and links that lead in circles or nowhere are no store', async () => {
    await symlink(path.join(store, 'nowhere'), path.join(store, 'dangling'))
    expect(await look()).toMatchObject({outcome: 'missing'})
    await fill()
    await symlink(store, path.join(folder, 'link'))
    expect(await look(null, {at: path.join(folder, 'link')})).toMatchObject({outcome: 'present'})
  })

  it.skipIf(process.getuid?.() === 0)('says nothing of what it may not look at', async () => {
    await fill()
    await chmod(store, 0o000)
    expect(await look()).toMatchObject({outcome: 'not-checked'})
    await chmod(store, 0o700)
  })
})

describe('a store with a file that holds its key', () => {
  const keyFile = (): string => path.join(store, 'device.key')
  const byFile = (): Promise<StoreState> => look({kind: 'file', path: keyFile()})

  it.each([
    ['the key alone', () => ED25519],
    ['with a line feed and a mark of the encoding', () => `\ufeff${ED25519}\r\n`],
    ['with padding', () => `${ED25519}=`],
    ['in an object', () => JSON.stringify({device_id: 'BOTDEVICE', ed25519: ED25519}, null, 2)],
  ])('opens: %s', async (_, text) => {
    await fill()
    await writeFile(keyFile(), text())
    expect(await byFile()).toMatchObject({outcome: 'opens', where: keyFile()})
  })

  it.each([
    ['nothing', ''],
    ['no key', 'BOTDEVICE'],
    ['the beginning of the key', ED25519.slice(0, 20)],
    ['more than the key', `${ED25519} ${ED25519}`],
    ['an object without it', '{"curve25519":"x"}'],
    ['a broken object', '{"ed25519":"'],
    ['an object that inherits it', '{"__proto__":{"ed25519":"x"}}'],
  ])('was not shown to open where the file holds %s', async (_, text) => {
    await fill()
    await writeFile(keyFile(), text)
    expect(await byFile()).toMatchObject({outcome: 'unopenable'})
  })

  it('was not shown to open where the file is not there, or is a folder', async () => {
    await fill()
    expect(await byFile()).toMatchObject({outcome: 'unopenable'})
    await mkdir(keyFile())
    expect(await byFile()).toMatchObject({outcome: 'unopenable'})
  })

  it('is of another device where another key stands there', async () => {
    await fill()
    const other = pair().publicKey
    await writeFile(keyFile(), other)
    expect(await byFile()).toMatchObject({outcome: 'of-another', ed25519: other})
  })

  it('is missing where that file is all that is left of it', async () => {
    await writeFile(keyFile(), ED25519)
    expect(await byFile()).toMatchObject({outcome: 'missing'})
  })
})

describe('a store with a command', () => {
  beforeEach(() => fill())

  it('opens where the command ends with 0, and was not shown to where it does not', async () => {
    expect(await look(command('exit 0'))).toMatchObject({outcome: 'opens', where: 'command'})
    expect(await look(command('exit 3'))).toMatchObject({outcome: 'unopenable', why: expect.stringMatching(/\b3\b/)})
    expect(await look(command('kill -9 $$'))).toMatchObject({
      outcome: 'unopenable',
      why: expect.stringContaining('SIGKILL'),
    })
  })

  it('is not checked where the command cannot be run', async () => {
    expect(await look(command('no-such-command-here'))).toMatchObject({outcome: 'not-checked'})
    await fill('check.sh', 'exit 0')
    expect(await look(command('./check.sh'))).toMatchObject({outcome: 'not-checked'})
  })

  it('is told the device, no secret, and stands in the store', async () => {
    for (const name of ['TOKEN', 'ADMIN_TOKEN', 'PASSWORD', 'HOMESERVER', 'NEW_SECRET'])
      vi.stubEnv(`MATRIX_STATE_${name}`, 'hush-hush')
    vi.stubEnv('BOT_PICKLE_KEY', 'for the bot')
    const seen = path.join(folder, 'seen')
    await look(command(`env > ${seen}; pwd >> ${seen}`))
    const text = await readFile(seen, 'utf8')
    expect(text.split('\n').filter((line) => line.startsWith('MATRIX_STATE_'))).toHaveLength(3)
    expect(text).not.toContain('hush')
    for (const line of [
      `MATRIX_STATE_USER_ID=${OWNER.user_id}`,
      `MATRIX_STATE_DEVICE_ID=${OWNER.device_id}`,
      `MATRIX_STATE_ED25519=${ED25519}`,
      'BOT_PICKLE_KEY=for the bot',
      store,
    ]) {
      expect(text.split('\n')).toContain(line)
    }
  })

  it('gets no input, and nothing that it says is told', async () => {
    const told = await look(command('read line; echo "the secret is $line xyzzy"; echo xyzzy >&2; exit 1'))
    expect(told.outcome).toBe('unopenable')
    expect(JSON.stringify(told)).not.toContain('xyzzy')
  })

  it('is ended with all that it started when its time is up', async () => {
    const beat = path.join(folder, 'beat')
    const line = `(trap '' TERM INT HUP; while :; do echo x >> ${beat}; sleep 0.05; done) & wait`
    expect(await look(command(line), {timeoutMs: 400})).toMatchObject({outcome: 'unopenable'})
    await expectSilence(beat)
  })

  it('is ended with all that it started when the run is interrupted', async () => {
    const beat = path.join(folder, 'beat')
    const line = `(while :; do echo x >> ${beat}; sleep 0.05; done) & wait`
    const controller = new AbortController()
    const running = look(command(line), {signal: controller.signal})
    await vi.waitFor(() => sizeOf(beat).then((size) => expect(size).toBeGreaterThan(0)))
    controller.abort(new Error('interrupted'))
    await expect(running).rejects.toThrow('interrupted')
    await expectSilence(beat)
  })

  it('leaves nothing running when it ends: that would hold the store', async () => {
    const beat = path.join(folder, 'beat')
    const line = `(while :; do echo x >> ${beat}; sleep 0.05; done) & sleep 0.3`
    expect(await look(command(line))).toMatchObject({outcome: 'opens'})
    await expectSilence(beat)
  })

  it('may run as another user, whom nobody here may end', async () => {
    const kill = vi.spyOn(process, 'kill').mockImplementation(() => {
      throw Object.assign(new Error('kill EPERM'), {code: 'EPERM'})
    })
    expect(await look(command('sleep 1'), {timeoutMs: 200})).toMatchObject({outcome: 'unopenable'})
    expect(kill).toHaveBeenCalled()
    kill.mockRestore()
  })

  it('is not run where the store is missing', async () => {
    await rm(path.join(store, 'crypto.db'))
    expect(await look(command(`touch ${path.join(folder, 'ran')}`))).toMatchObject({outcome: 'missing'})
    expect(await sizeOf(path.join(folder, 'ran')).catch(() => null)).toBe(null)
  })
})

async function sizeOf(file: string): Promise<number> {
  return (await stat(file)).size
}

async function expectSilence(file: string): Promise<void> {
  await sleep(100)
  const before = await sizeOf(file)
  expect(before).toBeGreaterThan(0)
  await sleep(300)
  expect(await sizeOf(file)).toBe(before)
}
