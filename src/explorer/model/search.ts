import {Flag} from '../../graph/room-graph.ts'
import type {Room} from './room.ts'

export interface Found {
  /** Slots whose type or key holds all words. */
  readonly slots: readonly number[]
  /** Newest first. */
  readonly rows: readonly number[]
  /** How many events there are in all. */
  readonly events: number
}

/** Results that are kept: more are counted. */
const MOST = 1000

/**
 * Events and slots that hold every word, in any case: in ID, sender, type, state key, or the text of the content.
 *
 * @remarks O(events); contents are turned to text once, when something is first searched for.
 */
export class Search {
  readonly #room: Room
  #texts: readonly string[] | null = null

  constructor(room: Room) {
    this.#room = room
  }

  find(query: string): Found {
    const words = query
      .toLowerCase()
      .split(/\s+/)
      .filter((word) => word !== '')
    if (words.length === 0) return {slots: [], rows: [], events: 0}
    const {graph} = this.#room
    const slots = graph.slots.flatMap(({type, stateKey}, slot) => {
      const text = `${type} ${stateKey}`.toLowerCase()
      return words.every((word) => text.includes(word)) ? [slot] : []
    })
    const exact = graph.row(query.trim())
    if (exact >= 0) return {slots, rows: [exact], events: 1}
    const texts = (this.#texts ??= this.#makeTexts())
    const rows: number[] = []
    let events = 0
    for (let row = graph.size - 1; row >= 0; row -= 1) {
      const text = texts[row] ?? ''
      const id = graph.id(row)
      if (!words.every((word) => text.includes(word) || id.toLowerCase().includes(word))) continue
      events += 1
      if (rows.length < MOST) rows.push(row)
    }
    return {slots: slots.slice(0, MOST), rows, events}
  }

  #makeTexts(): readonly string[] {
    const {graph, messages} = this.#room
    return Array.from({length: graph.size}, (_, row) => {
      if (graph.has(row, Flag.Missing)) return ''
      const slot = graph.slot[row] ?? -1
      const content = slot >= 0 ? graph.content(row) : messages.get(row)
      const key = slot < 0 ? '' : graph.slotAt(slot).stateKey
      return `${graph.senderName(row)} ${graph.typeName(row)} ${key} ${content === undefined ? '' : JSON.stringify(content)}`.toLowerCase()
    })
  }
}
