/**
 * Packs a part of the corpora into `data/`: `node test/conformance/pack.ts ../shared`.
 *
 * Of every room version: the smaller of the two rooms with wrong content hashes, then the smallest rooms on which the readings differ,
 * then the smallest. One message-heavy room; the rooms of real servers, of the largest of them its oldest events.
 */
import {mkdirSync, readdirSync, rmSync, writeFileSync} from 'node:fs'
import {join} from 'node:path'
import {
  DATA,
  type Fixture,
  type OracleRoom,
  oracleFolders,
  readOracleFolder,
  readServerFolder,
  serverFolders,
  type ServerRoom,
} from './fixtures.ts'
import {pack} from './packed.ts'

const MAX_BYTES = 4_000_000
const ROOMS_PER_VERSION = 4
/** Version 1 has an algorithm of its own, and its rooms are small. */
const ROOMS_OF_VERSION_1 = 8
const REALISTIC = '12-realistic-2000'
const EVENTS_OF_LARGE = 400

interface Candidate {
  readonly room: OracleRoom
  readonly bytes: Buffer
}

function chooseOf(version: string, corpus: string): readonly OracleRoom[] {
  const candidates = oracleFolders(corpus)
    .filter((name) => name.startsWith(`${version}-fuzz-`))
    .map((name): Candidate => {
      const room = readOracleFolder(corpus, name)
      return {room, bytes: pack(room)}
    })
    .sort((a, b) => a.bytes.length - b.bytes.length)
  const wrongHashes = candidates.filter(({room}) => /-(17|19)$/.test(room.name)).slice(0, 1)
  const rest = candidates.filter((candidate) => !wrongHashes.includes(candidate))
  const differing = rest.filter(({room}) => room.spec !== null)
  const same = rest.filter(({room}) => room.spec === null)
  return [...wrongHashes, ...differing, ...same]
    .slice(0, version === '1' ? ROOMS_OF_VERSION_1 : ROOMS_PER_VERSION)
    .map(({room}) => room)
}

/** The first events of which all prev and auth events are among them. */
function beginningOf(room: ServerRoom, count: number): ServerRoom {
  const kept = new Set<string>()
  const lines: string[] = []
  room.lines.forEach((line, index) => {
    const event = JSON.parse(line) as {prev_events: readonly string[]; auth_events: readonly string[]}
    const known = [...event.prev_events, ...event.auth_events].every((id) => kept.has(id))
    if (lines.length >= count || !known) return
    kept.add(room.ids[index] ?? '')
    lines.push(line)
  })
  const states = (server: 'hs1' | 'hs2') =>
    Object.fromEntries(Object.entries(room.after[server]).filter(([id]) => kept.has(id)))
  return {
    ...room,
    name: `${room.name}-beginning`,
    lines,
    ids: [...kept],
    rejected: room.rejected.filter((id) => kept.has(id)),
    after: {hs1: states('hs1'), hs2: states('hs2')},
  }
}

function main(shared: string): void {
  const corpus = join(shared, 'corpus')
  const rooms = join(shared, 'rooms')
  const chosen: Fixture[] = []
  for (let version = 1; version <= 12; version += 1) chosen.push(...chooseOf(String(version), corpus))
  chosen.push(readOracleFolder(corpus, REALISTIC))
  for (const name of serverFolders(rooms)) {
    const room = readServerFolder(rooms, name)
    chosen.push(room.lines.length > 1000 ? beginningOf(room, EVENTS_OF_LARGE) : room)
  }
  mkdirSync(DATA, {recursive: true})
  for (const file of readdirSync(DATA)) if (file.endsWith('.json.gz')) rmSync(join(DATA, file))
  let total = 0
  for (const room of chosen) {
    const bytes = pack(room)
    total += bytes.length
    writeFileSync(join(DATA, `${room.name}.json.gz`), bytes)
    console.log(`${room.name}: ${String(room.lines.length)} events, ${String(bytes.length)} bytes`)
  }
  console.log(`${String(chosen.length)} rooms, ${String(total)} bytes`)
  if (total > MAX_BYTES) throw new Error(`more than ${String(MAX_BYTES)} bytes`)
}

const [shared] = process.argv.slice(2)
if (shared === undefined)
  throw new Error('usage: node test/conformance/pack.ts SHARED (a folder with corpus/ and rooms/)')
main(shared)
