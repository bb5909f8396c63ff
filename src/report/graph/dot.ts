import {printable} from '../printable.ts'
import {drawingSays} from './drawing-says.ts'
import {MARK} from './mark.ts'
import {edgeWords, isDoubtful, isGrave, lookOf, nodeLines, printableNames, titleOf} from './node-words.ts'
import type {DrawnNode, NodeAttributes, RoomDrawing} from './room-drawing.ts'

const SHAPES: Readonly<Record<NodeAttributes['kind'], string>> = {
  create: 'doubleoctagon',
  member: 'ellipse',
  power: 'hexagon',
  state: 'box',
  message: 'box',
  missing: 'box',
  foreign: 'note',
  run: 'box3d',
}
/** Attributes that no layout reads, kept for scripts. */
const KEPT = [
  ...['kind', 'verdict', 'type', 'state_key', 'sender', 'server', 'rule', 'events', 'tip', 'merges', 'conflicts'],
  ...['conflicted', 'resets', 'findings', 'severity'],
] as const satisfies readonly (keyof NodeAttributes)[]
const LONGEST = 300

/**
 * A drawing as DOT, the language of Graphviz. Time goes downward.
 *
 * @see https://graphviz.org/doc/info/lang.html
 */
export function* dotLines(drawing: RoomDrawing): Generator<string> {
  const nameOf = printableNames(drawing, LONGEST)
  yield* [
    `// ${MARK}`,
    `digraph ${quoted(drawing.roomId)} {`,
    `  graph [rankdir=BT, labelloc=t, fontname="Helvetica", label=${label([titleOf(drawing), ...drawingSays(drawing)])}]`,
    '  node [shape=box, style=filled, fontname="Helvetica", fontsize=10]',
    '  edge [arrowsize=0.6, fontname="Helvetica", fontsize=9]',
  ]
  for (const node of drawing.nodes) yield `  ${id(nameOf(node.key))} [${nodeAttributes(node)}]`
  for (const {from, to, attributes} of drawing.edges) {
    const words = edgeWords(attributes)
    const more =
      words === '' ? '' : `, style=dashed, label=${label([`  ${words}`])}, events=${String(attributes.events ?? 0)}`
    yield `  ${id(nameOf(from))} -> ${id(nameOf(to))} [kind=${attributes.kind}${more}]`
  }
  yield '}'
}

function nodeAttributes({attributes}: DrawnNode): string {
  const {kind, conflicts} = attributes
  const look = lookOf(attributes)
  const style = [
    'filled',
    ...(kind === 'missing' ? ['dotted'] : isDoubtful(attributes) ? ['dashed'] : []),
    ...(conflicts > 0 || isGrave(attributes) ? ['bold'] : []),
  ]
  const drawn = {
    label: label(nodeLines(attributes)),
    shape: SHAPES[kind],
    style: `"${style.join(',')}"`,
    fillcolor: `"${look.fill}"`,
    fontcolor: `"${look.text}"`,
    color: `"${look.border}"`,
    ...(conflicts > 0 && kind !== 'create' ? {peripheries: '2'} : {}),
    tooltip: label([attributes.event_id ?? attributes.label, attributes.because ?? '']),
  }
  const kept = KEPT.flatMap((name) => {
    const value = attributes[name]
    return value === undefined ? [] : [`${name}=${quoted(String(value))}`]
  })
  const told = Object.entries(drawn).map(([name, value]) => `${name}=${value}`)
  return [...told, ...kept].join(', ')
}

function quoted(text: string): string {
  return id(printable(text, LONGEST))
}

/**
 * A text that can be shown, whole: names of nodes are told apart by their ends. A backslash is doubled everywhere: as it stands it would begin
 * an escape, or let the quote go on.
 */
function id(text: string): string {
  return `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`
}

/** Lines of text that people see; Graphviz would read entities of HTML in them. */
function label(lines: readonly string[]): string {
  const escaped = lines
    .filter((line) => line !== '')
    .map((line) => printable(line, LONGEST).replaceAll('&', '&amp;').replaceAll('\\', '\\\\').replaceAll('"', '\\"'))
  return `"${escaped.join('\\n')}"`
}
