/** What can be done about a trouble, with what it may cost. */

/** From doing nothing to a room but asking, up to what cannot be undone. */
export type Invasiveness =
  /** Waiting, asking, looking. */
  | 'none'
  /** What any client does: an event is sent, a user leaves and joins. */
  | 'client'
  /** An admin's act on one server that can be repeated or undone: an update, a restart, a setting, an admin API that adds. */
  | 'server'
  /** Something is lost for good, for everybody or on one server: history, a room's identity, rows of a database. Described, never done. */
  | 'destructive'

export type RemedyId = string

export interface Remedy {
  readonly id: RemedyId
  /** One line, imperative. */
  readonly title: string
  readonly invasiveness: Invasiveness
  /** Who can do it. */
  readonly who: 'user' | 'room-admin' | 'server-admin' | 'bot-operator' | 'developer'
  /** The server software that it is for; `any` for all. */
  readonly software: 'any' | 'synapse' | 'dendrite' | 'conduit'
  /** What to do, in order; commands and requests in backticks, with `{room}`, `{user}`, `{server}`, `{event}` put in where they are known. */
  readonly steps: readonly string[]
  /** What may go wrong or get lost, in a sentence; never empty. */
  readonly risk: string
  /** How one sees that it helped; a command of this program where there is one. */
  readonly check: string
  /** Where it is documented. */
  readonly sources: readonly string[]
}
