import {type Blame, type BlamedCandidate, type BlamedEvent, type BlamedMerge, isPlain} from '../../forensics/blame.ts'
import {eventWords, slotWords} from '../../forensics/words.ts'
import {absence, sentence} from '../../finding/slot-words.ts'
import {causeWords, decisionWords} from '../../report/cause-words.ts'
import {count} from '../../report/printable.ts'
import {ABSENT} from '../../resolve/state-trie.ts'
import {type Child, fill, label, make, said} from '../dom.ts'
import {lifeOf} from '../model/slot-life.ts'
import {timeWords} from '../model/words.ts'
import {eventLink, listOf, type Panel, type PanelContext, section, sentenceOf, slotLink} from './context.ts'
import {fromTo, valueCell} from './values.ts'

/** The life of one slot: what set it, every merge in which it differed, and why it was lost where it was. */
export function slotPanel(context: PanelContext): Panel {
  const element = make('div', {class: 'panel-slot'})
  let shown = -2
  let shownRow = -2
  return {
    element,
    render: () => {
      const {slot, row} = context.selected.now
      if (slot === shown && (slot >= 0 || row === shownRow)) return
      shown = slot
      shownRow = row
      if (slot < 0) {
        fill(
          element,
          make('h2', {}, 'The life of a slot'),
          make(
            'p',
            {class: 'hint'},
            'A slot is one piece of the room’s state: its name, or the membership of one user. Pick one: all that ever set it, and each merge that changed it, is drawn and told here.',
          ),
          offered(context),
        )
      } else fill(element, ...describe(context, slot))
    },
  }
}

function describe(context: PanelContext, slot: number): readonly Child[] {
  const {graph, data} = context.room
  const {type, stateKey} = graph.slotAt(slot)
  const life = lifeOf(context.room, slot)
  const told = life.entries.filter((entry) => !isPlain(entry))
  const plain = life.entries.length - told.length
  return [
    make('h2', {}, make('bdi', {}, label(sentence(slotWords(graph, slot)), 200))),
    make(
      'p',
      {class: 'hint'},
      make('code', {}, said(type, 120)),
      stateKey === '' ? null : [' ', make('code', {}, said(stateKey, 200))],
    ),
    make(
      'p',
      {class: 'now'},
      make('strong', {}, 'Now: '),
      life.now === null
        ? 'cannot be determined'
        : life.now === ABSENT
          ? absence(type)
          : valueCell(context, slot, life.now),
    ),
    resets(context, slot, life),
    sides(context, slot),
    section(
      `Life: ${count(told.length, 'entry', 'entries')}`,
      make(
        'p',
        {class: 'hint'},
        '● led to what stands now',
        plain === 0 ? '' : `; ${count(plain, 'merge')} in which one side merely knew more left out`,
      ),
      listOf(
        told,
        100,
        (entry) => (entry.kind === 'merge' ? mergeItem(context, slot, entry) : eventItem(context, slot, entry)),
        'ol',
      ),
    ),
    data.room.complete
      ? null
      : make('p', {class: 'notice'}, 'Events are missing here: one of them may have set the slot, too.'),
    make(
      'p',
      {},
      make('button', {type: 'button', onclick: () => context.selected.set({slot: -1})}, 'Stop showing this slot'),
    ),
  ]
}

/** Slots at hand: that of the event that is looked at, those that were set back, and the whole table. */
function offered(context: PanelContext): HTMLElement {
  const {room, selected} = context
  const {row} = selected.now
  const own = row < 0 ? -1 : (room.graph.slot[row] ?? -1)
  const lost = [...new Set(room.data.resets.filter(({expected}) => !expected).map(({slot}) => slot))].filter(
    (slot) => slot !== own,
  )
  return make(
    'ul',
    {class: 'plain'},
    own < 0 ? null : make('li', {}, 'Of the picked event: ', slotLink(context, own)),
    lost.slice(0, 5).map((slot) => make('li', {}, 'Lost in a merge: ', slotLink(context, slot))),
    make(
      'li',
      {},
      'All of them: ',
      make('button', {type: 'button', class: 'link', onclick: () => selected.set({tab: 'state'})}, 'the state'),
    ),
  )
}

/** Why it was lost: first, since that is what is asked. */
function resets(context: PanelContext, slot: number, life: Blame): Child {
  const told = context.room.data.resets.filter((reset) => reset.slot === slot)
  if (told.length === 0) return null
  return told.map(({row, lost, got, expected, cause, says}) =>
    make(
      'section',
      {class: `reset ${expected ? 'expected' : 'lost'}`},
      make('h3', {}, expected ? 'A newer value does not count, as resolution has it' : 'Reset: it was lost in a merge'),
      fromTo(context, slot, lost, got),
      make('p', {}, make('strong', {}, 'Cause: '), causeWords(cause)),
      says.length === 0
        ? null
        : make(
            'ol',
            {class: 'story'},
            says.map((step) => make('li', {}, ...sentenceOf(context, step))),
          ),
      make('p', {}, row === null ? 'In the merge of the newest events.' : ['At the merge ', eventLink(context, row)]),
      life.now !== null && life.now !== got && !expected
        ? make('p', {class: 'hint'}, 'It has another value again since.')
        : null,
    ),
  )
}

/** Servers that have something else there now. */
function sides(context: PanelContext, slot: number): Child {
  const {graph, data} = context.room
  const {type, stateKey} = graph.slotAt(slot)
  const found = data.differences.find((one) => one.type === type && one.stateKey === stateKey)
  if (found === undefined) return null
  return section(
    'What servers have there now',
    make(
      'ul',
      {class: 'plain'},
      data.sides
        .filter(({id}) => Object.hasOwn(found.values, id))
        .map((side) => {
          const value = found.values[side.id] ?? null
          const row = value === null ? ABSENT : graph.row(value.eventId)
          const isOther = Object.hasOwn(found.grades, side.id)
          return make(
            'li',
            {class: isOther ? 'odd' : 'fine'},
            make(
              'button',
              {type: 'button', class: 'link', onclick: () => context.selected.set({side: side.id, tab: 'sides'})},
              make('bdi', {}, label(side.server, 80)),
            ),
            ` (${side.what === 'at-extremity' ? 'at its newest event' : side.what}): `,
            value !== null && row < 0 ? said(value.eventId, 60) : valueCell(context, slot, row),
            isOther ? make('strong', {}, ' differs') : null,
          )
        }),
    ),
  )
}

function eventItem(context: PanelContext, slot: number, entry: BlamedEvent): HTMLElement {
  const {room} = context
  const rejection = room.replay.rejections.get(entry.row)
  return make(
    'li',
    {class: `entry ${entry.kind}`, 'data-entry': entry.kind},
    make(
      'p',
      {},
      make(
        'span',
        {class: 'sign', title: entry.leadsToNow ? 'led to what stands now' : ''},
        entry.leadsToNow ? '● ' : '○ ',
      ),
      entry.kind === 'set' ? 'set: ' : make('strong', {class: 'failed'}, 'rejected: '),
      valueCell(context, slot, entry.row),
    ),
    make('p', {class: 'when'}, timeWords(room, entry.row)),
    rejection === undefined ? null : make('p', {}, ...sentenceOf(context, rejection.because)),
  )
}

function mergeItem(context: PanelContext, slot: number, entry: BlamedMerge): HTMLElement {
  const {graph} = context.room
  const {merge, got, candidates, decided, reset, fell, again} = entry
  const root = reset?.root ?? null
  const kind = reset === null ? 'merge' : reset.expected ? 'revoked' : 'reset'
  return make(
    'li',
    {class: `entry ${kind}`, 'data-entry': kind},
    make(
      'p',
      {},
      make('span', {class: 'sign', 'aria-hidden': 'true'}, reset === null ? '◆ ' : '▲ '),
      reset === null
        ? 'merge'
        : make('strong', {class: 'failed'}, reset.expected ? 'revoked in a merge' : 'RESET in a merge'),
      merge.at === null ? ' of the newest events' : [' ', eventLink(context, merge.at)],
      ' gives ',
      valueCell(context, slot, got),
      again === 0 ? null : ` (and ${count(again, 'more merge')} of the same)`,
    ),
    make(
      'ul',
      {class: 'plain'},
      [...candidates]
        .sort((a, b) => (a.order ?? Infinity) - (b.order ?? Infinity))
        .map((one) => candidate(context, one)),
    ),
    make('p', {class: 'hint'}, `Decided: ${decisionWords(decided)}`),
    fell.length === 0
      ? null
      : make(
          'p',
          {},
          'Also fell by this: ',
          fell.slice(0, 20).map((one) => [slotLink(context, one.slot), ' ']),
        ),
    root === null || root.event === reset?.lost
      ? null
      : make(
          'p',
          {},
          'It began with ',
          eventLink(context, root.event, label(eventWords(graph, root.event), 120)),
          ' ',
          slotLink(context, root.slot, 'life of that slot'),
        ),
  )
}

function candidate(context: PanelContext, {row, fate}: BlamedCandidate): HTMLElement {
  const {graph} = context.room
  const slot = graph.slot[row] ?? -1
  const words: Child =
    fate.kind === 'failed'
      ? [make('strong', {class: 'failed'}, 'thrown out'), ': ', ...sentenceOf(context, reasonOf(fate))]
      : {
          overridden: 'passed, and was overridden',
          'rejected-before': 'rejected on receipt',
          'not-considered': 'not looked at again',
          won: 'won',
        }[fate.kind]
  return make('li', {}, valueCell(context, slot, row), ' ', words)
}

function reasonOf(fate: Extract<BlamedCandidate['fate'], {readonly kind: 'failed'}>): string {
  const {rejection} = fate.step
  return rejection === null ? 'the rules reject it' : rejection.because
}
