import {mkdtempSync, rmSync} from 'node:fs'
import {tmpdir} from 'node:os'
import path from 'node:path'
import {describe, expect, it, onTestFinished} from 'vitest'
import {createCase, openCase} from '../../src/casefile/open-case.ts'
import {caseInfo} from '../../src/investigate/case-info.ts'
import {exportCase, mergeCases, redactCaseFile, verifyCase} from '../../src/investigate/case-work.ts'
import {openCaseRoom} from '../../src/investigate/open-case.ts'
import type {DeviceFact} from '../../src/matrix/device-facts.ts'
import {ExactNumber} from '../../src/matrix/json.ts'
import {caseDocument} from '../../src/report/case-document.ts'
import {caseText} from '../../src/report/case-text.ts'

const ANN = '@ann:one'
const PRIVATE = 'PRIVATE'
const FACTS: readonly DeviceFact[] = [
  {
    kind: 'keys',
    view: 'origin',
    devices: {
      D: {
        keys: {'ed25519:D': 'publicKey'},
        signatures: {[ANN]: {'ed25519:D': 'sig'}},
        unsigned: {device_display_name: PRIVATE},
      },
      E: null,
    },
    master_key: {keys: {'ed25519:m': 'm'}, unsigned: {x: PRIVATE}},
    self_signing_key: null,
  },
  {kind: 'sessions', devices: [{device_id: 'D', display_name: PRIVATE, last_seen_ts: 987654321, dehydrated: true}]},
  {
    kind: 'inbox',
    devices: {
      D: {
        count: 3,
        messages: [
          {
            sender: '@ben:two',
            type: 'm.room.encrypted',
            stream_id: 7,
            content: {
              algorithm: 'olm',
              sender_key: 'senderKey',
              ciphertext: {targetKey: {type: 0, body: PRIVATE}},
              'org.matrix.msgid': PRIVATE,
            },
          },
          {
            sender: '@ben:two',
            type: 'm.room_key.withheld',
            content: {
              algorithm: 'megolm',
              code: 'm.unverified',
              reason: PRIVATE,
              room_id: PRIVATE,
              session_id: PRIVATE,
            },
          },
        ],
      },
    },
  },
  {kind: 'account-data', types: {'m.cross_signing.master': {encrypted: {k: {ciphertext: PRIVATE}}}}},
  {kind: 'backup', version: {version: '2', auth_data: {public_key: 'backupKey'}, etag: PRIVATE}},
  {kind: 'rooms', rooms: [{room_id: PRIVATE, encrypted: true, joined: [ANN]}]},
  {kind: 'list-unsent', destinations: []},
]

function folder(): string {
  const made = mkdtempSync(path.join(tmpdir(), 'device-cases-'))
  onTestFinished(() => {
    rmSync(made, {recursive: true, force: true})
  })
  return made
}

function caseOf(file: string, facts: readonly DeviceFact[] = FACTS): string {
  const made = createCase(file, {roomId: ANN, nowMs: 1})
  const identity = {
    kind: 'database',
    name: 'database sqlite:/home/secret/hs.db',
    server: 'one',
    address: 'sqlite:/home/secret/hs.db',
  } as const
  const source = made.devices.source({...identity, insecure: false, account: {userId: ANN, deviceId: 'D'}})
  for (const ts of [10, 20]) {
    made.devices.keep(source, {how: 'table', requests: 2, facts: facts.map((fact) => ({userId: ANN, fact}))}, ts)
  }
  const refusals = [{what: 'device_inbox', outcome: 'absent', message: 'no such table', userIds: [ANN]}] as const
  made.devices.keep(source, {how: 'table', requests: 0, facts: [], refusals}, 20)
  made.close()
  return file
}

describe('the case of a user', () => {
  it('is redacted: public keys and counts stay, what is private goes, and both are said', async () => {
    const dir = folder()
    const file = caseOf(path.join(dir, 'a.case'))
    const shared = path.join(dir, 'shared.case')
    const {statement} = await redactCaseFile(file, shared, 2)
    expect(statement.remains.sentences.join()).toMatch(/public keys/u)
    expect(statement.gone.join()).toMatch(/account data/u)
    const reader = openCase(shared)
    onTestFinished(() => {
      reader.close()
    })
    const told = reader.devices.of(ANN)
    expect(JSON.stringify([told, reader.devices.sources()])).not.toMatch(/PRIVATE|987654321|secret/u)
    expect(told.map(({fact}) => fact.kind).sort()).toEqual(['backup', 'inbox', 'keys', 'list-unsent', 'sessions'])
    expect(told.every(({ts, lastTs}) => ts === 10 && lastTs === 20)).toBe(true)
    const byKind = new Map(told.map(({fact}) => [fact.kind, fact]))
    expect(byKind.get('keys')).toMatchObject({
      devices: {D: {keys: {'ed25519:D': 'publicKey'}, signatures: {[ANN]: {'ed25519:D': 'sig'}}}, E: null},
      master_key: {keys: {'ed25519:m': 'm'}},
      self_signing_key: null,
    })
    expect(byKind.get('inbox')).toMatchObject({
      devices: {
        D: {
          count: 3,
          messages: [
            {sender: '@ben:two', content: {sender_key: 'senderKey', ciphertext: {targetKey: {type: 0}}}},
            {content: {code: 'm.unverified'}},
          ],
        },
      },
    })
    expect(reader.devices.refusals()).toHaveLength(1)
    expect(reader.devices.sources()[0]).toMatchObject({requests: 4, firstTs: 10, lastTs: 20, name: 'database hs.db'})
  })

  it('is listed, exported as lines and as a document, and merged', async () => {
    const dir = folder()
    const big: DeviceFact = {kind: 'backup', version: {count: new ExactNumber('12345678901234567890')}}
    const one = caseOf(path.join(dir, 'one.case'))
    const two = caseOf(path.join(dir, 'two.case'), [big])
    const info = caseInfo(one)
    expect(caseDocument(info).devices).toMatchObject({
      users: 1,
      routes: [
        {kind: 'database', account: {device_id: 'D'}, users: 1, requests: 4, facts: {keys: 1, inbox: 1}, refusals: 1},
      ],
    })
    const text = caseText(info, {columns: 100, color: false, full: false})
    expect(text).toContain('1 route to the devices of 1 user; no room')
    const merged = path.join(dir, 'both.case')
    await mergeCases([one, two], merged, 3)
    const lines = [...exportCase(merged, {format: 'ndjson', allCopies: false})]
    expect(lines).toHaveLength(FACTS.length + 1)
    expect(lines.filter((line) => line.includes('12345678901234567890'))).toHaveLength(1)
    expect(lines.every((line) => Object.hasOwn(JSON.parse(line) as object, 'fact'))).toBe(true)
    const document = JSON.parse([...exportCase(merged, {format: 'json', allCopies: false})].join('')) as {
      device_facts: unknown[]
      device_sources: unknown[]
      device_refusals: unknown[]
    }
    expect([document.device_facts.length, document.device_sources.length, document.device_refusals.length]).toEqual([
      FACTS.length + 1,
      1,
      1,
    ])
  })

  it('is no room, and says so', async () => {
    const file = caseOf(path.join(folder(), 'a.case'))
    const message = expect.stringContaining('is the case of the user @ann:one: it holds no room') as string
    await expect(openCaseRoom(file, {})).rejects.toMatchObject({code: 'CASE_OTHER_ROOM', message})
    await expect(verifyCase(file, [], 0)).rejects.toMatchObject({code: 'CASE_OTHER_ROOM', message})
  })
})
