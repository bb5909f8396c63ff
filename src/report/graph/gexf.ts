import {DirectedGraph} from 'graphology'
import gexf from 'graphology-gexf'
import {printable} from '../printable.ts'
import {drawingSays} from './drawing-says.ts'
import {edgeKey} from './graphology-graph.ts'
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

/** Nodes, or edges, that the library writes at once: it keeps all of them several times, as one text among others. */
const PIECE = 1000

/** Ends of edges may have nothing to tell. */
type Graph = DirectedGraph<{readonly node?: NodeAttributes}, EdgeAttributes>

/**
 * A drawing as GEXF 1.3, for Gephi; with colours, shapes and sizes.
 *
 * @returns pieces of text, of one or more lines each
 * @see https://gexf.net
 */
export function* gexfLines(drawing: RoomDrawing): Generator<string> {
  const nameOf = printableNames(drawing)
  const {nodes, edges} = drawing
  const model = written(modelOf(drawing, nameOf))
  yield model.slice(0, model.indexOf('<nodes>')).trimEnd()
  yield '    <nodes>'
  for (let at = 0; at < nodes.length; at += PIECE) {
    const piece: Graph = new DirectedGraph()
    for (const {key, attributes} of nodes.slice(at, at + PIECE)) piece.addNode(nameOf(key), {node: attributes})
    yield inside(written(piece), 'nodes')
  }
  yield '    </nodes>'
  if (edges.length > 0) yield '    <edges>'
  for (let at = 0; at < edges.length; at += PIECE) {
    const piece: Graph = new DirectedGraph()
    for (const [place, {from, to, attributes}] of edges.slice(at, at + PIECE).entries()) {
      for (const end of [from, to]) piece.mergeNode(nameOf(end))
      piece.addDirectedEdgeWithKey(edgeKey(at + place), nameOf(from), nameOf(to), attributes)
    }
    yield inside(written(piece), 'edges')
  }
  if (edges.length > 0) yield '    </edges>'
  yield '  </graph>'
  yield '</gexf>'
}

/** A part of the drawing that has each attribute with each of the types that the library tells apart, so that it declares all of them. */
function modelOf(drawing: RoomDrawing, nameOf: (key: string) => string): Graph {
  const seen = new Set<string>()
  const isNew = (attributes: object): boolean => {
    const before = seen.size
    for (const [name, value] of Object.entries(attributes) as [string, unknown][]) {
      if (value === undefined || value === '') continue
      seen.add(`${name} ${typeof value} ${String(typeof value === 'number' && value === (value | 0))}`)
    }
    return seen.size > before
  }
  const model: Graph = new DirectedGraph()
  for (const {key, attributes} of drawing.nodes) if (isNew(attributes)) model.addNode(nameOf(key), {node: attributes})
  seen.clear()
  for (const [at, {from, to, attributes}] of drawing.edges.entries()) {
    if (!isNew(attributes)) continue
    for (const end of [from, to]) model.mergeNode(nameOf(end))
    model.addDirectedEdgeWithKey(edgeKey(at), nameOf(from), nameOf(to), attributes)
  }
  model.replaceAttributes({
    title: printable(titleOf(drawing)),
    description: drawingSays(drawing)
      .map((line) => printable(line))
      .join(' '),
  })
  return model
}

function written(graph: Graph): string {
  const text = gexf.write(graph, {
    version: '1.3',
    formatNode: (_, {node}) => {
      if (node === undefined) return {}
      const {label, ...attributes} = node
      return {label: printable(label), attributes: safeAttributes(attributes), viz: vizOf(node)}
    },
    // `kind` is a place of its own in the format, which readers take for a kind of relation.
    formatEdge: (_, edge) => ({attributes: safeAttributes({...edge})}),
  })
  return text.replace(/^(<\?xml[^>]*\?>)\s*/, `$1\n<!-- ${MARK} -->\n`)
}

/** What stands between the tags; no text of a room can hold one. */
function inside(text: string, tag: 'nodes' | 'edges'): string {
  return text.slice(text.indexOf(`<${tag}>`) + tag.length + 3, text.lastIndexOf(`</${tag}>`)).trimEnd()
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
