/** What somebody may want to do in a room. */
export const ACTIONS = ['join', 'leave', 'knock', 'invite', 'kick', 'ban', 'unban', 'redact', 'send'] as const
export type Action = (typeof ACTIONS)[number]

/** Something that somebody wants, or wanted, to do in the room. */
export interface Attempt {
  readonly user: string
  readonly action: Action
  /** The other user (invite, kick, ban, unban), an event (redact), an event type (send). */
  readonly target?: string
  /** Of a state event that is sent. */
  readonly stateKey?: string
}

/** An action in words that the other user, the event or the event type may follow. */
export const ACTION_WORDS: Readonly<Record<Action, string>> = {
  join: 'join',
  leave: 'leave',
  knock: 'knock',
  invite: 'invite',
  kick: 'kick',
  ban: 'ban',
  unban: 'lift the ban of',
  redact: 'redact',
  send: 'send',
}
