import {extname} from 'node:path'
import {StateError} from '../errors.ts'
import type {RoomDrawing} from '../report/graph/room-drawing.ts'

export const GRAPH_FORMATS = ['dot', 'graphml', 'gexf', 'mermaid', 'json'] as const
export type GraphFormat = (typeof GRAPH_FORMATS)[number]

const BY_NAME: Readonly<Record<string, GraphFormat>> = {
  '.dot': 'dot',
  '.gv': 'dot',
  '.graphml': 'graphml',
  '.gexf': 'gexf',
  '.mmd': 'mermaid',
  '.mermaid': 'mermaid',
  '.json': 'json',
}

/** Names of pictures, which are Graphviz's to make. */
const PICTURES: ReadonlySet<string> = new Set(['.svg', '.png', '.pdf', '.jpg'])

/** Most nodes where nobody says how many: more are too many to be laid out, or for a viewer that refuses them. */
export const NODE_LIMITS: Readonly<Record<GraphFormat, number>> = {
  dot: 1000,
  mermaid: 200,
  graphml: Infinity,
  gexf: Infinity,
  json: Infinity,
}

/**
 * The form that was asked for: by `--format`, `--json`, or the name of the file; DOT without any.
 *
 * @throws StateError USAGE where they contradict each other, or the name tells nothing
 */
export function graphFormat(format: GraphFormat | undefined, output: string | undefined, json: boolean): GraphFormat {
  if (json && format !== undefined && format !== 'json') {
    throw new StateError('USAGE', `--json and --format ${format} contradict each other`, {
      hint: 'Leave out one of them.',
    })
  }
  const named = output === undefined ? undefined : formatOfName(output)
  if (json && output !== undefined && format === undefined && named !== undefined && named !== 'json') {
    throw new StateError('USAGE', `--json and --output ${output} contradict each other`, {
      hint: `Leave out --json for ${named}, or give a name that ends with .json.`,
    })
  }
  if (json) return 'json'
  if (format !== undefined) return format
  if (output === undefined || output === '-') return 'dot'
  if (named !== undefined) return named
  const ending = extname(output).toLowerCase()
  throw new StateError('USAGE', `--output ${output}: its name does not tell the format`, {
    hint: PICTURES.has(ending)
      ? `Graphviz makes pictures: leave --output out, and pipe to: dot -T${ending.slice(1)} -o FILE`
      : `Give --format, or a name that ends with ${Object.keys(BY_NAME).join(', ')}.`,
  })
}

function formatOfName(path: string): GraphFormat | undefined {
  const ending = extname(path).toLowerCase()
  return Object.hasOwn(BY_NAME, ending) ? BY_NAME[ending] : undefined
}

/** A drawing in some form. */
export interface RenderedGraph {
  /** Pieces of one or more lines, made as they are asked for; the last line feed of each is left out. */
  readonly lines: Iterable<string>
  /** What may stand in the way of whoever draws it, in sentences. */
  readonly says: readonly string[]
}

export async function renderGraph(format: GraphFormat, drawing: RoomDrawing): Promise<RenderedGraph> {
  switch (format) {
    case 'dot':
      return {lines: (await import('../report/graph/dot.ts')).dotLines(drawing), says: []}
    case 'graphml':
      return {lines: (await import('../report/graph/graphml.ts')).graphmlLines(drawing), says: []}
    case 'gexf':
      return {lines: (await import('../report/graph/gexf.ts')).gexfLines(drawing), says: []}
    case 'mermaid': {
      const {mermaidLines, mermaidSays} = await import('../report/graph/mermaid.ts')
      const lines = mermaidLines(drawing)
      return {lines, says: mermaidSays(drawing, lines)}
    }
    case 'json':
      return {lines: (await import('../report/graph/graph-document.ts')).graphDocumentLines(drawing), says: []}
  }
}
