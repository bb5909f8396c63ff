import {readFileSync} from 'node:fs'
import {join} from 'node:path'
import fc from 'fast-check'
import {describe, expect, test} from 'vitest'
import {MessageAudit, type RotationSettings} from '../../src/devices/message-audit.ts'
import type {JsonObject} from '../../src/matrix/json.ts'
import {encodeMegolm, megolmSession} from './encoders.ts'
import {DAY, pair} from './users.ts'
import type {Vectors} from './vectors.ts'

const vectors = JSON.parse(readFileSync(join(import.meta.dirname, 'data/olm-vectors.json'), 'utf8')) as Vectors
const HOUR = 3_600_000
const DEVICES = new Map([['PHONE', 'curve']])

interface Sent {
  readonly sessionId: string
  readonly ciphertext: string
  readonly sender?: string
  readonly ts?: number
  readonly more?: JsonObject
}

function auditOf(
  sent: readonly Sent[],
  rotation: readonly RotationSettings[] = [],
  devices: ReadonlyMap<string, string | null> | null = DEVICES,
) {
  const audit = new MessageAudit(rotation)
  sent.forEach(({sessionId, ciphertext, sender = '@a:a.example', ts = 0, more = {}}, at) => {
    const content = {
      algorithm: 'm.megolm.v1.aes-sha2',
      session_id: sessionId,
      ciphertext,
      device_id: 'PHONE',
      sender_key: 'curve',
      ...more,
    }
    audit.add({eventId: `$${String(at)}`, sender, originServerTs: ts, content})
  })
  return audit.end(() => devices)
}

const idsOf = ({findings}: ReturnType<typeof auditOf>) => findings.map(({severity, id}) => `${severity} ${id}`)
const session = megolmSession()
const text = (value: string) => Buffer.from(value)
const message = (index: number, value = 'a'): Sent => ({
  sessionId: session.sessionId,
  ciphertext: session.message(index, text(value)),
})

describe('megolm/index-reused', () => {
  test('a session whose store vodozemac copied', () => {
    const {session_id: sessionId, a, b} = vectors.copied_store
    const of = auditOf([
      {sessionId, ciphertext: a},
      {sessionId, ciphertext: b},
    ])
    expect(idsOf(of)).toEqual(['error megolm/index-reused'])
    expect(of.findings[0]).toMatchObject({
      certainty: 'proof',
      subject: {kind: 'session', session_id: sessionId, sender: '@a:a.example', device_id: 'PHONE'},
      evidence: [
        {where: 'event $0', value: 'index 1'},
        {where: 'event $1', value: 'index 1'},
      ],
    })
  })

  test('messages of a real session, and the same one twice, are nothing', () => {
    const sent = vectors.megolm.flatMap(({session_id: sessionId, messages}) =>
      messages.map(({ciphertext}) => ({sessionId, ciphertext})),
    )
    const of = auditOf([...sent, ...sent], [{periodMs: DAY, periodMsgs: 1000}])
    expect(of).toEqual({findings: [], notChecked: [], messages: 10, sessions: 3, unreadable: 0})
  })

  test('several indexes are one finding', () => {
    const of = auditOf([message(1), message(2), message(1, 'b'), message(2, 'b'), message(2, 'c')])
    expect(idsOf(of)).toEqual(['error megolm/index-reused'])
    expect(of.findings[0]?.summary).toContain('(indexes 1, 2)')
    expect(of.findings[0]?.evidence).toHaveLength(5)
  })

  test('another session at the same index is another matter', () => {
    const other = megolmSession()
    expect(idsOf(auditOf([message(1), {sessionId: other.sessionId, ciphertext: other.message(1, text('b'))}]))).toEqual(
      [],
    )
  })

  test('a forged message does not make the sender look like a copied store', () => {
    const forged = encodeMegolm({
      version: 3,
      index: 1,
      ciphertext: text('b'),
      mac: Buffer.alloc(8),
      signature: Buffer.alloc(64),
    })
    expect(idsOf(auditOf([message(1), {...message(1), ciphertext: forged}]))).toEqual(['error megolm/signature-bad'])
  })
})

describe('megolm/signature-bad', () => {
  const altered = (() => {
    const bytes = Buffer.from(message(5, 'sixteen bytes...').ciphertext, 'base64')
    bytes[6] = (bytes[6] ?? 0) ^ 1
    return bytes.toString('base64').replace(/=+$/, '')
  })()

  test('an altered message, and its twin', () => {
    const of = auditOf([message(4), {...message(5), ciphertext: altered}, {...message(5), ciphertext: altered}])
    expect(idsOf(of)).toEqual(['error megolm/signature-bad'])
    expect(of.findings[0]?.summary).toMatch(/^2 messages .* the signature does not verify\.$/)
    expect(idsOf(auditOf([message(4), message(5)]))).toEqual([])
  })

  test.each([
    ['another key', pair().publicKey],
    ['too short', session.sessionId.slice(0, 40)],
    ['padded', `${session.sessionId}=`],
    ['`__proto__`', '__proto__'],
  ])('a session ID that is %s', (_what, sessionId) => {
    expect(idsOf(auditOf([{...message(1), sessionId}]))).toEqual(['error megolm/signature-bad'])
  })

  test('of many, a few events are named and all are counted', () => {
    const of = auditOf(Array.from({length: 20}, () => ({...message(5), ciphertext: altered})))
    expect(of.findings[0]?.evidence.map(({value}) => value).at(-1)).toBe(15)
  })
})

describe('megolm/rotation-overdue', () => {
  test('by the index, of which one too many is let pass', () => {
    const of = auditOf([message(101)])
    expect(idsOf(of)).toEqual(['warning megolm/rotation-overdue'])
    expect(of.findings[0]).toMatchObject({certainty: 'proof'})
    expect(idsOf(auditOf([message(100)]))).toEqual([])
  })

  test('the most lenient of the settings counts, as clients take it', () => {
    const settings = (periodMs: number, periodMsgs: number) => ({periodMs, periodMsgs})
    expect(idsOf(auditOf([message(150)], [settings(DAY, 50), settings(HOUR, 200)]))).toEqual([])
    expect(idsOf(auditOf([message(10_001)], [settings(DAY, 1e9)]))).toEqual(['warning megolm/rotation-overdue'])
    expect(idsOf(auditOf([message(1)], [settings(DAY, 0)]))).toEqual([])
    expect(idsOf(auditOf([message(2)], [settings(DAY, 0)]))).toEqual(['warning megolm/rotation-overdue'])
    expect(idsOf(auditOf([message(100)], [settings(Number.NaN, Number.NaN)]))).toEqual([])
  })

  test('by age, which is as good as the dates are', () => {
    const spread = (ms: number, rotation: readonly RotationSettings[] = []) =>
      auditOf([message(1), {...message(2), ts: ms}], rotation)
    expect(idsOf(spread(8 * DAY))).toEqual(['warning megolm/rotation-overdue'])
    expect(spread(8 * DAY).findings[0]).toMatchObject({certainty: 'strong'})
    expect(spread(8 * DAY).findings[0]?.summary).toContain('by the dates that the sender’s server gave them')
    expect(idsOf(spread(7.5 * DAY))).toEqual([])
    // An hour is the shortest that clients take, and a message may have waited for another.
    expect(idsOf(spread(1.9 * HOUR, [{periodMs: 1, periodMsgs: 100}]))).toEqual([])
    expect(idsOf(spread(2.1 * HOUR, [{periodMs: 1, periodMsgs: 100}]))).toEqual(['warning megolm/rotation-overdue'])
  })
})

describe('megolm/sender-device-gone', () => {
  const gone = {device_id: 'GONE'}

  test('one note a device, not a message', () => {
    const of = auditOf([{...message(1), more: gone}, {...message(2), more: gone}, message(3)])
    expect(idsOf(of)).toEqual(['note megolm/sender-device-gone'])
    expect(of.findings[0]).toMatchObject({subject: {kind: 'device', user_id: '@a:a.example', device_id: 'GONE'}})
    expect(of.findings[0]?.summary).toContain('2 messages')
  })

  test('a device that has another key now', () => {
    expect(idsOf(auditOf([{...message(1), more: {sender_key: 'other'}}]))).toEqual(['note megolm/sender-device-gone'])
    expect(idsOf(auditOf([{...message(1), more: {sender_key: 'other'}}], [], new Map([['PHONE', null]])))).toEqual([])
  })

  test('devices that are not known, or not named, are not checked', () => {
    const unknown = auditOf([message(1)], [], null)
    expect([idsOf(unknown), unknown.notChecked.map(({id}) => id)]).toEqual([[], ['megolm/sender-device-gone']])
    const audit = new MessageAudit([])
    const {sessionId, ciphertext} = message(1)
    audit.add({
      eventId: '$',
      sender: '@a:a',
      originServerTs: 0,
      content: {algorithm: 'm.megolm.v1.aes-sha2', session_id: sessionId, ciphertext},
    })
    expect(audit.end(() => DEVICES).notChecked.map(({id}) => id)).toEqual(['megolm/sender-device-gone'])
  })
})

test('what cannot be read is counted, and its checks are open', () => {
  const audit = new MessageAudit([])
  for (const content of [
    {},
    {algorithm: 'm.megolm.v1.aes-sha2', ciphertext: 'AwgA', session_id: 'x'},
    {algorithm: 'other', ciphertext: 'x'},
  ])
    audit.add({eventId: '$', sender: '@a:a', originServerTs: 0, content})
  const of = audit.end(() => null)
  expect(of).toMatchObject({messages: 3, sessions: 0, unreadable: 3, findings: []})
  expect(of.notChecked.find(({id}) => id === 'megolm/signature-bad')?.needs).toMatch(
    /redaction.*can be read.*algorithm/,
  )
})

test('whatever the content is, nothing is thrown', () => {
  const value = fc.oneof(
    fc.json().map((json): unknown => JSON.parse(json)),
    fc.constantFrom('__proto__', session.sessionId, message(1).ciphertext, 'm.megolm.v1.aes-sha2', Number.NaN),
  )
  const keys = fc.constantFrom(
    'algorithm',
    'ciphertext',
    'session_id',
    'device_id',
    'sender_key',
    '__proto__',
    'constructor',
  )
  fc.assert(
    fc.property(fc.array(fc.dictionary(keys, value), {maxLength: 6}), fc.double(), (contents, ts) => {
      const audit = new MessageAudit([{periodMs: ts, periodMsgs: ts}])
      for (const content of contents)
        audit.add({eventId: '$', sender: '__proto__', originServerTs: ts, content: content as never})
      const of = audit.end(() => DEVICES)
      expect(of.messages).toBe(contents.length)
      expect(of.unreadable).toBeLessThanOrEqual(of.messages)
    }),
    {numRuns: 500},
  )
})
