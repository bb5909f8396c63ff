/**
 * Every finding in rooms with known answers was read and judged, one by one; in large rooms group by group (one merge, one root). What was
 * found then is what is found now. A finding that is new, gone or changed is to be judged again before it goes into the list.
 */
import {existsSync, readFileSync} from 'node:fs'
import {join} from 'node:path'
import {describe, expect, test} from 'vitest'
import {REPORTED_ROOMS, reportedRoom, reportedRoomIn} from '../scenarios/room-case.ts'
import {DATA, readOracleFolder, serverFolders, SHARED} from './fixtures.ts'
import {compareWithJudged, findingsOfEvents, findingsOfServers, type Found, type JudgedFinding} from './judged.ts'
import {unpack} from './packed.ts'

const JUDGED = JSON.parse(readFileSync(join(DATA, 'judged-findings.json'), 'utf8')) as Readonly<
  Record<string, readonly JudgedFinding[]>
>
const names = Object.keys(JUDGED)
const isGenerated = (name: string): boolean => /-(fuzz|realistic)-/.test(name)
const packed = names.filter((name) => existsSync(join(DATA, `${name}.json.gz`)))
const [corpus, rooms] = [join(SHARED, 'corpus'), join(SHARED, 'rooms')]
const isShared = existsSync(corpus) && existsSync(rooms)
const MINUTES = 60_000

function expectJudged(name: string, found: Found): void {
  expect({name, ...compareWithJudged(found, JUDGED[name] ?? [])}).toEqual({name, missing: [], extra: []})
}

async function packedFindings(name: string): Promise<Found> {
  if (REPORTED_ROOMS.includes(name)) return findingsOfServers(reportedRoom(name))
  const room = unpack(readFileSync(join(DATA, `${name}.json.gz`)))
  if (room.kind !== 'oracle') throw new Error(`${name} is no generated room`)
  return findingsOfEvents(room)
}

describe('findings that were judged', () => {
  test.each(packed)('%s', async (name) => {
    expectJudged(name, await packedFindings(name))
  })

  test('each says why it is right, and there are rooms of all kinds', () => {
    const all = Object.values(JUDGED).flat()
    expect(all.filter(({judged}) => !/^\S.{20,}\.$/s.test(judged))).toEqual([])
    expect(REPORTED_ROOMS.filter((name) => !packed.includes(name))).toEqual([])
    expect(names.filter(isGenerated).length).toBeGreaterThanOrEqual(10)
  })

  test('healthy rooms raise no error', () => {
    const healthy = ['big-v11', 'restricted-v10', 'acl-v11', 'e2ee-v11', 'gap-v11']
    expect(healthy.filter((name) => JUDGED[name] === undefined)).toEqual([])
    const raised = healthy.flatMap((name) => JUDGED[name] ?? [])
    expect(raised.filter(({severity}) => severity !== 'note')).toEqual([])
    // Of busy rooms only the largest, and only resets.
    const busy = names.filter((name) => name.includes('-realistic-'))
    const errors = busy.flatMap((name) => (JUDGED[name] ?? []).filter(({severity}) => severity === 'error'))
    expect(new Set(errors.map(({id}) => id))).toEqual(new Set(['state/reset']))
    expect(errors).toHaveLength(JUDGED['10-realistic-50000']?.filter(({severity}) => severity === 'error').length ?? -1)
  })

  test('gaps of one server alone: the region first, what is missing of it as notes beneath, and no error', async () => {
    const found = (await findingsOfServers(reportedRoom('gap-v11'), {servers: ['hs2']})).get('resolve synapse') ?? []
    const gaps = found.filter(({id}) => id.startsWith('dag/missing-'))
    expect(gaps.map(({severity, id}) => `${severity} ${id}`)).toEqual([
      'note dag/missing-region',
      // Two stand alone, at other depths.
      ...['warning', 'warning', 'note', 'note'].map((severity) => `${severity} dag/missing-event`),
    ])
    expect(found.filter(({severity}) => severity === 'error')).toEqual([])
  })

  test('a finding that is missing, extra or changed is named', async () => {
    const found = await packedFindings('creators-v12')
    const judged = JUDGED['creators-v12'] ?? []
    const [first, ...others] = judged
    if (first === undefined) throw new Error('nothing was judged')
    expect(compareWithJudged(found, others).extra).toHaveLength(2)
    expect(compareWithJudged(found, [...judged, {...first}]).missing).toHaveLength(2)
    const changed = compareWithJudged(found, [{...first, severity: 'note'}, ...others])
    expect([changed.missing.length, changed.extra.length]).toEqual([2, 2])
  })
})

describe.skipIf(!isShared)('the same of the whole corpora', () => {
  const left = isShared ? names.filter((name) => !packed.includes(name)) : []
  test.each(left)('%s', {timeout: 5 * MINUTES}, async (name) => {
    const found = isGenerated(name)
      ? findingsOfEvents(readOracleFolder(corpus, name))
      : await findingsOfServers(reportedRoomIn(rooms, name))
    expectJudged(name, found)
  })

  test('every room of real servers was judged', () => {
    expect((isShared ? serverFolders(rooms) : []).filter((name) => !names.includes(name))).toEqual([])
  })
})
