import type {Finding} from '../finding/finding.ts'
import type {ServerView} from '../forensics/server-view.ts'
import type {Reported} from './compare-reported.ts'
import type {LoadedRoom} from './load-room.ts'

/** A room with what is known about how it was got. */
export interface OpenedRoom {
  readonly room: LoadedRoom
  /** What the route can never show. */
  readonly unknowable: readonly string[]
  /** Current states, as servers tell them. */
  readonly reported: readonly Reported[]
  /** Forward extremities by server, as told. */
  readonly reportedExtremities: Readonly<Record<string, readonly string[]>>
  /** Each server's view of the room, as far as the evidence tells. */
  readonly views?: readonly ServerView[]
  /** Whether the signatures of its events were checked; those that failed are left out, and findings. Absent: they were not. */
  readonly signatures?: 'checked' | 'partly'
  /** What is wrong with the evidence itself, before any replay. */
  readonly findings: readonly Finding[]
  /** The case file that it stands on, where one stays. */
  readonly casePath?: string
  /** Remarks for people. */
  readonly notes: readonly string[]
}
