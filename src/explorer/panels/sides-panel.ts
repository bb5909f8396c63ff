import {absence, sentence, slotWords} from '../../finding/slot-words.ts'
import type {Grade} from '../../forensics/differences.ts'
import type {DivergencePoint} from '../../investigate/diff-report.ts'
import type {PageSide} from '../../report/explorer/page-data.ts'
import {count, date} from '../../report/printable.ts'
import {UNKNOWN_STATE} from '../../resolve/replay.ts'
import {type Child, fill, label, make, said, shortId} from '../dom.ts'
import {compareSide, rootBeside, type SideRow} from '../model/sides.ts'
import {eventLink, listOf, type Panel, type PanelContext, section, slotLink} from './context.ts'
import {serverSection} from './server-section.ts'
import {valueCell} from './values.ts'

/** The replay and what a server says, beside each other: differences first. */
export function sidesPanel(context: PanelContext): Panel {
  const {room, selected} = context
  const element = make('div', {class: 'panel-sides'})
  let shown: string | null = null
  return {
    element,
    render: () => {
      const wanted = selected.now.side
      const side = room.data.sides.find(({id}) => id === wanted) ?? mostDifferent(room.data.sides, context)
      if (shown === (side?.id ?? '')) return
      shown = side?.id ?? ''
      fill(element, make('h2', {}, 'Replay and servers'), ...(side === undefined ? none() : describe(context, side)))
    },
  }
}

function none(): readonly Child[] {
  return [
    make(
      'p',
      {class: 'hint'},
      'No server told its state when this room was gathered, so that there is nothing to hold the replay against. Gather it with --homeserver, --database or --reported.',
    ),
  ]
}

function mostDifferent(sides: readonly PageSide[], {room}: PanelContext): PageSide | undefined {
  const {differences} = room.data
  const number = ({id}: PageSide): number => differences.filter(({grades}) => Object.hasOwn(grades, id)).length
  return sides.toSorted((a, b) => number(b) - number(a))[0]
}

const WHAT: Readonly<Record<PageSide['what'], string>> = {
  current: 'its current state',
  'at-extremity': 'its state at its newest event',
  before: 'its state before an event',
  after: 'its state after an event',
}

function describe(context: PanelContext, side: PageSide): readonly Child[] {
  const {room, selected} = context
  const rows = compareSide(room, side)
  const different = rows.filter(({isSame}) => !isSame)
  const same = rows.length - different.length
  const points = room.data.divergencePoints.filter(({server}) => server === side.server)
  const select = make(
    'select',
    {'aria-label': 'Which state', onchange: () => selected.set({side: select.value})},
    room.data.sides.map((one) =>
      make('option', {value: one.id, selected: one.id === side.id}, `${label(one.server, 60)}: ${WHAT[one.what]}`),
    ),
  )
  const isUnknown = rootBeside(room, side) === UNKNOWN_STATE
  return [
    make('p', {class: 'tools'}, select),
    make(
      'p',
      {class: 'hint'},
      `Told by ${label(side.how, 120)}${side.ts > 0 ? `, ${date(side.ts)}` : ''}.`,
      side.eventId === null ? null : [' At ', eventLink(context, side.eventId)],
    ),
    isUnknown
      ? make('p', {class: 'notice'}, 'The replay does not know the state there, so that nothing can be compared.')
      : make(
          'p',
          {class: `verdict ${different.length === 0 ? 'accepted' : 'rejected'}`, 'data-differences': different.length},
          different.length === 0
            ? `It is what the replay gives, in all ${count(same, 'slot')}.`
            : `${count(different.length, 'slot')} ${different.length === 1 ? 'differs' : 'differ'} from the replay; ${count(same, 'slot')} agree.`,
        ),
    ...points.map((point) => pointSection(context, point)),
    different.length > 0 && points.length === 0 ? sinceWhen(room.data.sides, side) : null,
    isUnknown ? null : compareTable(context, side, different),
    serverSection(context, side.server),
    same === 0
      ? null
      : make(
          'details',
          {},
          make('summary', {}, `The same on both sides: ${count(same, 'slot')}`),
          sameList(context, rows),
        ),
  ]
}

function sinceWhen(sides: readonly PageSide[], {server}: PageSide): HTMLElement {
  const isNowOnly = sides.every((one) => one.server !== server || one.what === 'current' || one.what === 'at-extremity')
  return make(
    'p',
    {class: 'hint'},
    isNowOnly
      ? 'Since when it differs cannot be told: only its state of now was asked for. A server’s database has its state at every event, and a server that federates tells some: matrix-state fetch with --database or --with.'
      : 'Since when it differs was not found.',
  )
}

function sameList(context: PanelContext, rows: readonly SideRow[]): HTMLElement {
  return listOf(
    rows.filter(({isSame}) => isSame),
    100,
    ({slot, ours}) => make('li', {}, slotLink(context, slot), ' ', valueCell(context, slot, ours)),
  )
}

function pointSection(context: PanelContext, point: DivergencePoint): HTMLElement {
  const {graph} = context.room
  const {eventId, position, slots, provenEarliest, compared} = point
  return section(
    'First divergence',
    make(
      'p',
      {class: 'divergence'},
      `${provenEarliest ? 'It first differs' : 'It differs'} ${position} `,
      eventLink(context, eventId),
      ` (${date(point.originServerTs)}), in `,
      slots.slice(0, 8).flatMap((slot): readonly Child[] => {
        const number = graph.slotOf(slot.type, slot.stateKey)
        return [number < 0 ? said(slotWords(slot.type, slot.stateKey), 80) : slotLink(context, number), ' ']
      }),
      slots.length > 8 ? `and ${String(slots.length - 8)} more` : '',
    ),
    make(
      'p',
      {class: 'hint'},
      provenEarliest
        ? `All states before it were compared and agree (${count(compared, 'event')} in all).`
        : `${count(compared, 'state')} were compared; there may be an earlier one.`,
    ),
  )
}

const GRADES: Readonly<Record<Grade, string>> = {
  diverged: 'diverged',
  'rejected-there': 'it rejected the event',
  unknown: 'cannot be judged',
  'reading-dependent': 'right by another reading of the spec',
  'soft-failed-there': 'it soft-failed the event',
  behind: 'behind: it has not come so far',
  ahead: 'ahead of what is here',
  changed: 'changed',
}

function compareTable(context: PanelContext, side: PageSide, rows: readonly SideRow[]): Child {
  if (rows.length === 0) return null
  const {data} = context.room
  const grade = (row: SideRow): string => {
    const found = data.differences.find((one) => one.type === row.type && one.stateKey === row.stateKey)?.grades[
      side.id
    ]
    return found === undefined ? '' : GRADES[found]
  }
  return make(
    'table',
    {class: 'compare'},
    make('caption', {}, 'Different'),
    make(
      'thead',
      {},
      make(
        'tr',
        {},
        ['Slot', 'Replay', side.server].map((text) => make('th', {scope: 'col'}, said(text, 40))),
      ),
    ),
    make(
      'tbody',
      {},
      rows
        .slice(0, 500)
        .map((row) =>
          make(
            'tr',
            {class: 'odd', 'data-slot': `${row.type}/${row.stateKey}`},
            make(
              'th',
              {scope: 'row'},
              row.slot < 0 ? said(sentence(slotWords(row.type, row.stateKey)), 80) : slotLink(context, row.slot),
              make('small', {}, grade(row)),
            ),
            make('td', {}, row.slot < 0 ? absence(row.type) : valueCell(context, row.slot, row.ours)),
            make('td', {}, theirs(context, row)),
          ),
        ),
    ),
    rows.length > 500
      ? make('tfoot', {}, make('tr', {}, make('td', {colspan: '3'}, `and ${String(rows.length - 500)} more`)))
      : null,
  )
}

function theirs(context: PanelContext, {type, slot, theirs: id}: SideRow): Child {
  if (id === null) return make('span', {class: 'value none'}, absence(type))
  const row = context.room.graph.row(id)
  if (row < 0 || slot < 0) return ['an event that is not here ', make('code', {}, shortId(id))]
  return valueCell(context, slot, row)
}
