import {Verdict} from '../../resolve/replay.ts'
import {count, date} from '../../report/printable.ts'
import {fill, make, said} from '../dom.ts'
import {missingIn} from '../model/room.ts'
import {facts, type Panel, type PanelContext, section} from './context.ts'
import {extremitySections} from './extremities.ts'

/** What the page is, and what it holds and leaves out. */
export function aboutPanel(context: PanelContext): Panel {
  const {room} = context
  const {data, graph, replay} = room
  const element = make('div', {class: 'panel-about'})
  const rejected = replay.verdicts.reduce((sum, verdict) => sum + Number(verdict === Verdict.Rejected), 0)
  const missing = missingIn(room)
  const conflicts = [...replay.merges.values()].filter((number) => number > 0).length
  fill(
    element,
    make('h2', {}, 'About this page'),
    facts([
      ['Room', make('code', {}, said(graph.roomId))],
      ...(data.room.name === null ? [] : [['Name', said(data.room.name)] as const]),
      ['Version', said(`${graph.rules.id}, ${data.reading} reading`)],
      ['Source', said(data.room.source)],
      ...(data.room.trustIds
        ? [['Event IDs', 'taken as given (--trust-ids): form, hashes and signatures were not looked at'] as const]
        : []),
      ['Made', `${date(data.madeTs)} by ${data.program}`],
      [
        'Events',
        `${(graph.size - missing).toLocaleString('en-US')}, of which ${count(rejected, 'is', 'are')} rejected${missing === 0 ? '' : `; ${count(missing, 'more is', 'more are')} cited, but not here`}`,
      ],
      [
        'Merges',
        `${replay.merges.size.toLocaleString('en-US')}, of which ${count(conflicts, 'joins', 'join')} states that differ`,
      ],
      [
        'Servers told',
        data.sides.length === 0 ? 'none' : said([...new Set(data.sides.map(({server}) => server))].join(', '), 300),
      ],
    ]),
    ...extremitySections(context),
    section(
      'What it holds',
      make(
        'ul',
        {},
        data.contents.says.map((sentence) => make('li', {}, said(sentence, 600))),
      ),
      make(
        'p',
        {},
        'It needs no network and sends nothing: all of it is in this one file, and the states are computed here when it opens.',
      ),
    ),
    data.room.unknowable.length === 0
      ? null
      : section(
          'What the way it was gathered can never show',
          make(
            'ul',
            {},
            data.room.unknowable.map((one) => make('li', {}, said(one, 600))),
          ),
        ),
    data.room.open.length === 0
      ? null
      : section(
          'Why it is not complete',
          make(
            'ul',
            {},
            data.room.open.map((one) => make('li', {}, said(one, 600))),
          ),
        ),
  )
  return {element, render: () => undefined}
}
