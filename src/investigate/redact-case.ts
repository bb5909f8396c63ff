import {basename} from 'node:path'
import type {CaseReader, CaseWriter, StoredCopy, StoredSource} from '../casefile/shapes.ts'
import type {EventCopy} from '../sources/evidence.ts'
import {dumpLine, isUserCase, rulesOfCase} from './case-room.ts'
import {copyEvidence} from './copy-evidence.ts'
import {RemainsCount, type Remains} from './redact-remains.ts'
import {redactDevices} from './redact-devices.ts'
import {redactCopy, type RedactedCopy} from './redact-copy.ts'

/** What a redacted case still holds. */
export interface Statement {
  readonly roomId: string
  /** `''` for the case of a user. */
  readonly roomVersion: string
  readonly events: number
  readonly copies: number
  /** By event type, most copies first: how many are in their redacted form, and how many are whole since the rules read what redaction takes away. */
  readonly byType: readonly {readonly type: string; readonly redacted: number; readonly whole: number}[]
  /** Copies that cannot be read as events and were left out. */
  readonly leftOut: number
  /** Messages that servers refuse because of something that is gone with their content: they count as good in the redacted case. */
  readonly noLongerRefused: readonly string[]
  readonly remains: Remains
  /** What was left out altogether, each in a sentence. */
  readonly gone: readonly string[]
}

/**
 * Writes the shareable form of a case into an empty one: message contents are gone, and event IDs, signatures and the verdicts of the
 * authorisation rules stay as they are.
 *
 * Every copy is redacted as its room version says, and `unsigned` goes. A state event whose content the rules read beyond what redaction
 * leaves stays whole, as a content of which a part is gone has no good hash and counts in its redacted form. Those are: create events before
 * room version 11; power levels with `invite` before 11, or with `notifications`; memberships with `third_party_invite` before 11, or with
 * `join_authorised_via_users_server` in 8; third-party invites; redactions of versions 1 and 2.
 *
 * @throws StateError ROOM_VERSION_UNKNOWN, CREATE_MISSING, CASE_UNUSABLE
 * @remarks Streams; memory for the user IDs.
 */
export function redactCase(from: CaseReader, to: CaseWriter): Statement {
  if (isUserCase(from)) return redactUserCase(from, to)
  const rules = rulesOfCase(from)
  const byType = new Map<string, {type: string; redacted: number; whole: number}>()
  const noLongerRefused: string[] = []
  const remains = new RemainsCount()
  let leftOut = 0
  const toShare = (copy: StoredCopy): EventCopy | null => {
    const shared = redactCopy(dumpLine(copy, rules), rules)
    if (shared === null) {
      leftOut += 1
      return null
    }
    countType(byType, shared)
    if (shared.noLongerRefused) noLongerRefused.push(copy.eventId)
    remains.add(shared)
    return {text: shared.text, eventId: copy.eventId}
  }
  copyEvidence(from, to, {roomVersion: rules.id, event: toShare, source: withoutPaths})
  for (const key of from.keys()) remains.addServer(key.server)
  const devices = redactDevices(from.devices, to.devices, withoutPaths)
  const remaining = remains.finish(from)
  const {events, copies} = to.counts()
  return {
    roomId: from.roomId,
    roomVersion: rules.id,
    events,
    copies,
    byType: [...byType.values()].sort(
      (a, b) => b.redacted + b.whole - a.redacted - a.whole || (a.type < b.type ? -1 : 1),
    ),
    leftOut,
    noLongerRefused,
    remains: {...remaining, sentences: [...remaining.sentences, ...devices.remains]},
    gone: [
      'contents of messages, and of state that the authorisation rules do not read: names, topics, reactions, encrypted payloads',
      'what servers add to events (unsigned), with it former contents and the reasons of redactions',
      'where each route would go on (tokens of pages), and folders of files',
      ...devices.gone,
    ],
  }
}

/** Of an account without a room: its devices alone. */
function redactUserCase(from: CaseReader, to: CaseWriter): Statement {
  const {remains, gone} = redactDevices(from.devices, to.devices, withoutPaths)
  const nothing = new RemainsCount().finish(from)
  return {
    roomId: from.roomId,
    roomVersion: '',
    events: 0,
    copies: 0,
    byType: [],
    leftOut: 0,
    noLongerRefused: [],
    remains: {...nothing, userIds: from.devices.users().length, sentences: [`the user ID ${from.roomId}`, ...remains]},
    gone,
  }
}

function countType(
  byType: Map<string, {type: string; redacted: number; whole: number}>,
  {type, whole}: RedactedCopy,
): void {
  const known = byType.get(type) ?? {type, redacted: 0, whole: 0}
  known[whole ? 'whole' : 'redacted'] += 1
  byType.set(type, known)
}

/** Folders of a person's machine are nobody's business. */
function withoutPaths<S extends Pick<StoredSource, 'kind' | 'name' | 'address'>>(source: S): S {
  if (source.kind !== 'file' && !source.address.startsWith('sqlite:') && !source.address.startsWith('/')) return source
  const short = basename(source.address)
  return {...source, address: short, name: source.name.replaceAll(source.address, short)}
}
