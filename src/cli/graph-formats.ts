import {extname} from 'node:path'
import {StateError} from '../errors.ts'
import {dotText} from '../report/graph/dot.ts'
import {graphDocument} from '../report/graph/graph-document.ts'
import type {RoomDrawing} from '../report/graph/room-drawing.ts'
import {printableJson} from '../report/printable.ts'

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
  if (json) return 'json'
  if (format !== undefined) return format
  if (output === undefined || output === '-') return 'dot'
  const ending = extname(output).toLowerCase()
  const found = Object.hasOwn(BY_NAME, ending) ? BY_NAME[ending] : undefined
  if (found !== undefined) return found
  throw new StateError('USAGE', `--output ${output}: its name does not tell the format`, {
    hint: `Give --format, or a name that ends with ${Object.keys(BY_NAME).join(', ')}.`,
  })
}

/** The drawing in that form, with a line feed at the end. */
export async function renderGraph(format: GraphFormat, drawing: RoomDrawing): Promise<string> {
  switch (format) {
    case 'dot':
      return dotText(drawing)
    case 'json':
      return `${printableJson(JSON.stringify(graphDocument(drawing), null, 2))}\n`
    default:
      return Promise.reject(new Error(format))
  }
}
