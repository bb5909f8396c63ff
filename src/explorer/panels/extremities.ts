import {Flag, type RoomGraph} from '../../graph/room-graph.ts'
import {count} from '../../report/printable.ts'
import {type Child, make, said} from '../dom.ts'
import {childRows} from '../model/room.ts'
import {eventLink, listOf, type PanelContext, section} from './context.ts'
import {mergeSection} from './merge-steps.ts'

/** Entries of a list that are shown at once. */
const SHOWN = 20

/** Where the room ends and where its history breaks off: by the replay, and as servers tell it. */
export function extremitySections(context: PanelContext): readonly Child[] {
  const {room} = context
  const {graph, tips, data} = room
  const links = (list: readonly (string | number)[]): HTMLElement =>
    listOf(list, SHOWN, (one) => make('li', {}, eventLink(context, one)))
  const missing = missingParents(graph)
  return [
    section(
      'Forward extremities',
      make('p', {}, `By the replay, ${count(tips.length, 'accepted event')} that no accepted event follows:`),
      make('div', {'data-extremities': 'replay'}, links(tips)),
      data.marks.map(({server, extremities}) => {
        if (extremities === null) return null
        const ours: ReadonlySet<string> = new Set(tips.map((row) => graph.id(row)))
        const isSame = extremities.length === ours.size && extremities.every((id) => ours.has(id))
        return make(
          'div',
          {'data-extremities': server},
          make('p', {}, make('strong', {}, said(server, 80)), isSame ? ' has the same.' : ' has:'),
          isSame ? null : links(extremities),
        )
      }),
    ),
    mergeSection(context, null),
    section(
      'Backward extremities',
      missing.length === 0
        ? make('p', {}, 'None: every event that another follows is here.')
        : [
            make(
              'p',
              {},
              `${count(missing.length, 'event')} that others follow ${missing.length === 1 ? 'is' : 'are'} not here:`,
            ),
            listOf(missing, SHOWN, (row) =>
              make(
                'li',
                {},
                eventLink(context, row),
                make('small', {}, ` followed by ${count(childRows(room.children, row).length, 'event')}`),
              ),
            ),
          ],
    ),
  ]
}

/** Events that are cited as prev events, and not here. */
function missingParents(graph: RoomGraph): readonly number[] {
  const rows = new Set<number>()
  for (const row of graph.prev.edges) if (graph.has(row, Flag.Missing)) rows.add(row)
  return [...rows].sort((a, b) => a - b)
}
