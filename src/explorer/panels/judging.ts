import type {Trace, TraceLine} from '../../auth/trace.ts'
import {explainMissing, explainRow} from '../../forensics/explain/explain.ts'
import type {Check, Explanation, ServerWord} from '../../forensics/explain/explanation.ts'
import type {SoftFailEstimate} from '../../forensics/explain/soft-fail.ts'
import type {Citation} from '../../forensics/explain/cited-auth-events.ts'
import {Flag} from '../../graph/room-graph.ts'
import {ASKED, CHECK_WORDS, valueInWords} from '../../report/explain-words.ts'
import type {PageRoom} from '../../report/explorer/page-data.ts'
import {date} from '../../report/printable.ts'
import {type Child, make, said} from '../dom.ts'
import {eventLink, type PanelContext, section, sentenceOf, slotLink} from './context.ts'

interface Judging {
  /** Verdict, what servers say, what would have had to differ. */
  readonly why: readonly Child[]
  /** Check by check and rule by rule. */
  readonly how: readonly Child[]
}

/** Why an event counts or does not: the same explanation as the program gives, made when the event is looked at. */
export function judgingSections(context: PanelContext, row: number): Judging {
  const {room} = context
  const facts = {
    source: room.data.room.source,
    trustIds: room.data.room.trustIds,
    unknowable: room.data.room.unknowable,
    findings: [],
  }
  const explanation = room.graph.has(row, Flag.Missing)
    ? explainMissing(room.replay, row, facts)
    : explainRow(room.replay, row, facts, {views: room.views})
  return {
    why: [
      section(
        'Verdict',
        make('p', {class: `answer ${explanation.verdict}`}, ...sentenceOf(context, explanation.answer)),
      ),
      servers(context, explanation),
      remedies(explanation),
    ],
    how: [
      section(
        'Checks on receipt',
        make(
          'ol',
          {class: 'checks'},
          explanation.checks.map((check) => checkLine(context, check)),
        ),
      ),
      rules(context, explanation),
      citations(context, explanation),
    ],
  }
}

const OUTCOMES: Readonly<Record<Check['outcome'], readonly [sign: string, words: string]>> = {
  passed: ['✓', 'passed'],
  failed: ['✕', 'failed'],
  'not-checked': ['–', 'not checked'],
  'not-known': ['?', 'not known'],
  'not-reached': ['–', 'not reached'],
}

/** The page has neither signatures nor keys: it can only tell what was found when it was made. */
const SIGNATURES: Readonly<Record<PageRoom['signatures'], readonly [outcome: Check['outcome'], says: string]>> = {
  checked: ['passed', 'checked when this page was made, as those of all events in it'],
  partly: [
    'not-checked',
    'when this page was made, not all keys were there: it may be one of those that could not be checked; matrix-state explain tells',
  ],
  'not-checked': ['not-checked', 'this page holds no signatures; matrix-state explain with --keys checks them'],
}

function checkLine(context: PanelContext, check: Check): HTMLElement {
  const {name, rule} = check
  const {trustIds, signatures} = context.room.data.room
  const isLeftOut = name === 'signatures' && check.outcome === 'not-checked' && !trustIds
  const [outcome, says] = isLeftOut ? SIGNATURES[signatures] : [check.outcome, check.says]
  const [sign, words] = OUTCOMES[outcome]
  return make(
    'li',
    {class: `check ${outcome}`},
    make('span', {class: 'sign', 'aria-hidden': 'true'}, sign),
    make('span', {}, `${CHECK_WORDS[name]}: `, make('strong', {}, words)),
    make('small', {}, ...sentenceOf(context, says), rule === null ? null : make('code', {}, said(rule, 80))),
  )
}

function servers(context: PanelContext, {servers: words}: Explanation): Child {
  if (words.length === 0) return null
  return section(
    'What servers say',
    make(
      'ul',
      {class: 'plain'},
      words.map((word) =>
        make(
          'li',
          {'data-server': word.server},
          make('strong', {}, said(word.server, 80)),
          ': ',
          ...sentenceOf(context, serverSays(word)),
        ),
      ),
    ),
  )
}

function serverSays({has, rejected, softFailed, outlier, receivedTs, estimate}: ServerWord): string {
  const parts = [
    ...(has === false ? ['does not have it'] : []),
    ...(typeof rejected === 'string' ? [`rejected it (${rejected})`] : []),
    ...(softFailed === true ? ['soft-failed it: it was good, but its current state forbade it when it came'] : []),
    ...(outlier === true ? ['has it as an outlier, without its place in the DAG'] : []),
  ]
  // What was not told is not taken for a yes.
  const isAccepted = parts.length === 0 && (has === true || rejected === null)
  return [
    ...(isAccepted ? ['accepted it'] : parts.length === 0 ? [] : [parts.join(', ')]),
    ...(receivedTs === undefined ? [] : [`received ${date(receivedTs)} by its clock`]),
    // That it allowed what was accepted goes without saying.
    ...(estimate === null || (estimate.passes && softFailed !== true) ? [] : [estimateWords(estimate)]),
  ].join('; ')
}

function estimateWords({passes, rejection, certainty}: SoftFailEstimate): string {
  const because = rejection === null ? '' : ` (${rejection.because})`
  return `by what it had received then, its current state ${passes ? 'allowed' : 'did not allow'} it${because}: ${certainty === 'hint' ? 'a hint, as it did not tell when it received all others' : 'estimated from its clock'}`
}

function remedies({remedies: list, verdict}: Explanation): Child {
  if (verdict !== 'rejected') return null
  const items = list.slice(0, 5).map(({says}) => make('li', {}, said(says, 400)))
  return section(
    'It would have been accepted',
    items.length === 0
      ? make('p', {}, 'No single change, and no pair of changes of those that were tried, makes it pass.')
      : make('ul', {class: 'plain'}, items),
  )
}

function rules(context: PanelContext, {rules: {auth, before}, roomVersion}: Explanation): Child {
  const traces = [
    ['by its auth events', auth],
    ['by the state before it', before],
  ] as const
  return section(
    `Rules of room version ${roomVersion}`,
    traces.map(([words, trace]) =>
      trace === null || trace.lines.length === 0 ? null : traceList(context, words, trace),
    ),
    auth === null && before === null
      ? make('p', {class: 'hint'}, 'They cannot be asked: what they need is missing.')
      : null,
  )
}

function traceList(context: PanelContext, words: string, {lines, passes}: Trace): HTMLElement {
  const asked = lines.filter(({outcome}) => ASKED.has(outcome))
  return make(
    'details',
    {open: !passes},
    make(
      'summary',
      {},
      `${words}: `,
      make('strong', {class: passes ? 'passed' : 'failed'}, passes ? 'pass' : 'reject'),
    ),
    make(
      'ol',
      {class: 'rules'},
      asked.map((line) => ruleLine(context, line)),
    ),
  )
}

function ruleLine(context: PanelContext, {number, outcome, because, asks, values, culprit}: TraceLine): HTMLElement {
  return make(
    'li',
    {class: `rule ${outcome}`},
    make('code', {class: 'number'}, number),
    make('span', {class: 'outcome'}, outcome.replaceAll('-', ' ')),
    make(
      'span',
      {},
      said(because ?? asks, 400),
      values.length === 0 ? null : make('small', {}, ' (', said(values.map(valueInWords).join(', '), 300), ')'),
      culprit === null ? null : [' ', eventLink(context, culprit)],
    ),
  )
}

const RELATIONS: Readonly<Record<Citation['relation'], string>> = {
  same: 'as it should be',
  older: 'older than what the state before it has',
  newer: 'newer than what the state before it has',
  other: 'on another branch than what the state before it has',
  'not-in-state': 'the state before it has none',
  'not-cited': 'not cited, though the state has it',
  'no-part': 'has no part in authorising it',
  'not-known': 'the state before it is not known',
}

function citations(context: PanelContext, {citations: list}: Explanation): Child {
  if (list.length === 0) return null
  const {graph} = context.room
  return section(
    'Auth events: what it cites, and what it should',
    make(
      'ul',
      {class: 'citations'},
      list.map(({slot, cited, selected, relation, problems}) => {
        const number = slot === null ? -1 : graph.slotOf(slot.type, slot.stateKey)
        const isOdd = relation !== 'same' || problems.length > 0
        return make(
          'li',
          {class: isOdd ? 'odd' : 'fine'},
          number < 0 ? null : [slotLink(context, number), ': '],
          cited === null ? null : eventLink(context, cited),
          make(
            'small',
            {},
            ` ${isOdd ? (relation === 'not-known' ? '?' : '✕') : '✓'} ${[RELATIONS[relation], ...problems].join('; ')}`,
          ),
          selected === null || selected === cited ? null : [' ', eventLink(context, selected)],
        )
      }),
    ),
  )
}
