import {make} from '../dom.ts'
import type {Selected} from '../model/selection.ts'
import {eventLine} from '../model/words.ts'
import type {PanelContext} from './context.ts'
import {lifeNote} from './life-note.ts'

/** Time as a slider over the rows, and a line that says where it stands. */
export function scrubber(context: PanelContext): HTMLElement {
  const {room, selected, marks} = context
  const last = room.graph.size - 1
  const status = make('p', {id: 'status', role: 'status', class: 'status'})
  const slider = make('input', {
    type: 'range',
    min: 0,
    max: Math.max(0, last),
    step: 1,
    'aria-label': 'Time: event by event',
  })
  slider.addEventListener('input', () => step(selected, last, Number(slider.value)))
  const button = (text: string, words: string, to: () => number): HTMLElement =>
    make('button', {type: 'button', title: words, 'aria-label': words, onclick: () => step(selected, last, to())}, text)
  const now = make(
    'button',
    {
      type: 'button',
      title: 'The state now, after all events: no event is picked (.)',
      'aria-label': 'Now: after all events (.)',
      onclick: () => toNow(selected),
    },
    'Now',
  )
  const show = (): void => {
    const {row} = selected.now
    const at = row < 0 ? last : row
    slider.value = String(at)
    slider.setAttribute('aria-valuetext', row < 0 ? 'now' : `event ${String(row + 1)} of ${String(last + 1)}`)
    status.textContent =
      row < 0
        ? 'Now, after all events. The slider goes back in time.'
        : `${(row + 1).toLocaleString('en-US')} of ${(last + 1).toLocaleString('en-US')}: ${eventLine(room, row, marks.marks)}`
    now.disabled = row < 0
    status.dataset['row'] = String(row)
  }
  selected.onChange(show)
  show()
  return make(
    'div',
    {class: 'scrubber'},
    button('◀', 'Earlier event (k)', () => (selected.now.row < 0 ? last : selected.now.row - 1)),
    slider,
    button('▶', 'Later event (j)', () => selected.now.row + 1),
    now,
    make('div', {class: 'status-line'}, status, lifeNote(context)),
  )
}

/** No event is picked: what is shown is over the newest events. */
export function toNow(selected: Selected): void {
  selected.set({row: -1, ...(selected.now.tab === 'event' ? {tab: 'state'} : {})})
}

/** To a row, as far as there is one. */
export function step(selected: Selected, last: number, row: number): void {
  if (last < 0) return
  const {tab} = selected.now
  const isFollowing = tab === 'event' || tab === 'state' || tab === 'slot'
  selected.set({row: Math.min(last, Math.max(0, row)), tab: isFollowing ? tab : 'state'}, 'step')
}
