import {spawn} from 'node:child_process'
import type {ChildProcess} from 'node:child_process'
import {once} from 'node:events'
import {writeFile} from 'node:fs/promises'
import path from 'node:path'
import {createInterface} from 'node:readline'
import {setTimeout as sleep} from 'node:timers/promises'
import {fileURLToPath} from 'node:url'
import {LineProcess} from './json-lines.ts'
import type {Synapse} from './synapse.ts'

const BOT = fileURLToPath(new URL('bot.py', import.meta.url))
const TALKER = fileURLToPath(new URL('talker.py', import.meta.url))

/** How a run of the bot ended. */
export interface BotRun {
  readonly code: number | null
  readonly output: string
}

/** `bot.py` with its account and its folder: a real bot on matrix-nio. */
export class Bot {
  readonly userId: string
  readonly deviceId: string
  /** `BOT_DATA`. */
  readonly folder: string
  readonly #python: string
  readonly #env: Readonly<Record<string, string>>

  constructor(python: string, folder: string, userId: string, deviceId: string, env: Readonly<Record<string, string>>) {
    this.#python = python
    this.folder = folder
    this.userId = userId
    this.deviceId = deviceId
    const base = {PATH: process.env.PATH ?? '', HOME: folder, BOT_DATA: folder}
    this.#env = {...base, BOT_USER: userId, BOT_DEVICE_ID: deviceId, ...env}
  }

  /** @param homeserver - base URL of the client API */
  static async of(
    python: string,
    folder: string,
    homeserver: string,
    account: {readonly userId: string; readonly password: string; readonly deviceId: string},
  ): Promise<Bot> {
    const passwordFile = path.join(folder, 'password')
    await writeFile(passwordFile, `${account.password}\n`, {mode: 0o600})
    const env = {BOT_HOMESERVER: homeserver, BOT_PASSWORD_FILE: passwordFile}
    return new Bot(python, folder, account.userId, account.deviceId, env)
  }

  get store(): string {
    return path.join(this.folder, 'store')
  }
  get tokenFile(): string {
    return path.join(this.folder, 'access-token')
  }
  /** Its device's ed25519 key, written by the bot when it has opened its store. */
  get checkFile(): string {
    return path.join(this.store, 'ed25519')
  }
  /** For a shell: ends with 0 where the store opens. */
  get checkCommand(): string {
    return `BOT_DATA='${this.folder}' '${this.#python}' '${BOT}' check`
  }

  /** `setup`, `check`, or a `run` that is expected to refuse; killed after a minute. */
  async once(what: 'setup' | 'run' | 'check'): Promise<BotRun> {
    const child = this.#spawn(what, {})
    const said: string[] = []
    for (const stream of [child.stdout!, child.stderr!]) {
      stream.setEncoding('utf8').on('data', (chunk: string) => said.push(chunk))
    }
    const late = setTimeout(() => void child.kill('SIGKILL'), 60_000)
    const [code] = (await once(child, 'close')) as [number | null]
    clearTimeout(late)
    return {code, output: said.join('')}
  }

  /** Starts it and waits until it runs. */
  start(): Promise<RunningBot> {
    return RunningBot.of(this.#spawn('run', {}))
  }

  /** Starts it as a bot that takes whatever it finds for its store, and makes one where there is none. */
  startCarelessly(): Promise<RunningBot> {
    const account = {user_id: this.userId, device_id: this.deviceId, pickle_key: 'another'}
    return RunningBot.of(this.#spawn('careless-run', {BOT_ACCOUNT: JSON.stringify(account)}))
  }

  #spawn(what: string, env: Readonly<Record<string, string>>): ChildProcess {
    return spawn(this.#python, [BOT, what], {env: {...this.#env, ...env}, stdio: ['ignore', 'pipe', 'pipe']})
  }
}

/** A line of the bot's output. */
type Told = Readonly<Record<string, unknown>>

/** A bot that runs, and what it has told so far. */
export class RunningBot {
  readonly #child: ChildProcess
  readonly #told: Told[] = []
  #errors = ''

  private constructor(child: ChildProcess) {
    this.#child = child
    const killAtExit = (): void => void child.kill('SIGKILL')
    process.once('exit', killAtExit)
    child.once('close', () => process.removeListener('exit', killAtExit))
    child.stderr!.setEncoding('utf8').on('data', (chunk: string) => (this.#errors += chunk))
    createInterface({input: child.stdout!}).on('line', (line) => this.#told.push(JSON.parse(line) as Told))
  }

  static async of(child: ChildProcess): Promise<RunningBot> {
    const bot = new RunningBot(child)
    await bot.until('running')
    return bot
  }

  /** Waits until it has told something under this name. @returns what */
  async until(name: string): Promise<unknown> {
    for (let n = 0; n < 300; n += 1) {
      const line = this.#told.find((told) => name in told)
      if (line !== undefined) return line[name]
      if (this.#child.exitCode !== null) break
      await sleep(100)
    }
    throw new Error(`the bot told nothing of ${name}: ${JSON.stringify(this.#told)}\n${this.#errors}`)
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const closed = once(this.#child, 'close')
    this.#child.kill('SIGTERM')
    await closed
  }
}

/** Somebody with an encrypted client who talks to bots. */
export class Talker {
  readonly #lines: LineProcess

  private constructor(python: string) {
    this.#lines = new LineProcess(python, TALKER)
  }

  static async start(python: string, server: Synapse, localpart: string): Promise<Talker> {
    const deviceId = `${localpart.toUpperCase()}1`
    const {userId, accessToken} = await server.register(localpart, {deviceId})
    const talker = new Talker(python)
    const login = {homeserver: server.baseUrl, user_id: userId, device_id: deviceId, token: accessToken}
    await talker.#lines.do('start', login)
    return talker
  }

  /** Makes an encrypted room, and waits until the bot has joined it. @returns its ID */
  room(bot: string): Promise<string> {
    return this.#lines.do('room', {bot})
  }
  /** Says something, encrypted. @returns the event ID */
  tell(room: string, text: string): Promise<string> {
    return this.#lines.do('tell', {room, text})
  }
  /** Waits for the bot's answer. @returns whether that could be decrypted, and so was encrypted */
  ask(room: string, text: string): Promise<{decrypted: boolean; sender: string}> {
    return this.#lines.do('ask', {room, text})
  }
  close(): Promise<void> {
    return this.#lines.close()
  }
}
