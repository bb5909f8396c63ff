import {fileURLToPath} from 'node:url'
import {LineProcess} from './json-lines.ts'

const SCRIPT = fileURLToPath(new URL('olm.py', import.meta.url))

export interface IdentityKeys {
  readonly ed25519: string
  readonly curve25519: string
}

/** Real Olm and Megolm: vodozemac by its Python package, in a process of its own. Accounts and sessions go by names that the caller gives. */
export class Olm {
  readonly #lines: LineProcess

  constructor(python: string) {
    this.#lines = new LineProcess(python, SCRIPT)
  }

  /** One step of `olm.py`. */
  #do<T>(what: string, more: object): Promise<T> {
    return this.#lines.do<T>(what, more)
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

  close(): Promise<void> {
    return this.#lines.close()
  }
}
