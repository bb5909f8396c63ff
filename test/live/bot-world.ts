import {randomBytes} from 'node:crypto'
import {rmSync} from 'node:fs'
import {mkdir, mkdtemp, readdir, readFile, writeFile} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import path from 'node:path'
import type {JsonObject} from '../../src/matrix/json.ts'
import {Bot, Talker} from './bot.ts'
import {CrossSigning} from './device-signing.ts'
import {told} from './program.ts'
import type {Program, Run, RunOptions} from './program.ts'
import {Synapse} from './synapse.ts'

const V3 = '/_matrix/client/v3'

/** `preflight --json`, as far as the checks read it. */
export interface Preflight {
  readonly schema: string
  readonly findings: readonly {readonly id: string; readonly severity: string; readonly summary: string}[]
}

export interface Login {
  readonly userId: string
  readonly password: string
}

/** One server, real bots on it, somebody who talks to them, and a folder of profiles. */
export class BotWorld {
  readonly server: Synapse
  readonly talker: Talker
  /** Not searched for secrets: stores, passwords and profiles are here. */
  readonly folder: string
  readonly #program: Program
  readonly #botPython: string

  private constructor(program: Program, server: Synapse, talker: Talker, folder: string, botPython: string) {
    this.#program = program
    this.server = server
    this.talker = talker
    this.folder = folder
    this.#botPython = botPython
  }

  static async launch(program: Program, python: string, botPython: string): Promise<BotWorld> {
    const folder = await mkdtemp(path.join(tmpdir(), 'matrix-state-bots-'))
    process.once('exit', () => rmSync(folder, {recursive: true, force: true}))
    const server = await Synapse.launch(python)
    const talker = await Talker.start(botPython, server, 'tina')
    return new BotWorld(program, server, talker, folder, botPython)
  }

  get profiles(): string {
    return path.join(this.folder, 'profiles')
  }

  profileFile(name: string): string {
    return path.join(this.profiles, `${name}.json`)
  }

  /** Runs the program with the profiles of this world. */
  state(args: readonly string[], options: RunOptions = {}): Promise<Run> {
    const env = {MATRIX_STATE_PROFILE_DIR: this.profiles, ...options.env}
    return this.#program.run(args, {...options, env})
  }

  /** The same, which must end with `code`. */
  async expect(code: number, args: readonly string[], options: RunOptions = {}): Promise<Run> {
    const run = await this.state(args, options)
    if (run.code !== code) throw new Error(`expected exit code ${String(code)}\n${told(args, run)}`)
    return run
  }

  /** `preflight` must end with `code`. @returns the IDs of its errors, sorted */
  async preflight(
    code: number,
    profile: string,
    args: readonly string[] = [],
    options: RunOptions = {},
  ): Promise<string[]> {
    const {stdout} = await this.expect(code, ['preflight', '--profile', profile, '--json', ...args], options)
    const {findings} = JSON.parse(stdout) as Preflight
    return findings.flatMap(({id, severity}) => (severity === 'error' ? [id] : [])).sort()
  }

  /** An account that nobody is logged in to. */
  async account(localpart: string): Promise<Login> {
    const password = randomBytes(8).toString('hex')
    const {userId, accessToken} = await this.server.register(localpart, {password})
    await this.server.ask({userId, accessToken}, 'POST', `${V3}/logout`, {})
    return {userId, password}
  }

  async passwordFile({userId, password}: Login): Promise<string> {
    return this.secretFile(`password-${userId.slice(1).split(':')[0]!}`, password)
  }

  async secretFile(name: string, text: string): Promise<string> {
    const file = path.join(this.folder, name)
    await writeFile(file, `${text}\n`, {mode: 0o600})
    return file
  }

  /** A bot with a folder of its own that has not been set up. */
  async newBot({userId, password}: Login, deviceId: string): Promise<Bot> {
    const folder = path.join(this.folder, deviceId)
    await mkdir(folder, {mode: 0o700})
    return Bot.of(this.#botPython, folder, this.server.baseUrl, {userId, password, deviceId})
  }

  /** A bot that has been set up, with its device signed by cross-signing. */
  async verifiedBot(localpart: string, deviceId: string): Promise<{bot: Bot; login: Login}> {
    const login = await this.account(localpart)
    const bot = await this.newBot(login, deviceId)
    const {code, output} = await bot.once('setup')
    if (code !== 0) throw new Error(`the bot's setup: ${output}`)
    await this.verify(bot)
    return {bot, login}
  }

  async tokenOf(bot: Bot): Promise<string> {
    const token = (await readFile(bot.tokenFile, 'utf8')).trim()
    if (!this.server.secrets.includes(token)) this.server.secrets.push(token)
    return token
  }

  /** Gives the bot's account cross-signing keys, and signs its device with them. */
  async verify(bot: Bot): Promise<void> {
    const account = {userId: bot.userId, accessToken: await this.tokenOf(bot)}
    const crossSigning = new CrossSigning(bot.userId)
    await this.server.ask(account, 'POST', `${V3}/keys/device_signing/upload`, crossSigning.upload())
    const {unsigned: _, ...keys} = await this.published(bot)
    const signed = crossSigning.selfSigning.signed(keys as JsonObject, bot.userId)
    const {failures} = await this.server.ask<{failures: object}>(account, 'POST', `${V3}/keys/signatures/upload`, {
      [bot.userId]: {[bot.deviceId]: signed},
    })
    if (JSON.stringify(failures) !== '{}') throw new Error(`signature: ${JSON.stringify(failures)}`)
  }

  /** Device keys of a bot as the server tells them. */
  async published(bot: Bot): Promise<Record<string, unknown> & {keys: Record<string, string>}> {
    const account = {userId: bot.userId, accessToken: await this.tokenOf(bot)}
    const {device_keys: devices} = await this.server.ask<{
      device_keys: Record<string, Record<string, Record<string, unknown> & {keys: Record<string, string>}>>
    }>(account, 'POST', `${V3}/keys/query`, {device_keys: {[bot.userId]: []}})
    return devices[bot.userId]![bot.deviceId]!
  }

  /** A login by password. @returns its token */
  async logIn({userId, password}: Login, deviceId?: string): Promise<string> {
    const {access_token: token} = await this.server.ask<{access_token: string}>(null, 'POST', `${V3}/login`, {
      type: 'm.login.password',
      identifier: {type: 'm.id.user', user: userId},
      password,
      ...(deviceId === undefined ? {} : {device_id: deviceId}),
    })
    this.server.secrets.push(token)
    return token
  }

  /** Device IDs that an account is logged in with, as a device that is logged out again sees them; itself not among them. */
  async sessions(login: Login): Promise<string[]> {
    const accessToken = await this.logIn(login, 'LOOKING')
    const account = {userId: login.userId, accessToken}
    const {devices} = await this.server.ask<{devices: {device_id: string}[]}>(account, 'GET', `${V3}/devices`)
    await this.server.ask(account, 'POST', `${V3}/logout`, {})
    return devices.map(({device_id: id}) => id).filter((id) => id !== 'LOOKING')
  }

  /** Names of the files in the folder of profiles; empty where it is not there. */
  async profileFiles(): Promise<string[]> {
    return (await readdir(this.profiles).catch(() => [])).sort()
  }

  async dispose(): Promise<void> {
    await this.talker.close()
    await this.server.dispose()
    rmSync(this.folder, {recursive: true, force: true})
  }
}
