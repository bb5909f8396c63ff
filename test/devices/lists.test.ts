import {describe, expect, test} from 'vitest'
import {deviceListDifferences, sameDeviceList} from '../../src/devices/device-lists.ts'
import type {JsonObject} from '../../src/matrix/json.ts'
import {audit, DAY, findingOf, ids, needs, NOW, pair, SECOND, signed, told, user} from './users.ts'

const alice = user()
const [phone, desk] = [alice.verified('PHONE'), alice.verified('DESK')]
const HOUR = 3_600_000

describe('sameDeviceList', () => {
  const list = alice.keys([phone, desk])

  test('what differs for good reasons is no difference', () => {
    const bare = {...list, devices: {...list.devices, BARE: null}}
    const {user_signing_key: _own, ...shown} = alice.keys([desk, phone], {view: 'copy', stream_id: 7})
    const dressed = {...phone, keys: {...phone.keys, unsigned: {device_display_name: 'x'}}}
    const shownMore = {...phone, keys: signed(phone.keys, '@bob:b.example', 'k', alice.master)}
    const signedByBob = {master_key: signed(alice.own.master_key, '@bob:b.example', 'k', alice.master)}
    expect(sameDeviceList(list, list)).toBe(true)
    expect(sameDeviceList(bare, list)).toBe(true)
    expect(sameDeviceList(shown, list)).toBe(true)
    expect(sameDeviceList(alice.keys([dressed, desk]), list)).toBe(true)
    expect(sameDeviceList(alice.keys([shownMore, desk]), list)).toBe(true)
    expect(sameDeviceList(alice.keys([phone, desk], signedByBob), list)).toBe(true)
    expect(sameDeviceList({kind: 'keys', view: 'copy', devices: list.devices}, list)).toBe(true)
  })

  test('devices, their keys and cross-signing keys are', () => {
    const anew = alice.verified('PHONE')
    expect(deviceListDifferences(list, alice.keys([desk]))).toMatchObject([
      {what: 'device', deviceId: 'PHONE', b: null},
    ])
    expect(deviceListDifferences(list, alice.keys([anew, desk]))).toMatchObject([{what: 'device', deviceId: 'PHONE'}])
    expect(deviceListDifferences(list, alice.keys([phone, desk], {master_key: null}))).toMatchObject([
      {what: 'master_key', b: null},
    ])
    expect(
      deviceListDifferences(list, alice.keys([phone, desk], {self_signing_key: user().own.self_signing_key})),
    ).toMatchObject([{what: 'self_signing_key'}])
    expect(sameDeviceList(list, alice.keys([{...phone, keys: 7 as unknown as JsonObject}, desk]))).toBe(false)
  })
})

describe('device/list-stale', () => {
  const at = (from: number, to: number) => ({ts: NOW - from * SECOND, lastTs: NOW - to * SECOND})
  const origin = (from: number, to: number) => told(alice.keys([phone, desk]), at(from, to))
  const copy = (from: number, to: number) => told(alice.keys([phone], {view: 'copy'}), at(from, to))

  test('a difference that lasts is proven', () => {
    const of = audit(origin(30, 10), copy(29, 9))
    expect(ids(of)).toEqual(['error device/list-stale'])
    const found = findingOf(of, 'device/list-stale')
    expect(found).toMatchObject({certainty: 'proof', subject: {kind: 'user'}})
    expect(found.summary).toContain(
      'b.example has of the devices of @alice:a.example differs from what a.example says: it lacks DESK',
    )
    expect(found.remedy).toContain('The admin of b.example')
  })

  test.each([
    ['each was asked once, at a time', origin(10, 10), copy(9, 9)],
    ['it lasted for less than five seconds', origin(10, 6), copy(9, 6)],
    ['the copy was asked long after: the list may have changed since', origin(100, 90), copy(10, 0)],
    ['the copy was asked long before', origin(10, 0), copy(100, 90)],
  ])('%s: a hint', (_what, one, other) => {
    const of = audit(one, other)
    expect(ids(of)).toEqual(['warning device/list-stale'])
    expect(findingOf(of, 'device/list-stale').summary).toContain('ask again')
  })

  test('a copy that has not heard that a device was verified', () => {
    const {publicKey} = alice.selfSigning
    const {[`ed25519:${publicKey}`]: _gone, ...rest} = (phone.keys['signatures'] as Record<string, JsonObject>)[
      '@alice:a.example'
    ] as Record<string, string>
    const before = {...phone, keys: {...phone.keys, signatures: {'@alice:a.example': rest}}}
    const of = audit(origin(30, 10), told(alice.keys([before, desk], {view: 'copy'}), at(29, 9)))
    expect(ids(of)).toEqual(['error device/list-stale'])
    expect(findingOf(of, 'device/list-stale').summary).toContain(
      'it lacks the owner’s signature of PHONE, unverified for its users',
    )
    const otherwise = signed(before.keys, '@alice:a.example', publicKey, pair())
    const old = audit(origin(30, 10), told(alice.keys([{...phone, keys: otherwise}, desk], {view: 'copy'}), at(29, 9)))
    expect(findingOf(old, 'device/list-stale').summary).toContain('it has another signature of PHONE')
  })

  test('what one side said in an earlier run is not held against what the other says now', () => {
    const hours = (count: number) => ({ts: NOW - count * HOUR, lastTs: NOW - count * HOUR})
    const of = audit(told(alice.keys([phone, desk]), hours(30)), copy(9, 0))
    expect(ids(of)).toEqual([])
    expect(of.keysBy?.view).toBe('copy')
    expect(needs(of)).toContain('device/list-stale')
  })

  test('equal lists are fine, and only where both sides were asked', () => {
    expect(ids(audit(origin(30, 10), told(alice.keys([phone, desk], {view: 'copy'}))))).toEqual([])
    expect(needs(audit(origin(30, 10), copy(29, 9)))).not.toContain('device/list-stale')
    expect(audit(origin(30, 10)).notChecked.find(({id}) => id === 'device/list-stale')?.needs).toContain(
      'the view of another server',
    )
    expect(audit(copy(30, 10)).notChecked.find(({id}) => id === 'device/list-stale')?.needs).toContain(
      'to ask a.example itself',
    )
  })

  test('an older copy that has been replaced does not count; each server is compared', () => {
    const fresh = told(alice.keys([phone, desk], {view: 'copy'}), at(5, 0))
    expect(ids(audit(origin(30, 0), copy(29, 9), fresh))).toEqual([])
    const elsewhere = told(alice.keys([phone], {view: 'copy'}), {
      ...at(29, 9),
      server: 'c.example',
      route: 'client @y:c.example',
    })
    expect(findingOf(audit(origin(30, 0), fresh, elsewhere), 'device/list-stale').summary).toContain('c.example')
  })
})

describe('other faults of lists', () => {
  test('more than 1,000 devices with keys', () => {
    const list = (count: number, keys: object | null = {}) => ({
      ...alice.keys([]),
      devices: Object.fromEntries(
        Array.from({length: count}, (_, at) => [`D${String(at)}`, keys as JsonObject | null]),
      ),
    })
    const problems = (count: number) => ids(audit(told(list(count)))).filter((id) => id.endsWith('too-long'))
    expect(problems(1001)).toEqual(['error device/list-too-long'])
    expect(problems(1000)).toEqual([])
    expect(ids(audit(told(list(1001, null))))).not.toContain('error device/list-too-long')
    expect(needs(audit(told({...list(1001), view: 'copy'})))).toContain('device/list-too-long')
  })

  test('a resync that is pending for long; not one that was noted just now', () => {
    const of = (minutes: number | null) =>
      audit(
        told(alice.keys([phone])),
        told({kind: 'list-resync', added_ts: minutes === null ? null : NOW - minutes * 60 * SECOND}, {ts: NOW}),
      )
    expect(ids(of(11))).toEqual(['warning device/list-resync-failing'])
    expect(ids(of(9))).toEqual([])
    expect(ids(of(null))).toEqual([])
    expect(needs(of(null))).not.toContain('device/list-resync-failing')
  })

  test('a server that could not be asked is a note, and no proof that nothing is fetched', () => {
    const of = audit(told({kind: 'unreachable', server: 'a.example', message: 'timed out'}))
    expect(ids(of)).toEqual(['note device/list-resync-failing'])
    expect(needs(of)).toEqual(
      expect.arrayContaining(['device/list-resync-failing', 'device/unverified', 'device/list-stale']),
    )
  })

  test('a server that could not be asked once, and answered since, is none', () => {
    const failed = told({kind: 'unreachable', server: 'a.example', message: 'timed out'}, {ts: NOW - DAY})
    const where = {route: failed.route, how: failed.how}
    expect(ids(audit(failed, told(alice.keys([phone]), where)))).toEqual([])
    expect(ids(audit(failed, told(alice.keys([phone]), {...where, ts: NOW - DAY})))).toEqual([
      'note device/list-resync-failing',
    ])
    expect(ids(audit(failed, told(alice.keys([phone]), {route: 'another'})))).toEqual([
      'note device/list-resync-failing',
    ])
  })

  test('what waited long ago for another server is no proof that it waits now', () => {
    const destinations = [{destination: 'b.example', count: 2, oldest_ts: NOW - 3 * DAY}]
    const of = audit(told({kind: 'list-unsent', destinations}, {ts: NOW - 2 * DAY}))
    expect(findingOf(of, 'device/list-unsent').certainty).toBe('hint')
    expect(needs(of)).toContain('device/list-unsent')
  })

  test('updates that are not delivered: a warning, and a note for servers that are gone', () => {
    const one = (destination: string, hours: number, failingDays?: number) => ({
      destination,
      count: 2,
      oldest_ts: NOW - hours * HOUR,
      ...(failingDays === undefined ? {} : {failing_since_ts: NOW - failingDays * DAY}),
    })
    const of = (...destinations: readonly ReturnType<typeof one>[]) =>
      audit(told(alice.keys([phone])), told({kind: 'list-unsent', destinations}, {ts: NOW}))
    expect(ids(of(one('c.example', 2), one('d.example', 3, 1)))).toEqual(['warning device/list-unsent'])
    expect(ids(of(one('c.example', 0.9)))).toEqual([])
    expect(ids(of(one('dead.example', 20, 30)))).toEqual(['note device/list-unsent'])
    expect(ids(of(one('dead.example', 20, 30), one('c.example', 2)))).toEqual([
      'note device/list-unsent',
      'warning device/list-unsent',
    ])
    expect(needs(of())).not.toContain('device/list-unsent')
  })
})
