import {count} from '../../report/printable.ts'
import {type Child, make} from '../dom.ts'
import {eventLink, listOf, type PanelContext, section} from './context.ts'

/** Entries of a list that are shown at once. */
const SHOWN = 20

/** What one server made of the room's events: those that it does not have, or that do not count for it. */
export function serverSection(context: PanelContext, server: string): Child {
  const marks = context.room.data.marks.find((one) => one.server === server)
  if (marks === undefined) return null
  const {lacks, rejected, softFailed, outliers} = marks
  const kinds: readonly (readonly [words: string, rows: readonly number[]])[] = [
    ['that it does not have', lacks ?? []],
    ['that it rejected', rejected.map(([row]) => row)],
    ['that it soft-failed', softFailed],
    ['that it has as outliers, without their place in the DAG', outliers],
  ]
  const told = kinds.filter(([, rows]) => rows.length > 0)
  if (told.length === 0) {
    return lacks === null
      ? null
      : section('Its events', make('p', {}, 'It has all events that are here, and accepts them.'))
  }
  return section(
    'Its events',
    told.map(([words, rows]) =>
      make(
        'details',
        {'data-server-events': words},
        make('summary', {}, `${count(rows.length, 'event')} ${words}`),
        listOf(rows, SHOWN, (row) => make('li', {}, eventLink(context, row))),
      ),
    ),
  )
}
