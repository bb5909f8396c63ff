import {readFileSync} from 'node:fs'
import {join} from 'node:path'
import {pathToFileURL} from 'node:url'
import {describe, expect, test} from 'vitest'
import type {Finding} from '../../src/finding/finding.ts'
import {verifyEvidence, type VerifyOptions} from '../../src/investigate/verify-evidence.ts'
import type {JsonObject} from '../../src/matrix/json.ts'
import {parseKeysFile} from '../../src/matrix/server-keys.ts'
import {DATA} from '../conformance/fixtures.ts'
import {readPacks} from '../conformance/packed.ts'
import {load} from '../conformance/compare.ts'
import {DAY, idOf, keyOf, ROOM_ID, signedEvent, TS} from '../matrix/signed-events.ts'
import {MemoryCase} from './memory-case.ts'

const packs = readPacks(DATA)
const {generated, servers} = JSON.parse(
  readFileSync(join(import.meta.dirname, '../matrix/room-keys.json'), 'utf8'),
) as {
  generated: Record<string, unknown>
  servers: unknown
}

/** A case of a room in `conformance/data`, with its keys. */
function caseOf(name: string): MemoryCase {
  const {version, lines} = packs.find((pack) => pack.name === name)!
  const {roomId} = load(name, lines).graph
  const room = new MemoryCase(roomId, version).give('dump', lines)
  room.addKeys(parseKeysFile('keys', JSON.stringify(generated[name] ?? servers), 1_795_372_732_923))
  return room
}

const text = (event: JsonObject): string => JSON.stringify(event)
const newCase = (version = '10'): MemoryCase => {
  const made = new MemoryCase(ROOM_ID, version)
  made.addKeys([keyOf('a.example')])
  return made
}
const ids = (findings: readonly Finding[]): readonly string[] => findings.map(({id}) => id)
/** Without what differs from run to run. */
async function stable(room: MemoryCase, options: VerifyOptions) {
  const {seconds: _1, perSecond: _2, workers: _3, ...rest} = await verifyEvidence(room, options)
  return rest
}

describe('real rooms', () => {
  test.each([
    'conflict-v1',
    'conflict-v3',
    'conflict-v6',
    'restricted-v10',
    'split-sql-v11',
    'creators-v12',
    'rejected-v6',
  ])('%s: every copy is verified', async (name) => {
    const room = caseOf(name)
    const result = await verifyEvidence(room, {workers: 0})
    const {copies} = room.counts()
    expect(result).toMatchObject({
      copies,
      verified: copies,
      bad: 0,
      unverifiable: 0,
      foreign: 0,
      complete: true,
      findings: [],
    })
  })
  test('without keys nothing is said to be verified, once for each server', async () => {
    const {version, lines} = packs.find(({name}) => name === 'conflict-v10')!
    const room = new MemoryCase(load('r', lines).graph.roomId, version).give('dump', lines)
    const result = await verifyEvidence(room, {workers: 0})
    expect(result).toMatchObject({verified: 0, unverifiable: 94, bad: 0, complete: false})
    expect(result.findings.map(({id, subject, severity}) => [id, subject, severity])).toEqual([
      ['dag/unverifiable', {kind: 'server', server: 'localhost:18448'}, 'note'],
      ['dag/unverifiable', {kind: 'server', server: 'localhost:28448'}, 'note'],
    ])
  })
  test('keys of a file do as well as those of the case', async () => {
    const {version, lines} = packs.find(({name}) => name === 'conflict-v10')!
    const room = new MemoryCase(load('r', lines).graph.roomId, version).give('dump', lines)
    const keys = parseKeysFile('keys', JSON.stringify(servers), 1_795_372_732_923)
    expect(await verifyEvidence(room, {workers: 0, keys})).toMatchObject({verified: 94, complete: true, keys: 2})
  })
})

describe('threads', () => {
  test('say what one says, in the same order, however many they are', async () => {
    const room = caseOf('12-realistic-2000')
    const [bad, worse] = room.copies().slice(1000, 1002)
    room.give('forger', [bad!.text.replace(/"depth":(\d+)/, '"depth":1$1')], bad!.eventId)
    room.give('forger', [worse!.text.replace(/"ed25519:test":"./, '"ed25519:test":"!')], worse!.eventId)
    const alone = await stable(room, {workers: 0})
    expect(alone).toMatchObject({copies: 2002, verified: 2000, bad: 2})
    expect(ids(alone.findings)).toEqual(['dag/wrong-event-id', 'dag/bad-signature', 'dag/bad-signature'])
    for (const workers of [1, 2, 5]) expect(await stable(room, {workers})).toEqual(alone)
  })
  test('are used for large cases, and the rate is told', async () => {
    const seen: number[] = []
    const result = await verifyEvidence(caseOf('12-realistic-2000'), {onProgress: ({copies}) => void seen.push(copies)})
    expect(result.workers).toBeGreaterThan(0)
    expect(result.perSecond).toBeGreaterThan(0)
    expect(seen.at(-1)).toBe(2000)
    expect(seen.length).toBe(10)
    expect((await verifyEvidence(caseOf('conflict-v10'))).workers).toBe(0)
  })
  test('that fail are reported, with the batch that they had', async () => {
    const room = caseOf('conflict-v10')
    const [first] = room.copies()
    const program = (source: string): URL => new URL(`data:text/javascript,${encodeURIComponent(source)}`)
    const crash = program(
      "import {parentPort} from 'node:worker_threads'; parentPort.on('message', () => { throw new Error('oops') })",
    )
    await expect(verifyEvidence(room, {workers: 2, workerUrl: crash})).rejects.toThrow(
      `verification: a thread failed in a batch of 94 copies from ${first!.eventId} on: oops`,
    )
    const exit = program(
      "import {parentPort} from 'node:worker_threads'; parentPort.on('message', () => process.exit(3))",
    )
    await expect(verifyEvidence(room, {workers: 1, workerUrl: exit})).rejects.toThrow(
      /thread failed .* ended with code 3/,
    )
    const absent = pathToFileURL(join(import.meta.dirname, 'no-such-worker.js'))
    await expect(verifyEvidence(room, {workers: 1, workerUrl: absent})).rejects.toThrow(/thread failed/)
  })
  test.each([0, 2])('stop when told to (%i)', async (workers) => {
    const controller = new AbortController()
    const reason = new Error('Ctrl-C')
    const running = verifyEvidence(caseOf('12-realistic-2000'), {
      workers,
      signal: controller.signal,
      onProgress: () => controller.abort(reason),
    })
    await expect(running).rejects.toBe(reason)
  })
})

describe('findings', () => {
  const good = signedEvent('10')
  const id = idOf(good, '10')

  test('say which source has the bad copy and which a good one', async () => {
    const room = newCase()
      .give('federation liar', [text({...good, content: {body: 'no'}})], id)
      .give('database', [text(good)], id)
    const {findings, bad} = await verifyEvidence(room)
    expect(bad).toBe(1)
    expect(findings).toMatchObject([
      {
        id: 'dag/hash-mismatch',
        severity: 'warning',
        subject: {kind: 'event', event_id: id},
        evidence: [
          {source: 'federation liar', where: 'test', value: id},
          {source: 'database', where: 'test', value: 'a good copy'},
        ],
      },
    ])
    expect(findings[0]?.summary).toMatch(/from federation liar .*; a good copy came from database$/)
  })
  test('are errors when nobody has a good copy', async () => {
    const {findings} = await verifyEvidence(newCase().give('x', [text({...good, content: {body: 'no'}})], id))
    expect(findings).toMatchObject([{id: 'dag/hash-mismatch', severity: 'error'}])
  })
  test('name the key that a signature is bad under', async () => {
    const forged = {...good, depth: 9}
    const {findings} = await verifyEvidence(newCase().give('x', [text(forged)], idOf(forged, '10')))
    expect(findings).toMatchObject([{id: 'dag/bad-signature', severity: 'error', certainty: 'proof'}])
    expect(findings[0]?.evidence[1]).toEqual({
      source: 'key of a.example (direct)',
      where: 'ed25519:1',
      value: 'wrong signature',
    })
  })
  test.each([
    ['an event of another room', signedEvent('10', {room_id: '!other:a.example'}), ['dag/foreign-room']],
    ['an event that nobody signed', signedEvent('10', {}, []), ['dag/bad-signature']],
    ['a form that servers refuse', signedEvent('10', {depth: -1}), ['dag/refused-event']],
    ['a redacted copy', {...good, content: {}}, []],
  ])('%s', async (_what, event, wanted) => {
    expect(ids((await verifyEvidence(newCase().give('x', [text(event)]))).findings)).toEqual(wanted)
  })
  test('one that came under another ID', async () => {
    expect(ids((await verifyEvidence(newCase().give('x', [text(good)], '$other'))).findings)).toEqual([
      'dag/wrong-event-id',
    ])
  })
  test('what is no event crashes nothing', async () => {
    const result = await verifyEvidence(newCase().give('x', ['{"a":', '5', '{}'], '$broken'))
    expect(result.bad).toBe(3)
    expect(ids(result.findings).filter((kind) => kind === 'dag/refused-event')).toHaveLength(3)
  })
  test('keys that had run out make the result incomplete, and are one finding', async () => {
    const late = [8, 9, 10].map((days) => signedEvent('10', {origin_server_ts: TS + days * DAY}))
    const room = newCase().give('x', [
      ...late.map(text),
      text({...late[0], signatures: {'a.example': {'ed25519:1': 'x'}}}),
    ])
    const result = await verifyEvidence(room)
    expect(result).toMatchObject({unverifiable: 4, bad: 0, complete: false})
    expect(result.findings).toHaveLength(1)
    expect(result.findings[0]?.summary).toBe(
      '4 copies of events signed by a.example could not be verified: its key ed25519:1 is not known to have been valid then (4 signatures, and 1 do not even fit it)',
    )
    const old = new MemoryCase(ROOM_ID, '4').give('x', [text(signedEvent('4', {origin_server_ts: TS + 9 * DAY}))])
    old.addKeys([keyOf('a.example')])
    expect(await verifyEvidence(old)).toMatchObject({verified: 1, complete: true})
  })
  test('are a thousand at most, and it is said how many there were', async () => {
    const broken = Array.from({length: 1100}, (_, depth) =>
      text({...signedEvent('10', {depth}), content: {}, hashes: {sha256: 'x'}}),
    )
    const result = await verifyEvidence(newCase().give('x', broken), {workers: 0})
    expect(result).toMatchObject({bad: 1100, omitted: 100})
    expect(result.findings).toHaveLength(1000)
  })
})

test('a case that cannot tell its room version is refused', async () => {
  await expect(verifyEvidence(new MemoryCase(ROOM_ID, null))).rejects.toMatchObject({code: 'CREATE_MISSING'})
  await expect(verifyEvidence(new MemoryCase(ROOM_ID, '99'))).rejects.toMatchObject({code: 'ROOM_VERSION_UNKNOWN'})
})
