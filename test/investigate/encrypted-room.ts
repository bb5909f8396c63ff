import {mkdtempSync, rmSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {createCase, openCase} from '../../src/casefile/open-case.ts'
import type {CaseReader} from '../../src/casefile/shapes.ts'
import {RoomKeys} from '../../src/investigate/audit-room-keys.ts'
import {openCaseRoom} from '../../src/investigate/open-case.ts'
import {canonicalJson} from '../../src/matrix/canonical-json.ts'
import type {JsonObject} from '../../src/matrix/json.ts'
import {ALICE, bare, CAROL, type Draft, member, MO, power, type Room} from '../rules/build.ts'

export const MEGOLM = 'm.megolm.v1.aes-sha2'
export const NOW = 1_700_000_500_000

/** Sets encryption; `more` are other settings. */
export const encryption = (sender: string = ALICE, more: JsonObject = {}): Draft => ({
  type: 'm.room.encryption',
  sender,
  state_key: '',
  content: {algorithm: MEGOLM, ...more},
})

/** A message that is encrypted by its type; nothing in it can be read. */
export const secret = (sender: string = ALICE): Draft => ({
  type: 'm.room.encrypted',
  sender,
  content: {algorithm: MEGOLM, ciphertext: 'AwgA', session_id: 'c2Vzc2lvbg', device_id: 'PHONE'},
})

/** Alice's room, into which Mo (50) and Carol came before it was closed. */
export function closedRoom(version = '10'): Room {
  const room = bare(version)
  return room
    .add('levels', power(room, {users: {[MO]: 50}}))
    .joinRules('open', 'public')
    .member('mo', MO, 'join')
    .member('carol', CAROL, 'join')
    .joinRules('closed', 'invite')
}

/** The same, where Mo switched encryption on. */
export function encryptedRoom(version = '10'): Room {
  return closedRoom(version).add('enc', encryption(MO))
}

/** Alice takes Mo's power while Mo bans Carol: where both meet, neither the ban nor Carol's join stands. Carol never left. */
export function withoutCarol(version = '10'): Room {
  const room = encryptedRoom(version)
  return room
    .add('early', secret())
    .add('demotion', power(room, {users: {}}))
    .at('early')
    .add('ban', member(CAROL, 'ban', MO))
    .add('merge', {...secret(), prev: ['demotion', 'ban']})
}

/** Alice takes Mo's power while Mo sets encryption again: where both meet, nothing is left of it. */
export function withoutEncryption(version = '10'): Room {
  const room = encryptedRoom(version)
  return room
    .add('early', secret())
    .add('demotion', power(room, {users: {}}))
    .at('early')
    .add('again', encryption(MO, {rotation_period_msgs: 50}))
    .add('merge', {...secret(), prev: ['demotion', 'again']})
}

/** A server's word on the room: names of events. */
export interface Word {
  readonly server: string
  /** Its current state; absent: it tells none. */
  readonly current?: readonly string[]
  /** Its newest event. */
  readonly at: string
  /** Events that it does not have. */
  readonly lacks?: readonly string[]
}

/** Writes the room as a case of the databases of some servers. */
export function writeCase(path: string, room: Room, words: readonly Word[]): string {
  const writer = createCase(path, {roomId: room.roomId, nowMs: NOW})
  const texts = new Map(room.names.map((name, index) => [name, canonicalJson(room.pdus[index]!, 'python')]))
  const slotOf = (name: string) => {
    const {type, state_key: stateKey} = room.pdus[room.names.indexOf(name)] as {type: string; state_key: string}
    return {eventId: room.id(name), type, stateKey}
  }
  for (const {server, current, at, lacks = []} of words) {
    const source = writer.source(
      {kind: 'database', name: `database ${server}`, server, address: `${server}.db`, insecure: false},
      [],
    )
    const events = [...texts].flatMap(([name, text]) =>
      lacks.includes(name) ? [] : [{text, eventId: room.id(name), marks: {rejected: null}}],
    )
    const step = {
      how: 'events, event_json',
      requests: 0,
      roomVersion: room.version,
      events,
      states:
        current === undefined
          ? []
          : [{what: 'current', eventId: null, how: 'current_state_events', slots: current.map(slotOf)} as const],
      extremities: [{direction: 'forward', how: 'event_forward_extremities', eventIds: [room.id(at)]}] as const,
    }
    writer.keep(source, step, NOW)
  }
  writer.close()
  return path
}

/** Hands the room's keys to `look`, as `devices` opens them. */
export async function lookingAt<T>(
  room: Room,
  words: readonly Word[],
  look: (keys: RoomKeys, reader: CaseReader) => T,
): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'matrix-state-'))
  const path = writeCase(join(folder, 'room.case'), room, words)
  const reader = openCase(path)
  try {
    return look(await RoomKeys.of(await openCaseRoom(path, {}), reader), reader)
  } finally {
    reader.close()
    rmSync(folder, {recursive: true, force: true})
  }
}
