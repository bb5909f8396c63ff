import {printable} from '../printable.ts'
import {drawingSays} from './drawing-says.ts'
import {drawingAttributes, edgeKey} from './graphology-graph.ts'
import {MARK} from './mark.ts'
import {printableNames} from './node-words.ts'
import type {RoomDrawing} from './room-drawing.ts'

type Value = string | number | boolean | readonly string[]
type Domain = 'graph' | 'node' | 'edge'

/**
 * A drawing as GraphML. It has no lists: their members stand in one text, with a line feed between them.
 *
 * @see http://graphml.graphdrawing.org/primer/graphml-primer.html
 */
export function* graphmlLines(drawing: RoomDrawing): Generator<string> {
  const nameOf = printableNames(drawing)
  const about = {...drawingAttributes(drawing)}
  const keys = new Keys()
  keys.declare('graph', about)
  for (const {attributes} of drawing.nodes) keys.declare('node', attributes)
  for (const {attributes} of drawing.edges) keys.declare('edge', attributes)
  yield* [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<!-- ${MARK} -->`,
    '<graphml xmlns="http://graphml.graphdrawing.org/xmlns" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation="http://graphml.graphdrawing.org/xmlns http://graphml.graphdrawing.org/xmlns/1.0/graphml.xsd">',
    ...(drawingSays(drawing).length === 0 ? [] : [`  <desc>${drawingSays(drawing).map(xml).join('\n')}</desc>`]),
    ...keys.declarations(),
    `  <graph id="G" edgedefault="directed">${keys.data('graph', about)}`,
  ]
  for (const {key, attributes} of drawing.nodes) {
    yield `    <node id="${xml(nameOf(key))}">${keys.data('node', attributes)}</node>`
  }
  for (const [at, {from, to, attributes}] of drawing.edges.entries()) {
    yield `    <edge id="${edgeKey(at)}" source="${xml(nameOf(from))}" target="${xml(nameOf(to))}">${keys.data('edge', attributes)}</edge>`
  }
  yield* ['  </graph>', '</graphml>']
}

/** The attributes that are in use, each declared once with its type, which all its values must have been seen for. */
class Keys {
  readonly #keys = new Map<string, {id: string; domain: Domain; name: string; type: string}>()

  declare(domain: Domain, attributes: object): void {
    for (const [name, value] of told(attributes)) {
      const type = typeOf(value)
      const known = this.#keys.get(`${domain} ${name}`)
      if (known === undefined) {
        this.#keys.set(`${domain} ${name}`, {id: `k${String(this.#keys.size)}`, domain, name, type})
      } else known.type = widest(known.type, type)
    }
  }

  data(domain: Domain, attributes: object): string {
    return told(attributes)
      .map(([name, value]) => `<data key="${this.#keys.get(`${domain} ${name}`)?.id ?? ''}">${textOf(value)}</data>`)
      .join('')
  }

  declarations(): readonly string[] {
    return this.#keys
      .values()
      .map(({id, domain, name, type}) => `  <key id="${id}" for="${domain}" attr.name="${name}" attr.type="${type}"/>`)
      .toArray()
  }
}

function told(attributes: object): readonly (readonly [string, Value])[] {
  return (Object.entries(attributes) as [string, Value | undefined][]).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, value] as const],
  )
}

function widest(one: string, other: string): string {
  if (one === other) return one
  if ([one, other].includes('string')) return 'string'
  return [one, other].includes('double') ? 'double' : 'long'
}

function typeOf(value: Value): string {
  if (typeof value === 'boolean') return 'boolean'
  if (typeof value !== 'number') return 'string'
  // Beyond 2^53 it is no exact number any more, and beyond 10^21 not even written as an integer.
  if (!Number.isSafeInteger(value)) return 'double'
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
