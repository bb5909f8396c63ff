/** One slot of a state as a server tells it. `/state_ids` tells event IDs only. */
export interface ToldSlot {
  readonly eventId: string
  readonly type?: string
  readonly stateKey?: string
}

/** A state that a server says it has, or had at an event. */
export interface ToldState {
  /** Two sides of one server: its current state, and its state at its forward extremity; or the state before or after an event. */
  readonly what: 'current' | 'at-extremity' | 'before' | 'after'
  /** Event that the state is before, after or at; `null` for `current`. */
  readonly eventId: string | null
  /** Endpoint, table or file that said so. */
  readonly how: string
  readonly slots: readonly ToldSlot[]
  /** When it was told last, milliseconds since 1970; 0 where that is not known. */
  readonly ts: number
}

/** What a server thinks of one event; absent fields are not known, not false. */
export interface ToldMarks {
  /** Its reason for rejecting it, or `null` when it accepted it. */
  readonly rejected?: string | null
  readonly softFailed?: boolean
  readonly outlier?: boolean
  /** When it received it, milliseconds since 1970 by its clock. */
  readonly receivedTs?: number
}

/** The states that a server recorded around each event (Synapse's state groups). A group holds what changes against its base. */
export interface RecordedStates {
  /** Table or file that they were read from. */
  readonly how: string
  /** Groups around an event; `null` where the server does not tell. */
  readonly around: (eventId: string) => {readonly before: number | null; readonly after: number | null} | undefined
  readonly group: (
    group: number,
  ) => {readonly base: number | null; readonly slots: readonly Required<ToldSlot>[]} | undefined
}

/** All that the evidence has of one server's view of the room; where nothing is known, it is empty. */
export interface ServerView {
  /** Server name; for a file that does not tell whose it is, the file's name. */
  readonly server: string
  /** The latest telling of each state. */
  readonly states: readonly ToldState[]
  /** Forward extremities as told last; `null`: not told. */
  readonly extremities: readonly string[] | null
  /** By event ID. */
  readonly marks: ReadonlyMap<string, ToldMarks>
  /** Whether the server gave the event itself; `null` where its whole DAG was not asked for, so that nothing follows from an absence. */
  readonly has: (eventId: string) => boolean | null
  readonly recorded: RecordedStates | null
}
