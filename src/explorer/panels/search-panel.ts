import {count} from '../../report/printable.ts'
import {fill, make, said} from '../dom.ts'
import {Search} from '../model/search.ts'
import {eventLine} from '../model/words.ts'
import {eventLink, listOf, type Panel, type PanelContext, section, slotLink} from './context.ts'

/** What was found for the words in the search field. */
export function searchPanel(context: PanelContext): Panel {
  const {room, selected, marks} = context
  const search = new Search(room)
  const element = make('div', {class: 'panel-search'})
  let shown: string | null = null
  return {
    element,
    render: () => {
      const {find} = selected.now
      if (find === shown) return
      shown = find
      if (find.trim() === '') {
        fill(
          element,
          make('h2', {}, 'Search'),
          make(
            'p',
            {class: 'hint'},
            'By event ID, user, server, type, state key, or the text of state. Several words must all be there. Press / to type.',
          ),
        )
        return
      }
      const {slots, rows, events} = search.find(find)
      fill(
        element,
        make('h2', {}, 'Search: ', said(find, 60)),
        make(
          'p',
          {role: 'status', 'data-found': events},
          `${count(events, 'event')} and ${count(slots.length, 'slot')} found`,
        ),
        slots.length === 0
          ? null
          : section(
              'Slots',
              listOf(slots, 8, (slot) => make('li', {}, slotLink(context, slot))),
            ),
        rows.length === 0
          ? null
          : section(
              'Events, the newest first',
              listOf(rows, 60, (row) =>
                make('li', {title: eventLine(room, row, marks.marks)}, eventLink(context, row)),
              ),
            ),
      )
    },
  }
}
