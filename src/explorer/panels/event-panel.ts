import {Flag} from '../../graph/room-graph.ts'
import type {JsonObject} from '../../matrix/json.ts'
import {causeWords} from '../../report/cause-words.ts'
import {UNKNOWN_STATE} from '../../resolve/replay.ts'
import {type Child, fill, label, make, said} from '../dom.ts'
import {childRows} from '../model/room.ts'
import {NOTHING, toHash} from '../model/selection.ts'
import {eventLabel, MARK_WORDS, timeWords, verdictWord} from '../model/words.ts'
import {authChainSection} from './auth-chain.ts'
import {eventLink, facts, type Panel, type PanelContext, section, slotLink} from './context.ts'
import {copyButton} from './copy.ts'
import {extremitySections} from './extremities.ts'
import {judgingSections} from './judging.ts'
import {mergeSection} from './merge-steps.ts'
import {jsonText, valueCell} from './values.ts'

/** One event: what it is, what it changed, why it counts or does not. */
export function eventPanel(context: PanelContext): Panel {
  const element = make('div', {class: 'panel-event'})
  return {
    element,
    render: () => {
      const {row} = context.selected.now
      if (row < 0) {
        fill(
          element,
          make('p', {class: 'hint'}, 'No event is picked. Click one in the graph, or press j.'),
          ...extremitySections(context),
        )
      } else fill(element, ...describe(context, row))
    },
  }
}

function describe(context: PanelContext, row: number): readonly Child[] {
  const {room} = context
  const {graph} = room
  if (graph.has(row, Flag.Missing)) return [...missing(context, row), ...judgingSections(context, row)]
  const verdict = verdictWord(room, row)
  const slot = graph.slot[row] ?? -1
  return [
    make('h2', {}, make('bdi', {}, label(eventLabel(room, row), 200))),
    make('p', {class: 'badges'}, make('span', {class: `badge ${verdict}`}, verdict), badges(context, row)),
    make(
      'p',
      {class: 'copies'},
      copyButton('Copy event ID', () => graph.id(row)),
      copyButton('Copy link', () => linkTo(context, row)),
    ),
    facts([
      ['Event', make('code', {class: 'id'}, said(graph.id(row)))],
      ['Type', said(graph.typeName(row))],
      ...(slot < 0 ? [] : [['Slot', slotLink(context, slot)] as const]),
      ['Sender', said(graph.senderName(row))],
      ['Time', `${timeWords(room, row)} (as its server claims)`],
      [
        'Place',
        `row ${String(row + 1)} of ${graph.size.toLocaleString('en-US')}, depth ${graph.columns.faults.get(row)?.what === 'depth' ? 'unreadable' : String(graph.depth(row))}`,
      ],
      ...(graph.columns.redacts.has(row)
        ? [['Redacts', eventLink(context, graph.columns.redacts.get(row) ?? '')] as const]
        : []),
    ]),
    setBack(context, row),
    changes(context, row),
    mergeSection(context, row),
    ...judgingSections(context, row),
    authChainSection(context, row),
    content(context, row),
    section(
      'Links',
      facts([
        ['After', rows(context, graph.prevOf(row), 'nothing: the room begins here')],
        ['Before', rows(context, childRows(room.children, row), 'nothing: it is a newest event')],
        ['Auth events', rows(context, graph.authOf(row), 'none')],
      ]),
    ),
  ]
}

/** The link to an event in this page, wherever the page lies. */
function linkTo({room}: PanelContext, row: number): string {
  const hash = toHash(room.graph, {...NOTHING, row, tab: 'event'})
  return `${location.href.replace(/#.*$/s, '')}#${hash}`
}

function missing(context: PanelContext, row: number): readonly Child[] {
  return [
    make('h2', {}, 'An event that is not here'),
    facts([
      ['Event', make('code', {class: 'id'}, said(context.room.graph.id(row)))],
      ['Cited by', rows(context, childRows(context.room.children, row), 'others, as an auth event')],
    ]),
  ]
}

function badges({marks}: PanelContext, row: number): readonly Child[] {
  const mark = marks.marks[row] ?? 0
  return MARK_WORDS.filter(([bit, words]) => (mark & bit) !== 0 && words !== 'rejected').map(([, words]) =>
    make('span', {class: 'badge'}, words),
  )
}

function rows(context: PanelContext, list: Int32Array, none: string): Child {
  if (list.length === 0) return none
  return make(
    'ul',
    {class: 'plain'},
    [...list].slice(0, 50).map((row) => make('li', {}, eventLink(context, row))),
    list.length > 50 ? make('li', {}, `and ${String(list.length - 50)} more`) : null,
  )
}

/** What this merge took away or set back: of all that it does, what people come for. */
function setBack(context: PanelContext, row: number): Child {
  const found = context.room.data.resets.filter((reset) => reset.row === row)
  if (found.length === 0) return null
  return section(
    'What this merge set back',
    make(
      'ul',
      {class: 'changes'},
      [...found]
        .sort((a, b) => Number(a.expected) - Number(b.expected))
        .map(({slot, lost, got, expected, cause}) =>
          make(
            'li',
            {'data-set-back': slot},
            slotLink(context, slot),
            expected ? ' as resolution is meant to' : make('strong', {class: 'failed'}, ' reset'),
            make(
              'div',
              {class: 'from-to'},
              valueCell(context, slot, lost),
              make('span', {class: 'arrow', 'aria-label': 'becomes'}, '→'),
              valueCell(context, slot, got),
            ),
            make('small', {}, `Cause: ${causeWords(cause)}`),
          ),
        ),
    ),
  )
}

/** How the state after it differs from that before it; at a merge, from that after each of its prev events. */
function changes(context: PanelContext, row: number): HTMLElement {
  const {room, selected} = context
  const {graph, replay} = room
  const [before, after] = [replay.before[row] ?? UNKNOWN_STATE, replay.after[row] ?? UNKNOWN_STATE]
  const toState = make(
    'button',
    {type: 'button', class: 'link', onclick: () => selected.set({tab: 'state'})},
    'See the whole state here',
  )
  if (before === UNKNOWN_STATE) {
    return section(
      'State',
      make(
        'p',
        {},
        'The state before it is not known, because something that it depends on is not here, or follows from itself.',
      ),
    )
  }
  const parts: Child[] = []
  const differences = (from: number, to: number): readonly number[] => {
    const found: number[] = []
    replay.trie.differences([from, to], found)
    return found
  }
  if (after !== UNKNOWN_STATE) {
    const own = differences(before, after)
    parts.push(
      own.length === 0
        ? make(
            'p',
            {},
            graph.has(row, Flag.State)
              ? 'It changes nothing in the state.'
              : 'A message: by itself it changes no state.',
          )
        : changeTable(context, own, before, after),
    )
  } else parts.push(make('p', {}, 'Whether it changes the state cannot be known.'))
  const prevs = graph.prevOf(row)
  if (prevs.length > 1) {
    parts.push(
      make('p', {}, `It joins ${String(prevs.length)} branches. What the merge gives, against the state of each:`),
      ...[...prevs].map((prev) => {
        const from = replay.after[prev] ?? UNKNOWN_STATE
        const found = from === UNKNOWN_STATE ? [] : differences(from, before)
        return make(
          'details',
          {open: found.length > 0 && found.length <= 8},
          make(
            'summary',
            {},
            `after ${label(eventLabel(room, prev), 60)}: ${found.length === 0 ? 'the same' : `${String(found.length)} different`}`,
          ),
          found.length === 0 ? null : changeTable(context, found.slice(0, 200), from, before),
        )
      }),
    )
  }
  parts.push(toState)
  return section('What it changes', ...parts)
}

export function changeTable(
  context: PanelContext,
  slots: readonly number[],
  before: number,
  after: number,
): HTMLElement {
  const {trie} = context.room.replay
  return make(
    'ul',
    {class: 'changes'},
    slots.map((slot) =>
      make(
        'li',
        {'data-slot': slot},
        slotLink(context, slot),
        make(
          'div',
          {class: 'from-to'},
          valueCell(context, slot, trie.get(before, slot)),
          make('span', {class: 'arrow', 'aria-label': 'becomes'}, '→'),
          valueCell(context, slot, trie.get(after, slot)),
        ),
      ),
    ),
  )
}

function content(context: PanelContext, row: number): HTMLElement {
  const {graph, messages, data} = context.room
  const isState = graph.has(row, Flag.State)
  const kept: JsonObject | undefined = isState ? graph.content(row) : messages.get(row)
  if (kept === undefined) {
    const why =
      data.contents.kept === 'all'
        ? 'The page has no content of it.'
        : 'Left out: contents of messages are not in this page unless it was made with --with-content.'
    return section('Content', make('p', {class: 'hint'}, why))
  }
  return section('Content', make('pre', {class: 'content', tabindex: '0'}, jsonText(kept)))
}
