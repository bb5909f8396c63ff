import {existsSync} from 'node:fs'
import {join} from 'node:path'
import {describe, expect, test} from 'vitest'
import {compareWithOracle, compareWithServer} from './compare.ts'
import {oracleFolders, readOracleFolder, readServerFolder, serverFolders, SHARED} from './fixtures.ts'

const corpus = join(SHARED, 'corpus')
const rooms = join(SHARED, 'rooms')
const there = existsSync(corpus) && existsSync(rooms)
if (!there)
  console.warn(
    `skipped: the whole corpora (${corpus}, ${rooms} are not there; the part in test/conformance/data was compared)`,
  )

const READINGS = ['synapse', 'spec'] as const
const MINUTES = 60_000

describe.skipIf(!there)('every room of ../shared/corpus', () => {
  const names = there ? oracleFolders(corpus) : []
  const groups = Map.groupBy(names, (name) => name.split('-').slice(0, 2).join('-'))

  test('there are rooms of every version', () => {
    for (let version = 1; version <= 12; version += 1)
      expect(groups.get(`${String(version)}-fuzz`)?.length).toBeGreaterThan(0)
  })

  test.each([...groups])(
    '%s: every event in both readings',
    (_group, members) => {
      let events = 0
      for (const name of members) {
        const room = readOracleFolder(corpus, name)
        for (const reading of READINGS) {
          const compared = compareWithOracle(room, reading)
          events += compared.events
          expect({name, reading, differences: compared.differences}).toEqual({name, reading, differences: []})
        }
      }
      console.log(`compared ${String(events)} events of ${String(members.length)} rooms`)
      expect(events).toBeGreaterThan(0)
    },
    10 * MINUTES,
  )
})

describe.skipIf(!there)('every room of ../shared/rooms', () => {
  test.each(there ? serverFolders(rooms) : [])(
    '%s: the state after each event and the verdicts, as in the databases of the servers',
    (name) => {
      const room = readServerFolder(rooms, name)
      const hs1 = compareWithServer(room, 'hs1')
      expect(hs1.differences).toEqual([])
      const hs2 = compareWithServer(room, 'hs2')
      if (name.startsWith('split-')) expect(hs2.differences).not.toEqual([])
      else expect(hs2.differences).toEqual([])
      console.log(`${name}: compared ${String(hs1.events)} states of hs1, ${String(hs2.events)} of hs2`)
      expect(hs1.events + hs2.events).toBeGreaterThan(0)
    },
    MINUTES,
  )
})
