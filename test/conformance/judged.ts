import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {mkdtempSync, rmSync} from 'node:fs'
import type {Finding, Subject} from '../../src/finding/finding.ts'
import {diffRoom} from '../../src/investigate/diff-room.ts'
import {loadRoomFrom} from '../../src/investigate/load-room.ts'
import {openCaseRoom} from '../../src/investigate/open-case.ts'
import type {OpenedRoom} from '../../src/investigate/opened-room.ts'
import {resolveRoom} from '../../src/investigate/resolve-room.ts'
import type {Reading} from '../../src/resolve/auth-difference.ts'
import {type ReportedRoom, type RoomCaseOptions, writeRoomCase} from '../scenarios/room-case.ts'
import type {OracleRoom} from './fixtures.ts'

export type Command = 'resolve' | 'diff'
/** Findings by command and reading, `resolve synapse`. */
export type Found = ReadonlyMap<string, readonly Finding[]>

/** A room of real servers, as a case of both databases, or of some. */
export async function findingsOfServers(room: ReportedRoom, options: RoomCaseOptions = {}): Promise<Found> {
  const folder = mkdtempSync(join(tmpdir(), 'judged-'))
  try {
    const opened = await openCaseRoom(writeRoomCase(join(folder, 'room.case'), room, options), {})
    const found = new Map(resolved(opened))
    for (const reading of ['synapse', 'spec'] as const) {
      found.set(`diff ${reading}`, (await diffRoom(opened, {reading})).findings)
    }
    return found
  } finally {
    rmSync(folder, {recursive: true})
  }
}

/** A generated room, which no server reports on. */
export function findingsOfEvents({name, lines}: OracleRoom): Found {
  const room = loadRoomFrom(
    name,
    lines.map((text, index) => ({text, line: index + 1})),
  )
  return resolved({room, unknowable: [], reported: [], reportedExtremities: {}, findings: [], notes: []})
}

function resolved(opened: OpenedRoom): Map<string, readonly Finding[]> {
  const {room, unknowable, reported, reportedExtremities, views, findings} = opened
  return new Map(
    (['synapse', 'spec'] as const).map((reading) => [
      `resolve ${reading}`,
      resolveRoom(room, {
        reading,
        unknowable,
        reported,
        reportedExtremities,
        evidenceFindings: findings,
        ...(views === undefined ? {} : {views}),
      }).findings,
    ]),
  )
}

/** A finding as `data/judged-findings.json` has it. */
export interface JudgedFinding {
  readonly command: Command
  /** Where only one reading of the algorithm gives it. */
  readonly reading?: Reading
  readonly id: string
  readonly severity: string
  readonly certainty: string
  readonly cause?: string
  readonly subject: Subject
  /** Why it is right, and how that was found. */
  readonly judged: string
}

/** A finding in one line, without its words, which may change. */
const lineOf = ({id, severity, certainty, cause, subject}: Omit<JudgedFinding, 'command' | 'reading' | 'judged'>) =>
  [id, severity, certainty, cause ?? '-', JSON.stringify(subject)].join(' ')

/** What is expected and not found, and what is found and not expected; a finding that changed is in both. */
export function compareWithJudged(found: Found, judged: readonly JudgedFinding[]) {
  const missing: string[] = []
  const extra: string[] = []
  for (const [where, findings] of found) {
    const [command, reading] = where.split(' ')
    const open = findings.map(lineOf)
    for (const one of judged) {
      if (one.command !== command || (one.reading ?? reading) !== reading) continue
      const at = open.indexOf(lineOf(one))
      if (at < 0) missing.push(`${where}: ${lineOf(one)}`)
      else open.splice(at, 1)
    }
    extra.push(...open.map((line) => `${where}: ${line}`))
  }
  return {missing, extra}
}
