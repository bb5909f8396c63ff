import {readFileSync, statSync} from 'node:fs'
import {readFile, rename, writeFile} from 'node:fs/promises'
import path from 'node:path'
import type {Profile} from '../../src/profile/profile.ts'
import type {Bot} from './bot.ts'
import {BotWorld} from './bot-world.ts'
import type {Login} from './bot-world.ts'
import {checkBootstrap} from './bootstrap-checks.ts'
import {checkProfiles} from './bot-profile-checks.ts'
import {checkSetups} from './bot-setup-checks.ts'
import {equal, Skipped} from './checking.ts'
import type {Running} from './checking.ts'
import {CommandLines} from './command-lines.ts'
import {changes} from './database.ts'
import {editStopped} from './device-world.ts'
import {settled, showChange} from './fetch-checks.ts'
import {FaultProxy} from './fault-proxy.ts'
import {findSecrets} from './secrets.ts'
import {prepareBotVenv} from './venv.ts'

/** A real bot with a persistent store goes through what a bot's life has, with `setup` and `preflight` beside it. */
export async function checkBots(running: Running): Promise<void> {
  const {check, program, python, say} = running
  const venv = await prepareBotVenv(say)
  const lines = new CommandLines()
  const secrets: string[] = []
  const keeping: Running = {
    ...running,
    keepSecret: (more) => {
      secrets.push(...more)
      running.keepSecret(more)
    },
  }
  const parts = ['run.js setup']
  try {
    if ('skip' in venv) await check('bots: all with a real bot', () => Promise.reject(new Skipped(venv.skip)))
    else {
      parts.push('run.js preflight', 'bot.py run')
      await liveWith(keeping, await BotWorld.launch(program, python, venv.python))
    }
    await checkBootstrap(keeping)
  } finally {
    const seen = await lines.stop(path.join(program.folder, 'output', 'bots-process-list.txt'))
    await check('bots: no secret in any output, file or process list', async () => {
      const {files, found} = await findSecrets(program.folder, secrets)
      if (found.length > 0) throw new Error(found.slice(0, 10).join('\n'))
      if (process.platform === 'linux') {
        for (const part of parts) {
          if (!seen.some((line) => line.includes(part))) throw new Error(`the process list never had ${part}`)
        }
      }
      return `${String(files)} files, ${String(seen.length)} command lines, ${String(secrets.length)} secrets`
    })
  }
}

async function liveWith(running: Running, world: BotWorld): Promise<void> {
  try {
    await new BotLife(running, world).live()
    await new Wedged(running, world).play()
    await checkProfiles(running, world)
    await checkSetups(running, world)
  } finally {
    running.keepSecret(world.server.secrets)
    await world.dispose()
  }
}

/** What `setup --bot` is given for a bot. */
export function recordArgs(world: BotWorld, bot: Bot, profile: string, baseUrl = world.server.baseUrl): string[] {
  const store = ['--store', bot.store, '--store-check-file', bot.checkFile]
  return ['setup', '--bot', '--profile', profile, '--homeserver', baseUrl, '--token-file', bot.tokenFile, ...store]
}

function modeOf(file: string): string {
  return (statSync(file).mode & 0o777).toString(8)
}

/** From setup to a new address. */
class BotLife {
  readonly #running: Running
  readonly #world: BotWorld
  #bot!: Bot
  #login!: Login
  #room = ''

  constructor(running: Running, world: BotWorld) {
    this.#running = running
    this.#world = world
  }

  async live(): Promise<void> {
    const {check} = this.#running
    const world = this.#world
    await check('bots: a bot is set up, once', () => this.#setUp())
    await check('bots: preflight without a profile ends with 5 and says what to type', async () => {
      const {stderr} = await world.expect(5, ['preflight', '--profile', 'bot'])
      if (!stderr.includes('matrix-state setup') || !stderr.includes('--profile bot')) throw new Error(stderr)
    })
    await check('bots: setup --bot records what the server publishes, in a file of mode 600', () => this.#record())
    await check('bots: it answers in an encrypted room, and preflight ends with 0 meanwhile', () => this.#talk())
    await check('bots: preflight changes nothing on the server, and no profile', () => this.#unchanged())
    await check('bots: without its store it refuses, and publishes nothing', () => this.#withoutStore())
    await check('bots: its token is revoked, the bot stops, and --modify takes the new one of that device alone', () =>
      this.#newToken(),
    )
    await check('bots: the server moves, and --modify takes the new address', () => this.#moved())
    await check('bots: an export has no secret, and is enough with a token', () => this.#exported())
    await check('bots: logged out: preflight ends with 1, and the bot stops', () => this.#loggedOut())
  }

  async #setUp(): Promise<void> {
    const world = this.#world
    const {bot, login} = await world.verifiedBot('robo', 'ROBO')
    this.#bot = bot
    this.#login = login
    const before = readFileSync(path.join(bot.store, 'crypto.db'))
    equal('a second setup', (await bot.once('setup')).code, 6)
    equal('its store afterwards', before.equals(readFileSync(path.join(bot.store, 'crypto.db'))), true)
    equal('mode of the store', modeOf(bot.store), '700')
    for (const file of [bot.tokenFile, bot.checkFile, path.join(bot.store, 'account.json')]) {
      equal(`mode of ${path.basename(file)}`, modeOf(file), '600')
    }
    const pickleKey = (JSON.parse(readFileSync(path.join(bot.store, 'account.json'), 'utf8')) as {pickle_key: string})
      .pickle_key
    world.server.secrets.push(pickleKey)
  }

  async #record(): Promise<string> {
    const world = this.#world
    const args = recordArgs(world, this.#bot, 'bot')
    const {stdout} = await world.expect(0, args)
    const file = world.profileFile('bot')
    equal('mode of the profile', modeOf(file), '600')
    equal('mode of its folder', modeOf(world.profiles), '700')
    equal('files beside it', (await world.profileFiles()).join(), 'bot.json')
    const text = readFileSync(file, 'utf8')
    const {bot, account} = JSON.parse(text) as Profile
    const {keys} = await world.published(this.#bot)
    equal('user', bot?.user_id, this.#bot.userId)
    equal('device', bot?.device_id, 'ROBO')
    equal('ed25519', bot?.ed25519, keys['ed25519:ROBO'])
    equal('curve25519', bot?.curve25519, keys['curve25519:ROBO'])
    equal('verified', bot?.cross_signed, true)
    equal('backup', bot?.backup, null)
    equal('store', bot?.store?.path, this.#bot.store)
    equal('whose login it is', account?.own_login, false)
    await world.expect(6, args)
    equal('the profile after a second setup', readFileSync(file, 'utf8'), text)
    return stdout.split('\n')[0]!
  }

  async #talk(): Promise<void> {
    const world = this.#world
    const first = await this.#bot.start()
    this.#room = await world.talker.room(this.#bot.userId)
    await this.#asks('one')
    equal('preflight', (await world.preflight(0, 'bot')).join(), '')
    await first.stop()
    const second = await this.#bot.start()
    await this.#asks('after a restart, by the same store')
    await second.stop()
  }

  async #asks(text: string): Promise<void> {
    const {decrypted} = await this.#world.talker.ask(this.#room, text)
    equal('the answer was encrypted', decrypted, true)
  }

  async #unchanged(): Promise<string> {
    const world = this.#world
    const profile = readFileSync(world.profileFile('bot'), 'utf8')
    const [before] = await settled([world.server])
    for (let n = 0; n < 3; n += 1) await world.preflight(0, 'bot')
    const [after] = await settled([world.server])
    const list = changes(before!, after!)
    if (list.length > 0) throw new Error(`changed:\n${list.map(showChange).join('\n')}`)
    equal('the profile', readFileSync(world.profileFile('bot'), 'utf8'), profile)
    return `${String(before!.size)} tables`
  }

  async #withoutStore(): Promise<void> {
    const world = this.#world
    const away = `${this.#bot.store}.away`
    await rename(this.#bot.store, away)
    const {code, output} = await this.#bot.once('run')
    equal('the bot', code, 5)
    equal('preflight', (await world.preflight(1, 'bot')).join(), 'baseline/store-missing')
    const {keys} = await world.published(this.#bot)
    const {bot} = JSON.parse(readFileSync(world.profileFile('bot'), 'utf8')) as Profile
    equal('what is published', keys['ed25519:ROBO'], bot?.ed25519)
    if (!output.includes('restore')) throw new Error(output)
    await rename(away, this.#bot.store)
    equal('preflight with the store again', (await world.preflight(0, 'bot')).join(), '')
  }

  /** The old token is taken away where the server keeps it, and the device stays with its keys: a login with the same device ID. */
  async #newToken(): Promise<void> {
    const world = this.#world
    const [old, token] = [await world.tokenOf(this.#bot), await world.logIn(this.#login, this.#bot.deviceId)]
    await world.server.stop()
    equal('tokens', await editStopped(world.server, 'DELETE FROM access_tokens WHERE token = ?', old), 1)
    await world.server.start()
    equal('errors', (await world.preflight(1, 'bot')).join(), 'baseline/token-refused')
    equal('the bot', (await this.#bot.once('run')).code, 4)
    const {stdout} = await world.expect(1, ['preflight', '--profile', 'bot'])
    if (!stdout.includes('setup --modify')) throw new Error(`the repair is not told:\n${stdout}`)
    const file = world.profileFile('bot')
    const text = readFileSync(file, 'utf8')
    const other = await world.secretFile('other', await world.logIn(this.#login, 'ANOTHER'))
    await world.expect(6, ['setup', '--modify', '--profile', 'bot', '--token-file', other])
    equal('the profile after another device’s token', readFileSync(file, 'utf8'), text)
    await writeFile(this.#bot.tokenFile, `${token}\n`)
    await world.expect(0, ['setup', '--modify', '--profile', 'bot', '--token-file', this.#bot.tokenFile])
    equal('mode of the profile', modeOf(file), '600')
    equal('preflight', (await world.preflight(0, 'bot')).join(), '')
    const running = await this.#bot.start()
    await this.#asks('with the new token')
    await running.stop()
  }

  /** The profile knows the server by a proxy that goes away. */
  async #moved(): Promise<void> {
    const world = this.#world
    const modify = (url: string): string[] => ['setup', '--modify', '--profile', 'bot', '--homeserver', url]
    const old = await FaultProxy.launch({target: world.server.baseUrl})
    await world.expect(0, modify(old.url))
    equal('by the first address', (await world.preflight(0, 'bot')).join(), '')
    await old.close()
    await world.expect(4, ['preflight', '--profile', 'bot', '--timeout', '10'])
    const moved = await FaultProxy.launch({target: world.server.baseUrl})
    try {
      await world.expect(0, modify(moved.url))
      equal('by the new address', (await world.preflight(0, 'bot')).join(), '')
    } finally {
      await moved.close()
    }
    await world.expect(0, modify(world.server.baseUrl))
  }

  async #exported(): Promise<void> {
    const world = this.#world
    const {stdout} = await world.expect(0, ['profile', 'export', 'bot'])
    for (const secret of world.server.secrets) {
      if (stdout.includes(secret)) throw new Error('a secret is in the export')
    }
    const file = path.join(world.folder, 'export.json')
    await writeFile(file, stdout)
    const env = {MATRIX_STATE_TOKEN: await world.tokenOf(this.#bot), MATRIX_STATE_PROFILE_DIR: '/nonexistent'}
    await world.expect(0, ['preflight', '--baseline', file, '--no-store'], {env})
    for (const args of [
      ['profile', 'show', 'bot'],
      ['profile', 'list'],
    ])
      await world.expect(0, args)
  }

  async #loggedOut(): Promise<void> {
    const world = this.#world
    const account = {userId: this.#bot.userId, accessToken: await world.tokenOf(this.#bot)}
    await world.server.ask(account, 'POST', '/_matrix/client/v3/logout', {})
    equal('errors', (await world.preflight(1, 'bot')).join(), 'baseline/token-refused')
    const {code} = await this.#bot.once('run')
    equal('the bot', code, 4)
  }
}

/** A bot that does not look for its store. */
class Wedged {
  readonly #running: Running
  readonly #world: BotWorld

  constructor(running: Running, world: BotWorld) {
    this.#running = running
    this.#world = world
  }

  async play(): Promise<void> {
    const {check} = this.#running
    const world = this.#world
    let bot!: Bot
    let room = ''
    await check('bots: another bot, recorded with a check command', async () => {
      ;({bot} = await world.verifiedBot('wally', 'WALLY'))
      const args = recordArgs(world, bot, 'wally').slice(0, -2)
      await world.expect(0, [...args, '--store-check-command', bot.checkCommand])
      const running = await bot.start()
      room = await world.talker.room(bot.userId)
      await world.talker.ask(room, 'one')
      await running.stop()
      equal('preflight', (await world.preflight(0, 'wally')).join(), '')
    })
    await check('bots: one that makes itself a new store under its device ID cannot read what it is told', async () => {
      await rename(bot.store, `${bot.store}.away`)
      const running = await bot.startCarelessly()
      await world.talker.tell(room, '!ping two')
      await running.until('undecryptable')
      await running.stop()
    })
    await check('bots: preflight names device/identity-changed, and the check command fails', async () => {
      const errors = await world.preflight(1, 'wally')
      for (const id of ['device/identity-changed', 'baseline/store-unopenable']) {
        if (!errors.includes(id)) throw new Error(`${id} is not among ${errors.join()}`)
      }
      return errors.join()
    })
    await check('bots: new keys with the old ones’ signature are never recorded', async () => {
      const before = readFileSync(world.profileFile('wally'), 'utf8')
      for (const more of [[], ['--accept-new-identity']]) {
        const {stderr} = await world.expect(4, ['setup', '--bot', '--modify', '--profile', 'wally', ...more])
        if (!stderr.includes('logs out device WALLY')) throw new Error(stderr)
      }
      equal('the profile', readFileSync(world.profileFile('wally'), 'utf8'), before)
    })
    await check('bots: new keys of an unverified device are recorded if they are accepted', () => this.#unverified())
    await check('bots: a new device in an empty folder, recorded by --accept-new-identity, is well again', async () => {
      await this.#anew(bot)
    })
  }

  async #unverified(): Promise<void> {
    const world = this.#world
    const bot = await world.newBot(await world.account('willy'), 'WILLY')
    equal('setup', (await bot.once('setup')).code, 0)
    await world.tokenOf(bot)
    await world.expect(0, recordArgs(world, bot, 'willy'))
    equal('preflight', (await world.preflight(0, 'willy')).join(), '')
    await rename(bot.store, `${bot.store}.away`)
    await (await bot.startCarelessly()).stop()
    const errors = 'baseline/store-of-another,device/identity-changed'
    equal('errors', (await world.preflight(1, 'willy')).join(), errors)
    const before = readFileSync(world.profileFile('willy'), 'utf8')
    const modify = ['setup', '--bot', '--modify', '--profile', 'willy']
    for (const args of [modify, [...modify.slice(0, 1), ...modify.slice(2), '--token-file', bot.tokenFile]]) {
      await world.expect(6, args)
      equal('the profile', readFileSync(world.profileFile('willy'), 'utf8'), before)
    }
    const {stdout} = await world.expect(0, [...modify, '--accept-new-identity'])
    const old = (JSON.parse(before) as Profile).bot!.ed25519
    if (!stdout.includes(old)) throw new Error(`it does not show what was before:\n${stdout}`)
    equal('preflight afterwards', (await world.preflight(0, 'willy')).join(), '')
  }

  /** What docs/bots.md advises. */
  async #anew(old: Bot): Promise<void> {
    const world = this.#world
    const account = {userId: old.userId, accessToken: await world.tokenOf(old)}
    await world.server.ask(account, 'POST', '/_matrix/client/v3/logout', {})
    const password = (await readFile(path.join(old.folder, 'password'), 'utf8')).trim()
    const bot = await world.newBot({userId: old.userId, password}, 'WALLY2')
    equal('setup', (await bot.once('setup')).code, 0)
    await world.tokenOf(bot)
    const store = ['--store', bot.store, '--store-check-file', bot.checkFile]
    const modify = ['setup', '--bot', '--modify', '--profile', 'wally', '--token-file', bot.tokenFile, ...store]
    await world.expect(6, modify)
    await world.expect(0, [...modify, '--accept-new-identity'])
    equal('preflight', (await world.preflight(0, 'wally')).join(), '')
    const running = await bot.start()
    const room = await world.talker.room(bot.userId)
    await world.talker.ask(room, 'anew')
    await running.stop()
    equal('preflight after it ran', (await world.preflight(0, 'wally')).join(), '')
  }
}
