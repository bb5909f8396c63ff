import {count} from '../../report/printable.ts'
import {type Child, make} from '../dom.ts'
import {authChainOf} from '../model/auth-chain.ts'
import {verdictWord} from '../model/words.ts'
import {eventLink, listOf, type PanelContext, section} from './context.ts'

/** Entries of a list that are shown at once. */
const SHOWN = 60

/** All that an event relies on, to be listed, and to be drawn in the graph. */
export function authChainSection(context: PanelContext, row: number): Child {
  const {room, selected} = context
  const {rows} = authChainOf(room.graph, row)
  if (rows.length === 0) return null
  const {chain} = selected.now
  return section(
    'Auth chain',
    make(
      'p',
      {class: 'tools'},
      make(
        'button',
        {type: 'button', 'aria-pressed': String(chain), title: 'a', onclick: () => selected.set({chain: !chain})},
        chain ? 'Drawn in the graph' : 'Draw it in the graph',
      ),
    ),
    make(
      'details',
      {class: 'auth-chain'},
      make('summary', {}, `${count(rows.length, 'event')}, back to the create event`),
      listOf(rows, SHOWN, (one) => {
        const verdict = verdictWord(room, one)
        return make(
          'li',
          {},
          eventLink(context, one),
          verdict === 'accepted' ? null : make('small', {class: `badge ${verdict}`}, verdict),
        )
      }),
    ),
  )
}
