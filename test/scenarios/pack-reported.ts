/**
 * Packs what the two servers of each real room report into `data/reported.json.gz`: `node test/scenarios/pack-reported.ts ../shared/rooms`.
 * The events themselves, and the states after them, are in `test/conformance/data`.
 */
import {readFileSync, writeFileSync} from 'node:fs'
import {join} from 'node:path'
import {gzipSync} from 'node:zlib'
import {serverFolders, splitLines} from '../conformance/fixtures.ts'
import type {PackedReport, PackedServer} from './room-case.ts'

const [, , folder = ''] = process.argv
const SERVERS = ['hs1', 'hs2'] as const
const packed: Record<string, PackedReport> = {}
for (const name of serverFolders(folder)) {
  // Of the largest room there are only the oldest events, which no server's current state is about.
  if (name === 'big-v11') continue
  const read = (file: string): string => readFileSync(join(folder, name, file), 'utf8')
  // eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters -- whoever reads the file knows what is in it
  const lines = <T>(file: string): readonly T[] => splitLines(read(file)).map((line) => JSON.parse(line) as T)
  const index = new Map(splitLines(read('events.ids')).map((id, at) => [id, at]))
  const at = (id: string): number => {
    const found = index.get(id)
    if (found === undefined) throw new Error(`${name}: ${id} is not in events.ids`)
    return found
  }
  const meta = JSON.parse(read('meta.json')) as {
    servers: Record<string, string>
    forward_extremities: Record<string, readonly string[]>
  }
  interface Flags {
    readonly server: string
    readonly event_id: string
    readonly rejected: string | null
    readonly soft_failed: boolean
    readonly outlier: boolean
    readonly state_group: number | null
  }
  const flags = lines<Flags>('flags.ndjson')
  const server = (key: 'hs1' | 'hs2'): PackedServer => ({
    name: meta.servers[key] ?? '',
    extremities: (meta.forward_extremities[key] ?? []).map(at),
    current: (JSON.parse(read(`state-current-${key}.json`)) as {event_id: string}[]).map(({event_id: id}) => at(id)),
    events: flags
      .filter((one) => one.server === key)
      .map((one) => [
        at(one.event_id),
        one.state_group,
        (one.outlier ? 1 : 0) | (one.soft_failed ? 2 : 0),
        ...(one.rejected === null ? [] : [one.rejected]),
      ]),
  })
  const stateAt = lines<{event_id: string; state_ids?: readonly string[]}>('state-at.ndjson')
  packed[name] = {
    servers: Object.fromEntries(SERVERS.map((key) => [key, server(key)])) as PackedReport['servers'],
    stateIds: stateAt.flatMap(({event_id: id, state_ids: ids}) =>
      ids === undefined ? [] : [[at(id), ids.map(at).sort((a, b) => a - b)] as const],
    ),
  }
}
const file = join(import.meta.dirname, 'data/reported.json.gz')
writeFileSync(file, gzipSync(JSON.stringify(packed), {level: 9}))
