import {absence} from '../../finding/slot-words.ts'
import {creatorsOf} from '../../graph/creators.ts'
import type {JsonObject} from '../../matrix/json.ts'
import {printableJson} from '../../report/printable.ts'
import {stateValue} from '../../report/state-value.ts'
import {ABSENT} from '../../resolve/state-trie.ts'
import {make, said} from '../dom.ts'
import {innerChanges, powerWords} from '../model/inner-changes.ts'
import {localpart} from '../model/words.ts'
import {eventLink, type PanelContext} from './context.ts'

/** What an event says for its slot, in a few words; not yet safe to be shown. */
export function wordsOfValue({room: {graph}}: PanelContext, slot: number, row: number): string {
  const {type} = graph.slotAt(slot)
  if (row === ABSENT) return absence(type)
  if (type === 'm.room.power_levels') {
    return powerWords(graph.content(row), graph.rules.creatorsOutrankAll ? creatorsOf(graph) : [])
  }
  return stateValue({type, content: graph.content(row)})
}

/** What stands in a slot, and who set it: a link to the event. */
export function valueCell(context: PanelContext, slot: number, row: number): HTMLElement {
  const words = wordsOfValue(context, slot, row)
  if (row === ABSENT) return make('span', {class: 'value none'}, words)
  const {graph} = context.room
  return make(
    'span',
    {class: 'value'},
    said(words, 160),
    ' ',
    make('small', {}, eventLink(context, row, `by ${localpart(graph.senderName(row))}`)),
  )
}

/** Parts of a value that are shown to differ; more are counted. */
const MOST_PARTS = 30

/** From one value of a slot to another; of power levels and server ACLs also which parts of them differ. */
export function fromTo(context: PanelContext, slot: number, before: number, after: number): HTMLElement {
  const {graph} = context.room
  const changes =
    before === ABSENT || after === ABSENT
      ? []
      : innerChanges(graph.slotAt(slot).type, graph.content(before), graph.content(after))
  const rest = changes.length - MOST_PARTS
  return make(
    'div',
    {class: 'from-to'},
    valueCell(context, slot, before),
    make('span', {role: 'img', 'aria-label': 'becomes'}, '→'),
    valueCell(context, slot, after),
    changes.length === 0
      ? null
      : make(
          'ul',
          {class: 'inner-changes'},
          changes
            .slice(0, MOST_PARTS)
            .map(({what, from, to}) =>
              make(
                'li',
                {},
                make('code', {}, said(what, 120)),
                ': ',
                said(from ?? 'not set', 80),
                ' → ',
                make('strong', {}, said(to ?? 'not set', 80)),
              ),
            ),
          rest > 0 ? make('li', {}, `and ${rest.toLocaleString('en-US')} more`) : null,
        ),
  )
}

/** Characters of a content that are shown at once. */
const SHOWN = 4000

/** JSON over several lines. Its own line feeds stay; all else that would hide or turn the writing is escaped. */
export function jsonText(value: JsonObject): HTMLElement {
  const text = printableJson(JSON.stringify(value, null, 2))
  if (text.length <= SHOWN) return make('span', {}, text)
  const short = make('span', {}, `${text.slice(0, SHOWN)}…`)
  const more = make('button', {
    type: 'button',
    class: 'more',
    onclick: () => {
      short.textContent = text
      more.remove()
    },
  })
  more.textContent = `show all ${text.length.toLocaleString('en-US')} characters`
  return make('span', {}, short, ' ', more)
}
