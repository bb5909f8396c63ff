import {Flag} from '../../graph/room-graph.ts'
import type {Room} from './room.ts'
import {eventLabel} from './words.ts'

export interface Found {
  /** Slots whose type or key holds all words. */
  readonly slots: readonly number[]
  /** Events of which ID, sender, type, key or label holds all words. Newest first. */
  readonly rows: readonly number[]
  /** Those of which only the content does. Newest first. */
  readonly inContent: readonly number[]
  /** How many events there are in all. */
  readonly events: number
  /** Users whose ID holds all words, and how many events they sent; the busiest first. */
  readonly senders: readonly (readonly [user: string, events: number])[]
}

/** Results that are kept: more are counted. */
const MOST = 1000
const NOTHING_FOUND: Found = {slots: [], rows: [], inContent: [], events: 0, senders: []}
/** Only what a user sent. */
const FROM = 'from:'

interface Texts {
  readonly heads: readonly string[]
  readonly contents: readonly string[]
}

/**
 * Events and slots that hold every word, in any case: in ID, sender, type, state key, label, or the text of the content. A word `from:@user`
 * keeps to events of senders whose ID holds the rest of it.
 *
 * @remarks O(events); contents are turned to text once, when something is first searched for.
 */
export class Search {
  readonly #room: Room
  #texts: Texts | null = null

  constructor(room: Room) {
    this.#room = room
  }

  find(query: string): Found {
    const all = query
      .toLowerCase()
      .split(/\s+/)
      .filter((word) => word !== '' && word !== FROM)
    if (all.length === 0) return NOTHING_FOUND
    const {graph} = this.#room
    const words = all.filter((word) => !word.startsWith(FROM))
    const from = all.filter((word) => word.startsWith(FROM)).map((word) => word.slice(FROM.length))
    const slots = from.length > 0 ? [] : this.#slots(words)
    const exact = graph.row(query.trim())
    if (exact >= 0) return {...NOTHING_FOUND, slots, rows: [exact], events: 1}
    const {heads, contents} = (this.#texts ??= this.#makeTexts())
    const [rows, inContent]: [number[], number[]] = [[], []]
    let events = 0
    for (let row = graph.size - 1; row >= 0; row -= 1) {
      const head = heads[row] ?? ''
      if (!from.every((word) => graph.senderName(row).toLowerCase().includes(word))) continue
      const isInHead = words.every((word) => head.includes(word))
      if (!isInHead && !words.every((word) => head.includes(word) || contents[row]?.includes(word) === true)) continue
      // What is not here was sent by nobody who is known.
      if (from.length > 0 && graph.has(row, Flag.Missing)) continue
      events += 1
      const list = isInHead ? rows : inContent
      if (list.length < MOST) list.push(row)
    }
    return {slots: slots.slice(0, MOST), rows, inContent, events, senders: from.length > 0 ? [] : this.#senders(words)}
  }

  #slots(words: readonly string[]): readonly number[] {
    return this.#room.graph.slots.flatMap(({type, stateKey}, slot) => {
      const text = `${type} ${stateKey}`.toLowerCase()
      return words.every((word) => text.includes(word)) ? [slot] : []
    })
  }

  #senders(words: readonly string[]): Found['senders'] {
    const {graph} = this.#room
    const events = new Map<string, number>()
    for (let row = 0; row < graph.size; row += 1) {
      if (graph.has(row, Flag.Missing)) continue
      const sender = graph.senderName(row)
      events.set(sender, (events.get(sender) ?? 0) + 1)
    }
    return [...events]
      .filter(([user]) => words.every((word) => user.toLowerCase().includes(word)))
      .sort(([, a], [, b]) => b - a)
  }

  #makeTexts(): Texts {
    const {graph, messages} = this.#room
    const [heads, contents]: [string[], string[]] = [[], []]
    for (let row = 0; row < graph.size; row += 1) {
      const slot = graph.slot[row] ?? -1
      const isMissing = graph.has(row, Flag.Missing)
      const content = isMissing ? undefined : slot >= 0 ? graph.content(row) : messages.get(row)
      const key = slot < 0 ? '' : graph.slotAt(slot).stateKey
      const head = isMissing
        ? graph.id(row)
        : `${graph.id(row)} ${graph.senderName(row)} ${graph.typeName(row)} ${key} ${eventLabel(this.#room, row)}`
      heads.push(head.toLowerCase())
      contents.push(content === undefined ? '' : JSON.stringify(content).toLowerCase())
    }
    return {heads, contents}
  }
}
