import type {PublishedKeys} from '../matrix/device-facts.ts'
import {StateError} from '../errors.ts'
import {isServerName, serverNameOf} from '../matrix/ids.ts'
import {isObject, own} from '../matrix/json.ts'
import type {Json, JsonObject} from '../matrix/json.ts'
import type {DeviceContext, DeviceRoute, DeviceStep} from './device-evidence.ts'
import {
  batches,
  crossSigning,
  devicesOf,
  FEW_USERS,
  keysOfAnswer,
  notNamed,
  objectAt,
  objectIn,
  USERS_A_REQUEST,
} from './device-keys.ts'
import type {PlannedRequest, Refusal} from './evidence.ts'
import type {FederationRouteOptions} from './federation-api.ts'
import type {Discovery} from './federation-discovery.ts'
import {routeRefusal} from './federation-failures.ts'
import {openFederationHttp} from './federation-http.ts'
import type {FederationHttp} from './federation-http.ts'
import type {SigningKey} from './federation-signing-key.ts'

export interface FederationDeviceOptions extends Pick<
  FederationRouteOptions,
  'origin' | 'server' | 'insecure' | 'address' | 'timeouts' | 'maxRetryMs' | 'nowMs'
> {
  readonly key: SigningKey
  /** Shared by routes of one process, so that its cache is. */
  readonly discovery: Discovery
}

export const FEDERATION_KEYS_QUERY = 'POST /_matrix/federation/v1/user/keys/query'
export const USER_DEVICES = 'GET /_matrix/federation/v1/user/devices/{userId}'

/**
 * What a server says of its own users' devices to other servers, asked as one of them; it may be that server itself. It is asked of
 * nobody else's users.
 *
 * @remarks Nothing is asked before `gather`. Requests are signed; nothing is stored by the server but the public key of who asks.
 * @see https://spec.matrix.org/v1.19/server-server-api/#end-to-end-encryption
 * @throws StateError USAGE for names that are none
 */
export function openFederationDeviceRoute(options: FederationDeviceOptions): DeviceRoute {
  const {origin, server} = options
  for (const name of [origin, server]) {
    if (!isServerName(name))
      throw new StateError('USAGE', `${JSON.stringify(name.slice(0, 255))} is not a server name.`)
  }
  let opening: Promise<FederationHttp> | null = null
  return {
    identity: {
      kind: 'federation',
      name: `federation ${server} as ${origin}`,
      server,
      address: `https://${options.address ?? server}`,
      insecure: options.insecure === true,
      account: null,
    },
    plan: (users) => federationDevicePlan(server, users),
    gather: async function* (context) {
      const userIds = context.userIds.filter((userId) => serverNameOf(userId) === server)
      if (userIds.length === 0) return
      opening ??= openFederationHttp({...options, signer: {origin, key: options.key}})
      yield* gather(options, await opening, userIds, context)
    },
    close: async () => {
      const http = await opening?.catch(() => null)
      opening = null
      await http?.close()
    },
  }
}

async function* gather(
  options: FederationDeviceOptions,
  http: FederationHttp,
  userIds: readonly string[],
  context: DeviceContext,
): AsyncGenerator<DeviceStep> {
  let told = http.requests()
  const requests = (): number => {
    const since = http.requests() - told
    told = http.requests()
    return since
  }
  for (const batch of batches(userIds, USERS_A_REQUEST)) {
    const content = {device_keys: Object.fromEntries(batch.map((userId) => [userId, []]))}
    const uri = '/_matrix/federation/v1/user/keys/query'
    const outcome = await ask(options, http, {what: FEDERATION_KEYS_QUERY, uri, content}, context)
    const step = {how: FEDERATION_KEYS_QUERY, requests: requests()}
    if ('refusal' in outcome) yield {...step, facts: [], refusals: [{...outcome.refusal, userIds: batch}]}
    else yield {...step, ...factsOf(outcome.answer, batch)}
  }
  if (userIds.length > FEW_USERS && context.keysOnly !== true) return
  for (const userId of userIds) {
    const uri = `/_matrix/federation/v1/user/devices/${encodeURIComponent(userId)}`
    const outcome = await ask(options, http, {what: USER_DEVICES, uri}, context)
    const step = {how: USER_DEVICES, requests: requests()}
    if ('refusal' in outcome) yield {...step, facts: [], refusals: [{...outcome.refusal, userIds: [userId]}]}
    else yield {...step, facts: [{userId, fact: userDevicesOf(outcome.answer)}]}
  }
}

function factsOf(answer: JsonObject, batch: readonly string[]): Pick<DeviceStep, 'facts' | 'refusals'> {
  const facts: {userId: string; fact: PublishedKeys}[] = []
  const unnamed: string[] = []
  for (const userId of batch) {
    const fact = keysOfAnswer(answer, userId, 'origin', false)
    if (fact === null) unnamed.push(userId)
    else facts.push({userId, fact})
  }
  return {facts, ...(unnamed.length === 0 ? {} : {refusals: [notNamed(FEDERATION_KEYS_QUERY, unnamed)]})}
}

/** What `/user/devices` says. A device without keys is listed there, and not by `/keys/query`. */
function userDevicesOf(answer: JsonObject): PublishedKeys {
  const list = own(answer, 'devices') as readonly Json[]
  const key = (name: string): JsonObject | null | undefined =>
    own(answer, name) === undefined ? undefined : objectAt(answer, name)
  const streamId = own(answer, 'stream_id')
  return {
    kind: 'keys',
    view: 'origin',
    devices: devicesOf(
      list.flatMap((device) => {
        const deviceId = isObject(device) ? own(device, 'device_id') : undefined
        return isObject(device) && typeof deviceId === 'string' ? [[deviceId, own(device, 'keys')] as const] : []
      }),
    ),
    ...crossSigning({
      master_key: key('master_key'),
      self_signing_key: key('self_signing_key'),
      user_signing_key: undefined,
    }),
    ...(typeof streamId === 'number' ? {stream_id: streamId} : {}),
  }
}

/** @throws StateError where nothing more can be had of this server */
async function ask(
  {origin, server, key}: FederationDeviceOptions,
  http: FederationHttp,
  {what, uri, content}: {readonly what: string; readonly uri: string; readonly content?: JsonObject},
  {signal, onPause}: DeviceContext,
): Promise<{readonly answer: JsonObject} | {readonly refusal: Refusal}> {
  const request = content === undefined ? {uri} : {uri, method: 'POST' as const, content}
  const given = await http.ask({...request, signal, onPause})
  if (given.kind === 'refused') {
    const {status, said} = given
    const whole = routeRefusal({origin, server, keyId: key.keyId, roomId: null}, status, said)
    if (whole !== null) throw whole
    return {refusal: {what, outcome: status === 404 ? 'absent' : 'refused', status, message: said}}
  }
  if (given.kind === 'failed') {
    const {error, status} = given
    return {refusal: {what, outcome: 'failed', ...(status === null ? {} : {status}), message: error.message}}
  }
  const answer = objectIn(given)
  const isWhole =
    content === undefined ? Array.isArray(own(answer, 'devices')) : objectAt(answer, 'device_keys') !== null
  if (isWhole) return {answer}
  return {refusal: {what, outcome: 'failed', status: 200, message: `${given.url} answered with JSON of another shape.`}}
}

/** What is asked, without asking. */
export function federationDevicePlan(server: string, users: number): readonly PlannedRequest[] {
  const effect = 'none; like every request, it may count towards a rate limit and be written to a log'
  return [
    {
      request: `GET https://${server}/.well-known/matrix/server, DNS SRV`,
      times: '1',
      purpose: `where ${server} is reached; not for IP addresses and names with a port`,
      effect: 'none',
    },
    {
      request: FEDERATION_KEYS_QUERY,
      times: `at most ${String(Math.max(1, Math.ceil(users / USERS_A_REQUEST)))}, and 1 more where a copy differs`,
      purpose: 'the keys of its own users, as it publishes them',
      effect: 'none; the first signed request makes the server read the public keys of who asks',
    },
    {
      request: USER_DEVICES,
      times: users <= FEW_USERS ? '1 for each of its users' : '1 for each of its users of whom a copy differs',
      purpose: 'the device list that other servers keep copies of',
      effect,
    },
  ]
}
