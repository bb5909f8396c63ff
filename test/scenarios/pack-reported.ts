/**
 * Packs what the two servers of each real room report into `data/reported.json.gz`: `node test/scenarios/pack-reported.ts ../shared/rooms`.
 * The events themselves, and the states after them, are in `test/conformance/data`.
 */
import {writeFileSync} from 'node:fs'
import {join} from 'node:path'
import {gzipSync} from 'node:zlib'
import {serverFolders} from '../conformance/fixtures.ts'
import {type PackedReport, reportOf} from './room-case.ts'

const [, , folder = ''] = process.argv
const packed: Record<string, PackedReport> = {}
for (const name of serverFolders(folder)) {
  // Of the largest room there are only the oldest events, which no server's current state is about.
  if (name !== 'big-v11') packed[name] = reportOf(folder, name)
}
const file = join(import.meta.dirname, 'data/reported.json.gz')
writeFileSync(file, gzipSync(JSON.stringify(packed), {level: 9}))
