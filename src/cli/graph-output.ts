import {MARK} from '../report/graph/mark.ts'
import {chunksOf} from './output.ts'
import {type OwnFiles, refuseOutput, writeOutput} from './output-file.ts'

/** How each form of a graph begins. Other people's files may hold the same words, but not there. */
const BEGINS = new RegExp(
  `^(?:// ${MARK}\\n|%% ${MARK}\\n|<\\?xml[^>]*\\?>\\s*<!-- ${MARK} -->|\\{\\s*"schema": "matrix-state/graph/)`,
)
const GRAPHS: OwnFiles = {isOwn: (begin) => BEGINS.test(begin), name: 'graph of this program'}

/** @throws StateError OUTPUT_FAILED; see `refuseOutput` */
export async function refuseGraphPath(path: string): Promise<void> {
  await refuseOutput(path, GRAPHS)
}

/**
 * Writes a graph; it can be read by this user only: it says who was in the room.
 *
 * @throws StateError OUTPUT_FAILED; see `writeOutput`
 */
export async function writeGraph(path: string, lines: Iterable<string>): Promise<void> {
  await refuseGraphPath(path)
  await writeOutput(path, chunksOf(lines), 0o600)
}
