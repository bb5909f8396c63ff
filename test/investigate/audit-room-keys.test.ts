import {describe, expect, test} from 'vitest'
import type {Finding} from '../../src/finding/finding.ts'
import {ALICE, BOB, CAROL, member, message, MO, type Room} from '../rules/build.ts'
import {
  closedRoom,
  encryptedRoom,
  encryption,
  lookingAt,
  secret,
  type Word,
  withoutCarol,
  withoutEncryption,
} from './encrypted-room.ts'

const STATE = ['create', 'levels', 'closed', 'alice', 'mo', 'carol', 'enc']
const CAUSE = 'A-unconflicted-deauthorises'
const A = 'a.example'
const B = 'b.example'
const devicesOf = (userId: string): readonly string[] | null => (userId === CAROL ? ['PHONE', 'LAPTOP'] : null)

const findings = (room: Room, words: readonly Word[] = [agrees(room)]): Promise<readonly Finding[]> =>
  lookingAt(room, words, (keys) => keys.findings(devicesOf))

/** A server that has come to the end and tells no state that could differ. */
const agrees = (room: Room): Word => ({server: A, at: room.last})
const told = (found: readonly Finding[]) => found.map(({id, severity, cause}) => [id, severity, cause])

describe('the encryption of a room', () => {
  test('nothing is said where it holds, nor where there never was any', async () => {
    const room = encryptedRoom().add('hello', secret())
    const [found, encrypted] = await lookingAt(room, [{server: A, current: STATE, at: 'hello'}], (keys) => [
      keys.findings(devicesOf),
      keys.encrypted,
    ])
    expect(found).toEqual([])
    expect(encrypted).toBe(true)
  })

  test('resolved away by a merge: told with the event that set it, the merge, the cause, and what was sent since', async () => {
    const room = withoutEncryption().add('clear', message()).add('more', message(CAROL)).add('hidden', secret())
    const [found] = await lookingAt(room, [agrees(room)], (keys) => keys.findings(devicesOf))
    expect(found).toMatchObject({
      id: 'room/encryption-lost',
      severity: 'error',
      cause: 'concurrent-rule-change',
      subject: {kind: 'slot', type: 'm.room.encryption', event_id: room.id('merge')},
    })
    const values = new Map(found?.evidence.map(({where, value}) => [where, value]))
    expect(values.get('messages in the clear')).toBe(2)
    expect(values.get('first message in the clear')).toBe(room.id('clear'))
    expect(values.get('last message in the clear')).toBe(room.id('more'))
    expect(found?.summary).toContain('2 messages were sent in the clear since')
  })

  test('where the tips come together, and no event yet: it is lost there', async () => {
    const room = encryptedRoom()
      .add('early', secret())
      .add('demotion', {type: 'm.room.power_levels', state_key: '', content: {users: {[ALICE]: 100}}})
      .at('early')
      .add('again', encryption(MO, {rotation_period_msgs: 50}))
    const [found, ...others] = await findings(room)
    expect(found?.summary).toContain('since the branches of the room come together')
    expect(others).toEqual([])
  })

  test.each([
    ['names no algorithm', {}, 'names no algorithm'],
    ['names another one', {algorithm: 'm.rot13'}, 'names another algorithm, "m.rot13"'],
  ])('set again by an event that %s', async (_, content, words) => {
    const room = encryptedRoom()
      .add('spoilt', {...encryption(), content})
      .add('clear', message())
    const [found, ...others] = await findings(room)
    expect(others).toEqual([])
    expect(found?.summary).toContain(words)
    expect(found?.summary).toContain(`since the event ${room.id('spoilt')} by ${ALICE}`)
    expect(found?.summary).toContain(`One message was sent in the clear since: ${room.id('clear')}`)
  })

  test('redacted by somebody who may; not by somebody who may not', async () => {
    const redaction = (room: Room, sender: string) => ({
      type: 'm.room.redaction',
      sender,
      content: {},
      redacts: room.id('enc'),
    })
    const room = encryptedRoom()
    room.add('redaction', redaction(room, ALICE)).add('clear', message())
    const [found] = await findings(room)
    expect(found?.summary).toContain('was redacted, which takes the algorithm away')
    expect(found?.summary).toContain(`since the redaction ${room.id('redaction')} by ${ALICE}`)

    const other = encryptedRoom()
      .add('invite', member(BOB, 'invite', ALICE))
      .add('bob', member(BOB, 'join'))
    other.add('redaction', redaction(other, BOB)).add('clear', message())
    expect(await findings(other)).toEqual([])
  })

  test('lost and set again: a warning for what was sent in between, and nothing without it', async () => {
    const room = withoutEncryption().add('clear', message()).add('mended', encryption()).add('hidden', secret())
    const found = await findings(room)
    expect(told(found)).toEqual([['room/encryption-lost', 'warning', 'concurrent-rule-change']])
    expect(found[0]?.summary).toContain(`One message was sent in the clear since: ${room.id('clear')}`)
    expect(await findings(withoutEncryption().add('mended', encryption()))).toEqual([])
  })

  test('lost, set again, and lost where the tips come together: the last loss is told', async () => {
    const room = withoutEncryption()
      .add('promotion', {type: 'm.room.power_levels', state_key: '', content: {users: {[ALICE]: 100, [MO]: 50}}})
      .add('mended', encryption(MO))
      .add('fork', secret())
      .add('demotion2', {type: 'm.room.power_levels', state_key: '', content: {users: {[ALICE]: 100}}})
      .at('fork')
      .add('third', encryption(MO, {rotation_period_msgs: 7}))
    const [found] = await findings(room)
    expect(found?.summary).toContain('since the branches of the room come together')
    expect(found?.subject).not.toHaveProperty('event_id')
  })

  test('reactions and redactions are in the clear in encrypted rooms, and are not counted', async () => {
    const room = withoutEncryption().add('reaction', {type: 'm.reaction', content: {}})
    expect((await findings(room))[0]?.summary).toContain('No message was sent in the clear since')
  })

  test('one server alone has lost it: its users are named, the room is not blamed', async () => {
    const room = encryptedRoom().add('hello', secret())
    const lost = STATE.filter((name) => name !== 'enc')
    const found = await findings(room, [
      {server: A, current: STATE, at: 'hello'},
      {server: B, current: lost, at: 'hello'},
    ])
    expect(told(found)).toEqual([['room/encryption-lost', 'error', undefined]])
    expect(found[0]?.summary).toContain(`by the state of ${B}, nothing says so any more`)
  })

  test('a server that has not come so far is not blamed', async () => {
    const room = encryptedRoom().add('hello', secret())
    const found = await findings(room, [
      {server: A, current: STATE, at: 'hello'},
      {server: B, current: STATE.filter((name) => name !== 'enc'), at: 'closed', lacks: ['enc', 'hello']},
    ])
    expect(found).toEqual([])
  })
})

describe('who gets the keys', () => {
  const bobIn = (): Room =>
    encryptedRoom()
      .add('invite', member(BOB, 'invite', ALICE))
      .add('bob', member(BOB, 'join'))
      .add('before', secret())
      .add('kick', member(CAROL, 'leave', ALICE))
      .add('after', secret())
      .add('fromB', secret(BOB))
      .add('fromB2', secret(BOB))
  const now = ['create', 'levels', 'closed', 'alice', 'mo', 'kick', 'enc', 'bob']

  test('nothing is said where all agree', async () => {
    const words = [A, B].map((server) => ({server, current: now, at: 'fromB2'}))
    expect(await findings(bobIn(), words)).toEqual([])
  })

  test('a server that still has somebody in: who, which devices, and the messages of its users since', async () => {
    const room = bobIn()
    const stale = now.map((name) => (name === 'kick' ? 'carol' : name))
    const found = await findings(room, [
      {server: A, current: now, at: 'fromB2'},
      {server: B, current: stale, at: 'fromB2'},
    ])
    expect(told(found)).toEqual([['room/key-recipients-differ', 'error', undefined]])
    const [one] = found
    expect(one?.subject).toEqual({kind: 'server', server: B})
    expect(one?.certainty).toBe('strong')
    expect(one?.summary).toContain(`${CAROL} is joined by ${B}, and not by the events`)
    expect(one?.summary).toContain(`Keys of 2 encrypted messages of users of ${B} went to them, too`)
    const values = new Map(one?.evidence.map(({where, value}) => [where, value]))
    expect(values.get(`devices of ${CAROL}`)).toBe('PHONE, LAPTOP')
    expect(values.get('first of them')).toBe(room.id('fromB'))
    expect(values.get('last of them')).toBe(room.id('fromB2'))
  })

  test('a server that misses somebody', async () => {
    const without = now.filter((name) => name !== 'bob')
    const found = await findings(bobIn(), [{server: A, current: without, at: 'fromB2'}])
    expect(told(found)).toEqual([['room/key-recipients-differ', 'error', undefined]])
    expect(found[0]?.summary).toContain(`${BOB} is joined by the events, and not by ${A}`)
  })

  test('a join that a server has not received yet is a note', async () => {
    const room = encryptedRoom()
      .add('invite', member(BOB, 'invite', ALICE))
      .add('hello', secret())
      .add('bob', member(BOB, 'join'))
    const found = await findings(room, [
      {server: A, current: [...STATE, 'invite'], at: 'hello', lacks: ['bob']},
      {server: B, current: [...STATE, 'bob'], at: 'bob'},
    ])
    expect(told(found)).toEqual([['room/key-recipients-differ', 'note', undefined]])
    expect(found[0]?.summary).toContain('has not come to the newest events')
  })

  test('in a room that is not encrypted nobody gets keys', async () => {
    const stale = ['create', 'levels', 'closed', 'alice', 'mo']
    const found = await findings(closedRoom(), [{server: A, current: stale, at: 'closed'}])
    expect(found).toEqual([])
  })

  test('a server that has left the room, or has no state to speak of, is not compared', async () => {
    expect(await findings(bobIn(), [{server: A, current: [], at: 'fromB2'}])).toEqual([])
  })

  test('a member whom a merge lost is among those who are audited', async () => {
    const lost = await lookingAt(withoutCarol(), [agrees(withoutCarol())], (keys) => keys.joined())
    expect(lost).toEqual({here: [ALICE, MO], elsewhere: [], lost: [CAROL]})
  })

  test('set right again since then: a warning for the messages of that time', async () => {
    const room = withoutCarol()
      .add('invite', {...member(CAROL, 'invite', ALICE), auth: ['create', 'demotion', 'alice', 'closed']})
      .add('back', {...member(CAROL, 'join'), auth: ['create', 'demotion', 'invite', 'closed']})
      .add('later', secret())
    const [found] = await findings(room)
    expect(found).toMatchObject({id: 'room/key-recipients-differ', severity: 'warning'})
    expect(found?.evidence.find(({where}) => where === 'encrypted messages since')?.value).toBe(1)
  })

  test('lost by a merge for everybody: the users, the merge, the cause once, and the messages since', async () => {
    const room = withoutCarol().add('later', secret()).add('last', secret(MO))
    const found = await findings(room)
    expect(told(found)).toEqual([['room/key-recipients-differ', 'error', CAUSE]])
    const [one] = found
    expect(one?.subject).toEqual({kind: 'room', room_id: room.roomId})
    expect(one?.summary).toContain(`${CAROL} was`)
    const values = new Map(one?.evidence.map(({where, value}) => [where, value]))
    expect(values.get('merge')).toBe(room.id('merge'))
    expect(values.get(`devices of ${CAROL}`)).toBe('PHONE, LAPTOP')
  })
})
