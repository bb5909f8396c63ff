import {printable} from '../printable.ts'
import {drawingSays} from './drawing-says.ts'
import {MARK} from './mark.ts'
import {edgeWords, isDoubtful, lookOf, nodeLines, titleOf} from './node-words.ts'
import type {NodeAttributes, RoomDrawing} from './room-drawing.ts'

const SHAPES: Readonly<Record<NodeAttributes['kind'], readonly [string, string]>> = {
  create: ['[[', ']]'],
  member: ['([', '])'],
  power: ['{{', '}}'],
  state: ['[', ']'],
  message: ['(', ')'],
  missing: ['(', ')'],
  foreign: ['>', ']'],
  run: ['[/', '/]'],
}
/** What renderers draw by default. https://mermaid.js.org/config/schema-docs/config.html */
const MOST_EDGES = 500
const MOST_CHARACTERS = 50_000

/**
 * A drawing as a flowchart of Mermaid. Time goes downward.
 *
 * @see https://mermaid.js.org/syntax/flowchart.html
 */
export function mermaidLines(drawing: RoomDrawing): readonly string[] {
  const numbers = new Map(drawing.nodes.map(({key}, at) => [key, `n${String(at)}`]))
  const looks = new Map<string, string>()
  const nodes = drawing.nodes.map(({key, attributes}) => {
    const [open, close] = SHAPES[attributes.kind]
    return `  ${numbers.get(key) ?? ''}${open}"${nodeLines(attributes).map(escaped).join('<br/>')}"${close}:::${classOf(attributes, looks)}`
  })
  const edges = drawing.edges.map(({from, to, attributes}) => {
    const words = edgeWords(attributes)
    const arrow = words === '' ? '-->' : `-. "${escaped(words)}" .->`
    return `  ${numbers.get(from) ?? ''} ${arrow} ${numbers.get(to) ?? ''}`
  })
  return [
    `%% ${MARK}`,
    ...[titleOf(drawing), ...drawingSays(drawing)].map((line) => `%% ${comment(line)}`),
    'flowchart BT',
    ...saysNode(drawing),
    ...nodes,
    ...edges,
    ...[...looks].map(([style, name]) => `  classDef ${name} ${style}`),
  ]
}

/** Why a text may not be drawn, in sentences. */
export function mermaidSays({edges}: RoomDrawing, lines: readonly string[]): readonly string[] {
  const characters = lines.reduce((sum, {length}) => sum + length + 1, 0)
  const count = (number: number): string => number.toLocaleString('en-US')
  const over = [
    ...(edges.length > MOST_EDGES ? [`${count(edges.length)} edges, of which it draws ${count(MOST_EDGES)}`] : []),
    ...(characters > MOST_CHARACTERS
      ? [`${count(characters)} characters, of which it takes ${count(MOST_CHARACTERS)}`]
      : []),
  ]
  if (over.length === 0) return []
  return [
    `Mermaid may refuse this, unless it is told to take more: ${over.join('; ')}. Give --collapse, --around or --limit.`,
  ]
}

/** What a reader must know stands in the picture, too. */
function saysNode(drawing: RoomDrawing): readonly string[] {
  const says = drawingSays(drawing)
  return says.length === 0 ? [] : [`  says["${says.map((line) => escaped(printable(line, LONGEST))).join('<br/>')}"]`]
}

const LONGEST = 300

function classOf(node: NodeAttributes, looks: Map<string, string>): string {
  const {kind, conflicts} = node
  const {fill, text, border} = lookOf(node)
  const dashes = kind === 'missing' || isDoubtful(node) ? ',stroke-dasharray:4 4' : ''
  const style = `fill:${fill},color:${text},stroke:${border},stroke-width:${conflicts > 0 || border !== '#000000' ? '4px' : '1px'}${dashes}`
  const name = looks.get(style) ?? `c${String(looks.size)}`
  looks.set(style, name)
  return name
}

/**
 * Letters, numbers and little else stay: everything that could mean something to Mermaid, Markdown or HTML is written as its number. Two things
 * are understood even then, since it decodes first, and become lookalikes: `\n`, a line break, and `$$`, a formula.
 */
function escaped(text: string): string {
  return text
    .replaceAll('\\n', '\u29f5n')
    .replaceAll('$$', () => '$\uff04')
    .replace(/[^\p{L}\p{N}\p{M} .:/@+=,…–-]/gu, (char) => `#${String(char.codePointAt(0) ?? 0)};`)
}

/** A comment ends with its line; `%%{` would begin a directive. */
function comment(text: string): string {
  return printable(text, LONGEST).replaceAll('{', '(').replaceAll('}', ')')
}
