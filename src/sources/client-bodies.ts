import {StateError} from '../errors.ts'
import type {Answer} from './client-http.ts'
import {JsonElements} from './json-elements.ts'
import type {ObjectPlace, Place} from './json-elements.ts'

/**
 * The texts of an array's elements inside a JSON object, exactly as they stand there.
 *
 * @param body - a whole JSON document that `JSON.parse` has already accepted.
 * @param path - the keys that lead from the outermost object to the array; at least one.
 * @returns no text at all where the path leads to nothing, or to something that is not an array.
 * @remarks Parsing and writing again would lose what JavaScript cannot hold, as `1.0` or integers above 2^53.
 */
export function elementTexts(body: string, path: readonly string[]): string[] {
  return textsAt(body, path, {kind: 'elements'})
}

/** The value that the keys lead to; `undefined` where they lead to nothing. */
export function valueIn(json: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>((value, key) => (value as Record<string, unknown> | null | undefined)?.[key], json)
}

/** The list that the keys lead to; none is an empty one. */
export function arrayIn(answer: Answer, path: readonly string[]): unknown[] {
  const value = valueIn(answer.json, path) ?? []
  if (!Array.isArray(value)) throw malformed(answer.url, `"${path.at(-1) ?? ''}" that is no list`)
  return value
}

/** The text under a key of the outermost object, which must be there. */
export function stringIn(answer: Answer, key: string): string {
  const value = valueIn(answer.json, [key])
  if (typeof value !== 'string' || value === '') throw malformed(answer.url, `no "${key}"`)
  return value
}

/** The error for an answer that is JSON, but not what the client API promises. */
export function malformed(url: string, what: string): StateError {
  return new StateError('SERVER_ANSWER_MALFORMED', `${url} answered with ${what}.`, {
    hint: 'Check that --homeserver is a Matrix homeserver; if it is, this is a fault of the server.',
  })
}

/** The text of one value inside a JSON object, exactly as it stands there; `null` where the path leads to nothing. */
export function elementText(body: string, path: readonly string[]): string | null {
  return textsAt(body, path, {kind: 'element'})[0] ?? null
}

function textsAt(body: string, path: readonly string[], what: Place): string[] {
  const place = path.reduceRight<Place>((inner, key) => ({kind: 'object', keys: new Map([[key, inner]])}), what)
  const bytes = Buffer.from(body)
  const scanner = new JsonElements({places: place as ObjectPlace, limitBytes: bytes.length})
  scanner.push(bytes)
  scanner.end()
  return scanner.take().flatMap((item) => (item.kind === 'object' ? item.elements.map(({text}) => text) : []))
}
