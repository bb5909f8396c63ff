import {StateError} from '../errors.ts'
import {codeOf, readSmall, reasonOf} from '../profile/disk.ts'

/** No file that people keep by hand, or in their repository, is larger. */
const LARGEST = 64 * 2 ** 20

/** A file with one JSON object in it, for messages. */
export interface JsonFile {
  readonly path: string
  /** `baseline`, `config file`. */
  readonly what: string
}

export type JsonRecord = Readonly<Record<string, unknown>>

/**
 * Reads a JSON object from a file. No message repeats any of its text.
 *
 * @throws StateError INPUT_NOT_FOUND, INPUT_UNREADABLE
 */
export function readJsonFile(file: JsonFile): JsonRecord {
  const text = readText(file)
  if (text.trim() === '') throw unreadable(file, 'it is empty')
  try {
    const value: unknown = JSON.parse(text)
    if (isRecord(value)) return value
  } catch (error) {
    // The engine's message quotes the text: only the place in it, which it does not always tell, goes any further.
    const message = error instanceof Error ? error.message : ''
    const [, position] = /at position (\d+)/.exec(message) ?? []
    const end = text.trimEnd().length
    if (message.startsWith('Unexpected end') || Number(position) >= end) {
      throw unreadable(file, 'it is truncated: it ends in the middle')
    }
    if (position === undefined) throw unreadable(file, 'it is not JSON')
    const before = text.slice(0, Number(position)).split('\n')
    const column = (before.at(-1) ?? '').length + 1
    throw unreadable(file, `it is not JSON (line ${String(before.length)}, column ${String(column)})`)
  }
  throw unreadable(file, 'it is JSON, but not an object')
}

function readText(file: JsonFile): string {
  let read
  try {
    read = readSmall(file.path, LARGEST)
  } catch (error) {
    const isAbsent = codeOf(error) === 'ENOENT'
    const why = isAbsent ? 'there is no such file' : reasonOf(error)
    throw new StateError('INPUT_NOT_FOUND', `the ${file.what} ${JSON.stringify(file.path)} cannot be read: ${why}`, {
      cause: error,
      hint: 'Check the path.',
    })
  }
  if (read.kind === 'folder') throw unreadable(file, 'it is a folder')
  if (read.kind !== 'text') throw unreadable(file, read.kind === 'special' ? 'it is no file' : 'it is too large')
  try {
    return new TextDecoder('utf-8', {fatal: true}).decode(read.bytes)
  } catch {
    throw unreadable(file, 'it is not UTF-8')
  }
}

/** @param why - such as `it is empty` */
export function unreadable({path, what}: JsonFile, why: string, hint?: string): StateError {
  return new StateError('INPUT_UNREADABLE', `the ${what} ${JSON.stringify(path)} cannot be used: ${why}`, {
    ...(hint === undefined ? {} : {hint}),
  })
}

export const isRecord = (value: unknown): value is JsonRecord =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** A key as a message may show it: what stands there by mistake may be long. */
export const shownKey = (key: string): string => JSON.stringify(key.slice(0, 60))
