import {UNKNOWN_STATE} from '../../resolve/replay.ts'
import {type Child, fill, label, make} from '../dom.ts'
import {eventLabel} from '../model/words.ts'
import {eventLink, type Panel, type PanelContext} from './context.ts'
import {changeTable} from './event-panel.ts'
import {StateTable} from './state-table.ts'

/** The state at the event that is looked at: it follows through time, and what changes from one look to the next lights up. */
export function statePanel(context: PanelContext): Panel {
  const {room, selected} = context
  const {replay} = room
  let position: 'after' | 'before' = 'after'
  const head = make('div')
  const table = new StateTable(context)
  const filter = make('input', {
    type: 'search',
    placeholder: 'filter by type, key or value',
    'aria-label': 'Filter the state',
    autocomplete: 'off',
    spellcheck: 'false',
  })
  const sides = (['before', 'after'] as const).map((one) =>
    make('button', {type: 'button', 'data-position': one, onclick: () => turn(one)}, one),
  )
  const segments = make('span', {class: 'segments', role: 'group', 'aria-label': 'Before or after the event'}, sides)
  const element = make(
    'div',
    {class: 'panel-state'},
    head,
    make('div', {class: 'tools'}, segments, filter),
    table.element,
  )
  filter.addEventListener('input', () => draw())

  function turn(to: 'after' | 'before'): void {
    position = to
    render()
  }

  function draw(): void {
    const {row} = selected.now
    const root = row < 0 ? room.now : (replay[position][row] ?? UNKNOWN_STATE)
    table.show(root, filter.value.trim().toLowerCase())
  }

  function render(): void {
    const {row} = selected.now
    for (const side of sides) {
      side.setAttribute('aria-pressed', String(row >= 0 && side.dataset['position'] === position))
      side.disabled = row < 0
    }
    fill(
      head,
      make(
        'h2',
        {},
        row < 0
          ? 'The state now'
          : make('span', {}, `The state ${position} `, make('bdi', {}, label(eventLabel(room, row), 120))),
      ),
      make(
        'p',
        {class: 'hint'},
        row < 0
          ? 'Over all newest events; the graph has a box around each event of it. Move through time with the slider below the graph, or j and k.'
          : [
              'On its branch of the history; the graph has a box around each event of the state after it. ',
              eventLink(context, row, 'Show the event'),
            ],
      ),
      ownChanges(row),
    )
    draw()
  }

  /** What the event itself does to the state, whichever side of it is looked at. */
  function ownChanges(row: number): Child {
    const [before, after] = [replay.before[row] ?? UNKNOWN_STATE, replay.after[row] ?? UNKNOWN_STATE]
    if (row < 0 || before === UNKNOWN_STATE || after === UNKNOWN_STATE) return null
    const found: number[] = []
    replay.trie.differences([before, after], found)
    return found.length === 0
      ? make(
          'p',
          {class: 'hint'},
          room.graph.prevOf(row).length > 1
            ? 'By itself this event changes nothing; what its merge of branches changed, the event tells.'
            : 'This event changes nothing in the state.',
        )
      : changeTable(context, found, before, after)
  }

  return {element, render}
}
