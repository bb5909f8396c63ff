import type * as devices from './audit-devices.ts'
import type * as info from './case-info.ts'
import type * as checks from './check-rooms.ts'
import type * as work from './case-work.ts'
import type * as doctors from './doctor.ts'
import type * as evidence from './event-evidence.ts'
import type * as explaining from './explain-room.ts'
import type * as exploring from './explore-room.ts'
import type * as fetching from './fetch-room.ts'
import type * as routes from './open-routes.ts'
import type * as modifying from './modify-profile.ts'
import type * as planning from './plan-audit.ts'
import type * as setting from './set-up.ts'
import type * as preflights from './preflight.ts'

// A program that replays a dump shall not load SQLite, the routes and the threads that these stand on.

/** See `fetch-room.ts`. */
export const fetchRoom: typeof fetching.fetchRoom = async (...args) =>
  (await import('./fetch-room.ts')).fetchRoom(...args)

/** See `open-routes.ts`. */
export const planFetch: typeof routes.planFetch = async (...args) =>
  (await import('./open-routes.ts')).planFetch(...args)

/** See `case-info.ts`. */
export const caseInfo = async (path: string): Promise<info.CaseInfo> => (await import('./case-info.ts')).caseInfo(path)

/** See `case-work.ts`. */
export const verifyCase: typeof work.verifyCase = async (...args) =>
  (await import('./case-work.ts')).verifyCase(...args)

export const mergeCases: typeof work.mergeCases = async (...args) =>
  (await import('./case-work.ts')).mergeCases(...args)

export const redactCaseFile: typeof work.redactCaseFile = async (...args) =>
  (await import('./case-work.ts')).redactCaseFile(...args)

export const minimiseCaseFile: typeof work.minimiseCaseFile = async (...args) =>
  (await import('./case-work.ts')).minimiseCaseFile(...args)

export async function* exportCase(...args: Parameters<typeof work.exportCase>): AsyncGenerator<string> {
  yield* (await import('./case-work.ts')).exportCase(...args)
}

/** See `explain-room.ts`. */
export const explainEvent: typeof explaining.explainEvent = async (...args) =>
  (await import('./explain-room.ts')).explainEvent(...args)

/** See `explain-room.ts`. */
export const explainDraft = async (
  ...args: Parameters<typeof explaining.explainDraft>
): Promise<explaining.Explanation> => (await import('./explain-room.ts')).explainDraft(...args)

/** See `explain-room.ts`. */
export const explainCan = async (...args: Parameters<typeof explaining.explainCan>): Promise<explaining.Explanation> =>
  (await import('./explain-room.ts')).explainCan(...args)

/** See `event-evidence.ts`. */
export const eventEvidence: typeof evidence.eventEvidence = async (...args) =>
  (await import('./event-evidence.ts')).eventEvidence(...args)

/** See `audit-devices.ts`. */
export const auditDevices: typeof devices.auditDevices = async (...args) =>
  (await import('./audit-devices.ts')).auditDevices(...args)

/** See `plan-audit.ts`. */
export const planAudit: typeof planning.planAudit = async (...args) =>
  (await import('./plan-audit.ts')).planAudit(...args)

/** See `set-up.ts`. */
export const setUp: typeof setting.setUp = async (...args) => (await import('./set-up.ts')).setUp(...args)

/** See `modify-profile.ts`. */
export const modifyProfile: typeof modifying.modifyProfile = async (...args) =>
  (await import('./modify-profile.ts')).modifyProfile(...args)

/** See `preflight.ts`. */
export const preflight: typeof preflights.preflight = async (...args) =>
  (await import('./preflight.ts')).preflight(...args)

/** See `check-rooms.ts`. */
export const checkRooms: typeof checks.checkRooms = async (...args) =>
  (await import('./check-rooms.ts')).checkRooms(...args)

/** See `doctor.ts` and `doctor-room.ts`. */
export const hearComplaint: typeof doctors.hearComplaint = async (...args) =>
  (await import('./doctor.ts')).hearComplaint(...args)

export const doctorRoom: typeof doctors.doctorRoom = async (...args) =>
  (await import('./doctor.ts')).doctorRoom(...args)

export const doctorDevices = async (
  ...args: Parameters<typeof doctors.doctorDevices>
): Promise<ReturnType<typeof doctors.doctorDevices>> => (await import('./doctor.ts')).doctorDevices(...args)

export const doctorMessage = async (
  ...args: Parameters<typeof doctors.doctorMessage>
): Promise<ReturnType<typeof doctors.doctorMessage>> => (await import('./doctor.ts')).doctorMessage(...args)

/** See `explore-room.ts`. */
export const exploreRoom: typeof exploring.exploreRoom = async (...args) =>
  (await import('./explore-room.ts')).exploreRoom(...args)
