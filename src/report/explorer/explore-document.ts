import {count} from '../printable.ts'
import type {PageData} from './page-data.ts'

/** A page that was written. */
export interface WrittenPage {
  readonly data: PageData
  /** Events that the page draws; those that are only cited are not counted. */
  readonly events: number
  /** `-` is standard output. */
  readonly path: string
  readonly bytes: number
}

/** `explore --json`: schema `matrix-state/explore/1`. */
export function exploreDocument({data, events, path, bytes}: WrittenPage) {
  const {room, graph, reading, contents, findings, resets, sides, divergencePoints} = data
  return {
    schema: 'matrix-state/explore/1' as const,
    room_id: graph.roomId,
    room_version: graph.roomVersion,
    reading,
    complete: room.complete,
    output: path,
    bytes,
    events,
    contents: contents.kept,
    says: contents.says,
    open: room.open,
    findings: findings.length,
    resets: resets.filter(({expected}) => !expected).length,
    states_told: sides.length,
    divergence_points: divergencePoints.length,
  }
}

/** What was written, in one line; on stderr. */
export function exploreText({data, events, path, bytes}: WrittenPage): string {
  const left =
    data.contents.kept === 'all'
      ? 'message contents are in it: give it only to people who may read them'
      : 'message contents are left out (--with-content keeps them)'
  const why = data.room.open.join(' ')
  const open = data.room.complete ? (why === '' ? '' : `\n${why}`) : `\nThe evidence is incomplete: ${why}`
  return `${path === '-' ? 'The page' : path}: ${count(events, 'event')}, ${sizeWords(bytes)}; ${left}${open}`
}

function sizeWords(bytes: number): string {
  return bytes < 100_000 ? `${Math.ceil(bytes / 1000)} kB` : `${(bytes / 1e6).toFixed(1)} MB`
}
