import {sentence} from '../../finding/slot-words.ts'
import {slotWords} from '../../forensics/words.ts'
import {count} from '../../report/printable.ts'
import {UNKNOWN_STATE} from '../../resolve/replay.ts'
import {ABSENT} from '../../resolve/state-trie.ts'
import {type Child, fill, label, make, said} from '../dom.ts'
import {eventLabel, localpart} from '../model/words.ts'
import {eventLink, type Panel, type PanelContext} from './context.ts'
import {changeTable} from './event-panel.ts'
import {wordsOfValue} from './values.ts'

/** Rows of the table that are made at once. */
const SHOWN = 300

/** The state at the event that is looked at: it follows through time, and what changes from one look to the next lights up. */
export function statePanel(context: PanelContext): Panel {
  const {room, selected} = context
  const {replay, graph} = room
  let position: 'after' | 'before' = 'after'
  let shownRoot: number = UNKNOWN_STATE
  let shown = SHOWN
  const head = make('div')
  const body = make('div', {class: 'state-body'})
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
  const tools = make(
    'div',
    {class: 'tools'},
    make('span', {class: 'segments', role: 'group', 'aria-label': 'Before or after the event'}, sides),
    filter,
  )
  const element = make('div', {class: 'panel-state'}, head, tools, body)
  filter.addEventListener('input', () => draw([]))

  function turn(to: 'after' | 'before'): void {
    position = to
    render()
  }

  function root(): number {
    const {row} = selected.now
    return row < 0 ? room.now : (replay[position][row] ?? UNKNOWN_STATE)
  }

  function render(): void {
    const {row} = selected.now
    const now = root()
    const changed: number[] = []
    if (shownRoot !== UNKNOWN_STATE && now !== UNKNOWN_STATE) replay.trie.differences([shownRoot, now], changed)
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
      row < 0
        ? make(
            'p',
            {class: 'hint'},
            'Over all newest events. Move through time with the slider below the graph, or j and k.',
          )
        : make('p', {class: 'hint'}, 'On its branch of the history. ', eventLink(context, row, 'Show the event')),
      ownChanges(row),
    )
    draw(changed)
    shownRoot = now
  }

  /** What the event itself does to the state, whichever side of it is looked at. */
  function ownChanges(row: number): Child {
    const [before, after] = [replay.before[row] ?? UNKNOWN_STATE, replay.after[row] ?? UNKNOWN_STATE]
    if (row < 0 || before === UNKNOWN_STATE || after === UNKNOWN_STATE) return null
    const found: number[] = []
    replay.trie.differences([before, after], found)
    return found.length === 0
      ? make('p', {class: 'hint'}, 'This event changes nothing in the state.')
      : make('div', {class: 'own-changes'}, changeTable(context, found, before, after))
  }

  function draw(lit: readonly number[]): void {
    const now = root()
    if (now === UNKNOWN_STATE) {
      fill(body, make('p', {}, 'It is not known: something that it depends on is not here.'))
      return
    }
    const wanted = filter.value.trim().toLowerCase()
    const isLit = new Set(lit)
    const entries: {readonly slot: number; readonly row: number}[] = []
    replay.trie.forEach(now, (slot, row) => entries.push({slot, row}))
    const size = entries.length
    // What went away in this step has no place in the state any more, but is to be seen going.
    for (const slot of lit) if (replay.trie.get(now, slot) === ABSENT) entries.push({slot, row: ABSENT})
    entries.sort((a, b) => a.slot - b.slot)
    const found = wanted === '' ? entries : entries.filter((entry) => matches(entry, wanted))
    const isMember = ({slot}: {readonly slot: number}): boolean => graph.slotAt(slot).type === 'm.room.member'
    const [settings, members] = [found.filter((one) => !isMember(one)), found.filter(isMember)]
    const lines = (list: typeof entries): Child => {
      // Of many, those that changed are always among those that are shown.
      const first = list.length <= shown ? list : list.filter(({slot}, index) => index < shown || isLit.has(slot))
      return first.map((entry) => line(entry, isLit.has(entry.slot)))
    }
    const hidden = Math.max(0, settings.length - shown) + Math.max(0, members.length - shown)
    fill(
      body,
      make(
        'table',
        {class: 'state', 'data-entries': size},
        make(
          'caption',
          {},
          wanted === ''
            ? count(size, 'entry', 'entries')
            : `${found.length.toLocaleString('en-US')} of ${count(size, 'entry', 'entries')}`,
        ),
        make(
          'thead',
          {},
          make(
            'tr',
            {},
            ['Slot', 'Value', 'Set by'].map((text) => make('th', {scope: 'col'}, text)),
          ),
        ),
        group('Settings', settings.length, lines(settings)),
        group('Members', members.length, lines(members)),
      ),
      hidden === 0
        ? null
        : make(
            'button',
            {
              type: 'button',
              class: 'more',
              onclick: () => {
                shown += 2000
                draw(lit)
              },
            },
            `show more of ${hidden.toLocaleString('en-US')} that are not shown`,
          ),
    )
  }

  function matches({slot, row}: {readonly slot: number; readonly row: number}, wanted: string): boolean {
    const {type, stateKey} = graph.slotAt(slot)
    return `${type} ${stateKey} ${wordsOfValue(context, slot, row)}`.toLowerCase().includes(wanted)
  }

  function line({slot, row}: {readonly slot: number; readonly row: number}, isLit: boolean): HTMLElement {
    const {type, stateKey} = graph.slotAt(slot)
    const name = type === 'm.room.member' ? stateKey : sentence(slotWords(graph, slot).replace(/^the /, ''))
    return make(
      'tr',
      {
        class: [isLit ? 'lit' : '', slot === selected.now.slot ? 'picked' : ''].join(' ').trim(),
        'data-slot': `${type}/${stateKey}`,
      },
      make(
        'th',
        {scope: 'row'},
        make(
          'button',
          {
            type: 'button',
            class: 'link',
            title: label(`${type} ${stateKey}`, 200),
            onclick: () => selected.set({slot, tab: 'slot'}),
          },
          make('bdi', {}, breakable(label(name, 80))),
        ),
      ),
      make('td', {class: row === ABSENT ? 'none' : ''}, said(wordsOfValue(context, slot, row), 120)),
      make('td', {}, row === ABSENT ? '' : eventLink(context, row, localpart(graph.senderName(row)))),
    )
  }

  return {element, render}
}

/** May be broken after a colon: user IDs are long. */
function breakable(text: string): Child {
  return text.split(/(?<=:)/).map((part, index) => (index === 0 ? part : [make('wbr'), part]))
}

function group(title: string, number: number, lines: Child): HTMLElement | null {
  if (number === 0) return null
  return make(
    'tbody',
    {},
    make(
      'tr',
      {class: 'group'},
      make('th', {colspan: '3', scope: 'rowgroup'}, `${title} (${number.toLocaleString('en-US')})`),
    ),
    lines,
  )
}
