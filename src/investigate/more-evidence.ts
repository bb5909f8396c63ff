import {createReadStream, createWriteStream} from 'node:fs'
import {mkdtemp, rm} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {pipeline} from 'node:stream/promises'
import {copyCase, openCase} from '../casefile/open-case.ts'
import {isCaseFile} from '../casefile/header.ts'
import {StateError} from '../errors.ts'
import type {SigningKey} from '../matrix/key-ring.ts'
import {openDump} from '../sources/files.ts'
import {gatherRoom, readAllKeys} from './fetch-room.ts'
import {type LoadOptions, loadRoom} from './load-room.ts'
import {openCaseRoom} from './open-case.ts'
import {openRoutes} from './open-routes.ts'
import type {OpenedRoom} from './opened-room.ts'

/** Files beside the one that a room is in. */
export interface MoreFiles {
  /** Dumps, answers, other case files. */
  readonly files: readonly string[]
  /** `[NAME=]FILE`: states as servers answered them. */
  readonly reported: readonly string[]
  readonly keyFiles: readonly string[]
}

export interface MoreOptions {
  readonly signal: AbortSignal
  readonly nowMs: () => number
  readonly loading: LoadOptions
}

/**
 * Opens a case file or a dump together with more evidence, as if all of it had been fetched into one case. The files stay as they are: where
 * something is added, that happens to a copy which is gone afterwards.
 *
 * @param path - `-` is standard input
 * @throws StateError for whatever one of the files has against it; USAGE for test data with made-up event IDs
 */
export async function openWithMore(path: string, more: MoreFiles, options: MoreOptions): Promise<OpenedRoom> {
  const keys = await readAllKeys(more.keyFiles, options.nowMs())
  if (path === '-' || !isCaseFile(path)) return openDumpWithMore(path, more, keys, options)
  return {...(await openCaseWithMore(path, more, keys, options)), casePath: path}
}

/** The same for a case file; nothing is copied where there is nothing to be added. */
export async function openCaseWithMore(
  path: string,
  more: Pick<MoreFiles, 'files' | 'reported'>,
  keys: readonly SigningKey[],
  options: MoreOptions,
): Promise<OpenedRoom> {
  const {loading} = options
  if (more.files.length + more.reported.length === 0) return openCaseRoom(path, loading, keys)
  return inTemporaryFolder(async (folder) => {
    const casePath = join(folder, 'room.case')
    copyCase(path, casePath)
    await addFiles(casePath, roomOf(casePath), more, keys, options)
    return calledAs(await openCaseRoom(casePath, loading), path, more)
  })
}

/** The case is gone when anybody reads what it was called: the files that it was made of are named instead. */
function calledAs(
  opened: OpenedRoom,
  path: string,
  {files, reported}: Pick<MoreFiles, 'files' | 'reported'>,
): OpenedRoom {
  const source = [path, ...files, ...reported].join(' with ')
  return {...opened, room: {...opened.room, source}}
}

function roomOf(casePath: string): string {
  const reader = openCase(casePath)
  try {
    return reader.roomId
  } finally {
    reader.close()
  }
}

async function openDumpWithMore(
  path: string,
  more: MoreFiles,
  keys: readonly SigningKey[],
  options: MoreOptions,
): Promise<OpenedRoom> {
  return inTemporaryFolder(async (folder) => {
    const casePath = await caseOfDump(folder, path, more, keys, options)
    return calledAs(await openCaseRoom(casePath, options.loading), path, more)
  })
}

/** Makes a case of a dump in a folder; returns its path. @throws StateError as `openWithMore` */
async function caseOfDump(
  folder: string,
  path: string,
  more: Pick<MoreFiles, 'files' | 'reported'>,
  keys: readonly SigningKey[],
  options: MoreOptions,
): Promise<string> {
  const copy = join(folder, 'standard-input')
  if (path === '-') await pipeline(process.stdin, createWriteStream(copy, {mode: 0o600}))
  const dump = path === '-' ? openDump('-', {input: createReadStream(copy)}) : openDump(path)
  // Read as it is first: whatever is wrong with it is told as it would be without the other files.
  const {graph, trustIds} = await loadRoom(dump, options.loading)
  if (trustIds) {
    throw new StateError('USAGE', 'test data with made-up event IDs cannot be put together with other evidence', {
      hint: 'Leave out --file, --reported and --keys.',
    })
  }
  const casePath = join(folder, 'room.case')
  const files = [path === '-' ? copy : path, ...more.files]
  await addFiles(casePath, graph.roomId, {...more, files}, keys, options)
  return casePath
}

/**
 * Opens a case file or a dump as `openWithMore` does, for work that needs the case itself: the file where nothing is added to it, or one that
 * is gone when the work is done.
 *
 * @param work - is given the room, and the path of the case that it was opened from
 * @throws StateError as `openWithMore`, and what `work` throws
 */
export async function withCaseOf<T>(
  path: string,
  more: MoreFiles,
  options: MoreOptions,
  work: (opened: OpenedRoom, casePath: string) => Promise<T>,
): Promise<T> {
  const keys = await readAllKeys(more.keyFiles, options.nowMs())
  const isCase = path !== '-' && isCaseFile(path)
  if (isCase && more.files.length + more.reported.length === 0) {
    return work({...(await openCaseRoom(path, options.loading, keys)), casePath: path}, path)
  }
  return inTemporaryFolder(async (folder) => {
    if (!isCase) {
      const casePath = await caseOfDump(folder, path, more, keys, options)
      const opened = await openCaseRoom(casePath, options.loading)
      return work({...opened, room: {...opened.room, source: path === '-' ? 'standard input' : path}}, casePath)
    }
    const casePath = join(folder, 'room.case')
    copyCase(path, casePath)
    await addFiles(casePath, roomOf(casePath), more, keys, options)
    return work({...(await openCaseRoom(casePath, options.loading)), casePath: path}, casePath)
  })
}

/** Puts files into a case. @throws StateError for the first that is of no use */
async function addFiles(
  casePath: string,
  roomId: string,
  {files, reported}: Pick<MoreFiles, 'files' | 'reported'>,
  keys: readonly SigningKey[],
  options: MoreOptions,
): Promise<void> {
  const access = {files, reported}
  const opened = await openRoutes(access, options)
  try {
    await gatherRoom(roomId, opened, {...options, access, limits: {}, casePath, keys}, (_, reports) => {
      const failed = reports.find(({error}) => error !== null)
      if (failed?.error) throw failed.error
    })
  } finally {
    await opened.close()
  }
}

/** A folder that only this user may enter, for as long as `work` takes. */
export async function inTemporaryFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'matrix-state-'))
  try {
    return await work(folder)
  } finally {
    await rm(folder, {recursive: true, force: true})
  }
}
