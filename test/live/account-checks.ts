import {randomBytes} from 'node:crypto'
import type {MatrixClient} from 'matrix-js-sdk'
import type {Logger} from 'matrix-js-sdk/lib/logger.js'
import {equal} from './checking.ts'
import type {Running} from './checking.ts'
import {audit, byApis, byDatabases} from './device-audits.ts'
import type {Told} from './device-audits.ts'
import {launchWorld} from './device-world.ts'
import type {DeviceWorld} from './device-world.ts'
import {TestRoom} from './rooms.ts'
import {spread} from './stage.ts'
import type {Account, Synapse} from './synapse.ts'

const DEFAULT_ACCOUNTS = 56
const ROOM_SIZE = 8

/** An account that a real SDK made. */
interface Member {
  readonly server: Synapse
  readonly account: Account
  readonly client: MatrixClient
  /** Cross-signing is set up, and its device verified. */
  readonly verified: boolean
  readonly room: TestRoom
}

/**
 * Accounts as matrix-js-sdk makes them, half of them with cross-signing (and half of these with secret storage and a key backup), talking in
 * encrypted rooms across both servers: audited one by one and by room they raise nothing that is not true of them.
 */
export async function checkAccounts(running: Running): Promise<void> {
  const {check, python, say, quick, keepSecret} = running
  const world = await launchWorld(python, say)
  const clients: MatrixClient[] = []
  try {
    const count = quick ? ROOM_SIZE : DEFAULT_ACCOUNTS
    let members: readonly Member[] = []
    await check('accounts: the SDK makes them, and they talk', async () => {
      members = await settle(world, count, clients)
      return `${String(count)} accounts, ${String(members.filter(({verified}) => verified).length)} verified`
    })
    if (members.length === 0) return
    const notes = new Map<string, number>()
    const count_ = (told: readonly Told[]): void => {
      for (const {id, severity} of told) if (severity === 'note') notes.set(id, (notes.get(id) ?? 0) + 1)
    }
    let [well, plain] = [0, 0]
    await spread(members, 2, async (member) => {
      const {verified, account} = member
      await check(`accounts: ${account.userId}, ${verified ? 'verified' : 'not verified'}`, async () => {
        const {findings} = await audit(running.program, account.userId, everyWay(world, member))
        expectOnly(findings, verified ? [] : ['device/unverified'])
        count_(findings)
        if (verified) well += 1
        else plain += 1
      })
    })
    const rooms = [...new Set(members.map(({room}) => room))]
    for (const room of rooms) {
      const inside = members.filter((member) => member.room === room)
      await check(`accounts: room ${room.roomId}`, async () => {
        const {findings} = await audit(running.program, room.roomId, everyWay(world, inside[0]!))
        expectOnly(
          findings,
          inside.filter(({verified}) => !verified).map(() => 'device/unverified'),
        )
        return `${String(inside.length)} members`
      })
    }
    const told = [...notes].map(([id, n]) => `${String(n)} × ${id}`).join(', ')
    const line = `${String(well)} verified accounts raise no error and no warning; ${String(plain)} unverified ones raise device/unverified only; ${String(rooms.length)} encrypted rooms. Notes: ${told === '' ? 'none' : told}.`
    running.publish(`## Healthy accounts, made by matrix-js-sdk\n\n${line}`)
  } finally {
    for (const client of clients) client.stopClient()
    keepSecret([...world.here.secrets, ...world.there.secrets])
    await world.dispose()
  }
}

/** Errors and warnings are exactly these, one a device. */
function expectOnly(findings: readonly Told[], wanted: readonly string[]): void {
  const bad = findings.filter(({severity}) => severity !== 'note')
  if (
    bad
      .map(({id}) => id)
      .sort()
      .join() !== [...wanted].sort().join()
  ) {
    throw new Error(
      `expected ${wanted.join() || 'nothing'}:\n${bad.map(({id, summary}) => `${id}: ${summary}`).join('\n')}`,
    )
  }
}

/** All routes at once. */
function everyWay({here, there, root, wheel}: DeviceWorld, {server, account}: Member): ReturnType<typeof byApis> {
  const apis = byApis(server, account, server === here ? root : wheel)
  const tables = byDatabases([here, there])
  const isFrom = (_: string, n: number, args: readonly string[]): boolean =>
    args[n] !== '--from' && args[n - 1] !== '--from'
  return {args: [...apis.args.filter(isFrom), ...tables.args.filter(isFrom)], env: {...apis.env, ...tables.env}}
}

async function settle(world: DeviceWorld, count: number, clients: MatrixClient[]): Promise<Member[]> {
  const {here, there} = world
  const rooms: TestRoom[] = []
  for (let n = 0; n * ROOM_SIZE < count; n += 1) {
    rooms.push(
      await TestRoom.create(here, world.root, '11', {
        initial_state: [{type: 'm.room.encryption', state_key: '', content: {algorithm: 'm.megolm.v1.aes-sha2'}}],
      }),
    )
  }
  const members = await spread([...Array(count).keys()], 4, async (n) => {
    const room = rooms[Math.floor(n / ROOM_SIZE)]!
    const server = n % 2 === 0 ? here : there
    const member = await makeMember(server, room, n)
    clients.push(member.client)
    await member.client.joinRoom(room.roomId, {viaServers: [here.name]})
    return member
  })
  // The admin, who has no keys, only opened the doors.
  for (const room of rooms) await here.ask(world.root, 'POST', room.address('leave'), {})
  await spread(members, 4, async (member) => {
    for (let n = 0; n < 2; n += 1) await say(member, `hello, ${String(n)}`)
  })
  for (const {client} of members) client.stopClient()
  return members
}

async function makeMember(server: Synapse, room: TestRoom, n: number): Promise<Member> {
  const {ClientEvent, createClient} = await import('matrix-js-sdk')
  // eslint-disable-next-line @typescript-eslint/no-deprecated
  const {logger} = await import('matrix-js-sdk/lib/logger.js')
  // Not everything in the SDK uses the client's own logger.
  Object.assign(logger, SILENT, {log: nothing})
  const deviceId = `SDK${String(n)}`
  const account = await server.register(`sdk${String(n)}`, {deviceId, password: randomBytes(8).toString('hex')})
  const keys = new Map<string, Uint8Array<ArrayBuffer>>()
  const client = createClient({
    baseUrl: server.baseUrl,
    userId: account.userId,
    deviceId,
    accessToken: account.accessToken,
    logger: SILENT,
    cryptoCallbacks: {
      cacheSecretStorageKey: (id, _info, key) => void keys.set(id, key),
      getSecretStorageKey: ({keys: wanted}) => {
        const id = Object.keys(wanted).find((one) => keys.has(one))
        return Promise.resolve(id === undefined ? null : [id, keys.get(id)!])
      },
    },
  })
  await client.initRustCrypto({useIndexedDB: false})
  const crypto = client.getCrypto()!
  const prepared = new Promise<void>((resolve) => {
    client.on(ClientEvent.Sync, (state) => {
      if (state.toString() === 'PREPARED') resolve()
    })
  })
  await client.startClient({initialSyncLimit: 10})
  await prepared
  const verified = n % 4 < 2
  if (verified) {
    await crypto.bootstrapCrossSigning({
      authUploadDeviceSigningKeys: async (makeRequest) => {
        await makeRequest(null)
      },
    })
    if (n % 8 < 4) {
      await crypto.bootstrapSecretStorage({
        createSecretStorageKey: () => crypto.createRecoveryKeyFromPassphrase(),
        setupNewKeyBackup: true,
      })
    }
    equal(
      'device is verified',
      (await crypto.getDeviceVerificationStatus(account.userId, deviceId))?.isVerified(),
      true,
    )
  }
  return {server, account, client, verified, room}
}

/** Sends an encrypted message; the SDK refuses to while it does not know that the room is encrypted. */
async function say({client, room}: Member, body: string): Promise<void> {
  const {MsgType} = await import('matrix-js-sdk')
  for (let tries = 0; tries < 100; tries += 1) {
    if (client.getRoom(room.roomId)?.hasEncryptionStateEvent() === true) break
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  equal('the SDK knows that the room is encrypted', client.getRoom(room.roomId)?.hasEncryptionStateEvent(), true)
  await client.sendMessage(room.roomId, {msgtype: MsgType.Text, body})
}

const nothing = (): void => undefined
/** For the SDK, which would write to the console. */
export const SILENT: Logger = {
  trace: nothing,
  debug: nothing,
  info: nothing,
  warn: nothing,
  error: nothing,
  getChild: () => SILENT,
}
