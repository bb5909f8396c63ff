import type {Remedy} from './remedy.ts'

/** What is known of the trouble, to be put into the steps. */
export interface Fill {
  readonly room?: string
  readonly user?: string
  readonly server?: string
  readonly event?: string
  /** The room as a file, by which commands that only read it can go. */
  readonly file?: string
  /** What was tried, as the words of `explain --can`. */
  readonly attempt?: readonly string[]
}

/** An ID is printable ASCII without what would end a quotation here, a server a host with or without a port. All else stays a placeholder. */
type Placeholder = 'room' | 'user' | 'server' | 'event'

const USABLE: Readonly<Record<Placeholder, RegExp>> = {
  room: /^[!#][\x21-\x5f\x61-\x7e]{1,254}$/,
  user: /^@[\x21-\x5f\x61-\x7e]{1,254}$/,
  event: /^\$[\x21-\x5f\x61-\x7e]{1,254}$/,
  server: /^[A-Za-z0-9.:[\]-]{1,255}$/,
}

const PLACE = /\{(room|user|server|event)\}/g
const BARE = /^[A-Za-z0-9@%+=:,./_-]+$/

const forShell = (value: string): string => (BARE.test(value) ? value : `'${value.replaceAll("'", `'\\''`)}'`)
const forJson = (value: string): string => JSON.stringify(value).slice(1, -1)

/**
 * A value as it has to be written where it stands: a part of a path or query percent-encoded, one between quotes as JSON, one of a
 * command of a server's admin room as it is (such commands are split at spaces and know no quotes), else quoted for a POSIX shell.
 */
function written(value: string, code: string, at: number): string {
  const before = code.slice(0, at)
  if (/[/=]$/.test(before)) return encodeURIComponent(value)
  if (before.endsWith('"')) return forJson(value)
  if (before.startsWith('!')) return value
  return forShell(value)
}

/** Commands that do with a file what they do with a room on a server: they ask nobody anew. */
const READS_A_FILE = /^matrix-state (?:blame|check|diff|explain|resolve|devices) (?!.*--refresh)/
const ANY_ATTEMPT = '{user} send m.room.message'

/** What was tried stands in for the example of it. */
function withAttempt(code: string, {attempt}: Fill): string {
  if (attempt?.every((word) => PRINTABLE.test(word)) !== true) return code
  return code.replace(ANY_ATTEMPT, () => attempt.map(forShell).join(' '))
}
const PRINTABLE = /^[\x21-\x5f\x61-\x7e]{1,255}$/

function fillText(text: string, fill: Fill): string {
  return text
    .split('`')
    .map((piece, index) => {
      const isCode = index % 2 === 1
      const part = isCode ? withAttempt(piece, fill) : piece
      return part.replace(PLACE, (whole, name: Placeholder, at: number) => {
        if (name === 'room' && isCode && fill.file !== undefined && READS_A_FILE.test(part)) return forShell(fill.file)
        const value = fill[name]
        if (value === undefined || !USABLE[name].test(value)) return whole
        return isCode ? written(value, part, at) : value
      })
    })
    .join('`')
}

/** The remedy with what is known put in; what is not, or cannot be written safely, stays as `{user}`. */
export function filled(remedy: Remedy, fill: Fill): Remedy {
  // A file does not tell what was done since.
  const {file: _, ...afterwards} = fill
  return {
    ...remedy,
    title: fillText(remedy.title, fill),
    steps: remedy.steps.map((step) => fillText(step, fill)),
    risk: fillText(remedy.risk, fill),
    check: fillText(remedy.check, afterwards),
  }
}
