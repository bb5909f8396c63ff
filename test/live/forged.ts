import {createPrivateKey, sign} from 'node:crypto'
import type {KeyObject} from 'node:crypto'
import {readFile} from 'node:fs/promises'
import {request} from 'node:https'
import {setTimeout as sleep} from 'node:timers/promises'
import {canonicalJson} from '../../src/matrix/canonical-json.ts'
import {contentHash, eventIdOf, referenceHash} from '../../src/matrix/hashes.ts'
import type {JsonObject} from '../../src/matrix/json.ts'
import {redact} from '../../src/matrix/redaction.ts'
import {rulesFor} from '../../src/matrix/room-version.ts'
import type {RoomVersionRules} from '../../src/matrix/room-version.ts'
import {signedText} from '../../src/matrix/signatures.ts'
import type {Pair} from './forks.ts'
import type {TestRoom} from './rooms.ts'
import {ApiError} from './synapse.ts'
import type {Account, Synapse} from './synapse.ts'

/** A server's signing key, to act as that server. */
export interface Signer {
  readonly server: string
  readonly keyId: string
  readonly key: KeyObject
}

const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex')

export async function signerOf(server: Synapse): Promise<Signer> {
  const [algorithm = '', version = '', seed = ''] = (await readFile(server.signingKeyFile, 'utf8')).trim().split(' ')
  const der = Buffer.concat([PKCS8_PREFIX, Buffer.from(seed, 'base64')])
  return {
    server: server.name,
    keyId: `${algorithm}:${version}`,
    key: createPrivateKey({key: der, format: 'der', type: 'pkcs8'}),
  }
}

/** One signed request to a server's federation port, whatever its certificate. */
export async function askFederation<T>(
  by: Signer,
  to: string,
  method: string,
  uri: string,
  content?: JsonObject,
): Promise<T> {
  const what = {method, uri, origin: by.server, destination: to, ...(content === undefined ? {} : {content})}
  const sig = signature(by, canonicalJson(what))
  const headers = {
    authorization: `X-Matrix origin="${by.server}",destination="${to}",key="${by.keyId}",sig="${sig}"`,
    'content-type': 'application/json',
  }
  return new Promise((resolve, reject) => {
    const sent = request(`https://${to}${uri}`, {method, headers, rejectUnauthorized: false}, (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
      response.once('end', () => {
        const {statusCode = 0} = response
        if (statusCode === 200) resolve(JSON.parse(text) as T)
        else reject(new ApiError(statusCode, `${method} ${uri}: ${String(statusCode)} ${text}`))
      })
    })
    sent.once('error', reject)
    sent.end(content === undefined ? undefined : JSON.stringify(content))
  })
}

/**
 * As Rita's server: an event that Rita has no power for (it is rejected), and a message of hers on top of it (which is not).
 *
 * @remarks Her server has never seen them, and must ask for them when the other goes on from there.
 */
export async function pushEvents(pair: Pair, room: TestRoom): Promise<void> {
  const {here, there, rita} = pair
  const by = await signerOf(there)
  const rules = rulesFor(room.version)
  if (rules === undefined) throw new Error(`room version ${room.version} is not known`)
  const template = await askFederation<{event: JsonObject}>(
    by,
    here.name,
    'GET',
    `/_matrix/federation/v1/make_join/${encodeURIComponent(room.roomId)}/${encodeURIComponent(rita.userId)}?ver=${room.version}`,
  )
  // A join cites the join rules; other events must not.
  const cited: unknown[] = []
  for (const reference of template.event['auth_events'] as readonly unknown[]) {
    const {pdus} = await askFederation<{pdus: JsonObject[]}>(
      by,
      here.name,
      'GET',
      `/_matrix/federation/v1/event/${encodeURIComponent(idOf(reference))}`,
    )
    if (pdus[0]?.['type'] !== 'm.room.join_rules') cited.push(reference)
  }
  const depth = template.event['depth'] as number
  const common = {rules, by, room, sender: rita}
  const bad = forge(common, {
    type: 'org.example.not_allowed',
    state_key: 'x',
    content: {n: 1},
    depth,
    prev_events: template.event['prev_events'],
    auth_events: cited as never,
  })
  const message = forge(common, {
    type: 'm.room.message',
    content: {msgtype: 'm.text', body: 'said after something that I may not do'},
    depth: depth + 1,
    prev_events: [bad.reference] as never,
    auth_events: cited as never,
  })
  const pdus = [bad.pdu, message.pdu]
  const transaction = {origin: by.server, origin_server_ts: Date.now(), pdus}
  const uri = `/_matrix/federation/v1/send/${crypto.randomUUID()}`
  const end = Date.now() + 60_000
  for (;;) {
    try {
      await askFederation(by, here.name, 'PUT', uri, transaction)
      return
    } catch (error) {
      // The real server may be sending as well, and only one transaction of a server is taken at a time.
      if (!(error instanceof ApiError && error.status === 429) || Date.now() > end) throw error
    }
    await sleep(150)
  }
}

/** Events name others by ID, or in versions 1 and 2 by pairs with the hash. */
function idOf(reference: unknown): string {
  return typeof reference === 'string' ? reference : String((reference as readonly unknown[])[0])
}

interface Author {
  readonly rules: RoomVersionRules
  readonly by: Signer
  readonly room: TestRoom
  readonly sender: Account
}

/** An event with right hashes and signature. */
function forge({rules, by, room, sender}: Author, fields: JsonObject): {pdu: JsonObject; reference: unknown} {
  const named = rules.eventIdFormat === 'server-assigned'
  const id = `$${crypto.randomUUID()}:${by.server}`
  const event = {
    ...fields,
    ...(named ? {event_id: id} : {}),
    room_id: room.roomId,
    sender: sender.userId,
    origin: by.server,
    origin_server_ts: Date.now(),
  } as JsonObject
  const hashed = {...event, hashes: {sha256: contentHash(event)}} as JsonObject
  const sig = signature(by, signedText(redact(hashed, rules)))
  const pdu = {...hashed, signatures: {[by.server]: {[by.keyId]: sig}}} as JsonObject
  return {pdu, reference: named ? [id, {sha256: referenceHash(pdu, rules)}] : eventIdOf(pdu, rules)}
}

function signature({key}: Signer, text: string): string {
  return sign(null, Buffer.from(text, 'utf8'), key).toString('base64').replaceAll('=', '')
}
