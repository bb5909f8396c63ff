import {Flag} from '../../graph/room-graph.ts'
import type {JsonObject} from '../../matrix/json.ts'
import {causeWords} from '../../report/cause-words.ts'
import {count} from '../../report/printable.ts'
import {UNKNOWN_STATE} from '../../resolve/replay.ts'
import {type Child, fill, label, make, said} from '../dom.ts'
import {findingsAt} from '../model/places.ts'
import {childRows} from '../model/room.ts'
import {NOTHING, toHash} from '../model/selection.ts'
import {depthWords, eventLabel, MARK_WORDS, timeWords, VERDICTS, verdictWord} from '../model/words.ts'
import {authChainSection} from './auth-chain.ts'
import {eventLink, facts, leadOf, type Panel, type PanelContext, section, sentenceOf, slotLink} from './context.ts'
import {copyButton} from './copy-button.ts'
import {extremitySections} from './extremities.ts'
import {judgingSections} from './judging.ts'
import {mergeSection} from './merge-steps.ts'
import {fromTo, jsonText} from './values.ts'

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
  const {room, selected} = context
  const {graph} = room
  const {why, how} = judgingSections(context, row)
  if (graph.has(row, Flag.Missing)) return [...missing(context, row), about(context, row), ...why, ...how]
  const verdict = verdictWord(room, row)
  const isPlain = verdict === 'accepted'
  const slot = graph.slot[row] ?? -1
  return [
    make('h2', {}, make('bdi', {}, label(eventLabel(room, row), 200))),
    make('p', {class: 'badges'}, make('span', {class: `badge ${verdict}`}, verdict), badges(context, row)),
    facts([
      ['Event', [make('code', {class: 'id'}, said(graph.id(row))), copyButtons(context, row)]],
      ['Type', said(graph.typeName(row))],
      ...(slot < 0 ? [] : [['Slot', slotLink(context, slot)] as const]),
      [
        'Sender',
        [
          said(graph.senderName(row)),
          ' ',
          make(
            'button',
            {
              type: 'button',
              class: 'link all-of-sender',
              onclick: () => selected.set({find: `from:${graph.senderName(row)}`, tab: 'search'}),
            },
            'all events from this user',
          ),
        ],
      ],
      ['Time', `${timeWords(room, row)} (as its server claims)`],
      ['Place', `row ${String(row + 1)} of ${graph.size.toLocaleString('en-US')}, depth ${depthWords(room, row)}`],
      ...(graph.columns.redacts.has(row)
        ? [['Redacts', eventLink(context, graph.columns.redacts.get(row) ?? '')] as const]
        : []),
    ]),
    setBack(context, row),
    about(context, row),
    // Of what does not count, why is asked before what it would have done.
    ...(isPlain ? [] : why),
    changes(context, row),
    mergeSection(context, row),
    ...(isPlain ? why : []),
    content(context, row),
    ...how,
    authChainSection(context, row),
    section(
      'Links',
      facts([
        ['Follows', rows(context, graph.prevOf(row), 'nothing: the room begins here')],
        ['Followed by', rows(context, childRows(room.children, row), 'nothing: it is a newest event')],
        ['Auth events', rows(context, graph.authOf(row), 'none')],
      ]),
    ),
  ]
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
  return MARK_WORDS.filter(([bit, words]) => (mark & bit) !== 0 && !VERDICTS.has(words)).map(([, words]) =>
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

/** The ID, and a link that shows the event, for somebody else who has the file. */
function copyButtons({room}: PanelContext, row: number): Child {
  const id = room.graph.id(row)
  const file = location.pathname.split('/').at(-1) ?? ''
  // A path on this disk says nothing to others: they have the file elsewhere.
  const where = location.protocol === 'file:' ? decoded(file) : location.href.replace(/#.*$/s, '')
  const link = `${where}#${toHash(room.graph, {...NOTHING, row, tab: 'event'})}`
  return make(
    'span',
    {class: 'copy-buttons'},
    copyButton('Copy ID', 'For explain, blame and graph, or a server’s log', id),
    copyButton('Copy link', `For whoever has this file, too: it opens here by ${label(link, 300)}`, link),
  )
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

/** Which findings lead here, in a line each. */
function about(context: PanelContext, row: number): Child {
  const found = findingsAt(context.room, row)
  if (found.length === 0) return null
  return section(
    count(found.length, 'finding about it', 'findings about it'),
    make(
      'ul',
      {class: 'plain'},
      found.slice(0, 5).map(({id, severity, summary}) =>
        make(
          'li',
          {'data-about': id},
          make('span', {class: `badge ${severity}`}, severity),
          ' ',
          // The rest of the story is with the finding.
          ...sentenceOf(context, leadOf(summary)[0]),
        ),
      ),
    ),
    make(
      'p',
      {},
      make(
        'button',
        {type: 'button', class: 'link', onclick: () => context.selected.set({tab: 'findings'})},
        'Why, and what to do: see the findings',
      ),
    ),
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
            fromTo(context, slot, lost, got),
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
        const words = `after ${label(eventLabel(room, prev), 60)}: `
        const there = make(
          'p',
          {},
          make(
            'button',
            {type: 'button', class: 'link', onclick: () => selected.set({row: prev, tab: 'state'})},
            'See the state there, before the merge',
          ),
        )
        if (from === UNKNOWN_STATE) return make('p', {}, words, 'its state is not known')
        const found = differences(from, before)
        if (found.length === 0) return make('div', {}, make('p', {}, words, 'the same'), there)
        return make(
          'details',
          {open: found.length <= 8},
          make('summary', {}, `${words}${String(found.length)} different`),
          changeTable(context, found.slice(0, 200), from, before),
          there,
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
        fromTo(context, slot, trie.get(before, slot), trie.get(after, slot)),
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
