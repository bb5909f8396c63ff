import {type DrawingAttributes, graphologyGraph} from './graphology-graph.ts'
import {printableJson} from '../printable.ts'
import type {EdgeAttributes, NodeAttributes, RoomDrawing} from './room-drawing.ts'

/** The node-link form of graphology. */
export interface NodeLinkGraph {
  readonly options: object
  readonly attributes: Partial<DrawingAttributes>
  readonly nodes: readonly {readonly key: string; readonly attributes?: NodeAttributes}[]
  readonly edges: readonly {
    readonly key?: string
    readonly source: string
    readonly target: string
    readonly attributes?: EdgeAttributes
  }[]
}

/** `graph --json`: schema `matrix-state/graph/1`. It is a graph in the node-link form of graphology, which `Graph.from` imports as it stands. */
export function graphDocument(drawing: RoomDrawing) {
  const graph: NodeLinkGraph = graphologyGraph(drawing).export()
  const {roomId, roomVersion, reading, edgesAre, focus, collapsed, complete, open, counts, says} = drawing
  return {
    schema: 'matrix-state/graph/1' as const,
    room_id: roomId,
    room_version: roomVersion,
    name: drawing.name,
    reading,
    edges_are: edgesAre,
    focus: focusDocument(focus),
    collapsed,
    complete,
    open,
    says,
    summary: {
      events_of_room: counts.eventsOfRoom,
      events: counts.events,
      missing: counts.missing,
      nodes: drawing.nodes.length,
      edges: drawing.edges.length,
      conflicts: counts.conflicts,
      resets: counts.resets,
      findings: counts.findings,
    },
    ...graph,
  }
}

/**
 * The same as JSON, in pieces of one or more lines each: as one text, a room of a million events would be longer than a text can be.
 *
 * @remarks What `JSON.stringify(graphDocument(drawing), null, 2)` gives, as a terminal may be shown it.
 */
export function* graphDocumentLines(drawing: RoomDrawing): Generator<string> {
  const document = graphDocument(drawing)
  const {nodes, edges, ...rest} = document
  // It ends with the two lists, and the bracket around them.
  const shell = JSON.stringify({...rest, nodes: [], edges: []}, null, 2)
  yield printableJson(shell.slice(0, shell.lastIndexOf('  "nodes": []')).trimEnd())
  yield* listLines('nodes', nodes, ',')
  yield* listLines('edges', edges, '')
  yield '}'
}

function* listLines(name: string, list: readonly object[], after: string): Generator<string> {
  if (list.length === 0) yield `  "${name}": []${after}`
  else {
    yield `  "${name}": [`
    for (const [at, one] of list.entries()) {
      const text = JSON.stringify(one, null, 2).replaceAll('\n', `\n${INDENT}`)
      yield printableJson(`${INDENT}${text}${at === list.length - 1 ? '' : ','}`)
    }
    yield `  ]${after}`
  }
}

const INDENT = '    '

function focusDocument(focus: RoomDrawing['focus']) {
  switch (focus.kind) {
    case 'room':
      return {kind: 'room' as const}
    case 'around':
      return {kind: 'around' as const, event_id: focus.eventId, radius: focus.radius}
    case 'slot':
      return {kind: 'slot' as const, type: focus.type, state_key: focus.stateKey}
  }
}
