import {spawn} from 'node:child_process'
import type {ChildProcess} from 'node:child_process'
import {createInterface} from 'node:readline'
import {fileURLToPath} from 'node:url'

const SCRIPT = fileURLToPath(new URL('olm.py', import.meta.url))

export interface IdentityKeys {
  readonly ed25519: string
  readonly curve25519: string
}

/** Real Olm and Megolm: vodozemac by its Python package, in a process of its own. Accounts and sessions go by names that the caller gives. */
export class Olm {
  readonly #child: ChildProcess
  readonly #waiting: {resolve: (value: unknown) => void; reject: (error: Error) => void}[] = []
  #said = ''

  constructor(python: string) {
    const child = spawn(python, [SCRIPT], {stdio: ['pipe', 'pipe', 'pipe']})
    this.#child = child
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => (this.#said += chunk))
    createInterface({input: child.stdout}).on('line', (line) => {
      const answer = JSON.parse(line) as {ok?: unknown; error?: string}
      const next = this.#waiting.shift()
      if (answer.error === undefined) next?.resolve(answer.ok)
      else next?.reject(new Error(`olm.py: ${answer.error}`))
    })
    child.once('close', () => {
      for (const {reject} of this.#waiting.splice(0)) reject(new Error(`olm.py ended: ${this.#said}`))
    })
  }

  /** One step of `olm.py`. */
  async #do<T>(what: string, more: object): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#waiting.push({resolve: resolve as (value: unknown) => void, reject})
      this.#child.stdin!.write(`${JSON.stringify({do: what, ...more})}\n`)
    })
  }

  account(account: string): Promise<IdentityKeys> {
    return this.#do('account', {account})
  }
  pickleAccount(account: string): Promise<string> {
    return this.#do('pickle-account', {account})
  }
  unpickleAccount(account: string, pickle: string): Promise<IdentityKeys> {
    return this.#do('unpickle-account', {account, pickle})
  }
  sign(account: string, text: string): Promise<string> {
    return this.#do('sign', {account, text})
  }
  /** New ones, by key ID, taken for published. */
  oneTimeKeys(account: string, count: number): Promise<Record<string, string>> {
    return this.#do('one-time-keys', {account, count})
  }
  fallbackKey(account: string): Promise<Record<string, string>> {
    return this.#do('fallback-key', {account})
  }
  /** An Olm session to somebody's keys. */
  session(session: string, account: string, theirs: {curve25519: string; oneTimeKey: string}): Promise<null> {
    return this.#do('session', {session, account, curve25519: theirs.curve25519, one_time_key: theirs.oneTimeKey})
  }
  encrypt(session: string, text: string): Promise<{type: number; body: string}> {
    return this.#do('encrypt', {session, text})
  }
  /** A Megolm session to send with. @returns its ID */
  group(group: string): Promise<string> {
    return this.#do('group', {group})
  }
  groupEncrypt(group: string, text: string): Promise<{session_id: string; ciphertext: string}> {
    return this.#do('group-encrypt', {group, text})
  }
  pickleGroup(group: string): Promise<string> {
    return this.#do('pickle-group', {group})
  }
  unpickleGroup(group: string, pickle: string): Promise<string> {
    return this.#do('unpickle-group', {group, pickle})
  }

  async close(): Promise<void> {
    if (this.#child.exitCode !== null) return
    const ended = new Promise((resolve) => this.#child.once('close', resolve))
    this.#child.stdin!.end()
    await ended
  }
}
