import type {CaseReader, CaseWriter} from '../casefile/shapes.ts'
import type {EventId} from '../matrix/ids.ts'
import {isObject, objectOrNull, own} from '../matrix/json.ts'
import {requiredSigners} from '../matrix/required-signers.ts'
import {rulesFor} from '../matrix/room-version.ts'
import type {OpenedRoutes} from './open-routes.ts'

/**
 * Puts the signing keys that verification needs into a case, where federation is used anyway: from the servers that signed events, those
 * that are known already excepted.
 */
export async function takeKeys(
  caseFile: CaseWriter,
  opened: OpenedRoutes,
  options: {
    readonly nowMs: () => number
    readonly signal: AbortSignal
    readonly onProgress?: (progress: {readonly kind: 'keys'; readonly servers: number}) => void
  },
): Promise<void> {
  if (opened.askKeys === null) return
  const servers = serversWithoutKeys(caseFile)
  if (servers.length === 0) return
  options.onProgress?.({kind: 'keys', servers: servers.length})
  await opened.askKeys(servers, caseFile, options)
}

/**
 * Servers that had to sign events and did so by keys that are not known. Whoever else an event says has signed it is not asked: an event
 * may name thousands.
 */
export function serversWithoutKeys(reader: CaseReader): readonly string[] {
  const rules = rulesFor(reader.roomVersion ?? '')
  if (rules === undefined) return []
  const known = new Set(reader.keys().map(({server, keyId}) => JSON.stringify([server, keyId])))
  const wanted = new Set<string>()
  for (const {eventId, text} of reader.copies()) {
    const event = objectOrNull(text)
    const signatures = event === null ? undefined : own(event, 'signatures')
    if (event === null || !isObject(signatures)) continue
    const [type, sender, content] = [own(event, 'type'), own(event, 'sender'), own(event, 'content')]
    if (typeof type !== 'string' || typeof sender !== 'string' || !isObject(content)) continue
    for (const {server} of requiredSigners({eventId: eventId as EventId, type, sender, content}, rules)) {
      const ofServer = own(signatures, server)
      if (wanted.has(server) || !isObject(ofServer)) continue
      if (Object.keys(ofServer).some((keyId) => !known.has(JSON.stringify([server, keyId])))) wanted.add(server)
    }
  }
  return [...wanted].sort()
}
