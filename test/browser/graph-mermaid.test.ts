/** Graphs for Mermaid, read and drawn by Mermaid itself, which needs a browser. */
import {createRequire} from 'node:module'
import {type Browser, chromium, type Page} from 'playwright-core'
import {afterAll, beforeAll, describe, expect, test} from 'vitest'
import {renderGraph} from '../../src/cli/graph-formats.ts'
import {type GraphOptions, graphRoom} from '../../src/investigate/graph-room.ts'
import {openRoom} from '../../src/investigate/open-room.ts'
import {printable} from '../../src/report/printable.ts'
import type {NodeAttributes, RoomDrawing} from '../../src/report/graph/room-drawing.ts'
import {Dumps, linesOf} from '../cli/dumps.ts'
import {HOSTILE, hostileRoom} from '../report/graph/hostile-room.ts'
import {reportedRoom, writeRoomCase} from '../scenarios/room-case.ts'
import {CHROMIUM} from './browser.ts'

function mermaidPath(): string | null {
  try {
    return createRequire(import.meta.url).resolve('@mermaid-js/tiny')
  } catch {
    process.stderr.write('skipped: @mermaid-js/tiny is not installed\n')
    return null
  }
}

const MERMAID = mermaidPath()
const dumps = new Dumps()
const nowMs = Date.UTC(2026, 10, 22)

interface Drawn {
  readonly type: string
  readonly nodes: readonly string[]
  readonly edges: number
  /** What could do anything. */
  readonly active: readonly string[]
}

interface MermaidGlobal {
  initialize(options: object): void
  parse(text: string): Promise<{readonly diagramType: string}>
  render(id: string, text: string): Promise<{readonly svg: string}>
}

describe.skipIf(CHROMIUM === null || MERMAID === null)('Mermaid', () => {
  let browser: Browser | null = null
  let page: Page
  const asked: string[] = []

  beforeAll(async () => {
    browser = await chromium.launch({executablePath: CHROMIUM ?? '', args: ['--no-sandbox']})
    page = await browser.newPage()
    await page.setContent('<div id="place"></div>')
    await page.addScriptTag({path: MERMAID ?? ''})
    page.on('request', (request) => asked.push(request.url()))
    page.on('dialog', (dialog) => {
      asked.push(dialog.message())
      void dialog.dismiss()
    })
  })
  afterAll(() => browser?.close())

  const drawn = async (text: string): Promise<Drawn> =>
    page.evaluate(async (source) => {
      const {mermaid} = globalThis as unknown as {mermaid: MermaidGlobal}
      mermaid.initialize({startOnLoad: false})
      const {diagramType} = await mermaid.parse(source)
      const place = document.getElementById('place')
      if (place === null) throw new Error('the page has no place')
      place.innerHTML = (await mermaid.render('graph', source)).svg
      const all = [...place.querySelectorAll('*')]
      return {
        type: diagramType,
        nodes: [...place.querySelectorAll('g.node')].map((node) => node.textContent),
        edges: place.querySelectorAll('path.flowchart-link').length,
        active: all.flatMap(({tagName, attributes}) => [
          ...(/^(script|img|image|iframe|a|b)$/i.test(tagName) ? [tagName] : []),
          ...[...attributes].flatMap(({name}) => (name.startsWith('on') || name.endsWith('href') ? [name] : [])),
        ]),
      }
    }, text)

  const draw = async (path: string, options: Partial<GraphOptions> = {}): Promise<RoomDrawing> =>
    graphRoom(await openRoom(path), {nowMs, ...options})

  test.each<[string, Partial<GraphOptions>]>([
    ['conflict-v10', {}],
    ['conflict-v10', {collapse: true}],
    ['conflict-v10', {slot: {type: '@carol:localhost:18448', stateKey: undefined}}],
    ['creators-v12', {edges: 'auth'}],
    ['gap-v11', {limit: 30}],
    ['rejected-v6', {}],
  ])('%s, %j: it draws as many nodes and edges, with their labels', async (name, options) => {
    const drawing = await draw(writeRoomCase(dumps.path(`${String(Math.random())}.case`), reportedRoom(name)), options)
    const text = [...(await renderGraph('mermaid', drawing)).lines].join('\n')
    const {type, nodes, edges} = await drawn(text)
    const isTold = text.includes('says["')
    expect([type, nodes.length, edges]).toEqual([
      'flowchart-v2',
      drawing.nodes.length + (isTold ? 1 : 0),
      drawing.edges.length,
    ])
    const seen = nodes.join('\n')
    for (const {attributes} of drawing.nodes) expect(seen).toContain(shown(attributes))
  })

  test('hostile names are seen as `printable` shows them, and do nothing', async () => {
    const drawing = await draw(dumps.write('hostile.ndjson', linesOf(hostileRoom())))
    const {nodes, edges, active} = await drawn([...(await renderGraph('mermaid', drawing)).lines].join('\n'))
    // One more says that a server would refuse the longest.
    expect([nodes.length, edges]).toEqual([drawing.nodes.length + 1, drawing.edges.length])
    expect(active).toEqual([])
    const seen = nodes.map((text) => text.replaceAll(/\s+/g, ' '))
    for (const name of HOSTILE) {
      const words = printable(`x.${name}`, 60)
        .replaceAll(/\s+/g, ' ')
        .trim()
        // Mermaid makes a line break of one and a formula of the other, however they are written.
        .replaceAll('\\n', '⧵n')
        .replaceAll('$$', () => '$＄')
      expect(seen.filter((text) => text.includes(words))).not.toEqual([])
    }
    expect(asked).toEqual([])
  })
})

const shown = ({label}: NodeAttributes): string => printable(label, 60)
