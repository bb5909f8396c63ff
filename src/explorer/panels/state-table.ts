import {sentence} from '../../finding/slot-words.ts'
import {slotWords} from '../../forensics/words.ts'
import {count} from '../../report/printable.ts'
import {UNKNOWN_STATE} from '../../resolve/replay.ts'
import {ABSENT, type StateRoot} from '../../resolve/state-trie.ts'
import {type Child, fill, label, make, said} from '../dom.ts'
import {localpart} from '../model/words.ts'
import {eventLink, type PanelContext} from './context.ts'
import {wordsOfValue} from './values.ts'

/** Rows of a group that are made at once. */
const SHOWN = 300
/** Changes that are made in place; for more, the table is made anew. */
const FEW = 100

interface Entry {
  readonly slot: number
  /** `ABSENT`: it went away in this step, and is to be seen going. */
  readonly row: number
}

/** A state, slot by slot. From one state to the next only what differs is made anew, so that time can run. */
export class StateTable {
  readonly element: HTMLElement = make('div')
  readonly #context: PanelContext
  readonly #lines = new Map<number, HTMLElement>()
  #root: StateRoot = UNKNOWN_STATE
  #filter = ''
  #shown = SHOWN
  #lit: readonly number[] = []
  #picked = -1

  constructor(context: PanelContext) {
    this.#context = context
  }

  /** What differs from the state that was shown before lights up. */
  show(root: StateRoot, filter: string): void {
    const {trie} = this.#context.room.replay
    const lit: number[] = []
    if (this.#root !== UNKNOWN_STATE && root !== UNKNOWN_STATE) trie.differences([this.#root, root], lit)
    const {slot: picked} = this.#context.selected.now
    const isSmall =
      this.#lines.size > 0 && filter === '' && this.#filter === '' && lit.length <= FEW && root !== UNKNOWN_STATE
    const before = this.#lit
    // Who only types in the filter still looks at the same step.
    this.#lit = filter === this.#filter || lit.length > 0 ? lit : this.#lit
    this.#root = root
    this.#filter = filter
    if (isSmall && picked === this.#picked) this.#patch(before)
    else this.#draw()
    this.#picked = picked
  }

  #draw(): void {
    const {replay} = this.#context.room
    this.#lines.clear()
    if (this.#root === UNKNOWN_STATE) {
      fill(
        this.element,
        make('p', {}, 'It is not known: something that it depends on is not here, or follows from itself.'),
      )
      return
    }
    const entries: Entry[] = []
    replay.trie.forEach(this.#root, (slot, row) => entries.push({slot, row}))
    for (const slot of this.#lit) if (replay.trie.get(this.#root, slot) === ABSENT) entries.push({slot, row: ABSENT})
    entries.sort((a, b) => a.slot - b.slot)
    const found = this.#filter === '' ? entries : entries.filter((entry) => this.#matches(entry))
    const [settings, members] = [
      found.filter(({slot}) => !this.#isMember(slot)),
      found.filter(({slot}) => this.#isMember(slot)),
    ]
    const hidden = Math.max(0, settings.length - this.#shown) + Math.max(0, members.length - this.#shown)
    fill(
      this.element,
      make(
        'table',
        {class: 'state'},
        make('caption'),
        make(
          'thead',
          {},
          make(
            'tr',
            {},
            ['Slot', 'Value', 'Set by'].map((text) => make('th', {scope: 'col'}, text)),
          ),
        ),
        this.#group('Settings', settings),
        this.#group('Members', members),
      ),
      hidden === 0 ? null : this.#more(hidden),
    )
    this.#count(found.length)
  }

  #group(title: string, entries: readonly Entry[]): HTMLElement {
    // Of many, those that changed are always among those that are shown.
    const isLit = new Set(this.#lit)
    const shown = entries.filter(({slot}, index) => index < this.#shown || isLit.has(slot))
    return make(
      'tbody',
      {'data-group': title, hidden: entries.length === 0},
      make('tr', {class: 'group'}, make('th', {colspan: '3', scope: 'rowgroup'}, title)),
      shown.map((entry) => this.#line(entry, isLit.has(entry.slot))),
    )
  }

  #more(hidden: number): HTMLElement {
    return make(
      'button',
      {
        type: 'button',
        class: 'more',
        onclick: () => {
          this.#shown += 2000
          this.#draw()
        },
      },
      `show more of ${hidden.toLocaleString('en-US')} that are not shown`,
    )
  }

  /** Only what lit up before and what does now. */
  #patch(before: readonly number[]): void {
    const {trie} = this.#context.room.replay
    for (const slot of before) {
      const line = this.#lines.get(slot)
      if (trie.get(this.#root, slot) !== ABSENT) line?.classList.remove('lit')
      else {
        line?.remove()
        this.#lines.delete(slot)
      }
    }
    for (const slot of this.#lit) {
      const known = this.#lines.get(slot)
      const line = this.#line({slot, row: trie.get(this.#root, slot)}, true)
      if (known === undefined) this.#insert(slot, line)
      else known.replaceWith(line)
    }
    this.#count(0)
  }

  /** Where it belongs by the order of slots. */
  #insert(slot: number, line: HTMLElement): void {
    const title = this.#isMember(slot) ? 'Members' : 'Settings'
    const group = this.element.querySelector<HTMLElement>(`[data-group="${title}"]`)
    let next: HTMLElement | null = null
    let nearest = Infinity
    for (const [other, element] of this.#lines) {
      if (other <= slot || other >= nearest || element.parentElement !== group) continue
      nearest = other
      next = element
    }
    group?.insertBefore(line, next)
    if (group !== null) group.hidden = false
  }

  #count(found: number): void {
    const {trie} = this.#context.room.replay
    let [size, members] = [0, 0]
    trie.forEach(this.#root, (slot) => {
      size += 1
      if (this.#isMember(slot)) members += 1
    })
    const table = this.element.querySelector<HTMLElement>('table')
    const caption = this.element.querySelector('caption')
    if (table === null || caption === null) return
    table.dataset['entries'] = String(size)
    const all = count(size, 'entry', 'entries')
    caption.textContent =
      this.#filter === ''
        ? `${all}, ${count(members, 'of a member', 'of members')}`
        : `${found.toLocaleString('en-US')} of ${all}`
  }

  #isMember(slot: number): boolean {
    return this.#context.room.graph.slotAt(slot).type === 'm.room.member'
  }

  #matches({slot, row}: Entry): boolean {
    const {type, stateKey} = this.#context.room.graph.slotAt(slot)
    return `${type} ${stateKey} ${wordsOfValue(this.#context, slot, row)}`.toLowerCase().includes(this.#filter)
  }

  #line({slot, row}: Entry, isLit: boolean): HTMLElement {
    const {room, selected} = this.#context
    const {graph} = room
    const {type, stateKey} = graph.slotAt(slot)
    const name = type === 'm.room.member' ? stateKey : sentence(slotWords(graph, slot).replace(/^the /, ''))
    const line = make(
      'tr',
      {
        class: [isLit ? 'lit' : '', slot === selected.now.slot ? 'picked' : ''].join(' ').trim(),
        'data-slot': `${type}/${stateKey}`,
      },
      make(
        'th',
        {scope: 'row'},
        make(
          'button',
          {
            type: 'button',
            class: 'link',
            title: label(`${type} ${stateKey}`, 200),
            onclick: () => selected.set({slot, tab: 'slot'}),
          },
          make('bdi', {}, breakable(label(name, 80))),
        ),
      ),
      make('td', {class: row === ABSENT ? 'none' : ''}, said(wordsOfValue(this.#context, slot, row), 120)),
      make('td', {}, row === ABSENT ? '' : eventLink(this.#context, row, localpart(graph.senderName(row)))),
    )
    this.#lines.set(slot, line)
    return line
  }
}

/** May be broken after a colon: user IDs are long. */
function breakable(text: string): Child {
  return text.split(/(?<=:)/).map((part, index) => (index === 0 ? part : [make('wbr'), part]))
}
