import type {TextEvidence} from '../forensics/explain/explanation.ts'
import {StateError} from '../errors.ts'
import {isCaseFile} from '../casefile/header.ts'
import {KeyRing, type SigningKey} from '../matrix/key-ring.ts'
import {parsePdu} from '../matrix/pdu.ts'
import {type CopyVerdict, verifyCopy} from '../matrix/verify-copy.ts'
import {openDump} from '../sources/files.ts'
import type {LoadedRoom} from './load-room.ts'

/**
 * What the text of one event tells that a replay does not keep: its content hash, and its signatures where keys are at hand.
 *
 * @param argument - the case file or dump that the room was opened from, a live room's case in the cache; of standard input nothing is kept
 * @param given - files with servers' keys, beside those in the case
 * @returns `null` where no text is at hand
 * @throws StateError INPUT_NOT_FOUND, KEYS_MALFORMED for a file of keys
 * @remarks A dump is read again up to the event's line.
 */
export async function eventEvidence(
  argument: string,
  {graph, rules, trustIds}: LoadedRoom,
  row: number,
  given: {readonly keyFiles: readonly string[]; readonly nowMs: number},
): Promise<TextEvidence | null> {
  const more = await keysOf(given)
  if (trustIds || argument === '-' || argument.startsWith('!') || argument.startsWith('#')) return null
  const eventId = graph.id(row)
  const {texts, keys} = isCaseFile(argument)
    ? await fromCase(argument, eventId)
    : {texts: await fromDump(argument, graph.columns.line[row] ?? 0), keys: []}
  const known = [...keys, ...more]
  const ring = new KeyRing(known)
  const verdicts = texts
    .filter((text) => isEvent(text, rules, eventId))
    .map((text) => verifyCopy(text, rules, ring, {eventId, roomId: graph.roomId}))
  const best = verdicts.toSorted((a, b) => rank(a) - rank(b))[0]
  if (best === undefined) return null
  return {
    contentHash: best.contentHash,
    signatures:
      known.length === 0
        ? null
        : {overall: best.overall, checked: best.signatures, missing: best.missing.map(({server}) => server)},
  }
}

async function keysOf({
  keyFiles,
  nowMs,
}: {
  readonly keyFiles: readonly string[]
  readonly nowMs: number
}): Promise<readonly SigningKey[]> {
  if (keyFiles.length === 0) return []
  const {readKeys} = await import('./case-work.ts')
  return (await Promise.all(keyFiles.map((file) => readKeys(file, nowMs)))).flat()
}

/** The copy that counts: the one that is whole. */
function rank({overall, contentHash}: CopyVerdict): number {
  const byHash = {ok: 0, redacted: 1, mismatch: 2} as const
  const bySignatures = {verified: 0, unverifiable: 1, bad: 2} as const
  return 3 * byHash[contentHash] + bySignatures[overall]
}

async function fromCase(path: string, eventId: string) {
  const {openCase} = await import('../casefile/open-case.ts')
  const reader = openCase(path)
  try {
    return {texts: reader.copiesOf(eventId).map(({text}) => text), keys: reader.keys()}
  } finally {
    reader.close()
  }
}

async function fromDump(path: string, line: number): Promise<readonly string[]> {
  try {
    for await (const batch of openDump(path).pdus) {
      const found = batch.filter((raw) => raw.line === line)
      if (found.length > 0) return found.map(({text}) => Buffer.from(text).toString())
    }
  } catch (error) {
    // It was read before; if it is gone meanwhile, its text is not at hand.
    if (!(error instanceof StateError)) throw error
  }
  return []
}

function isEvent(text: string, rules: LoadedRoom['rules'], eventId: string): boolean {
  if (rules.eventIdFormat === 'server-assigned') return true
  try {
    return parsePdu(text, rules).eventId === eventId
  } catch {
    return false
  }
}
