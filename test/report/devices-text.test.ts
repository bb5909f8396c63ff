import {describe, expect, test} from 'vitest'
import type {DeviceAudit, UserAudit} from '../../src/devices/evidence.ts'
import {finding} from '../../src/finding/finding.ts'
import type {DevicesReport} from '../../src/investigate/devices-report.ts'
import {devicesDocument} from '../../src/report/devices-document.ts'
import {devicesText} from '../../src/report/devices-text.ts'
import {displayWidth} from '../../src/report/width.ts'

const NOW = 1_700_000_000_000
const KEY = 'A'.repeat(43)

const device = (deviceId: string, more: Partial<DeviceAudit> = {}): DeviceAudit => ({
  deviceId,
  displayName: 'Laptop',
  ed25519: KEY,
  curve25519: KEY,
  crossSigned: true,
  lastSeenTs: NOW - 3 * 3_600_000,
  dehydrated: false,
  oneTimeKeys: 50,
  fallbackKey: 'unused',
  waiting: 0,
  health: 'healthy',
  seenBy: ['client'],
  findings: [],
  ...more,
})

const user = (userId: string, more: Partial<UserAudit> = {}): UserAudit => ({
  userId,
  keysBy: {route: 'client', how: 'POST /keys/query', view: 'origin', ts: NOW},
  identity: {master: KEY, selfSigning: KEY, userSigning: null, trusted: true},
  devices: [device('ONE')],
  findings: [],
  changes: [],
  notChecked: [],
  unreached: [],
  ...more,
})

const unverified = (userId: string, deviceId: string) =>
  device(deviceId, {
    crossSigned: false,
    health: 'unverified',
    findings: [
      finding(
        'device/unverified',
        {kind: 'device', user_id: userId, device_id: deviceId},
        `${deviceId} is not signed`,
        [],
      ),
    ],
  })

const report = (users: readonly UserAudit[], more: Partial<DevicesReport> = {}): DevicesReport => ({
  subject: users[0]?.userId ?? '',
  room: null,
  users,
  findings: [],
  notChecked: [],
  asked: [],
  failed: [],
  unknown: [],
  complete: true,
  open: [],
  oldTs: null,
  casePath: null,
  inCache: false,
  notes: [],
  ...more,
})

const room: DevicesReport['room'] = {
  roomId: '!room:a.example',
  roomVersion: '11',
  encrypted: true,
  at: ['$tip'],
  joined: 3,
  joinedElsewhere: 0,
  lost: 0,
  messages: {messages: 7, sessions: 2, unreadable: 0},
  complete: true,
}

const text = (one: DevicesReport, style: {columns?: number; full?: boolean} = {}): string =>
  devicesText(one, {color: false, nowMs: NOW, ...style})

describe('devices for people', () => {
  test('a device in its row: keys, verified, age, what is left', () => {
    expect(text(report([user('@a:b')]))).toMatch(/ONE +Laptop +AAAAAA… +AAAAAA… +yes +3 h ago +50, fallback +0 +none/)
  })

  test('what is not known is never shown as none', () => {
    const bare = device('ONE', {
      crossSigned: null,
      lastSeenTs: null,
      oneTimeKeys: null,
      fallbackKey: null,
      waiting: null,
    })
    expect(text(report([user('@a:b', {devices: [bare]})]))).toMatch(/ONE .*\? +\? +\? +\? +none/)
  })

  test('the last line: clean only where all could be looked at', () => {
    const last = (one: DevicesReport): string => text(one).split('\n\n').at(-1) ?? ''
    expect(last(report([user('@a:b')]))).toBe('Nothing wrong was found in what could be checked.')
    const open = {complete: false, open: ['Nobody told the published keys of @a:b.']}
    expect(last(report([user('@a:b', {keysBy: null, devices: []})], open))).toMatch(
      /^Inconclusive: .*\n {2}Nobody told/,
    )
    const bad = report([user('@a:b', {devices: [unverified('@a:b', 'X')]})], open)
    expect(last(bad)).toMatch(/^Not everything could be looked at:\n.*\n1 warning found\.$/)
  })

  test('who has trouble first; the others in one line, or all with --full', () => {
    const users = [
      user('@a:b'),
      user('@c:d', {devices: [unverified('@c:d', 'X')]}),
      user('@e:f', {keysBy: null, devices: []}),
    ]
    const short = text(report(users, {room}))
    expect(short).toContain('Keys not known (1): @e:f')
    expect(short).toContain('Without trouble (1): @a:b')
    expect(short).not.toContain('ONE')
    expect(text(report(users, {room}), {full: true})).toContain('ONE')
  })

  test('old evidence tells its age', () => {
    const told = text(report([user('@a:b')], {oldTs: NOW - 3 * 86_400_000}))
    expect(told).toContain('told     3 d ago, 2023-11-11 22:13:20 UTC; nobody was asked now')
  })

  test('senders that do not reach a bot, by room', () => {
    const unreached = [
      {deviceId: 'BOT', sender: '@x:y', roomIds: ['!r:s', '!t:u'], because: 'device/stale-sender-key' as const},
      {deviceId: 'BOT', sender: '@v:w', roomIds: [], because: 'device/keys-withheld' as const},
    ]
    const told = text(report([user('@bot:b', {unreached})]))
    expect(told).toContain('2 senders whose messages a device cannot read')
    expect(told).toMatch(/!r:s +@x:y +BOT +device\/stale-sender-key/)
    expect(told).toMatch(/!t:u +@x:y/)
    expect(told).toMatch(/\(room not known\) +@v:w/)
  })

  test('what was not checked is grouped by the access that it takes', () => {
    const needs = '--database of b'
    const notChecked = (['device/otk-exhausted', 'device/inbox-backlog'] as const).map((id) => ({id, needs, users: 1}))
    expect(text(report([user('@a:b')], {notChecked}))).toContain(
      `  ${needs}: device/otk-exhausted, device/inbox-backlog`,
    )
  })

  test('nothing that others wrote moves the cursor', () => {
    const evil = '\u001b[2J\u202e\nX'
    const change = {
      kind: 'device-new' as const,
      deviceId: evil,
      before: evil,
      now: evil,
      betweenTs: [1, 2] as const,
      how: evil,
    }
    const unreached = [{deviceId: evil, sender: evil, roomIds: [evil], because: 'device/keys-withheld' as const}]
    const all = finding(
      'device/unverified',
      {kind: 'user', user_id: evil},
      evil,
      [{source: evil, where: evil, value: evil}],
      {remedy: `${evil} restarts the client.`},
    )
    const one = user(evil, {
      keysBy: {route: evil, how: evil, view: 'copy', ts: 0},
      identity: {master: evil, selfSigning: evil, userSigning: evil, trusted: false},
      devices: [device(evil, {displayName: evil, ed25519: evil, curve25519: evil, findings: [all]})],
      changes: [change],
      unreached,
      findings: [all],
    })
    const asked = [
      {name: evil, kind: 'client', server: evil, requests: 1, firstTs: 0, lastTs: 0, now: true, insecure: true},
    ]
    const bad = {
      subject: evil,
      asked,
      casePath: evil,
      open: [evil],
      notes: [evil],
      findings: [all],
      notChecked: [{id: 'device/unverified' as const, needs: evil, users: 1}],
    }
    for (const its of [null, {...room, roomId: evil, roomVersion: evil, at: [evil]}]) {
      const told = text(report([one, ...(its === null ? [] : [user('@a:b')])], {...bad, room: its}), {full: true})
      expect(told).not.toMatch(/[\u001b\u202e]|^X/m)
    }
  })

  test.each([60, 72, 84, 100, 120])('fits %i columns', (columns) => {
    const devices = [device('A_DEVICE_ID_THAT_IS_LONG'), unverified('@alice:example.org', 'ANOTHER_LONG_ONE')]
    const told = text(report([user('@alice:example.org', {devices})]), {columns})
    for (const line of told.split('\n')) expect(displayWidth(line)).toBeLessThanOrEqual(columns)
  })
})

describe('devices for programs', () => {
  test('counts by health and severity, and sorts', () => {
    const users = [user('@a:b', {devices: [device('Z'), unverified('@a:b', 'A')]})]
    const document = devicesDocument(report(users))
    expect(document.users[0]?.devices.map(({device_id: id}) => id)).toEqual(['A', 'Z'])
    expect(document.summary).toEqual({
      users: 1,
      devices: 2,
      health: {healthy: 1, unverified: 1, warning: 0, broken: 0, without_keys: 0, dehydrated: 0},
      findings: {error: 0, warning: 1, note: 0},
    })
  })
})
