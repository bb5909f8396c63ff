import {readFile} from 'node:fs/promises'
import path from 'node:path'
import type {Synapse} from './synapse.ts'

/** Makes each process and thread of the program write what it is and how much memory its process took at most, in kilobytes, into this file. */
export function measuring(file: string): Readonly<Record<string, string>> {
  const program = `import {appendFileSync} from 'node:fs'; process.on('exit', () => appendFileSync(process.env.MATRIX_STATE_TEST_RSS, (process.argv[1] ?? '').replace(/^.*[/]/, '') + ' ' + process.resourceUsage().maxRSS + '\\n'))`
  return {
    NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(program)}`,
    MATRIX_STATE_TEST_RSS: file,
  }
}

/**
 * The most that the program took, MiB: no less than it ever was, since each process counts with its own most.
 *
 * @param workers - processes in which it checks rooms side by side; others took their places one after the other
 */
export async function peakMb(file: string, workers = 0): Promise<number> {
  const lines = (await readFile(file, 'utf8')).trim().split('\n')
  const took = lines.map((line) => ({isWorker: /^check-worker\.[jt]s /.test(line), kB: Number(line.split(' ').at(-1))}))
  const main = Math.max(...took.filter(({isWorker}) => !isWorker).map(({kB}) => kB))
  const most = took.flatMap(({isWorker, kB}) => (isWorker ? [kB] : [])).sort((a, b) => b - a)
  return most.slice(0, workers).reduce((sum, kB) => sum + kB, main) / 1024
}

/** What the server answered so far, by its own log. */
export async function requestsOf(server: Synapse): Promise<{all: number; queries: number}> {
  const lines = (await readFile(path.join(server.folder, 'homeserver.log'), 'utf8'))
    .split('\n')
    .filter((line) => line.includes('Processed request'))
  return {all: lines.length, queries: lines.filter((line) => line.includes('/keys/query')).length}
}
