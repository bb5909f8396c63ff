import {readFile} from 'node:fs/promises'
import path from 'node:path'
import type {Synapse} from './synapse.ts'

/** Makes each process and thread of the program write how much memory its process took at most, in kilobytes, into this file. */
export function measuring(file: string): Readonly<Record<string, string>> {
  const program = `import {appendFileSync} from 'node:fs'; process.on('exit', () => appendFileSync(process.env.MATRIX_STATE_TEST_RSS, process.resourceUsage().maxRSS + '\\n'))`
  return {
    NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(program)}`,
    MATRIX_STATE_TEST_RSS: file,
  }
}

/** The most that any of them took, MiB. */
export async function peakMb(file: string): Promise<number> {
  return Math.max(...(await readFile(file, 'utf8')).trim().split('\n').map(Number)) / 1024
}

/** What the server answered so far, by its own log. */
export async function requestsOf(server: Synapse): Promise<{all: number; queries: number}> {
  const lines = (await readFile(path.join(server.folder, 'homeserver.log'), 'utf8'))
    .split('\n')
    .filter((line) => line.includes('Processed request'))
  return {all: lines.length, queries: lines.filter((line) => line.includes('/keys/query')).length}
}
