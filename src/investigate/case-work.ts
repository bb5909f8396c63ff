import {existsSync, rmSync} from 'node:fs'
import {readFile} from 'node:fs/promises'
import {createCase, openCase} from '../casefile/open-case.ts'
import type {CaseCounts, CaseReader, CaseWriter} from '../casefile/shapes.ts'
import {StateError} from '../errors.ts'
import type {SigningKey} from '../matrix/key-ring.ts'
import {parseKeysFile} from '../matrix/server-keys.ts'
import {needRoom} from './case-room.ts'
import {exportJson, exportNdjson} from './export-case.ts'
import {minimise, type Minimised} from './minimise-case.ts'
import {redactCase, type Statement} from './redact-case.ts'
import {type Verification, verifyEvidence, type VerifyOptions} from './verify-evidence.ts'

/** What a case holds after it was made from others. */
export interface MadeCase {
  readonly path: string
  readonly roomId: string
  readonly roomVersion: string | null
  readonly counts: CaseCounts
}

/**
 * Checks every copy in a case file. Devices are not looked at: their signatures are `auditUser`'s affair.
 *
 * @param keyFiles - paths of files with servers' keys, beside those in the case
 * @throws StateError CASE_ABSENT, CASE_UNUSABLE, KEYS_MALFORMED, INPUT_NOT_FOUND
 */
export async function verifyCase(
  path: string,
  keyFiles: readonly string[],
  nowMs: number,
  options: Omit<VerifyOptions, 'keys'> = {},
): Promise<Verification> {
  const keys = (await Promise.all(keyFiles.map((file) => readKeys(file, nowMs)))).flat()
  return reading(path, (reader) => {
    needRoom(reader)
    return verifyEvidence(reader, {...options, keys})
  })
}

/** @throws StateError INPUT_NOT_FOUND, KEYS_MALFORMED */
export async function readKeys(file: string, nowMs: number): Promise<readonly SigningKey[]> {
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw new StateError('INPUT_NOT_FOUND', `the file of keys ${JSON.stringify(file)} cannot be read`, {
      cause,
      hint: 'Check the path.',
    })
  })
  return parseKeysFile(file, text, nowMs)
}

/**
 * Makes one case of several of one room; those stay as they are.
 *
 * @throws StateError CASE_EXISTS, CASE_OTHER_ROOM, CASE_ABSENT, CASE_UNUSABLE
 */
export async function mergeCases(paths: readonly string[], output: string, nowMs: number): Promise<MadeCase> {
  const [first] = paths
  if (first === undefined) throw new StateError('USAGE', 'no case file was given')
  const {roomId} = await reading(first, (reader) => reader)
  const {made} = await making(output, roomId, nowMs, async (writer) => {
    for (const path of paths) await reading(path, (reader) => writer.mergeFrom(reader))
  })
  return made
}

/** A case that can be shown to others: see `redactCase`. */
export async function redactCaseFile(
  path: string,
  output: string,
  nowMs: number,
): Promise<MadeCase & {readonly statement: Statement}> {
  return reading(path, async (reader) => {
    const {made, result} = await making(output, reader.roomId, nowMs, (writer) => redactCase(reader, writer))
    return {...made, statement: result}
  })
}

/** A case with the least that shows the same at some events: see `minimise`. */
export async function minimiseCaseFile(
  path: string,
  output: string,
  keep: readonly string[],
  nowMs: number,
): Promise<MadeCase & {readonly minimised: Minimised}> {
  return reading(path, async (reader) => {
    const {made, result} = await making(output, reader.roomId, nowMs, (writer) => minimise(reader, writer, {keep}))
    return {...made, minimised: result}
  })
}

/**
 * The events of a case as lines, or all that it holds as one JSON document, in pieces to be written one after another.
 *
 * @throws StateError CASE_ABSENT, CASE_UNUSABLE
 */
export function* exportCase(
  path: string,
  options: {readonly format: 'ndjson' | 'json'; readonly allCopies: boolean},
): Generator<string> {
  const reader = openCase(path)
  try {
    yield* options.format === 'json' ? exportJson(reader) : exportNdjson(reader, options)
  } finally {
    reader.close()
  }
}

/** Opens a case for as long as the work takes. @throws StateError CASE_ABSENT, CASE_UNUSABLE */
export async function reading<T>(path: string, work: (reader: CaseReader) => T | Promise<T>): Promise<T> {
  const reader = openCase(path)
  try {
    return await work(reader)
  } finally {
    reader.close()
  }
}

/** A new case, which does not stay behind half made. */
async function making<T>(
  path: string,
  roomId: string,
  nowMs: number,
  work: (writer: CaseWriter) => Promise<T> | T,
): Promise<{readonly made: MadeCase; readonly result: T}> {
  if (existsSync(path)) {
    throw new StateError('CASE_EXISTS', `${path} exists already`, {hint: 'Give another --output, or move it away.'})
  }
  const writer = createCase(path, {roomId, nowMs})
  let isDone = false
  try {
    const result = await work(writer)
    isDone = true
    return {made: {path, roomId, roomVersion: writer.roomVersion, counts: writer.counts()}, result}
  } finally {
    writer.close()
    if (!isDone) for (const suffix of ['', '-wal', '-shm']) rmSync(path + suffix, {force: true})
  }
}
