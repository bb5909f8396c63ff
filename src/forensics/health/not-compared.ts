import {type Finding, finding} from '../../finding/finding.ts'
import {fewOf} from '../../finding/slot-words.ts'
import {Flag, type RoomGraph} from '../../graph/room-graph.ts'
import type {ServerView} from '../server-view.ts'

const NAMED = 3
const MOST_EVIDENCE = 20

/** States that servers told at events that are not here: they are held against nothing, which must not pass for agreement. One for each server. */
export function notCompared(graph: RoomGraph, views: readonly ServerView[]): readonly Finding[] {
  return views.flatMap(({server, states}) => {
    const untold = states.flatMap(({eventId, how}) => {
      if (eventId === null) return []
      const row = graph.row(eventId)
      return row >= 0 && !graph.has(row, Flag.Missing) ? [] : [{source: server, where: how, value: eventId}]
    })
    const ids = [...new Set(untold.map(({value}) => value))]
    if (ids.length === 0) return []
    const what =
      ids.length === 1 ? 'an event that is not here' : `${ids.length.toLocaleString('en-US')} events that are not here`
    return [
      finding(
        'dag/missing-event',
        {kind: 'server', server},
        `${server} told its state at ${what}: ${fewOf(ids, NAMED)}; that was compared with nothing`,
        untold.slice(0, MOST_EVIDENCE),
      ),
    ]
  })
}
