/**
 * The library of matrix-state: what the commands use, without a terminal.
 *
 * ```ts
 * const {room} = await openRoom('room.ndjson')
 * const report = resolveRoom(room)
 * for (const {type, stateKey, eventId} of report.state ?? []) console.log(type, stateKey, eventId)
 * ```
 *
 * Shapes are plain data; row numbers (`number`) belong to one `RoomGraph`. What a user can act on is thrown as `StateError`.
 *
 * @packageDocumentation
 */
export {StateError, type ErrorCode} from './errors.ts'

// Events
export type {EventId, RoomId, ServerName, UserId} from './matrix/ids.ts'
export {type FormatFault, MAX_PDU_BYTES, parsePdu, type Pdu, type PduOptions} from './matrix/pdu.ts'
export {ExactNumber, type Json, JsonError, type JsonObject, parseJson} from './matrix/json.ts'
export {canonicalJson} from './matrix/canonical-json.ts'
export {contentHash, contentHashMatches, eventIdOf, referenceHash} from './matrix/hashes.ts'
export {redact} from './matrix/redaction.ts'
export {verifyEvent, verifyJson} from './matrix/signatures.ts'
export {KNOWN_ROOM_VERSIONS, type RoomVersionRules, rulesFor, type StateRes} from './matrix/room-version.ts'

// Rooms
export {RoomBuilder} from './graph/room-builder.ts'
export type {RoomGraph} from './graph/room-graph.ts'
export type {PduSource, RawPdu, RawPdus} from './sources/port.ts'
export {openDump} from './sources/files.ts'
export {type InputFault, type LoadedRoom, loadRoom, loadRoomFrom, type LoadOptions} from './investigate/load-room.ts'
export {cacheFolder, lastCase, rememberCase} from './investigate/cache-folder.ts'
export {
  type CacheUse,
  isLiveRoom,
  type OpenedRoom,
  type OpenOptions,
  openRoom,
  type OpenStep,
} from './investigate/open-room.ts'

// Evidence: gathering, and work on case files. What is below these is in `matrix-state/cases`.
export type {FetchOptions, FetchProgress} from './investigate/fetch-room.ts'
export type {FetchReport, MissingEvidence, RouteOutcome} from './investigate/fetch-report.ts'
export type {FetchAccess, MoreAccess, PlannedRoute} from './investigate/open-routes.ts'
export type {GatherLimits, PlannedRequest, RouteKind} from './sources/evidence.ts'
export type {CaseInfo} from './investigate/case-info.ts'
export type {MadeCase} from './investigate/case-work.ts'
export type {Verification, VerifyOptions} from './investigate/verify-evidence.ts'
export type {Statement} from './investigate/redact-case.ts'
export type {Minimised} from './investigate/minimise-case.ts'
export {
  caseInfo,
  exportCase,
  fetchRoom,
  mergeCases,
  minimiseCaseFile,
  planFetch,
  redactCaseFile,
  verifyCase,
} from './investigate/on-demand.ts'

// Profiles: who asks. None is made by opening it, only by `setUp`.
export type {Profile, ProfileAccount, ProfileExport} from './profile/profile.ts'
export type {BackupIdentity, Baseline, StoreBaseline, StoreCheck} from './matrix/device-baseline.ts'
export {profileFolder} from './profile/profile-folder.ts'
export {type ListedProfile, listProfiles, type OpenedProfile, openProfile} from './profile/profile-file.ts'
export {exportOf, openExport} from './profile/profile-export.ts'
export {homeserverOf, withProfile} from './investigate/profile-access.ts'
export {modifyProfile, setUp} from './investigate/on-demand.ts'
export type {
  BotContext,
  BotStep,
  ModifyRequest,
  ProfileChange,
  SetupOptions,
  SetupPrompts,
  SetupReport,
  SetupRequest,
} from './investigate/setup-request.ts'

// Verdicts and states
export {listRules} from './auth/auth-rules.ts'
export type {Rejection, Stage} from './auth/check.ts'
export type {Reading} from './resolve/auth-difference.ts'
export {type StateDigest, StateDigests} from './resolve/digest.ts'
export {replay, type Replay, type ReplayOptions, UNKNOWN_STATE, Verdict, VERDICT_NAMES} from './resolve/replay.ts'
export {type ResolvedStates, resolveStates} from './resolve/states.ts'
export {parseStates} from './investigate/parse-states.ts'
export {tipsOf} from './resolve/tips.ts'
export {
  type ReplayDocument,
  replayDocument,
  type ReplayEnd,
  type ReplayLine,
  replayLines,
} from './investigate/replay-lines.ts'
export {replayFindings, resolveRoom, type ResolveOptions, stateEntries} from './investigate/resolve-room.ts'
export {resolveWhatIf, type WhatIfOptions} from './investigate/what-if.ts'
export type {
  Counts,
  MissingEvent,
  PowerHolder,
  RecordedInput,
  RejectedEvent,
  ReportedComparison,
  RoomReport,
  SlotChange,
  StateEntry,
  VerdictChange,
  WhatIf,
  WithoutEvent,
} from './investigate/room-report.ts'

// What is wrong, since when, and why
export {type BlameLine, type BlameOptions, type BlameReport, blameRoom} from './investigate/blame-room.ts'
export {findResets, type Reset} from './forensics/resets.ts'
export {RESET_CAUSES, type ResetCause} from './forensics/cause.ts'
// Why an event is accepted, rejected or soft-failed, or would be
export {eventEvidence, explainCan, explainDraft, explainEvent} from './investigate/on-demand.ts'
export type {ExplainableRoom, ExplainOptions} from './investigate/explain-room.ts'
export {ACTIONS, type Action, type CanQuestion, parseQuestion} from './investigate/can-question.ts'
export {parseDraft} from './investigate/draft-event.ts'
export type {
  Able,
  CanAnswer,
  Check,
  ExplainedEvent,
  Explanation,
  Remedy,
  ServerWord,
  TextEvidence,
} from './forensics/explain/explanation.ts'
export type {Change} from './forensics/explain/changes.ts'
export type {Citation} from './forensics/explain/cited-auth-events.ts'
export type {Trace, TraceLine, TraceValue} from './auth/trace.ts'
// Comparing with what servers report
export type {RecordedStates, ServerView, ToldMarks, ToldSlot, ToldState} from './forensics/server-view.ts'
export type {Grade} from './forensics/differences.ts'
export {type AskState, diffEvents, type DiffOptions, diffRoom, diffSources} from './investigate/diff-room.ts'
export type {
  DiffPosition,
  DiffReport,
  DiffSide,
  DiffValue,
  DivergencePoint,
  SidePeople,
  SlotDifference,
} from './investigate/diff-report.ts'

// What the page of `explore` holds of a room
export {exploreRoom} from './investigate/on-demand.ts'
export type {Explored, ExploreOptions} from './investigate/explore-room.ts'

// A room as a graph
export {type GraphOptions, graphRoom} from './investigate/graph-room.ts'
export type {
  DrawingCounts,
  DrawnEdge,
  DrawnNode,
  EdgeAttributes,
  Focus,
  NodeAttributes,
  NodeKind,
  RoomDrawing,
} from './report/graph/room-drawing.ts'
export type {PageContents, PageData, PageMarks, PageReset, PageRoom, PageSide} from './report/explorer/page-data.ts'

// Devices: what is wrong with end-to-end encryption, as far as servers show it
export {auditDevices, planAudit} from './investigate/on-demand.ts'
export type {AuditOptions, DevicesStep} from './investigate/audit-devices.ts'
export type {AuditPlan} from './investigate/plan-audit.ts'
export type {DeviceAccess} from './investigate/open-device-routes.ts'
export {
  type AskedForDevices,
  countHealth,
  type DeviceFailure,
  type DevicesReport,
  findingsOf,
  type RoomDevices,
} from './investigate/devices-report.ts'
export type {
  DeviceAudit,
  DeviceChange,
  DeviceHealth,
  IdentityAudit,
  NotChecked,
  UnreachedBy,
  UserAudit,
} from './devices/evidence.ts'

// Checking many rooms, with one verdict for each
export {checkRooms} from './investigate/on-demand.ts'

// From a message to its cause in a room.
export type {Diagnosis, EventInvolved, RuleBroken, WouldPass} from './forensics/doctor/diagnosis.ts'
export type {Invasiveness, Remedy as DoctorRemedy} from './forensics/doctor/remedy.ts'
export type {Mentions, Recognised, SymptomId, SymptomKind} from './forensics/doctor/symptom.ts'
export type {HeardComplaint} from './investigate/doctor.ts'
export type {DoctorReport, DoctorSubject, NotShown, SymptomTold} from './investigate/doctor-report.ts'
export type {Complaint, DoctorOptions} from './investigate/doctor-room.ts'
export {doctorDevices, doctorMessage, doctorRoom, hearComplaint} from './investigate/on-demand.ts'
export type {CheckOptions, CheckProgress, GivenRoom, RunJudging} from './investigate/check-rooms.ts'
export type {
  CheckedFinding,
  CheckReport,
  GoneFinding,
  NotCounted,
  RoomCheck,
  RoomVerdict,
} from './investigate/check-report.ts'

// Preflight: is a bot still the device that was recorded?
export {preflight} from './investigate/on-demand.ts'
export type {PreflightOptions, PreflightReport} from './investigate/preflight.ts'
export type {AskedRoute} from './investigate/preflight-answers.ts'
export type {BaselineCheck, BaselineCheckId, NotCheckedBecause, Repair, RepairId} from './devices/baseline-evidence.ts'

// Findings
export {
  CATALOGUE,
  type Certainty,
  type Evidence,
  type Finding,
  type FindingId,
  type Severity,
  type Subject,
} from './finding/finding.ts'
export {type HealthEvidence, healthFindings} from './forensics/health/health.ts'
