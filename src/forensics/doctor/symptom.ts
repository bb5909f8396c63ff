/** What people say is wrong, before anybody looked into the room. */

/** Kinds of trouble that a message can be the sign of. */
export type SymptomId =
  /** A server sent events that cite two events for one slot, and others refuse them. */
  | 'duplicate-auth-events'
  /** Events that do not cite the create event are refused, or cannot be made. */
  | 'no-create-event'
  /** "You are not invited to this room.", and what other servers say for it. */
  | 'not-invited'
  /** "You are banned from this room." */
  | 'banned'
  /** "User … not in room …", "You aren't a member of the room." */
  | 'not-in-room'
  /** "Unable to authorise join": a restricted join that no server can vouch for. */
  | 'restricted-join'
  /** A power level that does not suffice for what was tried. */
  | 'forbidden-by-power'
  /** Another 403 on a send. */
  | 'forbidden'
  /** A server that the room's ACL shuts out. */
  | 'server-banned'
  /** Nobody can be asked to join by: "Can't join remote room because no servers that are in the room have been provided." */
  | 'no-server-to-join-by'
  /** Auth events that a server cannot get or rejected. */
  | 'auth-events-missing'
  /** "Unable to decrypt", and the codes of what is missing. */
  | 'unable-to-decrypt'
  /** "One time key … already exists" */
  | 'one-time-key-exists'
  /** Many forward extremities, or a message about them. */
  | 'forward-extremities'
  /** Members, power levels or settings that are gone or old again. */
  | 'state-reset'

/** What a text names, in the order in which it stands there, each once. */
export interface Mentions {
  readonly eventIds: readonly string[]
  readonly userIds: readonly string[]
  readonly roomIds: readonly string[]
  readonly aliases: readonly string[]
  readonly servers: readonly string[]
  /** Event types, as `m.room.member`. */
  readonly eventTypes: readonly string[]
  /** HTTP status, if one is told. */
  readonly status: number | null
  /** `M_FORBIDDEN` and the like, if one is told. */
  readonly errcode: string | null
  /** The levels by which sending was refused, if they are told. */
  readonly levels?: LevelsTold
}

/** "user_level (0) < send_level (50)": what the user had, and what it took, by the state of who said it. */
export interface LevelsTold {
  readonly user: number
  readonly required: number
}

/** A sign that was found in a text. */
export interface Recognised {
  readonly symptom: SymptomId
  /** The words by which it was recognised, as they stand in the text. */
  readonly quote: string
  /** Whose words these are: `synapse`, `dendrite`, `conduit` and its children, `client`; `null` where several say it alike. */
  readonly software: 'synapse' | 'dendrite' | 'conduit' | 'client' | null
  /** The line of the text, from 1. */
  readonly line: number
  /** How many lines of the text say the same. */
  readonly times: number
  /** What the line names. */
  readonly mentions: Mentions
}

/** What a symptom is, whatever the room. */
export interface SymptomKind {
  /** A few words: "not invited". */
  readonly title: string
  /** What the server or client means by it, in one or two sentences. */
  readonly meaning: string
  /** Where that is written: the specification's section, or the path in the software's source. */
  readonly sources: readonly string[]
}
