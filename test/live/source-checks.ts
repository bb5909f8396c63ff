import {StateError} from '../../src/errors.ts'
import {type ClientEvidence, type ClientInput, gatherByClient} from '../sources/client-gathered.ts'
import type {Check} from './checking.ts'
import {stateLines, TestRoom} from './rooms.ts'
import type {StateEntry} from './rooms.ts'
import type {Account, Synapse} from './synapse.ts'

/** What the checks read of a PDU. */
interface Pdu extends StateEntry {
  readonly prev_events: readonly (string | readonly [string, unknown])[]
  readonly auth_events: readonly (string | readonly [string, unknown])[]
}

/** Gathers a room by the client source itself, without the built program. */
export async function gatherRoom(
  server: Synapse,
  room: TestRoom,
  account: Account,
  more: Partial<ClientInput> = {},
): Promise<ClientEvidence> {
  const {accessToken} = account
  return gatherByClient({homeserver: server.baseUrl, accessToken, room: room.roomId, ...more})
}

/** The evidence must be whole: each event once, none missing that another names, and the server's current state among them. */
export async function checkGathered(server: Synapse, room: TestRoom, account: Account, atLeast: number): Promise<void> {
  await wholeEvidence(server, room, account, atLeast)
}

/** The same, for those who want to look further. */
export async function wholeEvidence(
  server: Synapse,
  room: TestRoom,
  account: Account,
  atLeast: number,
): Promise<ClientEvidence> {
  const evidence = await gatherRoom(server, room, account)
  const pdus = evidence.pdus.map(({text}) => JSON.parse(text) as Pdu)
  const byId = new Map(pdus.map((pdu) => [pdu.event_id, pdu]))
  equal('events that come twice', pdus.length - byId.size, 0)
  if (pdus.length < atLeast) throw new Error(`${String(pdus.length)} events, expected at least ${String(atLeast)}`)
  equal('missing events', missingIds(pdus).join(), '')
  equal('user', evidence.userId, account.userId)
  equal('server', evidence.serverName, server.name)
  equal('notes', evidence.notes.join(), '')
  const reported = evidence.reported.eventIds.map((id) => byId.get(id))
  if (reported.includes(undefined)) throw new Error('a state event is not among the PDUs')
  const expected = await room.stateLines(server, account)
  equal('state', stateLines(reported as Pdu[]).join('\n'), expected.join('\n'))
  return evidence
}

/** What the server refuses must be told in words that help. */
export async function checkRefusals(
  check: Check,
  server: Synapse,
  room: TestRoom,
  stranger: Account,
  banned: Account,
): Promise<void> {
  const bad: Account = {userId: stranger.userId, accessToken: 'syt_bm90YXRva2Vu_wrong_0000'}
  await check('source: wrong token', () =>
    refused(gatherRoom(server, room, bad), 'SERVER_REFUSED', /does not accept the access token/u, bad),
  )
  await check('source: room not joined', () =>
    refused(gatherRoom(server, room, stranger), 'SERVER_REFUSED', /not in the room/u, stranger),
  )
  await check('source: banned', () =>
    refused(gatherRoom(server, room, banned), 'SERVER_REFUSED', /not in the room/u, banned),
  )
  await check('source: room left', async () => {
    const leaver = await server.register('leaver')
    const open = await TestRoom.create(server, stranger, '11')
    await open.join(server, leaver)
    await server.ask(leaver, 'POST', open.address('leave'), {})
    await refused(gatherRoom(server, open, leaver), 'SERVER_REFUSED', /has left/u, leaver)
  })
  await check('source: history hidden from a late member', () => hiddenHistory(server, stranger))
  await check('source: unknown alias', () =>
    refused(
      gatherRoom(server, room, stranger, {room: `#nothing:${server.name}`}),
      'SERVER_REFUSED',
      /No room is known by the alias/u,
      stranger,
    ),
  )
  await check('source: /sync does not eat to-device messages', () => toDeviceSurvives(server, stranger))
}

/** What happened before the join is not shown, but `/sync` still gives the current state as PDUs. */
async function hiddenHistory(server: Synapse, creator: Account): Promise<void> {
  const late = await server.register('late')
  const visibility = {type: 'm.room.history_visibility', state_key: '', content: {history_visibility: 'joined'}}
  const room = await TestRoom.create(server, creator, '10', {initial_state: [visibility]})
  await room.setState(server, creator, 'm.room.topic', {topic: 'overwritten'})
  await room.setState(server, creator, 'm.room.topic', {topic: 'before the join'})
  await room.join(server, late)
  const evidence = await gatherRoom(server, room, late)
  const pdus = evidence.pdus.map(({text}) => JSON.parse(text) as Pdu)
  const state = pdus.filter(({event_id: id}) => evidence.reported.eventIds.includes(id))
  equal('state', stateLines(state).join('\n'), (await room.stateLines(server, late)).join('\n'))
  equal('topics seen', pdus.filter(({type}) => type === 'm.room.topic').length, 1)
  equal('something is missing', missingIds(pdus).length > 0, true)
}

async function toDeviceSurvives(server: Synapse, receiver: Account): Promise<void> {
  await server.ask(receiver, 'PUT', `/_matrix/client/v3/sendToDevice/org.example.note/${crypto.randomUUID()}`, {
    messages: {[receiver.userId]: {'*': {note: 'still here'}}},
  })
  const open = await TestRoom.create(server, receiver, '11')
  for (let n = 0; n < 2; n += 1) await gatherRoom(server, open, receiver)
  const sync = await server.ask<{to_device?: {events: unknown[]}}>(receiver, 'GET', '/_matrix/client/v3/sync?timeout=1')
  equal('to-device messages', sync.to_device?.events.length ?? 0, 1)
}

async function refused(gathering: Promise<unknown>, code: string, words: RegExp, account: Account): Promise<void> {
  const error: unknown = await gathering.then(
    () => null,
    (thrown: unknown) => thrown,
  )
  if (!(error instanceof StateError)) throw new Error(`no StateError but ${String(error)}`)
  const told = `${error.message} ${error.hint ?? ''}`
  equal('code', error.code, code)
  if (!words.test(told)) throw new Error(`not the expected words: ${told}`)
  if (told.includes(account.accessToken)) throw new Error('the access token stands in the message')
}

/** The ids that some event names and none has. */
function missingIds(pdus: readonly Pdu[]): string[] {
  const known = new Set<string>(pdus.map((pdu) => pdu.event_id))
  const named = pdus.flatMap((pdu) => [...pdu.prev_events, ...pdu.auth_events]).map((reference) => idOf(reference))
  return named.filter((id) => !known.has(id))
}

function idOf(reference: string | readonly [string, unknown]): string {
  return typeof reference === 'string' ? reference : reference[0]
}

function equal(what: string, actual: unknown, expected: unknown): void {
  if (actual !== expected) throw new Error(`${what}: ${JSON.stringify(actual)}, expected ${JSON.stringify(expected)}`)
}
