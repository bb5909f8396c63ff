/**
 * The parts that gathering is made of, for programs that bring evidence of their own: the shapes of evidence, case files, keys, and what
 * checks, redacts and minimises them.
 *
 * ```ts
 * const caseFile = createCase('room.case', {roomId, nowMs: Date.now()})
 * const source = caseFile.source({kind: 'file', name: 'mine', server: '', address: '', insecure: false}, [])
 * caseFile.keep(source, {how: 'my own crawler', requests: 0, events: texts.map((text) => ({text, eventId: null}))}, Date.now())
 * ```
 *
 * @packageDocumentation
 */
export {
  type EventCopy,
  type EventMarks,
  type GatherContext,
  type Refusal,
  type ReportedStateSet,
  type Route,
  ROUTE_KINDS,
  type RouteIdentity,
  type ServerKey,
  type Step,
} from './sources/evidence.ts'
export type {CaseReader, CaseWriter, Sighting, StoredCopy, StoredSource} from './casefile/shapes.ts'
export {isCaseFile} from './casefile/header.ts'
export {createCase, openCase, openCaseForWriting} from './casefile/open-case.ts'
export {toPduSource} from './casefile/pdu-source.ts'
export {gatherCase, type GatherOptions, type GatherProgress, type RouteReport} from './investigate/gather-case.ts'
export {KeyRing, type SigningKey} from './matrix/key-ring.ts'
export {parseKeysFile, parseServerKeys} from './matrix/server-keys.ts'
export {type CopyVerdict, verifyCopy} from './matrix/verify-copy.ts'
export {verifyEvidence, type VerifyProgress} from './investigate/verify-evidence.ts'
export {exportJson, exportNdjson, type ExportOptions} from './investigate/export-case.ts'
export {redactCase} from './investigate/redact-case.ts'
export {minimise, type MinimiseOptions} from './investigate/minimise-case.ts'
