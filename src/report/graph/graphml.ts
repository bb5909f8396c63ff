import {printable} from '../printable.ts'
import {drawingSays} from './drawing-says.ts'
import {graphologyGraph} from './graphology-graph.ts'
import {MARK} from './mark.ts'
import {printableNames} from './node-words.ts'
import type {RoomDrawing} from './room-drawing.ts'

type Value = string | number | boolean | readonly string[]
type Attributes = Readonly<Record<string, Value | undefined>>
type Domain = 'graph' | 'node' | 'edge'

/**
 * A drawing as GraphML. It has no lists: their members stand in one text, with a line feed between them.
 *
 * @see http://graphml.graphdrawing.org/primer/graphml-primer.html
 */
export function graphmlText(drawing: RoomDrawing): string {
  const nameOf = printableNames(drawing)
  const graph = graphologyGraph(drawing)
  const keys = new Keys()
  const about = keys.data('graph', {...graph.getAttributes()})
  const nodes = drawing.nodes.map(
    ({key, attributes}) => `    <node id="${xml(nameOf(key))}">${keys.data('node', {...attributes})}</node>`,
  )
  const edges = graph.mapEdges(
    (edge, attributes, from, to) =>
      `    <edge id="${edge}" source="${xml(nameOf(from))}" target="${xml(nameOf(to))}">${keys.data('edge', {...attributes})}</edge>`,
  )
  const lines = [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<!-- ${MARK} -->`,
    '<graphml xmlns="http://graphml.graphdrawing.org/xmlns" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation="http://graphml.graphdrawing.org/xmlns http://graphml.graphdrawing.org/xmlns/1.0/graphml.xsd">',
    ...(drawingSays(drawing).length === 0 ? [] : [`  <desc>${drawingSays(drawing).map(xml).join('\n')}</desc>`]),
    ...keys.declarations(),
    `  <graph id="G" edgedefault="directed">${about}`,
    ...nodes,
    ...edges,
    '  </graph>',
    '</graphml>',
  ]
  return `${lines.join('\n')}\n`
}

/** The attributes that are in use, each declared once with its type. */
class Keys {
  readonly #keys = new Map<string, {id: string; domain: Domain; name: string; type: string}>()

  data(domain: Domain, attributes: Attributes): string {
    return Object.entries(attributes)
      .flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as const]))
      .map(([name, value]) => `<data key="${this.#idOf(domain, name, value)}">${textOf(value)}</data>`)
      .join('')
  }

  declarations(): readonly string[] {
    return this.#keys
      .values()
      .map(({id, domain, name, type}) => `  <key id="${id}" for="${domain}" attr.name="${name}" attr.type="${type}"/>`)
      .toArray()
  }

  #idOf(domain: Domain, name: string, value: Value): string {
    const known = this.#keys.get(`${domain} ${name}`)
    const type = typeOf(value)
    if (known === undefined) {
      const id = `k${String(this.#keys.size)}`
      this.#keys.set(`${domain} ${name}`, {id, domain, name, type})
      return id
    }
    if (known.type !== type) known.type = known.type === 'string' || type === 'string' ? 'string' : 'double'
    return known.id
  }
}

function typeOf(value: Value): string {
  if (typeof value === 'boolean') return 'boolean'
  if (typeof value !== 'number') return 'string'
  if (!Number.isInteger(value)) return 'double'
  return Math.abs(value) < 2 ** 31 ? 'int' : 'long'
}

function textOf(value: Value): string {
  return typeof value === 'object' ? value.map(xml).join('\n') : xml(String(value))
}

/** XML has no control characters at all, however they are written. */
function xml(text: string): string {
  return printable(text)
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
}
