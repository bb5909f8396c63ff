import {spawn} from 'node:child_process'
import type {Stats} from 'node:fs'
import {readdir, readFile, stat} from 'node:fs/promises'
import path from 'node:path'
import {setTimeout as sleep} from 'node:timers/promises'
import {keyBytes} from '../devices/bytes.ts'
import type {Baseline, StoreBaseline} from '../matrix/device-baseline.ts'
import {isObject, own} from '../matrix/json.ts'

/** How a bot's store was found. */
export interface StoreState {
  /**
   * `opens`: the check passed. `present`: there, and no check was named. `missing`, `unopenable`, `of-another`: the findings of these names.
   * `not-checked`: could not be looked at, which says nothing of the store.
   */
  readonly outcome: 'opens' | 'present' | 'missing' | 'unopenable' | 'of-another' | 'not-checked'
  /** What was seen, as the end of a sentence that begins with the store: `is not there`. No output of a command is in it. */
  readonly why: string
  /** Where it was seen: the path of the store or of the check's file, or `command`. */
  readonly where: string
  /** `of-another`: the public key in the check's file. */
  readonly ed25519?: string
}

/** The device whose store it is to be. */
export type StoreOwner = Pick<Baseline, 'user_id' | 'device_id' | 'ed25519'>

export interface StoreCheckOptions {
  readonly signal: AbortSignal
  /** How long a command may take, milliseconds; 30,000 unless told otherwise. */
  readonly timeoutMs?: number | undefined
}

/** Files that are looked for in a store, at most. */
const MOST_ENTRIES = 10_000
const MOST_CHECK_BYTES = 64 * 1024

/**
 * Whether the store is there, and holds the keys of that device. Reads, and writes nothing; what a check command does is its own affair.
 *
 * @param store - paths absolute
 * @remarks A store is there when it is a file that is not empty, or a folder with such a file at any depth: a folder that was just made, or a
 * volume that was just mounted, is none.
 */
export async function checkStore(
  store: StoreBaseline,
  owner: StoreOwner,
  options: StoreCheckOptions,
): Promise<StoreState> {
  const there = await presence(store)
  if (there.outcome !== 'present' || store.check === null) return there
  return store.check.kind === 'file'
    ? await checkFile(store.check.path, owner)
    : await checkCommand(store, store.check.command, owner, options)
}

async function presence(store: StoreBaseline): Promise<StoreState> {
  const at = (outcome: StoreState['outcome'], why: string): StoreState => ({outcome, why, where: store.path})
  const found = await look(() => stat(store.path))
  if ('absent' in found) return at('missing', 'is not there')
  if ('why' in found) return at('not-checked', `cannot be looked at: ${found.why}`)
  const {value} = found
  if (value.isFile()) return value.size > 0 ? at('present', 'is there') : at('missing', 'is an empty file')
  if (!value.isDirectory()) return at('missing', 'is neither a file nor a folder')
  const content = await contentOf(store)
  if (content === 'some') return at('present', 'is there')
  if (content === 'none') return at('missing', 'is a folder without a file that holds anything')
  return at('not-checked', `cannot be looked into: ${content.why}`)
}

/** Looks for a file that holds something. The check's own file says nothing of the store, nor does what file systems put into a new volume. */
async function contentOf({path: root, check}: StoreBaseline): Promise<'some' | 'none' | {readonly why: string}> {
  const folders = [root]
  let unseen: {readonly why: string} | null = null
  let entries = 0
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    const inside: string = folder
    const listed = await look(() => readdir(inside, {withFileTypes: true}))
    if (!('value' in listed)) {
      if ('why' in listed) unseen ??= listed
      continue
    }
    for (const entry of listed.value) {
      const name = path.join(inside, entry.name)
      if ((entries += 1) > MOST_ENTRIES) return 'some'
      if (inside === root && entry.name === 'lost+found') continue
      if (check?.kind === 'file' && path.relative(check.path, name) === '') continue
      if (entry.isDirectory()) folders.push(name)
      // A link counts by what it leads to; folders behind links are not entered, so that there is no way round in a circle.
      const found = entry.isFile() || entry.isSymbolicLink() ? await look(() => stat(name)) : null
      if (found !== null && 'value' in found && (found.value.isDirectory() || found.value.size > 0)) return 'some'
    }
  }
  return unseen ?? 'none'
}

type Look<T> = {readonly value: T} | {readonly absent: true} | {readonly why: string}

/** What a file system tells, or why it does not. */
async function look<T extends Stats | readonly unknown[] | string>(read: () => Promise<T>): Promise<Look<T>> {
  try {
    return {value: await read()}
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : null
    if (code === null) throw error
    if (code === 'ENOENT' || code === 'ENOTDIR') return {absent: true}
    return {why: code === 'EACCES' || code === 'EPERM' ? 'no permission' : code}
  }
}

async function checkFile(file: string, owner: StoreOwner): Promise<StoreState> {
  const at = (outcome: StoreState['outcome'], why: string): StoreState => ({outcome, why, where: file})
  const size = await look(() => stat(file))
  if ('absent' in size)
    return at('unopenable', 'was not shown to open: the file that the bot writes its key into is not there')
  if ('why' in size) return at('not-checked', `could not be checked: ${file} cannot be looked at, ${size.why}`)
  if (!size.value.isFile()) return at('unopenable', 'was not shown to open: what was named as the check is no file')
  if (size.value.size > MOST_CHECK_BYTES) return at('unopenable', 'was not shown to open: the file is far too long')
  const read = await look(() => readFile(file, 'utf8'))
  if (!('value' in read)) {
    return at('not-checked', `could not be checked: ${file} cannot be read${'why' in read ? `, ${read.why}` : ''}`)
  }
  const key = keyIn(read.value)
  if (key === owner.ed25519) return at('opens', 'holds the recorded ed25519 key')
  if (keyBytes(key) === null) return at('unopenable', 'was not shown to open: the file holds no ed25519 key')
  return {...at('of-another', 'holds another ed25519 key than the one that was recorded'), ed25519: key}
}

/** The key alone, with blanks around it, or a JSON object with a field `ed25519`. */
function keyIn(text: string): string {
  const trimmed = text.replace(/^\ufeff/u, '').trim()
  if (!trimmed.startsWith('{')) return withoutPadding(trimmed)
  try {
    const parsed: unknown = JSON.parse(trimmed)
    const key = isObject(parsed) ? own(parsed, 'ed25519') : undefined
    return typeof key === 'string' ? withoutPadding(key.trim()) : ''
  } catch {
    return ''
  }
}

function withoutPadding(key: string): string {
  return key.length === 44 && key.endsWith('=') ? key.slice(0, -1) : key
}

/** Exit codes of the shell for what could not be started. */
const NOT_STARTED: Readonly<Record<number, string>> = {126: 'cannot be executed', 127: 'was not found'}

/**
 * Runs the line by `sh -c`, in the store's folder, as a process group of its own, without input; what it prints nobody sees, since it may hold
 * secrets. In its environment are the device's names and key, and nothing else that begins with `MATRIX_STATE_`: no token, no password.
 */
async function checkCommand(
  store: StoreBaseline,
  command: string,
  owner: StoreOwner,
  {signal, timeoutMs = 30_000}: StoreCheckOptions,
): Promise<StoreState> {
  signal.throwIfAborted()
  const at = (outcome: StoreState['outcome'], why: string): StoreState => ({outcome, why, where: 'command'})
  if (process.platform === 'win32') return at('not-checked', 'could not be checked: commands need sh')
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('MATRIX_STATE_'))
  const child = spawn('sh', ['-c', command], {
    cwd: (await stat(store.path)).isDirectory() ? store.path : path.dirname(store.path),
    detached: true,
    stdio: 'ignore',
    env: {
      ...Object.fromEntries(inherited),
      MATRIX_STATE_USER_ID: owner.user_id,
      MATRIX_STATE_DEVICE_ID: owner.device_id,
      MATRIX_STATE_ED25519: owner.ed25519,
    },
  })
  const killGroup = (): void => {
    if (child.pid === undefined) return
    try {
      process.kill(-child.pid, 'SIGKILL')
    } catch (error) {
      // EPERM: what is left of it runs as another user, as after `sudo`.
      const {code} = error as NodeJS.ErrnoException
      if (code !== 'ESRCH' && code !== 'EPERM') throw error
    }
  }
  const ended = new Promise<{readonly code: number | null; readonly by: string | null}>((resolve) => {
    child.once('exit', (code, by) => {
      resolve({code, by})
    })
    child.once('error', (error) => {
      resolve({code: 127, by: error.message})
    })
  })
  process.once('exit', killGroup)
  const over = new AbortController()
  try {
    const waited = sleep(timeoutMs, 'late' as const, {signal: AbortSignal.any([signal, over.signal])})
    const end = await Promise.race([ended, waited])
    if (end === 'late') {
      return at('unopenable', `was not shown to open: the check took longer than ${String(timeoutMs / 1000)} s`)
    }
    if (end.code === 0) return at('opens', 'opens, as its check says')
    const reason = end.code === null ? undefined : NOT_STARTED[end.code]
    if (reason !== undefined)
      return at('not-checked', `could not be checked: the command ${reason} (exit code ${String(end.code)})`)
    const how = end.code === null ? `was ended by ${end.by ?? 'a signal'}` : `ended with ${String(end.code)}`
    return at('unopenable', `was not shown to open: the check ${how}`)
  } catch (error) {
    signal.throwIfAborted()
    throw error
  } finally {
    // Also when it has ended: what it left in the background would hold the store when the bot starts.
    killGroup()
    over.abort()
    process.removeListener('exit', killGroup)
  }
}
