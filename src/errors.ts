/** Why a piece of work could not be done. Each code stands for one thing that a user can act on. */
export type ErrorCode =
  | 'INPUT_EMPTY'
  | 'INPUT_NOT_FOUND'
  | 'INPUT_UNREADABLE'
  | 'INPUT_TRUNCATED'
  | 'DUMP_MALFORMED'
  | 'DUMP_MIXED_ROOMS'
  | 'CREATE_MISSING'
  | 'CREATE_AMBIGUOUS'
  | 'ROOM_VERSION_UNKNOWN'
  | 'EVENT_UNKNOWN'
  | 'SLOT_UNKNOWN'
  | 'STATES_MALFORMED'
  | 'DRAFT_MALFORMED'
  | 'USAGE'
  | 'CREDENTIALS_ABSENT'
  | 'SERVER_UNREACHABLE'
  | 'SERVER_REFUSED'
  | 'SERVER_ANSWER_MALFORMED'
  | 'RATE_LIMITED'
  | 'OUTPUT_FAILED'
  | 'CASE_ABSENT'
  | 'CASE_EXISTS'
  | 'CASE_UNUSABLE'
  | 'CASE_OTHER_ROOM'
  | 'RECORD_ABSENT'
  | 'KEYS_MALFORMED'
  | 'DATABASE_UNUSABLE'
  /** No profile of that name: the hint is the exact `setup` line. */
  | 'PROFILE_ABSENT'
  /** The profile has no bot's baseline. */
  | 'BASELINE_ABSENT'
  /** A baseline cannot be recorded: the device publishes no keys, is not there, is not signed as it should. */
  | 'BASELINE_UNRECORDABLE'
  | 'PROFILE_EXISTS'
  /** What was given belongs to another user or device, or the device has other keys: changing that is not a modification. */
  | 'OTHER_IDENTITY'
  /** Damaged, truncated, readable by others, of a newer schema. */
  | 'PROFILE_UNUSABLE'

/**
 * A failure the user can act on: what happened, where, and (in `hint`) what to do. Bugs stay plain `Error`s.
 *
 * @remarks The message never holds a secret: no access token, password or key.
 */
export class StateError extends Error {
  override readonly name = 'StateError'
  readonly code: ErrorCode
  /** One sentence that says what to do next; `undefined` when the message says it already. */
  readonly hint: string | undefined

  constructor(code: ErrorCode, message: string, options: ErrorOptions & {readonly hint?: string} = {}) {
    super(message, options)
    this.code = code
    this.hint = options.hint
  }
}
