import type {PduSource, RawPdu} from '../sources/port.ts'
import type {CaseReader} from './shapes.ts'

const BATCH = 500

/**
 * The events of a case as a source, so that they can be replayed: all copies in the order in which they came; a line is the number of a
 * copy. Events that name another room and that nothing here cites are left out: a dump of two rooms would be refused.
 *
 * @param leftOut - numbers of copies that are left out, too
 */
export function toPduSource(reader: CaseReader, leftOut: ReadonlySet<number> = new Set()): PduSource {
  return {name: reader.path, pdus: batches(reader, leftOut)}
}

// eslint-disable-next-line @typescript-eslint/require-await -- the port is made for sources that wait
async function* batches(reader: CaseReader, leftOut: ReadonlySet<number>): AsyncGenerator<readonly RawPdu[]> {
  let batch: RawPdu[] = []
  for (const {id, text, stray} of reader.copies()) {
    if (stray === true || leftOut.has(id)) continue
    batch.push({text, line: id})
    if (batch.length < BATCH) continue
    yield batch
    batch = []
  }
  if (batch.length > 0) yield batch
}
