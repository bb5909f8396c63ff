import {mentionsOf, mentionsTogether} from './mentions.ts'
import {CLIENT_PATTERNS} from './patterns-clients.ts'
import {OTHER_PATTERNS} from './patterns-others.ts'
import {SYNAPSE_PATTERNS} from './patterns-synapse.ts'
import type {Pattern} from './pattern.ts'
import type {Recognised} from './symptom.ts'

export {mentionsOf} from './mentions.ts'

/** All patterns. Where several find the same words, the first counts. */
export const PATTERNS: readonly Pattern[] = [...SYNAPSE_PATTERNS, ...OTHER_PATTERNS, ...CLIENT_PATTERNS]

/** A line is read in pieces of this length, which overlap by what a pattern may be long. */
const PIECE = 65_536
const OVERLAP = 1024
/** What a line names is looked for this far around the words. */
const AROUND = 4096
/** As many different signs are kept; what comes after them is counted without its room. */
const KEPT = 500
/** A text of no more than this may have been wrapped, so that words stand on two lines. */
const WRAPPED = 8192

interface Sign {
  readonly pattern: Pattern
  readonly first: Omit<Recognised, 'times' | 'mentions'>
  mentions: Recognised['mentions']
  times: number
}

interface Hit {
  readonly pattern: Pattern
  readonly quote: string
  readonly index: number
}

/** The patterns that find words in a text: of those that find the same words the first, and the weak ones only alone. */
function hitsOf(text: string): Hit[] {
  const hits: Hit[] = []
  const lower = text.toLowerCase()
  const there = new Map<string, boolean>()
  for (const pattern of PATTERNS) {
    if (pattern.weak && hits.length > 0) continue
    const has = there.get(pattern.needle) ?? lower.includes(pattern.needle)
    there.set(pattern.needle, has)
    if (!has) continue
    const match = pattern.words.exec(text)
    if (match === null) continue
    const end = match.index + match[0].length
    const taken = hits.some(
      ({pattern: {symptom}, quote, index}) =>
        symptom === pattern.symptom || (match.index < index + quote.length && index < end),
    )
    if (!taken) hits.push({pattern, quote: match[0], index: match.index})
  }
  return hits
}

/** Without the colours of a terminal, which logs carry along, and without characters that nobody sees: both break words apart. */
const unpainted = (text: string): string =>
  UNSEEN.test(text) ? text.replaceAll(COLOUR, '').replaceAll(FORMAT, '') : text
const UNSEEN = /[\p{Cc}\p{Cf}]/u
const COLOUR = /\p{Cc}\[[0-9;]{0,40}[A-Za-z]/gu
const FORMAT = /\p{Cf}/gu

function pieces(line: string): string[] {
  if (line.length <= PIECE) return [line]
  const cut: string[] = []
  for (let start = 0; start < line.length; start += PIECE - OVERLAP) cut.push(line.slice(start, start + PIECE))
  return cut
}

/**
 * Reads a log line by line. Memory is bounded by the number of kept signs (500 of them, of which each names at most 20 of a kind), time
 * grows with the length of the text. The same words about several rooms are a sign for each room.
 */
export class Recogniser {
  readonly #signs = new Map<string, Sign>()
  readonly #rooms = new Map<string, number>()
  #line = 0

  add(line: string): void {
    this.#line++
    const seen = new Set<Pattern>()
    for (const piece of pieces(unpainted(line))) {
      for (const hit of hitsOf(piece)) {
        if (seen.has(hit.pattern)) continue
        seen.add(hit.pattern)
        this.#note(hit, piece, this.#line)
      }
    }
  }

  /** Reads a text of several lines as one, in which words may be wrapped. Keeps what the lines did not tell. */
  addWrapped(text: string): void {
    const told = new Set(
      [...this.#signs.values()].filter(({pattern}) => !pattern.weak).map(({pattern}) => pattern.symptom),
    )
    for (const hit of hitsOf(unpainted(text))) {
      if (told.has(hit.pattern.symptom) || (hit.pattern.weak && this.#signs.size > 0)) continue
      this.#note(hit, text, text.slice(0, hit.index).split('\n').length)
    }
  }

  #note({pattern, quote, index}: Hit, text: string, line: number): void {
    const mentions = mentionsOf(text.slice(Math.max(0, index - AROUND), index + AROUND))
    const [room = ''] = mentions.roomIds
    if (room !== '' && (this.#rooms.has(room) || this.#rooms.size < KEPT)) {
      this.#rooms.set(room, (this.#rooms.get(room) ?? 0) + 1)
    }
    const which = `${PATTERNS.indexOf(pattern)}`
    const key = `${which} ${room}`
    const known = this.#signs.get(key) ?? (this.#signs.size < KEPT ? undefined : this.#signs.get(which))
    if (known !== undefined) {
      known.times++
      known.mentions = mentionsTogether(known.mentions, mentions)
      return
    }
    const {symptom, software} = pattern
    const first = {symptom, quote, software, line}
    this.#signs.set(this.#signs.size < KEPT ? key : which, {pattern, first, mentions, times: 1})
  }

  /** What was found so far, the most telling first: weak signs last, then by how often, then by where. */
  found(): readonly Recognised[] {
    return [...this.#signs.values()]
      .sort(
        (one, other) =>
          Number(one.pattern.weak) - Number(other.pattern.weak) ||
          other.times - one.times ||
          one.first.line - other.first.line,
      )
      .map(({first, times, mentions}) => ({...first, times, mentions}))
  }

  /** The rooms that were named beside a sign (at most 500), with the number of lines, the most-named first. */
  rooms(): readonly {readonly roomId: string; readonly times: number}[] {
    return [...this.#rooms].map(([roomId, times]) => ({roomId, times})).sort((one, other) => other.times - one.times)
  }
}

/**
 * What a text is the sign of, the most telling first; empty if nothing in it is known. For logs too large for memory there is
 * {@link Recogniser}.
 */
export function recognise(text: string): readonly Recognised[] {
  const recogniser = new Recogniser()
  const lines = text.split(/\r\n|\n|\r/)
  for (const line of lines) recogniser.add(line)
  if (lines.length > 1 && text.length <= WRAPPED) recogniser.addWrapped(text)
  return recogniser.found()
}
