import type {StateError} from '../errors.ts'
import type {ChangeablePart, SetupPrompts} from '../investigate/setup-request.ts'
import {printable} from '../report/printable.ts'
import {interrupt, interruptedByLoss} from './interruption.ts'
import {write} from './output.ts'

/** Whether there is a person to ask. */
export function canAsk(): boolean {
  return process.stdin.isTTY && process.stderr.isTTY && process.env['TERM'] !== 'dumb'
}

/** How inquirer is to ask: results stay alone on stdout. */
interface Terminal {
  readonly input: NodeJS.ReadStream
  readonly output: NodeJS.WriteStream
  readonly signal: AbortSignal
}

/**
 * Asks, and takes Ctrl-C and the end of input (Ctrl-D) for an interruption: in a prompt the terminal sends no signal.
 *
 * @throws the signal's reason
 */
export async function asking<T>(signal: AbortSignal, ask: (terminal: Terminal) => Promise<T>): Promise<T> {
  signal.throwIfAborted()
  const {stdin} = process
  let settled = false
  // inquirer never settles a prompt whose input has ended; an answered one has settled before this runs.
  const onPause = (): void => {
    setImmediate(() => {
      if (!settled) interrupt()
    })
  }
  stdin.on('pause', onPause)
  // Where the terminal is gone, a prompt may fail while it closes, and never settle. Otherwise it comes first, and tidies the screen.
  const over = new AbortController()
  const aborted = new Promise<never>((_resolve, reject) => {
    const settle = (): void => void setImmediate(reject, signal.reason)
    signal.addEventListener('abort', settle, {once: true, signal: over.signal})
  })
  try {
    return await Promise.race([ask({input: stdin, output: process.stderr, signal}), aborted])
  } catch (error) {
    const ends = error instanceof Error && PROMPT_ENDS.has(error.name)
    if (ends) interrupt()
    if (ends || interruptedByLoss(error)) signal.throwIfAborted()
    throw error
  } finally {
    over.abort()
    settled = true
    stdin.off('pause', onPause)
  }
}

const PROMPT_ENDS: ReadonlySet<string> = new Set(['ExitPromptError', 'AbortPromptError'])

/**
 * What `setup` asks at a terminal. What is secret is not shown while it is typed, nor afterwards.
 *
 * @param beforehand - clears the line before a question
 */
export function setupPrompts(signal: AbortSignal, beforehand: () => void): SetupPrompts {
  const asked = <T>(ask: (terminal: Terminal) => Promise<T>): Promise<T> => {
    beforehand()
    return asking(signal, ask)
  }
  const input = (message: string, preset?: string): Promise<string> =>
    asked(async (terminal) => {
      const {input: text} = await import('@inquirer/prompts')
      return text({message, ...(preset === undefined ? {} : {default: preset})}, terminal)
    })
  const hidden = (message: string): Promise<string> =>
    asked(async (terminal) => {
      const {password} = await import('@inquirer/prompts')
      return password({message, mask: false, toggleMask: false}, terminal)
    })
  const choice = <T extends string>(message: string, choices: readonly {value: T; name: string}[]): Promise<T> =>
    asked(async (terminal) => {
      const {select} = await import('@inquirer/prompts')
      return select({message, choices: [...choices]}, terminal)
    })
  return {
    complain: async (error: StateError) => {
      beforehand()
      const hint = error.hint === undefined ? '' : `\n${printable(error.hint)}`
      await write(process.stderr, `${printable(error.message)}${hint}\n`)
    },
    homeserver: () => input('Homeserver (server name or URL)'),
    credential: (baseUrl) =>
      choice(`An account at ${printable(baseUrl)}, by`, [
        {value: 'password', name: 'password: logs in a device of its own'},
        {value: 'token', name: 'access token: of a device that is logged in'},
      ]),
    user: () => input('User'),
    password: (user) => hidden(`Password of ${printable(user)}`),
    accessToken: () => hidden('Access token'),
    adminToken: () => hidden("A server admin's access token (Enter for none)"),
    signingKeyFile: () => input("File of the homeserver's own signing key (Enter for none)"),
    serverName: () => input('Server name whose key that is'),
    database: () => input("Synapse's database, as sqlite:PATH or postgres://user@host/db (Enter for none)"),
    store: () => input('Where does the bot keep its keys? (folder or file; Enter: not on this machine)'),
    storeCheckFile: () => input("File into which the bot writes its device's ed25519 key (Enter for none)"),
    change: () => choice<ChangeablePart>('What is to change?', CHANGES),
  }
}

const CHANGES: readonly {value: ChangeablePart; name: string}[] = [
  {value: 'homeserver', name: 'address of the homeserver'},
  {value: 'token', name: 'access token, of the same device'},
  {value: 'password', name: 'log in by password again, as the same device'},
  {value: 'admin', name: "server admin's access token"},
  {value: 'signing-key', name: 'signing key'},
  {value: 'database', name: 'another database'},
]
