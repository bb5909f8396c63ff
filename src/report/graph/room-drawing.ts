import type {Severity} from '../../finding/finding.ts'
import type {Reading} from '../../resolve/auth-difference.ts'

/** What an event is, or a node that stands for several. */
export type NodeKind = 'create' | 'member' | 'power' | 'state' | 'message' | 'missing' | 'foreign' | 'run'

/** An event of a drawing, or a run of events; plain data. Field names are those of the written graphs. */
export interface DrawnNode {
  /** An event ID, or `run:` and that of the first event. */
  readonly key: string
  readonly attributes: NodeAttributes
}

/** Attributes of a node. Lists and numbers that would be empty or 0 are absent but for those that are always there. */
export interface NodeAttributes {
  /** For people: what it is, in a few words; one line. */
  readonly label: string
  readonly kind: NodeKind
  /** `accepted`, `rejected`, `undetermined`; of events that are not here, or of another room: `none`. */
  readonly verdict: 'accepted' | 'rejected' | 'undetermined' | 'none'
  /** Events that the node stands for. */
  readonly events: number
  /** Whether it is one of the events whose states the state of now is resolved from. */
  readonly tip: boolean
  /** Branches that it merges; 0: none. */
  readonly merges: number
  /** Slots in which what it merges differs. */
  readonly conflicts: number
  /** Whether some merge had to choose between it and another event. */
  readonly conflicted: boolean
  /** Prev (or auth) events that were left out of the drawing. */
  readonly parents_not_drawn: number
  readonly event_id?: string
  readonly type?: string
  readonly state_key?: string
  /** Of a member event. */
  readonly membership?: string
  readonly sender?: string
  readonly server?: string
  /** Milliseconds since 1970, as the sender's server claims. */
  readonly origin_server_ts?: number
  /** As claimed; no number where it is beyond 2^53. */
  readonly depth?: number | string
  /** Rule that rejects it. */
  readonly rule?: string
  readonly because?: string
  /** Slots that went back or vanished at this merge, by nobody's will. */
  readonly resets?: readonly string[]
  /** In the life of a slot, at a merge: the event that stands there after it, in words; `nothing` where none does. */
  readonly slot_becomes?: string
  /** IDs of findings about it. */
  readonly findings?: readonly string[]
  /** Of the gravest of them. */
  readonly severity?: Severity
  /** Servers that said they rejected it. */
  readonly rejected_by?: readonly string[]
  readonly soft_failed_by?: readonly string[]
  /** Of a run: its first and last event, its senders (busiest first), and the time between the earliest and the latest, milliseconds. */
  readonly first_event_id?: string
  readonly last_event_id?: string
  readonly senders?: readonly string[]
  readonly duration_ms?: number
}

/** From an event to one that it cites. */
export interface DrawnEdge {
  readonly from: string
  readonly to: string
  readonly attributes: EdgeAttributes
}

export interface EdgeAttributes {
  /** `path`: by way of events that are not drawn. */
  readonly kind: 'prev' | 'auth' | 'path'
  /** Events on the shortest such way. */
  readonly events?: number
}

export type Focus =
  | {readonly kind: 'room'}
  | {readonly kind: 'around'; readonly eventId: string; readonly radius: number}
  | {readonly kind: 'slot'; readonly type: string; readonly stateKey: string}

/** A room, or the part of it that matters, as a graph; plain data, for any writer. */
export interface RoomDrawing {
  readonly roomId: string
  readonly roomVersion: string
  readonly name: string | null
  readonly reading: Reading
  /** Which citations the edges are. */
  readonly edgesAre: 'prev' | 'auth'
  readonly focus: Focus
  readonly collapsed: boolean
  /** Whether nothing is missing that could change what is drawn. */
  readonly complete: boolean
  /** Why not, in sentences. */
  readonly open: readonly string[]
  /** An event comes after those that it cites. */
  readonly nodes: readonly DrawnNode[]
  readonly edges: readonly DrawnEdge[]
  readonly counts: DrawingCounts
  /** What was left out, in sentences. */
  readonly says: readonly string[]
}

export interface DrawingCounts {
  /** Events of the room that are here, and those of them that the drawing shows, runs included. */
  readonly eventsOfRoom: number
  readonly events: number
  /** Drawn events that others cite and that are not here. */
  readonly missing: number
  /** Drawn merges of states that differed. */
  readonly conflicts: number
  /** Drawn merges with a reset. */
  readonly resets: number
  readonly findings: number
}
