import type {Finding} from '../finding/finding.ts'
import type {Diagnosis} from '../forensics/doctor/diagnosis.ts'
import type {Remedy} from '../forensics/doctor/remedy.ts'
import type {Recognised, SymptomId, SymptomKind} from '../forensics/doctor/symptom.ts'

/** A sign that was recognised, with what it means whatever the room. */
export interface SymptomTold extends Recognised {
  readonly kind: SymptomKind
}

/** A message whose cause the evidence does not show. */
export interface NotShown {
  readonly symptom: SymptomId
  /** What the evidence does show, in sentences. */
  readonly says: readonly string[]
}

/** What a complaint is about, as it was given or as the message names it; `null`: not known. */
export interface DoctorSubject {
  /** The room as it was given: an ID, an alias, a file. */
  readonly room: string | null
  readonly user: string | null
  readonly server: string | null
  readonly eventId: string | null
}

/** What `doctor` has to say; plain data, for any renderer. */
export interface DoctorReport {
  readonly subject: DoctorSubject
  readonly roomId: string | null
  readonly roomVersion: string | null
  readonly name: string | null
  /** Of the room; 0 where there is none. */
  readonly events: number
  /** Servers whose state was looked at. */
  readonly servers: readonly string[]
  /** The message or log, as far as it may be shown: `null` without one. */
  readonly message: string | null
  /** Where the log is, `-` for standard input; `null`: it was no log. */
  readonly log: string | null
  /** Most telling first. */
  readonly symptoms: readonly SymptomTold[]
  /** There if there was a message and nothing in it is known: symptoms that look like it. */
  readonly unrecognised: {readonly nearest: readonly {readonly symptom: SymptomId; readonly title: string}[]} | null
  /** Rooms that a log names, where it is not known which one is meant; the most named first. */
  readonly rooms: readonly {readonly roomId: string; readonly lines: number}[]
  /** Of the message, the surest first; without one of the findings, the worst first. */
  readonly diagnoses: readonly Diagnosis[]
  readonly notShown: readonly NotShown[]
  /** What can be tried, or looked at, against symptoms of which no cause is shown. */
  readonly generally: readonly {readonly symptom: SymptomId; readonly remedies: readonly Remedy[]}[]
  /** What does not fit together in what was given, in sentences. */
  readonly remarks: readonly string[]
  /** What evidence would decide, and how to get it, in sentences. */
  readonly gather: readonly string[]
  /** What else is wrong, most severe first: findings that no diagnosis has. */
  readonly others: readonly Finding[]
  /** Why nothing more can be claimed, in sentences. */
  readonly open: readonly string[]
  readonly notes: readonly string[]
  /** The case file with the evidence; `null`: none stays. */
  readonly casePath: string | null
}
