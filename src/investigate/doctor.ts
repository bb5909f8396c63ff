import {mentionsOf, recognise} from '../forensics/doctor/recognise.ts'
import type {Mentions, Recognised} from '../forensics/doctor/symptom.ts'
import {recogniseLog} from './doctor-log.ts'
import type {DoctorSubject} from './doctor-report.ts'
import type {Complaint} from './doctor-room.ts'
import {completeSubject, elsewhere, ofRoom, roomsNamed} from './doctor-symptoms.ts'

export {doctorDevices, doctorMessage, doctorRoom} from './doctor-room.ts'

/** A complaint, before it is known which room it is about. */
export interface HeardComplaint {
  /** Rooms that it names, the most named first. */
  readonly rooms: readonly {readonly roomId: string; readonly lines: number}[]
  /** What of it concerns a room, as it was given, of which the ID is known or not; `null`: whatever it says. */
  readonly of: (room: string | null, roomId?: string) => Complaint
}

/** Of a message that is a whole log, so much is kept. */
const MOST_CHARACTERS = 100_000

/**
 * Reads a message, or a log.
 *
 * @throws StateError see `recogniseLog`
 */
export async function hearComplaint(options: {
  readonly given: DoctorSubject
  readonly message: string | null
  /** A path, or `-`. */
  readonly log: string | null
  readonly signal: AbortSignal
}): Promise<HeardComplaint> {
  const {given, message, log, signal} = options
  const heard = log !== null ? (await recogniseLog(log, signal)).recognised : message === null ? [] : recognise(message)
  const recognised = heard.map((one) => ({...one, quote: withoutSecrets(one.quote)}))
  const named: Mentions | null = message === null ? null : mentionsOf(message)
  const said = message === null ? (log === null ? null : quotes(recognised)) : withoutSecrets(message)
  const ids = message === null ? roomsNamed(recognised) : (named?.roomIds ?? []).map((roomId) => ({roomId, lines: 1}))
  return {
    rooms: ids,
    of: (room, known) => {
      const roomId = known ?? (room?.startsWith('!') === true ? room : null)
      const telling = roomId !== null && log !== null ? ofRoom(recognised, roomId) : recognised
      return {
        message: said?.slice(0, MOST_CHARACTERS) ?? null,
        recognised: telling,
        subject: {...completeSubject(given, telling, named), room: room ?? given.room},
        typedUser: given.user,
        typedEvent: given.eventId,
        elsewhere: roomId === null ? [] : elsewhere(ids, roomId),
        log,
      }
    },
  }
}

/** Access tokens get into messages by the addresses of requests; a report is made to be shown. */
function withoutSecrets(text: string): string {
  return text
    .replaceAll(/(access_token["']?\s*[=:]\s*["']?|Bearer\s+)[^\s"'&]+/gi, '$1…')
    .replaceAll(/\b(?:syt|mct|mat|mcr|mrt)_[A-Za-z0-9_]{8,}/g, '…')
}

/** What of a log is told again: each kind of line once. */
function quotes(recognised: readonly Recognised[]): string {
  return recognised.map(({quote}) => quote).join('\n')
}
