import type {Mentions, Recognised, SymptomId} from '../forensics/doctor/symptom.ts'
import {SYMPTOMS} from '../forensics/doctor/symptom-kinds.ts'
import type {DoctorSubject} from './doctor-report.ts'

const MOST = 3
/** Words that stand in every complaint. */
const COMMON = new Set(
  'the and you are not from that this with your for was has have can cannot room error matrix'.split(' '),
)

/** Symptoms that share most words with a text in which none is recognised. */
export function nearestSymptoms(text: string): readonly {readonly symptom: SymptomId; readonly title: string}[] {
  const said = wordsOf(text.slice(0, 10_000))
  return (Object.keys(SYMPTOMS) as SymptomId[])
    .map((symptom) => {
      const {title, meaning} = SYMPTOMS[symptom]
      const own = wordsOf(`${symptom} ${title}`)
      const shared = [...own].filter((word) => said.has(word)).length * 3
      const further = [...wordsOf(meaning)].filter((word) => said.has(word)).length
      return {symptom, title, score: shared + further}
    })
    .filter(({score}) => score > 1)
    .sort((a, b) => b.score - a.score)
    .slice(0, MOST)
    .map(({symptom, title}) => ({symptom, title}))
}

function wordsOf(text: string): ReadonlySet<string> {
  const words = text.toLowerCase().match(/[a-z]{3,}/g) ?? []
  return new Set(words.filter((word) => !COMMON.has(word)).map((word) => word.replace(/s$/, '')))
}

/** What is typed counts; what is not is taken from what the message names. */
export function completeSubject(
  typed: DoctorSubject,
  recognised: readonly Recognised[],
  named: Mentions | null,
): DoctorSubject {
  const all = [...recognised.map(({mentions}) => mentions), ...(named === null ? [] : [named])]
  const first = (of: (mentions: Mentions) => readonly string[]): string | null =>
    all.flatMap((mentions) => of(mentions))[0] ?? null
  const user = typed.user ?? first(({userIds}) => userIds)
  return {
    room: typed.room,
    user,
    server: typed.server ?? first(({servers}) => servers),
    eventId: typed.eventId ?? first(({eventIds}) => eventIds),
  }
}

/** The other rooms that are named, where this one is not: then what was said is hardly about this one. */
export function elsewhere(rooms: readonly {readonly roomId: string}[], roomId: string): readonly string[] {
  const ids = rooms.map(({roomId: id}) => id)
  return ids.includes(roomId) ? [] : ids
}

/** So many users of one kind of line are looked at. */
export const MOST_USERS = 3

/**
 * Who was told it: the user who was typed; else those whom its own lines name; else the only one who is named anywhere. `null`: not known.
 */
export function usersOf(
  one: Recognised,
  all: readonly Recognised[],
  {typedUser, subject}: {readonly typedUser: string | null; readonly subject: DoctorSubject},
): readonly (string | null)[] {
  if (typedUser !== null) return [typedUser]
  if (one.mentions.userIds.length > 0) return one.mentions.userIds
  const anywhere = new Set(all.flatMap(({mentions}) => mentions.userIds))
  return [anywhere.size > 1 ? null : subject.user]
}

/** Recognised lines of one room: those that name it, and those that name none. */
export function ofRoom(recognised: readonly Recognised[], roomId: string): readonly Recognised[] {
  return recognised.filter(({mentions: {roomIds}}) => roomIds.length === 0 || roomIds.includes(roomId))
}

/** Rooms that recognised lines name, the most named first. */
export function roomsNamed(
  recognised: readonly Recognised[],
): readonly {readonly roomId: string; readonly lines: number}[] {
  const lines = new Map<string, number>()
  for (const {mentions, times} of recognised) {
    for (const roomId of mentions.roomIds) lines.set(roomId, (lines.get(roomId) ?? 0) + times)
  }
  return [...lines].map(([roomId, count]) => ({roomId, lines: count})).sort((a, b) => b.lines - a.lines)
}
