import type {LevelsTold, Mentions} from './symptom.ts'

/** A list names no more than this; a log can name millions. */
const MOST = 20
/** Longer texts are read up to here. */
const READ = 16_384

const HOST = String.raw`[A-Za-z0-9](?:[A-Za-z0-9.-]{0,253}[A-Za-z0-9])?|\[[0-9A-Fa-f:.]{2,45}\]`
const SERVER = String.raw`(?:${HOST})(?::\d{1,5})?`
/** Characters of localparts as servers have let them be, without those that texts put around an ID. */
const LOCALPART = String.raw`[A-Za-z0-9._=/+~!#$%&*?^|-]{1,255}`

const USER = new RegExp(`(?<![A-Za-z0-9._%+-])@${LOCALPART}:${SERVER}`, 'g')
/** `!localpart:server`, and from room version 12 on the hash of the create event. */
const ROOM = new RegExp(String.raw`!(?:[A-Za-z0-9._=/+~-]{1,255}:${SERVER}|[A-Za-z0-9_-]{43}(?![A-Za-z0-9_:-]))`, 'g')
/** A hash in either alphabet, and in versions 1 and 2 `$localpart:server`. */
const EVENT = new RegExp(
  String.raw`\$(?:[A-Za-z0-9._=~-]{1,255}:${SERVER}|[A-Za-z0-9_+/-]{43}(?![A-Za-z0-9_+/=-]))`,
  'g',
)
const ALIAS = new RegExp(String.raw`(?<![A-Za-z0-9/._-])#[A-Za-z0-9._=+~-]{1,255}:${SERVER}`, 'g')
/** A server is told from other dotted words by what stands before it. */
const NAMED_SERVER = new RegExp(
  String.raw`\b(?:server|homeserver|host|origin|destination|via|from)[ =:]{1,3}["'\x60<]?((?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,62}[A-Za-z0-9])?\.){1,20}[A-Za-z]{2,63}(?::\d{1,5})?|localhost:\d{1,5})(?![A-Za-z0-9_/.]?[A-Za-z0-9_/(])`,
  'gi',
)
const EVENT_TYPE = /(?<![A-Za-z0-9_.])m(?:\.[a-z][a-z0-9_]{0,40}){1,5}(?![A-Za-z0-9_-])/g
const NOT_TYPES = /^m\.(?:megolm|olm)\./
const ERRCODE = /\b[MC]_[A-Z][A-Z_]{2,60}\b/
const STATUS =
  /(?:\bHTTP(?:\/[\d.]{1,3})?|\bstatus(?:[ _]?code)?|\bcode|Error:|\[|\()["']?[:= ]{0,3}\[?([45]\d\d)\b(?![\d.:-])|(?<![\d.])([45]\d\d)(?=:? ?(?:- |\(?(?:Forbidden|Bad Request|Not Found|Internal Server|Bad Gateway|M_[A-Z]))|: [A-Z@"']| "(?:GET|PUT|POST|DELETE) \/)/

/** As Synapse and Dendrite tell them. */
const LEVELS =
  /\b(?:user_level \((-?\d{1,15})\) < send_level \((-?\d{1,15})\)|not allowed to send event\. (-?\d{1,15}) < (-?\d{1,15})(?!\d))/

/** Names as URLs write them. */
const ESCAPED: Readonly<Record<string, string>> = {'21': '!', '23': '#', '24': '$', '3a': ':', '40': '@'}

const unescaped = (text: string): string =>
  text.replaceAll(/%(21|23|24|3a|40)/gi, (whole, code: string) => ESCAPED[code.toLowerCase()] ?? whole)

function all(text: string, pattern: RegExp, group = 0): string[] {
  const found = new Set<string>()
  for (const match of text.matchAll(pattern)) {
    const value = match[group]
    if (value !== undefined) found.add(value)
    if (found.size >= MOST) break
  }
  return [...found]
}

/**
 * What a text names: at most 20 of a kind, in the first 16 KiB. A server counts only where the text calls it one ("from
 * example.org", "destination=example.org"): that of an ID does not. Time grows with the length of the text and no faster.
 */
export function mentionsOf(text: string): Mentions {
  const read = unescaped(text.slice(0, READ))
  const status = STATUS.exec(read)
  const told = status?.[1] ?? status?.[2]
  return {
    eventIds: all(read, EVENT),
    userIds: all(read, USER),
    roomIds: all(read, ROOM),
    aliases: all(read, ALIAS),
    servers: all(read, NAMED_SERVER, 1),
    eventTypes: all(read, EVENT_TYPE).filter((type) => !NOT_TYPES.test(type)),
    status: told === undefined ? null : Number(told),
    errcode: ERRCODE.exec(read)?.[0] ?? null,
    ...levelsIn(read),
  }
}

function levelsIn(text: string): {readonly levels?: LevelsTold} {
  const [, user, required, ofDendrite, requiredByDendrite] = LEVELS.exec(text) ?? []
  const had = user ?? ofDendrite
  const takes = required ?? requiredByDendrite
  return had === undefined || takes === undefined ? {} : {levels: {user: Number(had), required: Number(takes)}}
}

const both = (some: readonly string[], more: readonly string[]): readonly string[] =>
  more.every((one) => some.includes(one)) ? some : [...new Set([...some, ...more])].slice(0, MOST)

/** What two lines name, the first one's first. */
export function mentionsTogether(one: Mentions, other: Mentions): Mentions {
  const levels = one.levels ?? other.levels
  return {
    ...(levels === undefined ? {} : {levels}),
    eventIds: both(one.eventIds, other.eventIds),
    userIds: both(one.userIds, other.userIds),
    roomIds: both(one.roomIds, other.roomIds),
    aliases: both(one.aliases, other.aliases),
    servers: both(one.servers, other.servers),
    eventTypes: both(one.eventTypes, other.eventTypes),
    status: one.status ?? other.status,
    errcode: one.errcode ?? other.errcode,
  }
}
