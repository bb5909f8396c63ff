import {StateError} from '../errors.ts'
import {graphRoom, type GraphOptions} from '../investigate/graph-room.ts'
import {graphText} from '../report/graph/graph-text.ts'
import {type GraphFormat, graphFormat, NODE_LIMITS, renderGraph} from './graph-formats.ts'
import {refuseGraphPath, writeGraph} from './graph-output.ts'
import type {Progress} from './progress.ts'
import {openFromFlags, type RoomFlags} from './room-command.ts'

export interface GraphFlags extends RoomFlags {
  readonly format?: GraphFormat | undefined
  readonly output?: string | undefined
  readonly around?: string | undefined
  readonly radius?: number | undefined
  readonly slot?: string | undefined
  readonly auth: boolean
  readonly collapse: boolean
  readonly limit?: number | undefined
}

export interface GraphArguments {
  readonly room: string
  /** Of the slot that `--slot` names. */
  readonly state_key?: string | undefined
}

export interface WrittenGraph {
  /** The graph where it goes to standard output; `null`: it is in its file. */
  readonly lines: Iterable<string> | null
  /** Remarks for people; what was drawn, and what was left out, last. */
  readonly notes: readonly string[]
}

const RADIUS = 5

/**
 * Opens the room, draws the part that was asked for, and writes it.
 *
 * @throws StateError USAGE, OUTPUT_FAILED, EVENT_UNKNOWN, SLOT_UNKNOWN; see `openFromFlags`
 */
export async function graphFromFlags(
  {room, state_key: stateKey}: GraphArguments,
  flags: GraphFlags,
  {progress, json}: {readonly progress: Progress; readonly json: boolean},
): Promise<WrittenGraph> {
  if (stateKey !== undefined && flags.slot === undefined) {
    throw new StateError('USAGE', `there is one argument too many: ${JSON.stringify(stateKey)}`, {
      hint: 'One room is drawn at a time. A state key belongs behind --slot TYPE.',
    })
  }
  if (stateKey !== undefined && room.startsWith('@')) {
    throw new StateError('USAGE', `${JSON.stringify(room)} is no room`, {
      hint: 'Write the room first: matrix-state graph ROOM --slot TYPE STATE_KEY.',
    })
  }
  const format = graphFormat(flags.format, flags.output, json)
  const path = flags.output === '-' ? undefined : flags.output
  if (path !== undefined) await refuseGraphPath(path)
  const opened = await openFromFlags(room, flags, progress)
  const drawing = await graphRoom(opened, {...optionsOf(flags, stateKey, format), nowMs: Date.now()})
  const {lines, says} = await renderGraph(format, drawing)
  if (path !== undefined) await writeGraph(path, lines)
  return {
    lines: path === undefined ? lines : null,
    notes: [...opened.notes, ...graphText(drawing, path ?? ''), ...says],
  }
}

function optionsOf(flags: GraphFlags, stateKey: string | undefined, format: GraphFormat): Omit<GraphOptions, 'nowMs'> {
  const {reading, around, radius = RADIUS, slot, auth, collapse, limit = NODE_LIMITS[format]} = flags
  return {
    reading,
    edges: auth ? 'auth' : 'prev',
    ...(around === undefined ? {} : {around: {event: around, radius}}),
    ...(slot === undefined ? {} : {slot: {type: slot, stateKey}}),
    collapse,
    limit,
  }
}
