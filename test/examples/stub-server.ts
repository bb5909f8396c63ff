import {createServer} from 'node:http'
import type {IncomingMessage} from 'node:http'
import type {AddressInfo} from 'node:net'

export interface StubServer {
  readonly url: string
  /** `METHOD /path`, in order. */
  readonly asked: string[]
  readonly close: () => Promise<void>
}

export const PASSWORD = 'correct horse battery staple'
export const TOKEN = 'syt_Ym90_theTokenOfTheBot_1a2b3c'

/** A homeserver with one account, whose device publishes what it uploads. */
export async function stubServer(userId: string, deviceId: string): Promise<StubServer> {
  const asked: string[] = []
  const devices: Record<string, unknown> = {}
  const counts = {one_time_key_counts: {signed_curve25519: 50}}
  const answer = (what: string, body: Record<string, unknown>): unknown => {
    switch (what) {
      case 'GET /_matrix/client/versions':
        return {versions: ['v1.11', 'v1.16']}
      case 'GET /_matrix/client/v3/account/whoami':
        return {user_id: userId, device_id: deviceId}
      case 'POST /_matrix/client/v3/keys/upload':
        if (body['device_keys'] !== undefined) devices[deviceId] = body['device_keys']
        return counts
      case 'POST /_matrix/client/v3/keys/query':
        return {
          device_keys: {[userId]: devices},
          master_keys: {},
          self_signing_keys: {},
          user_signing_keys: {},
          failures: {},
        }
      case 'GET /_matrix/client/v3/sync':
        return {
          next_batch: 's1',
          device_one_time_keys_count: counts.one_time_key_counts,
          device_unused_fallback_key_types: ['signed_curve25519'],
          to_device: {events: []},
        }
      case 'GET /_matrix/client/v3/devices':
        return {devices: [{device_id: deviceId}]}
      default:
        return null
    }
  }
  const server = createServer((request, response) => {
    void readBody(request).then((body) => {
      const what = `${request.method ?? ''} ${new URL(request.url ?? '', 'http://x').pathname}`
      asked.push(what)
      const reply = (status: number, json: unknown): void => {
        response.writeHead(status, {'content-type': 'application/json'}).end(JSON.stringify(json))
      }
      if (what === 'POST /_matrix/client/v3/login') {
        if (body['password'] !== PASSWORD) reply(403, {errcode: 'M_FORBIDDEN', error: 'Invalid password'})
        else reply(200, {user_id: userId, device_id: deviceId, access_token: TOKEN})
        return
      }
      if (!what.endsWith('/versions') && request.headers.authorization !== `Bearer ${TOKEN}`) {
        reply(401, {errcode: 'M_UNKNOWN_TOKEN', error: 'Invalid access token'})
        return
      }
      const known = answer(what, body)
      if (known === null) reply(404, {errcode: 'M_NOT_FOUND', error: 'Not here'})
      else reply(200, known)
    })
  })
  server.listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const close = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => {
        resolve()
      })
      server.closeAllConnections()
    })
  return {url: `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`, asked, close}
}

async function readBody(request: IncomingMessage): Promise<Record<string, unknown>> {
  let text = ''
  for await (const chunk of request.setEncoding('utf8')) text += String(chunk)
  return text === '' ? {} : (JSON.parse(text) as Record<string, unknown>)
}
