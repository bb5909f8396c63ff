import {CATALOGUE, type Finding, SEVERITIES, type Severity} from '../../finding/finding.ts'
import {causeWords, hasCauseWords} from '../../report/cause-words.ts'
import {foldFindings} from '../../report/fold-findings.ts'
import {count} from '../../report/printable.ts'
import {type Child, fill, make, said} from '../dom.ts'
import {placeOf} from '../model/places.ts'
import {eventLink, leadOf, listOf, type Panel, type PanelContext, sentenceOf, slotLink} from './context.ts'

const SIGNS: Readonly<Record<Severity, string>> = {error: '✕', warning: '▲', note: 'i'}

/** What is wrong with the room: each finding leads to its event, slot and server. */
export function findingsPanel(context: PanelContext): Panel {
  const element = make('div', {class: 'panel-findings'})
  let isMade = false
  return {
    element,
    render: () => {
      if (isMade) return
      isMade = true
      fill(element, ...describe(context))
    },
  }
}

/** `1 error`, `2 notes`: how many findings of each severity there are, the gravest first; nothing of those that there are none of. */
export function tallyBadges(
  findings: readonly Finding[],
  before: (severity: Severity) => string = () => '',
): readonly HTMLElement[] {
  return SEVERITIES.flatMap((severity) => {
    const number = findings.filter((one) => one.severity === severity).length
    return number === 0
      ? []
      : [make('span', {class: `badge ${severity}`}, `${before(severity)}${count(number, severity)}`)]
  })
}

function describe(context: PanelContext): readonly Child[] {
  const {findings, room} = context.room.data
  const tally = tallyBadges(findings, (severity) => `${SIGNS[severity]} `)
  const folds = foldFindings(findings, {color: false})
  return [
    make('h2', {}, 'Findings'),
    make(
      'p',
      {class: 'badges'},
      tally.length > 0
        ? tally
        : room.complete
          ? 'Nothing is wrong with this room, by all that is here.'
          : 'Nothing was found, but evidence is missing.',
    ),
    room.complete
      ? null
      : make(
          'div',
          {class: 'notice'},
          make('strong', {}, 'Incomplete. '),
          room.open.map((why) => make('p', {}, ...sentenceOf(context, why))),
        ),
    listOf(folds, 60, ({first, summary, also}) => item(context, first, summary, also)),
  ]
}

function item(context: PanelContext, finding: Finding, summary: string, also: string): HTMLElement {
  const {row, slot} = placeOf(context.room, finding)
  const {id, severity, certainty, cause, remedy, evidence} = finding
  const [lead, rest] = leadOf(summary)
  const sideOf = context.room.data.sides.find(({server}) => evidence.some(({source}) => source === server))
  return make(
    'li',
    {class: `finding ${severity}`, 'data-finding': id},
    make(
      'p',
      {class: 'finding-head'},
      make('span', {class: `badge ${severity}`}, `${SIGNS[severity]} ${severity}`),
      make('code', {}, id),
      make('small', {title: CATALOGUE[id].meaning}, `certainty: ${certainty}`),
    ),
    make('p', {class: 'lead'}, ...sentenceOf(context, lead)),
    rest === '' ? null : make('p', {}, ...sentenceOf(context, rest)),
    also === '' ? null : make('p', {}, ...sentenceOf(context, also)),
    hasCauseWords(cause) ? make('p', {class: 'cause'}, make('strong', {}, 'Cause: '), causeWords(cause)) : null,
    make('p', {class: 'remedy'}, make('strong', {}, 'What to do: '), said(remedy, 600)),
    make(
      'p',
      {class: 'go'},
      row < 0 ? null : make('span', {}, 'Event: ', eventLink(context, row)),
      slot < 0 ? null : make('span', {}, 'Slot: ', slotLink(context, slot)),
      sideOf === undefined || !id.startsWith('s')
        ? null
        : [
            ' ',
            make(
              'button',
              {type: 'button', class: 'link', onclick: () => context.selected.set({side: sideOf.id, tab: 'sides'})},
              'Compare with ',
              said(sideOf.server, 60),
            ),
          ],
    ),
  )
}
