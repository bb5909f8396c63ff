import {DirectedGraph} from 'graphology'
import {drawingSays} from './drawing-says.ts'
import type {EdgeAttributes, NodeAttributes, RoomDrawing} from './room-drawing.ts'

/** What is said of a graph as a whole, in the graph itself. */
export interface DrawingAttributes {
  readonly name: string
  readonly room_id: string
  readonly room_version: string
  readonly reading: string
  readonly edges: string
  /** What was left out, and why it may be incomplete, in sentences. */
  readonly says: readonly string[]
}

export type DrawingGraph = DirectedGraph<NodeAttributes, EdgeAttributes, DrawingAttributes>

/**
 * A drawing as a graph of graphology. Edges go from an event to those that it cites; nodes are keyed by event ID.
 *
 * @remarks Linear.
 */
export function graphologyGraph(drawing: RoomDrawing): DrawingGraph {
  const graph: DrawingGraph = new DirectedGraph()
  graph.replaceAttributes(drawingAttributes(drawing))
  for (const {key, attributes} of drawing.nodes) graph.addNode(key, {...attributes})
  for (const [at, {from, to, attributes}] of drawing.edges.entries()) {
    graph.addDirectedEdgeWithKey(edgeKey(at), from, to, {...attributes})
  }
  return graph
}

export function drawingAttributes(drawing: RoomDrawing): DrawingAttributes {
  const {roomId, roomVersion, reading, name, edgesAre} = drawing
  return {
    name: name ?? roomId,
    room_id: roomId,
    room_version: roomVersion,
    reading,
    edges: edgesAre,
    says: drawingSays(drawing),
  }
}

/** @param at - place of the edge in the drawing */
export function edgeKey(at: number): string {
  return `e${String(at)}`
}
