import {execFileSync} from 'node:child_process'
import {mkdirSync, rmSync, statfsSync, writeFileSync} from 'node:fs'
import path from 'node:path'
import {setTimeout as sleep} from 'node:timers/promises'
import type {Bot} from './bot.ts'
import type {BotWorld, Login} from './bot-world.ts'
import {equal, Skipped} from './checking.ts'
import type {Check, Running} from './checking.ts'
import {FaultProxy} from './fault-proxy.ts'

/** Setups by password that are made twice at once, that have no room on the disk, and that are interrupted. */
export async function checkSetups({check, quick}: Running, world: BotWorld): Promise<void> {
  const login = await world.account('paula')
  const passwordFile = await world.passwordFile(login)
  const proxy = await FaultProxy.launch({target: world.server.baseUrl})
  const setups = new Setups(world, login, proxy, [
    ...['setup', '--homeserver', proxy.url, '--user', login.userId, '--password-file', passwordFile],
  ])
  try {
    await check('bots: setup by password has a device of its own, which profile remove logs out', () =>
      setups.healthy(),
    )
    await check('bots: of two setups at once one is made, and no device is left over', () => setups.twice())
    await check('bots: a disk that is full shows before anything is done on the server', () => setups.fullDisk())
    await check('bots: a limit on the size of files shows as well', () => setups.fileLimit())
    for (let n = 0; n < setups.requests.length; n += quick ? 2 : 1) {
      for (const signal of ['SIGINT', 'SIGTERM'] as const) {
        const what = setups.requests[n]!
        await check(`bots: ${signal} at request ${String(n + 1)} of setup (${what}) leaves nothing`, () =>
          setups.interrupted(n, signal),
        )
      }
    }
    await checkBotSetup(check, world, proxy)
  } finally {
    await proxy.close()
  }
}

/** The same with a bot's device to record, at the one request that only that makes. */
async function checkBotSetup(check: Check, world: BotWorld, proxy: FaultProxy): Promise<void> {
  let setups!: Setups
  let before = ''
  let bot!: Bot
  await check('bots: setup --bot by password has a device of its own beside the bot’s', async () => {
    const made = await world.verifiedBot('petra', 'PETRA')
    bot = made.bot
    await world.tokenOf(bot)
    before = JSON.stringify(await world.published(bot))
    const passwordFile = await world.passwordFile(made.login)
    setups = new Setups(world, made.login, proxy, [
      ...['setup', '--homeserver', proxy.url, '--user', bot.userId, '--password-file', passwordFile],
      ...['--bot', '--device', 'PETRA', '--store', bot.store, '--store-check-file', bot.checkFile],
    ])
    return setups.healthy()
  })
  await check('bots: Ctrl-C while setup --bot asks for the bot’s keys leaves nothing half made', async () => {
    const n = setups.requests.findIndex((request) => request.endsWith('/keys/query'))
    if (n < 0) throw new Error(setups.requests.join(', '))
    await setups.interrupted(n, 'SIGINT')
    equal('what is published', JSON.stringify(await world.published(bot)), before)
  })
}

class Setups {
  /** Of a setup that goes well, in order: `POST /path`. */
  requests: string[] = []
  readonly #world: BotWorld
  readonly #login: Login
  readonly #proxy: FaultProxy
  readonly #args: readonly string[]

  constructor(world: BotWorld, login: Login, proxy: FaultProxy, args: readonly string[]) {
    this.#world = world
    this.#login = login
    this.#proxy = proxy
    this.#args = args
  }

  /** Nothing of a setup is there: no file, no device. */
  async #nothing(files: readonly string[], sessions: readonly string[]): Promise<void> {
    equal('files', (await this.#world.profileFiles()).join(), files.join())
    equal('devices', (await this.#world.sessions(this.#login)).join(), sessions.join())
  }

  async #before(): Promise<readonly [string[], string[]]> {
    return [await this.#world.profileFiles(), await this.#world.sessions(this.#login)]
  }

  async healthy(): Promise<string> {
    const world = this.#world
    const before = await this.#before()
    this.#proxy.takeExchanges()
    await world.expect(0, [...this.#args, '--profile', 'paula'])
    this.requests = this.#proxy.takeExchanges().map(({method, url}) => `${method} ${url.split('?')[0]!}`)
    equal('devices', (await world.sessions(this.#login)).length, before[1].length + 1)
    await world.expect(0, ['profile', 'show', 'paula'])
    await world.expect(0, ['profile', 'remove', 'paula', '--yes'])
    await this.#nothing(...before)
    if (!this.requests.some((request) => request.endsWith('/login'))) throw new Error(this.requests.join(', '))
    return this.requests.join(', ')
  }

  async twice(): Promise<void> {
    const world = this.#world
    const before = await this.#before()
    const args = [...this.#args, '--profile', 'twin']
    const runs = await Promise.all([world.state(args), world.state(args)])
    const codes = runs.map(({code}) => code).sort()
    equal('exit codes', codes.join(), '0,6')
    equal('devices', (await world.sessions(this.#login)).length, before[1].length + 1)
    await world.expect(0, ['profile', 'remove', 'twin', '--yes'])
    await this.#nothing(...before)
  }

  /** A file system of a few pages, which is full. */
  async fullDisk(): Promise<string> {
    const world = this.#world
    const mount = path.join(world.folder, 'tiny')
    mkdirSync(mount)
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k,mode=700', 'tmpfs', mount], {stdio: 'ignore'})
    } catch {
      throw new Skipped('no file system can be mounted here')
    }
    try {
      const {bavail, bsize} = statfsSync(mount)
      // Room for a folder and for names, and none for what is in a profile.
      writeFileSync(path.join(mount, 'filler'), Buffer.alloc((bavail - 1) * bsize))
      try {
        writeFileSync(path.join(mount, 'rest'), Buffer.alloc(bsize))
      } catch {
        // Full is what it should be.
      }
      return await this.#refused({env: {MATRIX_STATE_PROFILE_DIR: path.join(mount, 'profiles')}})
    } finally {
      execFileSync('umount', [mount])
      rmSync(mount, {recursive: true})
    }
  }

  fileLimit(): Promise<string> {
    return this.#refused({fileBlocks: 1})
  }

  async #refused(options: Parameters<BotWorld['expect']>[2]): Promise<string> {
    const world = this.#world
    const before = await this.#before()
    this.#proxy.takeExchanges()
    const {stdout} = await world.expect(4, [...this.#args, '--profile', 'paula', '--json'], options)
    const {error} = JSON.parse(stdout) as {error: {code: string; message: string}}
    equal('code', error.code, 'OUTPUT_FAILED')
    const written = this.#proxy.takeExchanges().filter(({method}) => method !== 'GET')
    equal('requests that could change something', written.map(({url}) => url).join(), '')
    await this.#nothing(...before)
    return error.message
  }

  /** A signal while the n-th request of a setup is under way: the server has it, its answer comes late. */
  async interrupted(n: number, signal: 'SIGINT' | 'SIGTERM'): Promise<void> {
    const world = this.#world
    const before = await this.#before()
    const when = new AbortController()
    let seen = 0
    // Both ways: the server has done it, or it does it only after the signal.
    const kind = signal === 'SIGINT' ? 'late' : 'delay'
    this.#proxy.script([{match: /./u, first: n + 1, times: 1, fault: {kind, ms: 700}}])
    this.#proxy.onRequest = () => {
      seen += 1
      if (seen === n + 1) setTimeout(() => when.abort(), 200)
    }
    try {
      const run = await world.state([...this.#args, '--profile', 'paula'], {interrupt: {when: when.signal, signal}})
      equal('exit code', run.code, 130)
    } finally {
      this.#proxy.onRequest = null
      this.#proxy.script([])
    }
    // Should it have gone without waiting for the answer, the proxy still passes on what it has.
    await sleep(1000)
    await this.#nothing(...before)
  }
}
