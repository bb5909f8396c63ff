import {writeFileSync} from 'node:fs'
import {join} from 'node:path'
import {expect, test} from 'vitest'
import {openAsking} from '../../src/investigate/ask-states.ts'
import {diffRoom} from '../../src/investigate/diff-room.ts'
import type {DiffReport} from '../../src/investigate/diff-report.ts'
import {replay} from '../../src/resolve/replay.ts'
import {folder} from '../casefile/cases.ts'
import {load} from '../conformance/compare.ts'
import {viewOf} from '../forensics/views.ts'
import {reportedRoom} from '../scenarios/room-case.ts'
import {refusal} from '../sources/client-stub.ts'
import {ORIGIN, realRoom, SEED, StubFederation} from '../sources/federation-stub.ts'

const signingKeyFile = join(folder(), 'signing.key')
writeFileSync(signingKeyFile, `ed25519 1 ${SEED}\n`, {mode: 0o600})
const room = reportedRoom('split-sql-v11')
const {hs2} = room.servers
const loaded = load(room.name, room.lines)

/** A server that answers `/state_ids` from the records of hs2, one of whose state groups was edited. */
async function compare(
  prepare: (stub: StubFederation) => void = () => undefined,
): Promise<{readonly report: DiffReport; readonly stub: StubFederation}> {
  const stub = await StubFederation.start({...realRoom(room.name), stateAfter: new Map(Object.entries(hs2.after))})
  prepare(stub)
  const current = hs2.current.map((eventId) => ({eventId}))
  const states = [{what: 'current', eventId: null, how: '/state', slots: current, ts: 0}] as const
  const views = [viewOf(replay(loaded.graph), stub.name, {states})]
  const opened = {room: loaded, unknowable: [], reported: [], reportedExtremities: {}, views, findings: [], notes: []}
  const {signal} = new AbortController()
  const asking = await openAsking({serverName: ORIGIN, signingKeyFile, insecure: true, signal}, loaded.graph.roomId)
  try {
    return {report: await diffRoom(opened, {ask: asking.ask}), stub}
  } finally {
    await asking.close()
  }
}

test('a server that diverges is asked, signed, for its states, until a boundary is found', async () => {
  const {report, stub} = await compare()
  const requests = stub.count('state_ids')
  expect(stub.unsigned).toEqual([])
  expect(report.divergencePoints).toMatchObject([
    {server: stub.name, side: 's1', method: 'bisection', provenEarliest: false, position: 'before', requests},
  ])
  expect(requests).toBeLessThan(loaded.graph.size / 2)
  expect(report.notAsked).toEqual([])
  // What is told as the state before an event is made from the state after it, which was edited.
  expect(report.divergencePoints[0]?.eventId).toBe('$CM8E24GGwrmNCC_zZD4IBd08T2e2wYQzPUbpVqd8jL8')
})

test('one that refuses is told of, and asked once', async () => {
  const {report, stub} = await compare((server) => {
    server.next('state_ids', refusal(403, 'M_FORBIDDEN', 'Host not in room.'))
  })
  expect(report.notAsked).toMatchObject([{server: stub.name}])
  expect(report.notAsked[0]?.why).toContain('Host not in room.')
  expect(report.divergencePoints).toEqual([])
  expect(stub.count('state_ids')).toBe(1)
  expect(report.differences).toHaveLength(2)
})
