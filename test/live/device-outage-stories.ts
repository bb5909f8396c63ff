import {setTimeout as sleep} from 'node:timers/promises'
import {equal} from './checking.ts'
import {withDatabase} from './database.ts'
import type {Device} from './device-people.ts'
import {altered, encryptedRoom, reinstated} from './device-room-stories.ts'
import {arrived} from './device-user-stories.ts'
import {editStopped, somebody} from './device-world.ts'
import type {DeviceStory, DeviceWorld} from './device-world.ts'
import {TestRoom} from './rooms.ts'

const V3 = '/_matrix/client/v3'
const DAY = 86_400_000

/** What needs a server that is stopped or not reached. */
export interface Outages {
  readonly stories: readonly DeviceStory[]
  /** While both still run, after all have been audited. */
  readonly prelude: () => Promise<void>
  /** To be called while `there` is stopped, before it is deaf. */
  readonly whileThereIsDown: () => Promise<void>
  /** While `here` is stopped and `there` deaf, after the stories of that phase. */
  readonly whileHereIsDown: () => Promise<void>
  /** While `there` is stopped and `here` deaf. */
  readonly whileThereIsDownAgain: () => Promise<void>
}

/** Everybody is made here, healthy. */
export async function outageStories(world: DeviceWorld): Promise<Outages> {
  const {here, there} = world
  const {room, guest: observer} = await encryptedRoom(world, here, 'lists')
  const stale = await staleList(world, room, observer)
  const unsent = await unsentList(world, room)
  const resync = await failingResync(world, room, observer)
  const reissued = await reissuedKey(world)
  const backlog = await fullInbox(world)
  const disputed = await reinstated(world)
  const alteredMessage = await altered(world)
  return {
    stories: [stale, unsent, resync, reissued.story, backlog.story, disputed.story, alteredMessage.story],
    prelude: reissued.claimFirst,
    whileThereIsDown: async () => {
      await reissued.restore()
      await backlog.age()
      await alteredMessage.edit()
    },
    whileHereIsDown: async () => {
      const old = Date.now() - DAY / 4
      await editStopped(here, 'UPDATE device_lists_outbound_pokes SET ts = ? WHERE NOT sent', old)
      await editStopped(here, 'UPDATE destinations SET failure_ts = ? WHERE failure_ts IS NOT NULL', old)
      disputed.edit()
    },
    whileThereIsDownAgain: async () => {
      const old = Date.now() - DAY / 4
      const rows = await editStopped(there, 'UPDATE device_lists_remote_resync SET added_ts = ?', old)
      if (rows === 0) throw new Error('no list is noted as one to be fetched anew')
    },
  }
}

/** Makes another healthy device. */
async function another(device: Device, deviceId: string): Promise<void> {
  const second = await device.person.login(deviceId)
  await second.uploadKeys()
  await second.uploadOneTimeKeys(5)
  await second.uploadFallbackKey()
  await device.person.verify(second)
}

/** Waits until the observer's server tells the device's present keys. */
async function knownTo(observer: Device, device: Device): Promise<void> {
  const {userId, deviceId, keys} = device
  for (let tries = 0; tries < 60; tries += 1) {
    const answer = await observer.person.server.ask<{
      device_keys: Record<string, Record<string, {keys: Record<string, string>}>>
      self_signing_keys?: Record<string, unknown>
    }>(observer, 'POST', `${V3}/keys/query`, {device_keys: {[userId]: []}})
    const known = answer.device_keys[userId]?.[deviceId]?.keys[`ed25519:${deviceId}`]
    if (known === keys.ed25519 && answer.self_signing_keys?.[userId] !== undefined) return
    await sleep(250)
  }
  throw new Error(`${observer.userId} is not told the keys of ${userId}`)
}

async function memberThere(observer: Device, room: TestRoom, device: Device): Promise<void> {
  for (let tries = 0; tries < 100; tries += 1) {
    const address = room.address('joined_members')
    const {joined} = await observer.person.server.ask<{joined: Record<string, unknown>}>(observer, 'GET', address)
    if (joined[device.userId] !== undefined) return
    await sleep(100)
  }
  throw new Error(`${device.userId} does not join on the other server`)
}

async function staleList(world: DeviceWorld, room: TestRoom, observer: Device): Promise<DeviceStory> {
  const {here, there} = world
  const {device} = await somebody(world, here, 'busy')
  await room.join(here, device)
  await knownTo(observer, device)
  return {
    finding: 'device/list-stale',
    done: 'one server does not hear the other; a user of the latter logs in and verifies the new device',
    subject: device.userId,
    server: there,
    device: () => observer,
    phase: 'there-deaf',
    seenBy: ['api', 'database'],
    about: () => ({user_id: device.userId}),
    act: async () => {
      await another(device, 'NEWWHILEDEAF')
    },
  }
}

async function unsentList(world: DeviceWorld, room: TestRoom): Promise<DeviceStory> {
  const {here} = world
  const {device} = await somebody(world, here, 'unheard')
  await room.join(here, device)
  return {
    finding: 'device/list-unsent',
    done: 'the same, as the user’s own server sees it',
    edited: 'device_lists_outbound_pokes.ts and destinations.failure_ts: made six hours older',
    subject: device.userId,
    server: here,
    device: () => device,
    phase: 'there-deaf',
    seenBy: ['database'],
    about: () => ({user_id: device.userId}),
    act: async () => {
      await another(device, 'NEWUNHEARD')
      for (let tries = 0; tries < 60; tries += 1) {
        const rows = await withDatabase(here, (query) =>
          query(`SELECT 1 FROM device_lists_outbound_pokes WHERE NOT sent AND user_id = '${device.userId}'`),
        )
        if (rows.length > 0) return
        await sleep(250)
      }
      throw new Error('no change waits to be sent')
    },
  }
}

async function failingResync(world: DeviceWorld, room: TestRoom, observer: Device): Promise<DeviceStory> {
  const {here, there} = world
  const {device} = await somebody(world, here, 'newcomer')
  return {
    finding: 'device/list-resync-failing',
    done: 'a user whose server hears nobody joins; the other server cannot fetch the list',
    edited: 'device_lists_remote_resync.added_ts: made six hours older',
    subject: device.userId,
    server: there,
    device: () => observer,
    phase: 'here-deaf',
    seenBy: ['api', 'database'],
    // By `failures` of `/keys/query`, which tells of this moment only.
    otherwise: {api: {severity: 'note', certainty: 'hint'}},
    about: () => ({user_id: device.userId}),
    act: async () => {
      await room.join(here, device)
      // Until the join is there, the other server drops what it is told of the devices.
      await memberThere(observer, room, device)
      await another(device, 'NEWSECOND')
      for (let tries = 0; tries < 100; tries += 1) {
        const rows = await withDatabase(there, (query) =>
          query(`SELECT 1 FROM device_lists_remote_resync WHERE user_id = '${device.userId}'`),
        )
        if (rows.length > 0) return
        await sleep(250)
      }
      throw new Error('the list is not noted as one to be fetched anew')
    },
  }
}

/** One-time keys that are put back as they were: what a server does that is restored from a backup. */
async function reissuedKey(
  world: DeviceWorld,
): Promise<{story: DeviceStory; claimFirst: () => Promise<void>; restore: () => Promise<void>}> {
  const {there} = world
  const {device} = await somebody(world, there, 'restored', {oneTimeKeys: 1})
  const {device: first} = await somebody(world, there, 'first-sender')
  const {device: second} = await somebody(world, there, 'second-sender')
  const table = 'e2e_one_time_keys_json'
  const [row] = await withDatabase(there, (query) =>
    query(`SELECT * FROM ${table} WHERE user_id = '${device.userId}' AND device_id = '${device.deviceId}'`),
  )
  if (row === undefined) throw new Error('no one-time key in the database')
  const claimFirst = async (): Promise<void> => {
    await first.startSession(device)
    await arrived(device, 1)
  }
  const restore = async (): Promise<void> => {
    const columns = Object.keys(row)
    const values = Object.values(row).map((value) => (typeof value === 'number' ? value : String(value)))
    const sql = `INSERT INTO ${table} (${columns.join()}) VALUES (${columns.map(() => '?').join()})`
    equal('rows', await editStopped(there, sql, ...values), 1)
  }
  const story: DeviceStory = {
    finding: 'device/otk-reissued',
    done: 'a sender claimed the last one-time key, the table was restored, and another sender got the same one',
    edited: 'e2e_one_time_keys_json: put back as it was before the first claim, as a restored backup has it',
    subject: device.userId,
    server: there,
    device: () => device,
    phase: 'there-deaf',
    seenBy: ['api', 'database'],
    // The own device is not told its fallback key, which may be given to many.
    otherwise: {api: {severity: 'warning', certainty: 'hint'}},
    about: () => ({user_id: device.userId, device_id: device.deviceId}),
    act: async () => {
      await second.startSession(device)
      await arrived(device, 2)
    },
  }
  return {story, claimFirst, restore}
}

async function fullInbox(world: DeviceWorld): Promise<{story: DeviceStory; age: () => Promise<void>}> {
  const {there} = world
  const {device} = await somebody(world, there, 'asleep')
  const {device: sender} = await somebody(world, there, 'talkative')
  const story: DeviceStory = {
    finding: 'device/inbox-backlog',
    done: '150 messages were sent to a device that does not sync',
    edited: 'devices.last_seen: made 30 days older (it cannot be waited for)',
    subject: device.userId,
    server: there,
    device: () => device,
    phase: 'there-deaf',
    seenBy: ['database'],
    about: () => ({user_id: device.userId, device_id: device.deviceId}),
    act: async () => {
      const key = await sender.claim(device)
      if (key === null) throw new Error('no one-time key')
      await world.olm.session('to the full inbox', sender.account, {
        curve25519: device.keys.curve25519,
        oneTimeKey: key,
      })
      for (let n = 0; n < 150; n += 1)
        await sender.sendOlm(device, device.keys.curve25519, 'to the full inbox', 'm.room_key')
    },
  }
  const age = async (): Promise<void> => {
    const sql = 'UPDATE devices SET last_seen = ? WHERE user_id = ? AND device_id = ?'
    equal('rows', await editStopped(there, sql, Date.now() - 30 * DAY, device.userId, device.deviceId), 1)
  }
  return {story, age}
}
