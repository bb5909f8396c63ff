import {sentence} from '../../finding/slot-words.ts'
import {slotWords} from '../../forensics/words.ts'
import {fill, label, make} from '../dom.ts'
import type {PanelContext} from './context.ts'

/** Below the graph: of which slot the life is drawn, which is why all else is pale; and the way out. */
export function lifeNote({room, selected}: PanelContext): HTMLElement {
  const element = make('div', {class: 'life-note'})
  const show = (): void => {
    const {slot} = selected.now
    element.hidden = slot < 0
    if (slot < 0) return
    fill(
      element,
      make(
        'button',
        {type: 'button', class: 'link wide', title: 'Tell this life', onclick: () => selected.set({tab: 'slot'})},
        make('bdi', {}, label(sentence(slotWords(room.graph, slot)), 80)),
      ),
      make(
        'button',
        {
          type: 'button',
          class: 'small',
          title: 'Draw all events again (Esc)',
          'aria-label': 'Draw all events again (Esc)',
          onclick: () => selected.set({slot: -1}),
        },
        '✕ all events',
      ),
    )
  }
  selected.onChange((now, before) => {
    if (now.slot !== before.slot) show()
  })
  show()
  return element
}
