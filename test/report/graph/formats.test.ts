/** Every form of a graph, read back by a program that knows it. */
import {instance} from '@viz-js/viz'
import {DirectedGraph as Graph} from 'graphology'
import gexf from 'graphology-gexf'
import graphml from 'graphology-graphml'
import {describe, expect, test} from 'vitest'
import {validateXML} from 'xmllint-wasm'
import {type GraphFormat, renderGraph} from '../../../src/cli/graph-formats.ts'
import {type GraphOptions, graphRoom} from '../../../src/investigate/graph-room.ts'
import {openRoom} from '../../../src/investigate/open-room.ts'
import {graphDocument} from '../../../src/report/graph/graph-document.ts'
import type {RoomDrawing} from '../../../src/report/graph/room-drawing.ts'
import {printable} from '../../../src/report/printable.ts'
import {Dumps, linesOf, oracleRoom} from '../../cli/dumps.ts'
import {reportedRoom, writeRoomCase} from '../../scenarios/room-case.ts'
import {HOSTILE, hostileRoom} from './hostile-room.ts'

const dumps = new Dumps()
const viz = await instance()
const nowMs = Date.UTC(2026, 10, 22)
const paths = new Map([
  ['hostile', dumps.write('hostile.ndjson', linesOf(hostileRoom()))],
  ...['conflict-v10', 'gap-v11'].map(
    (name) => [name, writeRoomCase(dumps.path(`${name}.case`), reportedRoom(name))] as const,
  ),
])
const ROOMS = [...paths.keys()]
const draw = async (name: string, options: Partial<GraphOptions> = {}): Promise<RoomDrawing> =>
  graphRoom(await openRoom(paths.get(name) ?? ''), {nowMs, ...options})
const textOf = async (format: GraphFormat, drawing: RoomDrawing): Promise<string> =>
  `${[...(await renderGraph(format, drawing)).lines].join('\n')}\n`

const DANGEROUS = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufffe\uffff]/u
const sorted = (lines: readonly string[]): readonly string[] => lines.toSorted()
const ends = ({edges}: RoomDrawing): readonly string[] => sorted(edges.map(({from, to}) => `${from} ${to}`))

interface Read {
  readonly order: number
  readonly size: number
  nodes(): string[]
  getNodeAttributes(key: string): Record<string, unknown>
  mapEdges<T>(visit: (key: string, attributes: object, from: string, to: string) => T): T[]
}

/** As XML tells it: lists are one text, and what must not be shown is written out. */
function expectSame(read: Read, drawing: RoomDrawing, isEmptyKept: boolean): void {
  expect(sorted(read.nodes())).toEqual(sorted(drawing.nodes.map(({key}) => key)))
  expect(sorted(read.mapEdges((_, __, from, to) => `${from} ${to}`))).toEqual(ends(drawing))
  for (const {key, attributes} of drawing.nodes) {
    const found = read.getNodeAttributes(key)
    for (const [name, value] of Object.entries(attributes) as [string, unknown][]) {
      if (value === '' && !isEmptyKept) continue
      const told = Array.isArray(value)
        ? value.map((one) => printable(String(one))).join('\n')
        : typeof value === 'string'
          ? printable(value)
          : value
      expect([key, name, found[name]]).toEqual([key, name, told])
    }
  }
}

describe.each(ROOMS)('%s', (name) => {
  test('JSON: graphology imports it, with every attribute as it was', async () => {
    const drawing = await draw(name)
    const read = Graph.from(JSON.parse(await textOf('json', drawing)) as Parameters<typeof Graph.from>[0])
    expect(sorted(read.nodes())).toEqual(sorted(drawing.nodes.map(({key}) => key)))
    expect(sorted(read.mapEdges((_, __, from, to) => `${from} ${to}`))).toEqual(ends(drawing))
    for (const {key, attributes} of drawing.nodes) expect(read.getNodeAttributes(key)).toEqual(attributes)
  })

  test('GraphML: a reader has the same nodes, edges and attributes; it is well-formed', async () => {
    const drawing = await draw(name)
    const text = await textOf('graphml', drawing)
    expect(text).not.toMatch(DANGEROUS)
    const {errors} = await validateXML({xml: [{fileName: 'x.graphml', contents: text}], normalization: 'format'})
    expect(errors).toEqual([])
    expectSame(graphml.parse(Graph, text), drawing, true)
  })

  test('GEXF: a reader has the same, but for empty texts, which the format lacks', async () => {
    const drawing = await draw(name)
    const text = await textOf('gexf', drawing)
    expect(text).not.toMatch(DANGEROUS)
    const {errors} = await validateXML({xml: [{fileName: 'x.gexf', contents: text}], normalization: 'format'})
    expect(errors).toEqual([])
    const read = gexf.parse(Graph, text)
    expectSame(read, drawing, false)
    for (const key of read.nodes()) expect(read.getNodeAttribute(key, 'color')).toMatch(/^rgb\(\d+,\d+,\d+\)$/)
  })

  test('DOT: Graphviz lays out the same nodes and edges', async () => {
    const drawing = await draw(name)
    const text = await textOf('dot', drawing)
    expect(text).not.toMatch(DANGEROUS)
    const {status, output, errors} = viz.render(text, {format: 'json0', engine: 'dot'})
    // Without fonts it cannot measure letters of other scripts.
    const complaints = errors.filter(({message}) => !message.includes('non-ASCII character'))
    expect([status, complaints]).toEqual(['success', []])
    const {objects, edges} = JSON.parse(output ?? '') as {
      objects: readonly (Readonly<Record<'name' | 'kind' | 'verdict' | 'server' | 'tip', string>> & {
        findings?: string
      })[]
      edges: readonly {tail: number; head: number}[]
    }
    const keyOf = (at: number): string => objects[at]?.name ?? ''
    expect(sorted(objects.map((one) => one.name))).toEqual(sorted(drawing.nodes.map(({key}) => key)))
    expect(sorted(edges.map(({tail, head}) => `${keyOf(tail)} ${keyOf(head)}`))).toEqual(ends(drawing))
    const told = new Map(drawing.nodes.map(({key, attributes}) => [key, attributes]))
    for (const {name: key, kind, verdict, server, tip, findings} of objects) {
      const expected = told.get(key)
      expect([kind, verdict, server, tip]).toEqual([
        expected?.kind,
        expected?.verdict,
        expected?.server ?? '',
        String(expected?.tip),
      ])
      // Graphviz gives an attribute to all nodes once one has it.
      expect(findings ?? '').toBe(expected?.findings?.join() ?? '')
    }
  })
})

const ENTITIES: Readonly<Record<string, string>> = {lt: '<', gt: '>', quot: '"', amp: '&'}
const decoded = (text: string): string =>
  text.replace(/&(#?)(x?)([0-9a-z]+);/gi, (_, isNumber: string, isHex: string, word: string) =>
    isNumber === ''
      ? (ENTITIES[`${isHex}${word}`] ?? `?${word}`)
      : String.fromCodePoint(Number.parseInt(word, isHex === '' ? 10 : 16)),
  )

test('hostile names are seen in the picture as `printable` shows them, and do nothing', async () => {
  const text = await textOf('dot', await draw('hostile'))
  const svg = viz.renderString(text, {format: 'svg', engine: 'dot'})
  const {errors} = await validateXML({xml: [{fileName: 'x.svg', contents: svg}], normalization: 'format'})
  expect(errors).toEqual([])
  expect(svg).not.toMatch(/<(script|img|image|use|foreignObject)\b|href/i)
  const shown = [...svg.matchAll(/<text[^>]*>([^<]*)<\/text>/g)].map(([, line = '']) =>
    decoded(line).replaceAll('\u00a0', ' '),
  )
  for (const name of HOSTILE) {
    expect(shown).toContain(printable(`m.room.topic ${name} a topic`, 60))
    expect(shown).toContain(printable(`x.${name}`, 60))
  }
  expect(Math.max(...shown.map(({length}) => length))).toBeLessThan(200)
})

test('the hostile room is as hostile as it claims: all of it is there', async () => {
  const drawing = await draw('hostile')
  const keys = drawing.nodes.map(({attributes}) => attributes.state_key)
  for (const name of HOSTILE) expect(keys).toContain(name)
  expect(keys.some((key) => (key?.length ?? 0) === 10_000)).toBe(true)
})

describe('what was left out', () => {
  const SAYS = '10 of 94 events, the newest; --limit shows more.'
  const OPEN = 'The evidence is incomplete.'

  test.each<[GraphFormat, (text: string) => string]>([
    ['dot', (text) => viz.renderString(text, {format: 'svg'}).replaceAll('&#160;', ' ').replaceAll('&#45;', '-')],
    ['graphml', (text) => JSON.stringify(graphml.parse(Graph, text).getAttributes())],
    ['gexf', (text) => JSON.stringify(gexf.parse(Graph, text).getAttributes())],
    ['json', (text) => JSON.stringify((JSON.parse(text) as {attributes: object}).attributes)],
    // Its entities are decoded by Mermaid; see test/browser.
    ['mermaid', (text) => text.replaceAll('#59;', ';')],
  ])('is said in the graph itself: %s', async (format, read) => {
    expect(read(await textOf(format, await draw('conflict-v10', {limit: 10})))).toContain(SAYS)
    const hole = await draw('gap-v11')
    const part = {...hole, complete: false, open: ['1 event is missing, which others cite.']}
    expect(read(await textOf(format, part))).toContain(OPEN)
  })

  test('Mermaid: what renderers refuse by default is told', async () => {
    const few = await renderGraph('mermaid', await draw('conflict-v10', {limit: 50}))
    expect(few.says).toEqual([])
    const drawing = await draw('conflict-v10')
    const edges = drawing.edges.flatMap((edge) => Array.from({length: 6}, () => edge))
    const {says} = await renderGraph('mermaid', {...drawing, edges})
    expect(says.join()).toMatch(/^Mermaid may refuse this.*606 edges, of which it draws 500/)
  })
})

test.each([
  ['what is hidden', '$a\u0000', '$a\\u{0}'],
  // IDs of the first room versions are as long as their servers like.
  ['what is cut off', `$${'a'.repeat(400)}1`, `$${'a'.repeat(400)}2`],
])('names that look alike stay different nodes: %s', async (_, first, second) => {
  const drawing = await draw('conflict-v10', {limit: 2})
  const [one, other] = drawing.nodes
  if (one === undefined || other === undefined) throw new Error('two nodes')
  const alike: RoomDrawing = {
    ...drawing,
    nodes: [
      {...one, key: first},
      {...other, key: second},
    ],
    edges: [{from: second, to: first, attributes: {kind: 'prev'}}],
  }
  const read = graphml.parse(Graph, await textOf('graphml', alike))
  expect([read.order, read.size, gexf.parse(Graph, await textOf('gexf', alike)).order]).toEqual([2, 1, 2])
  const {output} = viz.render(await textOf('dot', alike), {format: 'json0'})
  const {objects, edges} = JSON.parse(output ?? '') as {
    objects: {kind?: string}[]
    edges: object[]
  }
  expect([objects.length, edges.length]).toEqual([2, 1])
  expect(objects.map(({kind}) => kind)).toEqual([one.attributes.kind, other.attributes.kind])
})

test('GraphML declares a type that holds every value', async () => {
  const drawing = await draw('conflict-v10', {limit: 3})
  const times = [1, 2 ** 40, 2 ** 80]
  const declared = async (count: number): Promise<string> => {
    const nodes = drawing.nodes.slice(0, count).map(({key, attributes}, at) => ({
      key,
      attributes: {...attributes, origin_server_ts: times[at] ?? 0, depth: at === 0 ? 7 : '9223372036854775807'},
    }))
    const text = await textOf('graphml', {...drawing, nodes, edges: []})
    return ['origin_server_ts', 'depth']
      .map((name) => new RegExp(`attr.name="${name}" attr.type="(\\w+)"`).exec(text)?.[1])
      .join()
  }
  expect([await declared(1), await declared(2), await declared(3)]).toEqual(['int,int', 'long,string', 'double,string'])
})

describe('what is written in pieces', () => {
  const large = async (): Promise<RoomDrawing> =>
    graphRoom(await openRoom(dumps.write('large.ndjson', oracleRoom('12-realistic-2000').lines)), {nowMs})

  test('GEXF: pieces have nothing twice, and lack nothing', async () => {
    const drawing = await large()
    expect(drawing.nodes.length).toBeGreaterThan(1500)
    // What only the last node has is declared at the beginning, with a type that holds all values.
    const nodes = drawing.nodes.map(({key, attributes}, at) =>
      at === drawing.nodes.length - 1
        ? {key, attributes: {...attributes, depth: '9223372036854775807', soft_failed_by: ['a', 'b']}}
        : {key, attributes},
    )
    const edges = drawing.edges.map((edge, at) =>
      at === drawing.edges.length - 1 ? {...edge, attributes: {kind: 'path' as const, events: 7}} : edge,
    )
    const text = await textOf('gexf', {...drawing, nodes, edges})
    const read = gexf.parse(Graph, text)
    expect(sorted(read.nodes())).toEqual(sorted(nodes.map(({key}) => key)))
    expect(sorted(read.mapEdges((_, __, from, to) => `${from} ${to}`))).toEqual(ends(drawing))
    expect(sorted(read.edges())).toEqual(sorted(edges.map((_, at) => `e${String(at)}`)))
    for (const {key, attributes} of nodes) {
      expect(read.getNodeAttributes(key)).toMatchObject({
        label: printable(attributes.label),
        kind: attributes.kind,
        depth: String(attributes.depth),
        tip: attributes.tip,
      })
    }
    expect(read.getNodeAttribute(nodes.at(-1)?.key, 'soft_failed_by')).toBe('a\nb')
    expect(read.getEdgeAttributes(`e${String(edges.length - 1)}`)).toMatchObject({kind: 'path', events: 7})
    for (const tag of ['nodes', 'edges', 'attributes class="node"', 'attributes class="edge"']) {
      expect(text.split(`<${tag}>`)).toHaveLength(2)
    }
  })

  test('JSON: as it would be at once', async () => {
    for (const drawing of [await large(), await draw('conflict-v10', {limit: 1}), await draw('conflict-v10')]) {
      expect(await textOf('json', drawing)).toBe(`${JSON.stringify(graphDocument(drawing), null, 2)}\n`)
    }
  })
})
