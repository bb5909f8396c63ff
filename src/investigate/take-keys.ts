import type {CaseReader, CaseWriter} from '../casefile/shapes.ts'
import {isObject, own} from '../matrix/json.ts'
import {objectOrNull} from './case-room.ts'
import {readKeys} from './case-work.ts'
import type {OpenedRoutes} from './open-routes.ts'

/**
 * Puts the signing keys that verification needs into a case: from files, and, where federation is used anyway, from the servers that
 * signed events, those that are known already excepted.
 *
 * @throws StateError KEYS_MALFORMED, INPUT_NOT_FOUND
 */
export async function takeKeys(
  caseFile: CaseWriter,
  opened: OpenedRoutes,
  options: {
    readonly nowMs: () => number
    readonly signal: AbortSignal
    readonly access: {readonly keyFiles?: readonly string[]}
    readonly onProgress?: (progress: {readonly kind: 'keys'; readonly servers: number}) => void
  },
): Promise<void> {
  for (const file of options.access.keyFiles ?? []) caseFile.addKeys(await readKeys(file, options.nowMs()))
  if (opened.askKeys === null) return
  const servers = serversWithoutKeys(caseFile)
  if (servers.length === 0) return
  options.onProgress?.({kind: 'keys', servers: servers.length})
  await opened.askKeys(servers, caseFile, options)
}

/** Servers that signed events by keys that are not known. */
export function serversWithoutKeys(reader: CaseReader): readonly string[] {
  const known = new Set(reader.keys().map(({server, keyId}) => JSON.stringify([server, keyId])))
  const wanted = new Set<string>()
  for (const {text} of reader.copies()) {
    const event = objectOrNull(text)
    const signatures = event === null ? undefined : own(event, 'signatures')
    if (!isObject(signatures)) continue
    for (const [server, ofServer] of Object.entries(signatures)) {
      if (wanted.has(server) || !isObject(ofServer)) continue
      if (Object.keys(ofServer).some((keyId) => !known.has(JSON.stringify([server, keyId])))) wanted.add(server)
    }
  }
  return [...wanted].sort()
}
