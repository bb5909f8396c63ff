import path from 'node:path'
import type {Device, EncryptedContent} from './device-people.ts'
import {editStopped, somebody} from './device-world.ts'
import type {DeviceStory, DeviceWorld} from './device-world.ts'
import {equal} from './checking.ts'
import {TestRoom} from './rooms.ts'
import {spread} from './stage.ts'
import {unban} from './story-checks.ts'
import type {Synapse} from './synapse.ts'

const BOTH = ['api', 'database'] as const
/** An event that the routes do not show might have switched it on again. */
const STRONG = {severity: 'error', certainty: 'strong'}
const MEGOLM = {algorithm: 'm.megolm.v1.aes-sha2'}

/** An encrypted room with somebody of each server in it. */
export interface SharedRoom {
  readonly room: TestRoom
  /** Made the room. */
  readonly owner: Device
  readonly guest: Device
}

export async function encryptedRoom(
  world: DeviceWorld,
  server: Synapse,
  name: string,
  settings: object = {},
): Promise<SharedRoom> {
  const other = server === world.here ? world.there : world.here
  const {device: owner} = await somebody(world, server, `${name}-owner`)
  const {device: guest} = await somebody(world, other, `${name}-guest`)
  const content = {...MEGOLM, ...settings}
  const room = await TestRoom.create(server, owner, '11', {
    name,
    initial_state: [{type: 'm.room.encryption', state_key: '', content}],
  })
  await room.join(other, guest, server)
  return {room, owner, guest}
}

/** What goes wrong with messages and rooms while both servers run. */
export async function roomStories(world: DeviceWorld): Promise<DeviceStory[]> {
  const {here, there} = world
  const makers: ((server: Synapse) => Promise<DeviceStory>)[] = [
    (server) => reusedIndex(world, server),
    (server) => garbled(world, server),
    (server) => forgedSession(world, server),
    (server) => overdue(world, server),
    (server) => goneAfterSending(world, server),
    (server) => switchedOff(world, server),
    (server) => redacted(world, server),
  ]
  return spread([...makers.entries()], 4, ([n, make]) => make(n % 2 === 0 ? here : there))
}

function inRoom({room, owner}: SharedRoom): Pick<DeviceStory, 'device' | 'phase' | 'subject' | 'server' | 'seenBy'> {
  return {device: () => owner, phase: 'both', subject: room.roomId, server: owner.person.server, seenBy: BOTH}
}

/** The owner's Megolm session, with three messages sent by it. */
async function talk({room, owner}: SharedRoom, device: Device = owner): Promise<string> {
  const group = await device.group()
  for (let n = 0; n < 3; n += 1) await device.say(room, group, `all is well, ${String(n)}`)
  return group
}

async function reusedIndex(world: DeviceWorld, server: Synapse): Promise<DeviceStory> {
  const shared = await encryptedRoom(world, server, 'rolled-back')
  const group = await talk(shared)
  const {room, owner} = shared
  return {
    ...inRoom(shared),
    finding: 'megolm/index-reused',
    done: 'restored the sender’s Megolm session from before its last message, and sent another one',
    act: async () => {
      const pickle = await world.olm.pickleGroup(group)
      await owner.say(room, group, 'before the restore')
      await world.olm.unpickleGroup(group, pickle)
      await owner.say(room, group, 'after the restore')
    },
  }
}

async function garbled(world: DeviceWorld, server: Synapse): Promise<DeviceStory> {
  const shared = await encryptedRoom(world, server, 'garbled')
  const group = await talk(shared)
  const {room, owner} = shared
  return {
    ...inRoom(shared),
    finding: 'megolm/signature-bad',
    done: 'sent a message of which one byte of the ciphertext was changed after it was signed',
    act: async () => {
      await owner.say(room, group, 'will be garbled', (content) => {
        const bytes = Buffer.from(content.ciphertext, 'base64')
        bytes[bytes.length - 80] = bytes[bytes.length - 80]! ^ 1
        return {...content, ciphertext: bytes.toString('base64').replaceAll('=', '')}
      })
    },
  }
}

async function forgedSession(world: DeviceWorld, server: Synapse): Promise<DeviceStory> {
  const shared = await encryptedRoom(world, server, 'forged')
  const group = await talk(shared)
  const {room, owner} = shared
  return {
    ...inRoom(shared),
    finding: 'megolm/signature-bad',
    done: 'sent a message under the session ID of another session',
    act: async () => {
      const other = await world.olm.group('another session')
      await owner.say(room, group, 'whose is it?', (content): EncryptedContent => ({...content, session_id: other}))
    },
  }
}

async function overdue(world: DeviceWorld, server: Synapse): Promise<DeviceStory> {
  const shared = await encryptedRoom(world, server, 'overdue', {rotation_period_msgs: 5})
  const group = await talk(shared)
  const {room, owner} = shared
  return {
    ...inRoom(shared),
    finding: 'megolm/rotation-overdue',
    done: 'sent 12 messages with one session in a room whose setting is 5',
    act: async () => {
      for (let n = 3; n < 12; n += 1) await owner.say(room, group, `still the same session, ${String(n)}`)
    },
  }
}

async function goneAfterSending(world: DeviceWorld, server: Synapse): Promise<DeviceStory> {
  const shared = await encryptedRoom(world, server, 'left-behind')
  await talk(shared)
  const second = await shared.owner.person.login('SECONDDEVICE')
  await second.uploadKeys()
  await second.uploadOneTimeKeys(5)
  await second.uploadFallbackKey()
  await shared.owner.person.verify(second)
  await talk(shared, second)
  return {
    ...inRoom(shared),
    finding: 'megolm/sender-device-gone',
    done: 'logged a second device out after it had sent',
    act: () => second.logout(),
  }
}

async function switchedOff(world: DeviceWorld, server: Synapse): Promise<DeviceStory> {
  const shared = await encryptedRoom(world, server, 'switched-off')
  await talk(shared)
  const {room, owner} = shared
  return {
    ...inRoom(shared),
    finding: 'room/encryption-lost',
    done: 'set m.room.encryption without an algorithm',
    about: () => ({type: 'm.room.encryption'}),
    otherwise: {api: STRONG, database: STRONG},
    act: async () => {
      await room.setState(server, owner, 'm.room.encryption', {})
      await room.say(server, owner, 'in the clear')
    },
  }
}

async function redacted(world: DeviceWorld, server: Synapse): Promise<DeviceStory> {
  const shared = await encryptedRoom(world, server, 'redacted')
  await talk(shared)
  const {room, owner} = shared
  return {
    ...inRoom(shared),
    finding: 'room/encryption-lost',
    done: 'redacted the m.room.encryption event',
    about: () => ({type: 'm.room.encryption'}),
    otherwise: {api: STRONG, database: STRONG},
    act: async () => {
      const address = `${room.address('state/m.room.encryption/')}?format=event`
      const {event_id: event} = await server.ask<{event_id: string}>(owner, 'GET', address)
      await room.redact(server, owner, event)
    },
  }
}

/** Somebody who was banned is put back into the state of the server on SQLite while it is stopped; then messages are sent. */
export interface Reinstated {
  readonly story: DeviceStory
  /** To be called while `here` is stopped. */
  readonly edit: () => void
}

export async function reinstated(world: DeviceWorld): Promise<Reinstated> {
  const {here, there} = world
  const shared = await encryptedRoom(world, here, 'disputed')
  const {room, owner, guest} = shared
  const {device: banned} = await somebody(world, here, 'disputed-member')
  await room.join(here, banned)
  await talk(shared)
  await room.member(here, owner, 'ban', banned)
  const group = await talk(shared)
  const at = await room.setState(here, owner, 'm.room.topic', {topic: 'without them'})
  const edit = (): void => {
    unban(path.join(here.folder, 'homeserver.db'), room.roomId, at, banned.userId)
  }
  const story: DeviceStory = {
    ...inRoom(shared),
    finding: 'room/key-recipients-differ',
    done: 'somebody who is banned counts as joined on one server, and both servers’ users go on talking',
    edited: 'state group and current state of one server: the member’s event from before the ban',
    phase: 'reunited',
    about: () => ({kind: 'server', server: here.name}),
    act: async () => {
      await owner.say(room, group, 'who reads this?')
      const theirs = await guest.group()
      for (let n = 0; n < 2; n += 1) await guest.say(room, theirs, `and this, ${String(n)}`)
      equal('servers', guest.person.server === there, true)
    },
  }
  return {story, edit}
}

/** A message that is altered in the database of a stopped server. */
export async function altered(world: DeviceWorld): Promise<{story: DeviceStory; edit: () => Promise<void>}> {
  const {there} = world
  const shared = await encryptedRoom(world, there, 'altered')
  const group = await talk(shared)
  const {room, owner} = shared
  const eventId = await owner.say(room, group, 'will be altered')
  const story: DeviceStory = {
    ...inRoom(shared),
    finding: 'megolm/signature-bad',
    done: 'the ciphertext of a message was changed',
    edited: 'event_json of the sender’s server',
    phase: 'there-deaf',
    // With a copy from before at hand, or the other server's, the program takes that one, and is right.
    forgetful: true,
    alone: true,
    act: () => Promise.resolve(),
  }
  const edit = async (): Promise<void> => {
    // The first letters are version, index and length; further on there is nothing but ciphertext.
    const cut = `instr(json, '"ciphertext":"')`
    const place = there.database === null ? cut : `strpos(json, '"ciphertext":"')`
    const letter = `substr(json, ${place} + 44, 1)`
    const changed = `substr(json, 1, ${place} + 43) || CASE WHEN ${letter} = 'x' THEN 'y' ELSE 'x' END || substr(json, ${place} + 45)`
    equal('rows', await editStopped(there, `UPDATE event_json SET json = ${changed} WHERE event_id = ?`, eventId), 1)
  }
  return {story, edit}
}
