import type {Merge} from '../../forensics/merge.ts'
import type {StateRes} from '../../matrix/room-version.ts'
import {count} from '../../report/printable.ts'
import type {Phase} from '../../resolve/merge-trace.ts'
import {ABSENT} from '../../resolve/state-trie.ts'
import {type Child, fill, make, said} from '../dom.ts'
import {mergeAt, type MergeStep, stepsOf} from '../model/merge-steps.ts'
import {depthWords, timeWords} from '../model/words.ts'
import {eventLink, listOf, type PanelContext, section, slotLink} from './context.ts'
import {valueCell} from './values.ts'

/** Entries of a list that are shown at once. */
const SHOWN = 60

/**
 * How the merge at an event, or (`null`) over the newest events, was resolved: what was in conflict, and each event in the order in which the
 * algorithm judged it. Resolved again when it is opened. `null` where nothing was in conflict.
 */
export function mergeSection(context: PanelContext, row: number | null): Child {
  const merge = mergeAt(context.room, row)
  if (merge === null) return null
  const {replay} = context.room
  const conflicts = row === null ? replay.resolver.resolve(merge.inputs).conflicts : (replay.merges.get(row) ?? 0)
  if (conflicts === 0) return null
  const inside = make('div', {class: 'merge-steps'})
  const details = make(
    'details',
    {class: 'merge'},
    make(
      'summary',
      {},
      `Step by step: ${count(conflicts, 'slot')} in conflict on ${String(merge.prevs.length)} branches`,
    ),
    inside,
  )
  details.addEventListener('toggle', () => {
    if (details.open && inside.childElementCount === 0) fill(inside, ...steps(context, merge))
  })
  return section('How this merge was resolved', details)
}

const ALGORITHMS: Readonly<Record<StateRes, string>> = {
  v1: 'State resolution of room version 1',
  v2: 'State resolution version 2',
  'v2.1': 'State resolution version 2.1',
}

/** What an order is by, as the specification has it. */
const PHASES: Readonly<Record<Phase, readonly [title: string, order: string]>> = {
  power: [
    'Power events, and their auth events in the full conflicted set',
    'after their auth events; then the greater power of the sender, the earlier time, the smaller ID first',
  ],
  mainline: [
    'All others',
    'by the mainline of power levels, the oldest place first; then the earlier time, the smaller ID',
  ],
  sequence: [
    'Power levels, join rules, members',
    'in each slot, the lowest depth first, which is taken as it is, until one fails',
  ],
  depth: ['All others', 'in each slot, the greatest depth first, until one passes'],
}

function steps(context: PanelContext, merge: Merge): readonly Child[] {
  const {room} = context
  const {algorithm} = room.replay.resolver
  const {slots, added, phases, mainlineTop} = stepsOf(room, merge)
  return [
    make('p', {}, `${ALGORITHMS[algorithm]}. What stood in each slot on the branches, and what the merge gives:`),
    listOf(slots, SHOWN, ({slot, candidates, result}) =>
      make(
        'li',
        {'data-conflict': slot},
        slotLink(context, slot),
        make(
          'div',
          {class: 'from-to'},
          make(
            'span',
            {},
            candidates.map((row) => make('div', {}, valueCell(context, slot, row))),
          ),
          make('span', {role: 'img', 'aria-label': 'becomes'}, '→'),
          valueCell(context, slot, result),
        ),
      ),
    ),
    added.length === 0
      ? null
      : make(
          'details',
          {},
          make(
            'summary',
            {},
            `Judged as well, since only some of the branches rely on them: ${count(added.length, 'event')}`,
          ),
          listOf(added, SHOWN, (row) => make('li', {}, eventLink(context, row))),
        ),
    phases.map(({phase, steps: judged}) => {
      const [title, order] = PHASES[phase]
      return [
        make('h4', {}, title),
        make('p', {class: 'hint'}, `Judged in this order: ${order}.`),
        phase !== 'mainline'
          ? null
          : make(
              'p',
              {class: 'hint'},
              mainlineTop === ABSENT
                ? 'There is no mainline: the merge came to no power levels.'
                : ['The mainline begins (0) with ', eventLink(context, mainlineTop), '.'],
            ),
        listOf(judged, SHOWN, (step) => stepLine(context, step), 'ol'),
      ]
    }),
  ]
}

const SIGNS: Readonly<Record<MergeStep['outcome'], readonly [sign: string, words: string, look: string]>> = {
  passed: ['✓', 'allowed', 'passed'],
  failed: ['✕', 'not allowed', 'failed'],
  skipped: ['–', 'left out: it was rejected when it came', 'not-reached'],
}

function stepLine(context: PanelContext, step: MergeStep): HTMLElement {
  const {row, outcome, rejection, stands} = step
  const [sign, words, look] = SIGNS[outcome]
  const more = outcome !== 'passed' ? '' : stands ? ', and stays' : ', and a later one takes its slot'
  return make(
    'li',
    {class: `check ${look}`, 'data-step': row, 'data-stands': stands},
    make('span', {class: 'sign', 'aria-hidden': 'true'}, sign),
    make('span', {}, eventLink(context, row), ' ', make('strong', {}, words), more),
    make(
      'small',
      {},
      make('span', {}, placeWords(context, step)),
      rejection === null ? null : [said(rejection.because, 400), make('code', {}, said(rejection.rule, 80))],
    ),
  )
}

/** What put it in its place. */
function placeWords({room}: PanelContext, {row, phase, power, mainline}: MergeStep): string {
  const when = timeWords(room, row)
  switch (phase) {
    case 'power':
      return `power ${power === null || power === -Infinity ? 'unreadable' : power === Infinity ? 'above all' : String(power)} · ${when}`
    case 'mainline':
      return `mainline ${mainline === null || mainline < 0 ? 'none' : String(mainline)} · ${when}`
    case 'sequence':
    case 'depth':
      return `depth ${depthWords(room, row)}`
  }
}
