import {canonicalJson} from '../matrix/canonical-json.ts'
import type {PublishedKeys, Unreachable} from '../matrix/device-facts.ts'
import {serverNameOf} from '../matrix/ids.ts'
import {isObject, objectOrNull, own} from '../matrix/json.ts'
import type {Json, JsonObject} from '../matrix/json.ts'
import {malformed} from './client-bodies.ts'
import {printable} from './client-failures.ts'
import type {Answer, ClientHttp} from './client-http.ts'
import type {DeviceStep} from './device-evidence.ts'

/** Users that one `/keys/query` names: with three devices each, an answer of about a megabyte. */
export const USERS_A_REQUEST = 250
/** With more users than this, what costs a request for each is left out: their rooms, and their own servers' lists one by one. */
export const FEW_USERS = 20
/** How long a server may ask others for what it does not have, milliseconds. */
const OTHERS_TIMEOUT_MS = 10_000
export const KEYS_QUERY = 'POST /_matrix/client/v3/keys/query'

/** So many at a time. */
export function* batches<T>(list: readonly T[], size: number): Generator<readonly T[]> {
  for (let from = 0; from < list.length; from += size) yield list.slice(from, from + size)
}

/** The outermost object of an answer, with exact numbers. @throws StateError SERVER_ANSWER_MALFORMED */
export function objectIn({url, text}: Pick<Answer, 'url' | 'text'>): JsonObject {
  const object = objectOrNull(text)
  if (object === null) throw malformed(url, 'JSON that is no object, or nests too deeply')
  return object
}

/** A key of its own that leads to an object; `null` for anything else. */
export function objectAt(object: JsonObject, ...path: readonly string[]): JsonObject | null {
  let value: Json | undefined = object
  for (const key of path) value = isObject(value) ? own(value, key) : undefined
  return isObject(value) ? value : null
}

/**
 * What an answer of `/keys/query`, of the client API or of federation, says of one user; `null` where it does not name the user: a server
 * that has nobody of this name and one that may not tell answer alike then, and neither says that there are no devices.
 *
 * @param answer - its outermost object
 * @param isOwn - the user is the one whose token was used, and is shown the user-signing key
 */
export function keysOfAnswer(
  answer: JsonObject,
  userId: string,
  view: PublishedKeys['view'],
  isOwn: boolean,
): PublishedKeys | null {
  const devices = objectAt(answer, 'device_keys', userId)
  if (devices === null) return null
  // Without its section an answer does not tell; without the user in it there is no key.
  const key = (section: string): JsonObject | null | undefined =>
    objectAt(answer, section) === null ? undefined : objectAt(answer, section, userId)
  return {
    kind: 'keys',
    view,
    devices: devicesOf(Object.entries(devices)),
    ...crossSigning({
      master_key: key('master_keys'),
      self_signing_key: key('self_signing_keys'),
      user_signing_key: isOwn ? key('user_signing_keys') : undefined,
    }),
  }
}

/** Device IDs are anybody's words: none of them is taken for what every object inherits. */
export function devicesOf(entries: Iterable<readonly [string, Json | undefined]>): PublishedKeys['devices'] {
  return Object.fromEntries(
    Iterator.from(entries).map(([deviceId, keys]) => [deviceId, isObject(keys) ? keys : null] as const),
  )
}

/** Cross-signing keys without those that were not told. */
export function crossSigning(
  keys: Readonly<Record<'master_key' | 'self_signing_key' | 'user_signing_key', JsonObject | null | undefined>>,
): Pick<PublishedKeys, 'master_key' | 'self_signing_key' | 'user_signing_key'> {
  return Object.fromEntries(Object.entries(keys).filter(([, key]) => key !== undefined))
}

/**
 * Asks a homeserver for the keys of many users, in batches. Of users of other servers it tells its copy, and asks their server where it has
 * none.
 *
 * @param asked - whose token it is, and of which server
 * @see https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3keysquery
 * @throws StateError where the server does not answer
 */
export async function* queryKeys(
  http: ClientHttp,
  userIds: readonly string[],
  asked: {readonly userId: string; readonly serverName: string},
  requests: () => number,
): AsyncGenerator<DeviceStep> {
  for (const batch of batches(userIds, USERS_A_REQUEST)) {
    const answer = await http.post(KEYS_QUERY.slice('POST '.length), {
      device_keys: Object.fromEntries(batch.map((userId) => [userId, []])),
      timeout: OTHERS_TIMEOUT_MS,
    })
    yield {how: KEYS_QUERY, requests: requests(), ...factsOf(answer, batch, asked)}
  }
}

function factsOf(
  answer: Answer,
  batch: readonly string[],
  asked: {readonly userId: string; readonly serverName: string},
): Pick<DeviceStep, 'facts' | 'refusals'> {
  const json = objectIn(answer)
  if (objectAt(json, 'device_keys') === null) throw malformed(answer.url, 'no "device_keys"')
  const failures = objectAt(json, 'failures') ?? {}
  const facts: {userId: string; fact: PublishedKeys | Unreachable}[] = []
  const unnamed: string[] = []
  for (const userId of batch) {
    const server = serverNameOf(userId)
    const failure = own(failures, server)
    if (failure !== undefined) {
      facts.push({userId, fact: {kind: 'unreachable', server, message: failureText(failure)}})
    }
    const view = server === asked.serverName ? 'origin' : 'copy'
    const fact = keysOfAnswer(json, userId, view, userId === asked.userId)
    if (fact !== null) facts.push({userId, fact})
    else if (failure === undefined) unnamed.push(userId)
  }
  return {facts, ...(unnamed.length === 0 ? {} : {refusals: [notNamed(KEYS_QUERY, unnamed)]})}
}

/** The refusal for users whom an answer passes over. */
export function notNamed(what: string, userIds: readonly string[]): NonNullable<DeviceStep['refusals']>[number] {
  const message = 'the answer does not name the user: nothing is said of the devices'
  return {what, outcome: 'absent', status: 200, message, userIds}
}

/** Synapse: `{status, message}`; the specification leaves it open. */
function failureText(failure: Json): string {
  const message = isObject(failure) ? own(failure, 'message') : undefined
  const said = typeof message === 'string' && message !== '' ? message : canonicalJson(failure, 'python')
  return printable(said)
}

/** What the question does to the server, for plans. */
export const KEYS_QUERY_EFFECT =
  'as for any client: of a user of another server whose list is not cached, or is known to be stale, the homeserver asks that server, and caches the list if it shares a room with the user'
