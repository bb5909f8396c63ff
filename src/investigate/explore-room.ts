import type {Finding} from '../finding/finding.ts'
import {resetStory} from '../forensics/reset-story.ts'
import {findResets} from '../forensics/resets.ts'
import {packGraph} from '../graph/packed-graph.ts'
import type {PageData, PageMarks, PageReset, PageSide} from '../report/explorer/page-data.ts'
import type {Reading} from '../resolve/auth-difference.ts'
import type {Replay} from '../resolve/replay.ts'
import {tipsOf} from '../resolve/tips.ts'
import {lookAtRoom, nameOf} from './check-room.ts'
import {eachOnce, mostSevereFirst} from './check-verdict.ts'
import {isLiveRoom} from './open-room.ts'
import type {OpenedRoom} from './opened-room.ts'
import {keepContents} from './page-contents.ts'
import {namedForOthers} from './page-names.ts'
import {pageMarks, pageSides} from './page-sides.ts'

export interface ExploreOptions {
  /** @defaultValue `synapse` */
  readonly reading?: Reading
  /** What the user called the room: a path, an ID, an alias. @defaultValue what it was loaded from */
  readonly source?: string
  /** Who makes the page: the name and version of the program. */
  readonly program: string
  readonly nowMs: number
}

export interface Explored {
  readonly data: PageData
  /** Events of the room that are here. */
  readonly events: number
}

/**
 * All that the explorer's page holds of a room. Contents of messages are in it only where they were kept when the room was opened
 * (`OpenOptions.messages`).
 *
 * @remarks Two replays, one for each reading, and one more where a server differs.
 */
export async function exploreRoom(opened: OpenedRoom, options: ExploreOptions): Promise<Explored> {
  const {reading = 'synapse', nowMs} = options
  const named = namedForOthers(opened, options.source ?? opened.room.source)
  const {room, unknowable, views = []} = named
  const {graph} = room
  const isLive = isLiveRoom(room.source)
  const {resolved, compared, open, replayed: result} = await lookAtRoom(named, {isLive, reading, nowMs})
  const tips = tipsOf(result)
  const {sides, says: saysOfSides} = pageSides(result, views, tips)
  const marks = pageMarks(graph, views)
  const says = [...saysOfServers(sides, marks), ...saysOfSides]
  const {graph: packed, contents} = keepContents(room, packGraph(graph))
  const data: PageData = {
    schema: 'matrix-state/explorer-page/1',
    madeTs: nowMs,
    program: options.program,
    room: {
      source: room.source,
      name: nameOf(resolved),
      complete: resolved.complete && compared.complete,
      trustIds: resolved.trustIds,
      signatures: named.signatures ?? 'not-checked',
      unknowable,
      open,
    },
    reading,
    graph: packed,
    contents: {...contents, says: [...contents.says, ...says]},
    marks,
    sides,
    differences: compared.differences,
    divergencePoints: compared.divergencePoints,
    findings: foundOnce(resolved.findings, compared.findings),
    resets: pageResets(result, tips),
  }
  return {data, events: resolved.counts.events}
}

function foundOnce(...looks: readonly (readonly Finding[])[]): readonly Finding[] {
  return mostSevereFirst(eachOnce(looks))
}

function saysOfServers(sides: readonly PageSide[], marks: readonly PageMarks[]): readonly string[] {
  return sides.length === 0 && marks.length === 0
    ? []
    : [
        'What servers told is in it: their states and forward extremities, which events they lack, accepted, rejected (with their reasons), soft-failed or have as outliers, and when they received them.',
      ]
}

function pageResets(result: Replay, tips: readonly number[]): readonly PageReset[] {
  return findResets(result, {tips}).map((reset) => ({
    row: reset.merge.at,
    slot: reset.slot,
    lost: reset.lost,
    got: reset.got,
    expected: reset.expected,
    cause: reset.cause,
    says: resetStory(result.graph, reset),
  }))
}
