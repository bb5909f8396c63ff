import type {RoomGraph} from '../../graph/room-graph.ts'

export const TABS = ['findings', 'event', 'state', 'slot', 'sides', 'search', 'about'] as const
export type Tab = (typeof TABS)[number]

/** What is looked at. All that a link to the page holds. */
export interface Selection {
  /** Row of the event; -1: none. */
  readonly row: number
  /** Number of the slot; -1: none. */
  readonly slot: number
  readonly tab: Tab
  /** ID of a told state; empty: none was picked. */
  readonly side: string
  /** What is searched for. */
  readonly find: string
  /** Whether the auth chain of the event is drawn. */
  readonly chain: boolean
}

export const NOTHING: Selection = {row: -1, slot: -1, tab: 'findings', side: '', find: '', chain: false}

/** `step`: one of many on the way, for which no place in the history of the browser is kept. */
export type Manner = 'jump' | 'step'

type Listener = (now: Selection, before: Selection, manner: Manner) => void

/** The one selection of the page. Everybody may set it, and is told when it changes. */
export class Selected {
  #now: Selection
  readonly #listeners: Listener[] = []

  constructor(first: Selection = NOTHING) {
    this.#now = first
  }

  get now(): Selection {
    return this.#now
  }

  set(change: Partial<Selection>, manner: Manner = 'jump'): void {
    const before = this.#now
    const now = {...before, ...change}
    if (KEYS.every((key) => now[key] === before[key])) return
    this.#now = now
    for (const listener of this.#listeners) listener(now, before, manner)
  }

  onChange(listener: Listener): void {
    this.#listeners.push(listener)
  }
}

const KEYS = Object.keys(NOTHING) as readonly (keyof Selection)[]

/** `event=$abc&slot=m.room.member/@a:b&tab=slot`. */
export function toHash(graph: RoomGraph, {row, slot, tab, side, find, chain}: Selection): string {
  const parts = new URLSearchParams()
  if (row >= 0) parts.set('event', graph.id(row))
  if (slot >= 0) {
    const {type, stateKey} = graph.slotAt(slot)
    parts.set('slot', `${escaped(type)}/${stateKey}`)
  }
  if (tab !== usualTab(row, slot)) parts.set('tab', tab)
  if (side !== '') parts.set('side', side)
  if (find !== '') parts.set('find', find)
  if (chain) parts.set('chain', '1')
  // These are allowed in a fragment, and links are easier to read with them.
  const plain = Object.entries({'+': '%20', '%24': '$', '%40': '@', '%3A': ':', '%2F': '/'})
  return plain.reduce((text, [from, to]) => text.replaceAll(from, to), parts.toString())
}

/** What a link says; what is not in the room is as if it were not said. */
export function fromHash(graph: RoomGraph, hash: string): Selection {
  const parts = new URLSearchParams(hash.replace(/^#/, '').replaceAll('+', '%2B'))
  const tab = parts.get('tab') as Tab | null
  const row = graph.row(parts.get('event') ?? '')
  const slotText = parts.get('slot') ?? ''
  const slash = slotText.indexOf('/')
  const slot = slash < 0 ? -1 : graph.slotOf(unescaped(slotText.slice(0, slash)), slotText.slice(slash + 1))
  return {
    row,
    slot,
    tab: tab !== null && TABS.includes(tab) ? tab : usualTab(row, slot),
    side: parts.get('side') ?? '',
    find: parts.get('find') ?? '',
    chain: parts.get('chain') === '1',
  }
}

/** What a link names that is not in this room, in words: the page may be of another room, or of another time. */
export function notInRoom(graph: RoomGraph, hash: string): readonly string[] {
  const parts = new URLSearchParams(hash.replace(/^#/, '').replaceAll('+', '%2B'))
  const {row, slot} = fromHash(graph, hash)
  const event = parts.get('event') ?? ''
  const key = parts.get('slot') ?? ''
  return [
    ...(event !== '' && row < 0 ? [`event ${event}`] : []),
    ...(key !== '' && slot < 0 ? [`slot ${unescaped(key)}`] : []),
  ]
}

/** Where a link leads that names no tab. */
function usualTab(row: number, slot: number): Tab {
  return row >= 0 ? 'event' : slot >= 0 ? 'slot' : NOTHING.tab
}

/** The first slash ends the type. */
const escaped = (type: string): string => type.replaceAll('~', '~0').replaceAll('/', '~1')
const unescaped = (type: string): string => type.replaceAll('~1', '/').replaceAll('~0', '~')
