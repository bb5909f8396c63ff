import {count} from '../../report/printable.ts'
import {type Child, fill, label, make, said} from '../dom.ts'
import {type Found, Search} from '../model/search.ts'
import {eventLine, timeWords, verdictWord} from '../model/words.ts'
import {eventLink, listOf, type Panel, type PanelContext, section, slotLink} from './context.ts'

/** What was found for the words in the search field. */
export function searchPanel(context: PanelContext): Panel {
  const search = new Search(context.room)
  const element = make('div', {class: 'panel-search'})
  let shown: string | null = null
  return {
    element,
    render: () => {
      const {find} = context.selected.now
      if (find === shown) return
      shown = find
      fill(element, ...(find.trim() === '' ? hints(context) : results(context, find, search.find(find))))
    },
  }
}

/** With words of this room, so that each finds something. */
function examples({room: {graph}}: PanelContext): readonly (readonly [words: string, finds: string])[] {
  const first = Math.max(0, graph.create)
  return [
    ['ban', 'who was banned, when and by whom'],
    ['power_levels', 'events of a type'],
    ...(graph.size === 0
      ? []
      : ([
          [`from:${graph.senderName(first)}`, 'all that a user sent'],
          [graph.id(first).slice(0, 7), 'an event, by the beginning of its ID'],
        ] as const)),
  ]
}

function hints(context: PanelContext): readonly Child[] {
  return [
    make('h2', {}, 'Search'),
    make(
      'p',
      {class: 'hint'},
      'Type above (or press /). By event ID, user, server, type, state key, or the text of state. Several words must all be there.',
    ),
    make(
      'ul',
      {class: 'plain'},
      examples(context).map(([words, finds]) => make('li', {}, queryLink(context, words, words), ` ${finds}`)),
    ),
  ]
}

function queryLink({selected}: PanelContext, text: string, find: string): HTMLElement {
  return make(
    'button',
    {type: 'button', class: 'link', onclick: () => selected.set({find, tab: 'search'})},
    make('bdi', {}, label(text, 120)),
  )
}

function results(context: PanelContext, find: string, found: Found): readonly Child[] {
  const {slots, rows, inContent, events, senders} = found
  return [
    make('h2', {}, 'Search: ', said(find, 60)),
    make(
      'p',
      {role: 'status', 'data-found': events},
      `${count(events, 'event')} and ${count(slots.length, 'slot')} found`,
    ),
    senders.length === 0
      ? null
      : section(
          'Only what a user sent',
          listOf(senders, 4, ([user, number]) =>
            make('li', {}, queryLink(context, user, `from:${user}`), ` ${count(number, 'event')}`),
          ),
        ),
    slots.length === 0
      ? null
      : section(
          'Slots',
          listOf(slots, 8, (slot) => make('li', {}, slotLink(context, slot))),
        ),
    rows.length === 0 ? null : section('Events, the newest first', eventList(context, rows)),
    inContent.length === 0 ? null : section('Only in the content', eventList(context, inContent)),
  ]
}

function eventList(context: PanelContext, rows: readonly number[]): HTMLElement {
  const {room, marks} = context
  return listOf(rows, 60, (row) => {
    const verdict = verdictWord(room, row)
    return make(
      'li',
      {class: 'result', title: eventLine(room, row, marks.marks)},
      make(
        'span',
        {},
        eventLink(context, row),
        verdict === 'accepted' ? null : [' ', make('span', {class: `badge ${verdict}`}, verdict)],
      ),
      make('small', {}, timeWords(room, row).replace(/ UTC$/, '')),
    )
  })
}
