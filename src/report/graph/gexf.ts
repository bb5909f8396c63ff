import {DirectedGraph} from 'graphology'
import gexf from 'graphology-gexf'
import {printable} from '../printable.ts'
import {drawingSays} from './drawing-says.ts'
import {graphologyGraph} from './graphology-graph.ts'
import {MARK} from './mark.ts'
import {lookOf, printableNames, titleOf} from './node-words.ts'
import type {EdgeAttributes, NodeAttributes, RoomDrawing} from './room-drawing.ts'

const VIZ_SHAPES: Partial<Readonly<Record<NodeAttributes['kind'], string>>> = {
  member: 'disc',
  power: 'diamond',
  state: 'square',
  create: 'square',
  message: 'disc',
  run: 'triangle',
}

/**
 * A drawing as GEXF 1.3, for Gephi; with colours, shapes and sizes.
 *
 * @see https://gexf.net
 */
export function gexfText(drawing: RoomDrawing): string {
  const nameOf = printableNames(drawing)
  const graph = graphologyGraph(drawing)
  const safe = new DirectedGraph<NodeAttributes, EdgeAttributes>()
  graph.forEachNode((key, attributes) => safe.addNode(nameOf(key), attributes))
  graph.forEachEdge((edge, attributes, from, to) => {
    safe.addDirectedEdgeWithKey(edge, nameOf(from), nameOf(to), attributes)
  })
  safe.replaceAttributes({
    title: printable(titleOf(drawing)),
    description: drawingSays(drawing)
      .map((line) => printable(line))
      .join(' '),
  })
  const text = gexf.write(safe, {
    version: '1.3',
    formatNode: (_, node) => {
      const {label, ...attributes} = node
      return {label: printable(label), attributes: safeAttributes(attributes), viz: vizOf(node)}
    },
    // `kind` is a place of its own in the format, which readers take for a kind of relation.
    formatEdge: (_, edge) => ({attributes: safeAttributes({...edge})}),
  })
  return text.replace(/^(<\?xml[^>]*\?>)\s*/, `$1\n<!-- ${MARK} -->\n`)
}

function vizOf(node: NodeAttributes) {
  const shape = VIZ_SHAPES[node.kind]
  const {fill} = lookOf(node)
  return {
    color: rgb(fill === '#ffffff' ? '#bbbbbb' : fill),
    size: 1 + Math.log2(1 + node.events) + (node.conflicts > 0 ? 1 : 0) + (node.resets === undefined ? 0 : 2),
    ...(shape === undefined ? {} : {shape}),
  }
}

/** Not every reader of the format knows colours by one number. */
function rgb(colour: string): string {
  const [red, green, blue] = [1, 3, 5].map((at) => Number.parseInt(colour.slice(at, at + 2), 16))
  return `rgb(${String(red)}, ${String(green)}, ${String(blue)})`
}

/**
 * A list is one text with a line feed between members: the writer would put commas between them, and nothing tells those from commas in a
 * member.
 */
function safeAttributes(attributes: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(attributes).map(([name, value]) => [
      name,
      typeof value === 'string'
        ? printable(value)
        : Array.isArray(value)
          ? value.map((member) => printable(String(member))).join('\n')
          : value,
    ]),
  )
}
