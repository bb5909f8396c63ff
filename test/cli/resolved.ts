import {expect} from 'vitest'
import type {OracleRoom} from '../conformance/fixtures.ts'
import type {Slot} from './dumps.ts'
import {type HowToRun, matrixState} from './program.ts'

/** What `resolve --json` prints, as far as tests look at it. */
export interface Document {
  readonly schema: string
  readonly position: string
  readonly at: readonly string[]
  readonly complete: boolean
  readonly state: readonly Slot[]
  readonly summary: Readonly<Record<string, number>> & {readonly tips: readonly string[]}
  readonly findings: readonly {readonly id: string; readonly severity: string}[]
}

/** Runs `resolve --json`, which must print a document and nothing else. */
export async function resolve(
  args: readonly string[],
  how: HowToRun = {},
): Promise<{readonly code: number | null; readonly document: Document; readonly stdout: string}> {
  const {code, stdout, stderr} = await matrixState(['resolve', ...args, '--json'], how)
  expect(stderr).toBe('')
  return {code, document: JSON.parse(stdout) as Document, stdout}
}

export const rejectedOf = (room: OracleRoom): number => room.synapse.events.filter(({reason}) => reason !== null).length
export const digest = ({size, sha256}: {size: number; sha256: string}): object => ({size, sha256})
