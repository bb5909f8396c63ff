import {slotWords} from '../../forensics/words.ts'
import {sentence} from '../../finding/slot-words.ts'
import {type Child, label, make, said, shortId} from '../dom.ts'
import type {Marks} from '../model/kinds.ts'
import type {Room} from '../model/room.ts'
import type {Selected} from '../model/selection.ts'
import {eventLabel} from '../model/words.ts'

/** What every panel is given. */
export interface PanelContext {
  readonly room: Room
  readonly marks: Marks
  readonly selected: Selected
}

/** A tab's content: made anew for each selection that it shows. */
export interface Panel {
  readonly element: HTMLElement
  /** Called when it is in view and the selection or tab changed. */
  render(): void
}

/** A button that goes to an event; of one that is not here, its ID. */
export function eventLink({room, selected}: PanelContext, idOrRow: string | number, text?: string): HTMLElement {
  const {graph} = room
  const row = typeof idOrRow === 'number' ? idOrRow : graph.row(idOrRow)
  if (row < 0) return make('span', {class: 'absent', title: 'not here'}, said(String(idOrRow), 60))
  const id = graph.id(row)
  const words = text ?? eventLabel(room, row)
  const isSame = selected.now.row === row && selected.now.tab === 'event'
  return make(
    'button',
    {
      type: 'button',
      class: 'link',
      title: label(id, 120),
      'aria-current': isSame ? 'true' : undefined,
      onclick: () => selected.set({row, tab: 'event'}),
    },
    make('bdi', {}, label(words, 160)),
    text === undefined ? make('code', {}, shortId(id)) : null,
  )
}

export function slotLink({room, selected}: PanelContext, slot: number, text?: string): HTMLElement {
  return make(
    'button',
    {
      type: 'button',
      class: 'link',
      title: 'Show the life of this slot',
      onclick: () => selected.set({slot, tab: 'slot'}),
    },
    make('bdi', {}, label(text ?? sentence(slotWords(room.graph, slot)), 160)),
  )
}

/** A sentence of the engine, with the events that it names as links. */
export function sentenceOf(context: PanelContext, text: string): readonly Child[] {
  const parts: Child[] = []
  let at = 0
  for (const found of text.matchAll(/\$[A-Za-z0-9_+/=:.-]{3,}/g)) {
    const id = found[0].replace(/[.:]+$/, '')
    const row = context.room.graph.row(id)
    if (row < 0) continue
    parts.push(said(text.slice(at, found.index), 1500), eventLink(context, row, shortId(id)))
    at = found.index + id.length
  }
  parts.push(said(text.slice(at), 1500))
  return parts
}

/** A finding's words: what is wrong, and the rest of the story; empty: there is none. */
export function leadOf(summary: string): readonly [lead: string, rest: string] {
  const end = summary.search(/\. [A-Z@]/)
  return end < 0 ? [summary, ''] : [summary.slice(0, end + 1), summary.slice(end + 2)]
}

export function section(title: string, ...children: readonly Child[]): HTMLElement {
  return make('section', {}, make('h3', {}, title), ...children)
}

export function facts(entries: readonly (readonly [name: string, value: Child])[]): HTMLElement {
  return make(
    'dl',
    {class: 'facts'},
    entries.map(([name, value]) => [make('dt', {}, name), make('dd', {}, value)]),
  )
}

/** A list of which the first are shown, and the rest on demand. */
export function listOf<T>(
  items: readonly T[],
  shown: number,
  item: (one: T) => HTMLElement,
  tag: 'ul' | 'ol' = 'ul',
): HTMLElement {
  const list = make(tag, {class: 'list'}, items.slice(0, shown).map(item))
  let count = Math.min(shown, items.length)
  if (count === items.length) return list
  const more = make('button', {type: 'button', class: 'more'})
  const words = (): void => {
    more.textContent = `show ${Math.min(500, items.length - count).toLocaleString('en-US')} more of ${(items.length - count).toLocaleString('en-US')}`
  }
  more.addEventListener('click', () => {
    const next = items.slice(count, count + 500)
    list.append(...next.map(item))
    count += next.length
    if (count === items.length) more.remove()
    else words()
  })
  words()
  return make('div', {}, list, more)
}
