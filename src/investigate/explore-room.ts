import type {Finding} from '../finding/finding.ts'
import {resetStory} from '../forensics/reset-story.ts'
import {findResets} from '../forensics/resets.ts'
import {packGraph} from '../graph/packed-graph.ts'
import type {PageData, PageReset} from '../report/explorer/page-data.ts'
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
  const {sides, says} = pageSides(result, views, tips)
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
    contents: {...contents, says: [...contents.says, ...saysOfServers(sides.length), ...says]},
    marks: pageMarks(graph, views),
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

function saysOfServers(sides: number): readonly string[] {
  return sides === 0
    ? []
    : ['What servers told is in it: their states, and which events they rejected, with their reasons.']
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
