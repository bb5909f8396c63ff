import {make} from '../dom.ts'
import {Kind, type KindCode, KIND_WORDS, Mark} from '../model/kinds.ts'
import {TABS} from '../model/selection.ts'
import {readPalette, type Themes} from '../theme.ts'
import {drawAlarm, drawFlag, drawMark, drawSplit} from '../view/draw-marks.ts'
import {TAB_WORDS} from './tabs.ts'

const KEYS: readonly (readonly [keys: string, does: string])[] = [
  ['j, ↓', 'next event'],
  ['k, ↑', 'earlier event'],
  ['h, ←', 'to the event that it follows'],
  ['l, →', 'to an event that follows it'],
  ['n, p', 'next, previous finding'],
  ['+, -', 'closer, farther'],
  ['0', 'the whole room'],
  ['Page Up, Page Down', 'a page of the graph'],
  ['Home, End', 'first, last event'],
  ['.', 'now: after all events'],
  ['s', 'life of the slot of this event'],
  ['a', 'draw the auth chain of this event, or no more'],
  [`1 … ${String(TABS.length)}`, TABS.map((tab) => TAB_WORDS[tab]).join(', ')],
  ['/', 'search'],
  ['t', 'light or dark'],
  ['Esc', 'close; stop showing a slot'],
  ['?', 'this help'],
]

/** What words of the page mean, for who has not met them. */
const WORDS: readonly (readonly [word: string, means: string])[] = [
  ['lane', 'the events of one server, in one column; time runs downward'],
  ['slot', 'a type of state and its key: the name, or the membership of one user'],
  ['merge', 'an event that follows several branches: where their states differ, resolution decides'],
  ['reset', 'a merge that set a slot back, though nobody changed it'],
  ['before, after', 'the state that the event met, and the one that it left, on its branch'],
  ['now', 'the state over the newest events of all branches'],
  ['replay', 'what the events give by the rules of the room version, whatever servers say'],
]

/** Keys, and what the signs of the graph mean: drawn by the same code as the graph. */
export function helpDialog(themes: Themes): HTMLDialogElement {
  const legend = make('div', {class: 'legend'})
  const draw = (): void => legend.replaceChildren(...legendItems())
  themes.onChange(draw)
  draw()
  const dialog = make('dialog', {'aria-labelledby': 'help-title', class: 'help'})
  dialog.append(
    // Above what is long: the dialog opens where the focus is.
    make(
      'div',
      {class: 'help-head'},
      make('h2', {id: 'help-title'}, 'Signs, words and keys'),
      make('button', {type: 'button', autofocus: true, onclick: () => dialog.close()}, 'Close'),
    ),
    make(
      'p',
      {class: 'hint'},
      'Each lane is a server, time runs downward. Drag or use the wheel to move, Ctrl and the wheel (or a pinch) to zoom, double-click to go closer. From afar, bars show how many events there are, by kind.',
    ),
    make(
      'div',
      {class: 'columns'},
      make('div', {}, make('h3', {}, 'Signs'), legend),
      make('div', {}, make('h3', {}, 'Words'), wordList()),
      keyTable(),
    ),
  )
  return dialog
}

function wordList(): HTMLElement {
  return make(
    'dl',
    {class: 'facts'},
    WORDS.map(([word, means]) => [make('dt', {}, word), make('dd', {}, means)]),
  )
}

function keyTable(): HTMLElement {
  return make(
    'table',
    {class: 'keys'},
    make('caption', {}, 'Keys'),
    make(
      'tbody',
      {},
      KEYS.map(([keys, does]) =>
        make('tr', {}, make('th', {scope: 'row'}, make('kbd', {}, keys)), make('td', {}, does)),
      ),
    ),
  )
}

function legendItems(): readonly HTMLElement[] {
  const palette = readPalette()
  const item = (words: string, draw: (context: CanvasRenderingContext2D) => void): HTMLElement => {
    const ratio = window.devicePixelRatio
    const canvas = make('canvas', {width: 28 * ratio, height: 22 * ratio, 'aria-hidden': 'true'})
    const context = canvas.getContext('2d')
    if (context !== null) {
      context.scale(ratio, ratio)
      draw(context)
    }
    return make('p', {}, canvas, words)
  }
  const mark =
    (kind: KindCode, marks: number) =>
    (context: CanvasRenderingContext2D): void =>
      drawMark(context, palette, {kind, marks, x: 14, y: 11, r: 7})
  const bar =
    (color: string) =>
    (context: CanvasRenderingContext2D): void => {
      context.fillStyle = color
      context.beginPath()
      context.roundRect(2, 7, 24, 8, 4)
      context.fill()
    }
  return [
    ...[Kind.Message, Kind.State, Kind.Member, Kind.Power, Kind.Create].map((kind) =>
      item(KIND_WORDS[kind] ?? '', mark(kind, 0)),
    ),
    item('rejected', mark(Kind.Member, Mark.Rejected)),
    item('soft-failed', mark(Kind.Member, Mark.SoftFailed)),
    item('cannot be determined', mark(Kind.Member, Mark.Undetermined)),
    item('cited, but not here', mark(Kind.Missing, 0)),
    item('purple bar: a merge of branches that disagreed, each having set the same slot', bar(palette.conflict)),
    item('thin purple line: a merge where a branch had only not heard of a change yet', (context) => {
      context.fillStyle = palette.conflict
      context.fillRect(2, 10, 24, 2)
    }),
    item('red bar, red line: a merge that set a slot back (reset)', (context) => {
      bar(palette.reset)(context)
      drawAlarm(context, palette, 14, 11, 8)
    }),
    item('filled flag: a finding is about it, an error', (context) =>
      drawFlag(context, palette, {severity: 'error', x: 14, y: 11, r: 8}),
    ),
    item('hollow flag: a warning; a point in its place: a note', (context) =>
      drawFlag(context, palette, {severity: 'warning', x: 14, y: 11, r: 8}),
    ),
    item('first divergence of a server', (context) => drawSplit(context, palette, 14, 11, 8)),
    item('blue ring and band: the event that is looked at; dashed: its auth events', (context) => {
      context.globalAlpha = 0.25
      bar(palette.selected)(context)
      context.globalAlpha = 1
      ring(context, palette.selected, 2)
    }),
    item('box: it stands in the state that is looked at', (context) => {
      mark(Kind.State, 0)(context)
      context.lineWidth = 2
      context.strokeStyle = palette.slot
      context.strokeRect(4, 1, 20, 20)
    }),
    item('thick blue line: the life of a slot; red dashes: what a reset lost', (context) => {
      context.fillStyle = palette.slot
      context.fillRect(2, 6, 24, 3.5)
      context.fillStyle = palette.reset
      for (const x of [2, 11, 20]) context.fillRect(x, 13, 6, 3.5)
    }),
  ]
}

function ring(context: CanvasRenderingContext2D, color: string, width: number): void {
  context.beginPath()
  context.arc(14, 11, 7, 0, Math.PI * 2)
  context.lineWidth = width
  context.strokeStyle = color
  context.stroke()
}
