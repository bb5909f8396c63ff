import {createHash} from 'node:crypto'
import {CATALOGUE, type Certainty, type FindingKind, type Severity} from '../finding/finding.ts'
import type {CheckedFinding, CheckReport, RoomCheck} from '../investigate/check-report.ts'
import {countVerdicts} from './check-counts.ts'
import {fileOf, lineOf, subjectName} from './check-groups.ts'
import {printable} from './printable.ts'

/**
 * SARIF 2.1.0 (https://docs.oasis-open.org/sarif/sarif/v2.1.0/), as code scanning services read it: a result for each finding, those that do
 * not count as suppressed ones; a notification for each room that failed, each reason why one is inconclusive, and each note of the run.
 *
 * A room on a server is no file, but what reads SARIF wants one, by a relative URI: the room's ID stands for it. Fingerprints are of the
 * room, the kind and the subject, so that a finding is the same one tomorrow.
 *
 * @param options - `version`: of this program
 */
export function checkSarif(report: CheckReport, {version}: {readonly version?: string} = {}) {
  const ids = [...new Set(report.rooms.flatMap(({findings}) => findings.map(({id}) => id)))].sort()
  const indexes = new Map(ids.map((id, index) => [id, index]))
  return {
    $schema: 'https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json',
    version: '2.1.0' as const,
    runs: [
      {
        tool: {driver: {name: 'matrix-state', ...(version === undefined ? {} : {version}), rules: ids.map(ruleOf)}},
        automationDetails: {id: runId(report)},
        invocations: [invocationOf(report)],
        results: report.rooms.flatMap((room) => resultsOf(room, indexes)),
        properties: {fail_on: report.failOn, rooms: report.rooms.length, ...countVerdicts(report.rooms)},
      },
    ],
  }
}

/** Parts of one check are runs of their own, or the last to come would replace the others. */
function runId({shard}: CheckReport): string {
  return shard === null ? 'matrix-state/check/' : `matrix-state/check/${String(shard.index)}-of-${String(shard.of)}/`
}

function ruleOf(id: keyof typeof CATALOGUE) {
  const {meaning, remedy, severity, certainty}: FindingKind = CATALOGUE[id]
  return {
    id,
    shortDescription: {text: message(firstSentence(meaning))},
    fullDescription: {text: message(meaning)},
    help: {text: message(remedy)},
    defaultConfiguration: {level: severity},
    properties: {
      precision: PRECISION[certainty],
      'problem.severity': PROBLEM[severity],
      tags: [id.split('/')[0] ?? id],
    },
  }
}

/** GitHub's words: https://docs.github.com/code-security/code-scanning/integrating-with-code-scanning/sarif-support-for-code-scanning */
const PRECISION: Readonly<Record<Certainty, string>> = {proof: 'very-high', strong: 'high', hint: 'low'}
const PROBLEM: Readonly<Record<Severity, string>> = {error: 'error', warning: 'warning', note: 'recommendation'}

function firstSentence(text: string): string {
  return /^.*?[.:](?= |$)/.exec(text)?.[0].replace(/:$/, '.') ?? text
}

function invocationOf({rooms, unfinished = 0, startedTs, endedTs, notes, baseline}: CheckReport) {
  const failed = rooms.flatMap((room) =>
    room.error === null
      ? []
      : [
          {
            level: 'error' as const,
            message: {text: message([room.error.message, room.error.hint ?? ''].join(' ').trimEnd())},
            locations: [roomLocation(room)],
            properties: {code: room.error.code},
          },
        ],
  )
  const open = rooms.flatMap((room) =>
    room.open.map((why) => ({
      level: 'warning' as const,
      message: {text: message(why)},
      locations: [roomLocation(room)],
    })),
  )
  const gone = (baseline?.gone ?? []).map(
    ({roomId, id, subject}) => `In the baseline, and not found any more: ${id} in ${roomId}, ${subject}`,
  )
  const told = [...gone, ...notes].map((text) => ({level: 'note' as const, message: {text: message(text)}}))
  return {
    executionSuccessful: failed.length === 0 && unfinished === 0,
    ...dated('startTimeUtc', startedTs),
    ...dated('endTimeUtc', endedTs),
    toolExecutionNotifications: [...failed, ...open, ...told],
  }
}

function dated<Name extends string>(name: Name, ms: number): Partial<Record<Name, string>> {
  const time = new Date(ms)
  if (Number.isNaN(time.getTime())) return {}
  return {[name]: time.toISOString()} as Partial<Record<Name, string>>
}

/** The room, and what in it; each once, as the format demands. */
function logicalLocationsOf(room: RoomCheck, {subject}: CheckedFinding) {
  const ofRoom = {name: shown(room.roomId ?? room.room), kind: 'room'}
  const ofSubject = {name: shown(subjectName(subject)), kind: subject.kind}
  return ofSubject.kind === 'room' && ofSubject.name === ofRoom.name ? [ofRoom] : [ofRoom, ofSubject]
}

function resultsOf(room: RoomCheck, indexes: ReadonlyMap<string, number>) {
  const seen = new Map<string, number>()
  return room.findings.map((finding) => {
    const {id, severity, certainty, summary, evidence, remedy, cause} = finding
    const print = fingerprint(room, finding)
    const number = (seen.get(print) ?? 0) + 1
    seen.set(print, number)
    return {
      ruleId: id,
      ruleIndex: indexes.get(id) ?? -1,
      level: severity,
      message: {text: message(`${summary} (${roomLabel(room)})`)},
      locations: [
        {
          ...roomLocation(room, lineOf(finding, room)),
          logicalLocations: logicalLocationsOf(room, finding),
        },
      ],
      partialFingerprints: {
        'matrixStateFinding/v1': `${print}:${String(number)}`,
        // What GitHub tells results apart by: it would count lines of a file for it otherwise.
        primaryLocationLineHash: `${print.slice(0, 16)}:${String(number)}`,
      },
      suppressions: suppressionsOf(finding),
      properties: {
        certainty,
        ...(cause === undefined ? {} : {cause: shown(cause)}),
        remedy: shown(remedy),
        evidence: evidence.map(({source, where, value}) => ({
          source: shown(source),
          where: shown(where),
          value: typeof value === 'string' ? shown(value) : value,
        })),
      },
    }
  })
}

function suppressionsOf({notCounted}: CheckedFinding) {
  if (notCounted === null) return []
  const {why, reason = null} = notCounted
  const justification = reason ?? (why === 'known' ? 'in the baseline' : 'findings of this kind are ignored')
  return [{kind: 'external' as const, status: 'accepted' as const, justification: shown(justification)}]
}

function roomLabel({room, roomId, name}: RoomCheck): string {
  const id = roomId ?? room
  return name === null ? `room ${id}` : `room ${name}, ${id}`
}

function roomLocation(room: RoomCheck, line: number | null = null) {
  return {physicalLocation: {artifactLocation: {uri: uriOf(room)}, region: {startLine: line ?? 1}}}
}

/** A relative URI, but for a file that was given by its whole path: GitHub refuses every scheme but `file`. */
function uriOf(room: RoomCheck): string {
  const file = fileOf(room)
  const segment = (text: string): string => encodeURIComponent(text.toWellFormed())
  if (file === null) return segment(room.roomId ?? (room.room === '-' || room.room === '' ? 'stdin' : room.room))
  const path = file.replaceAll('\\', '/').replace(/^(\.\/+)+/, '')
  return `${path.startsWith('/') ? 'file://' : ''}${path.split('/').map(segment).join('/')}`
}

function fingerprint({room, roomId}: RoomCheck, {id, subject}: CheckedFinding): string {
  const about = Object.entries(subject).sort(([a], [b]) => (a < b ? -1 : 1))
  return createHash('sha256')
    .update(JSON.stringify([roomId ?? room, id, about]))
    .digest('hex')
}

const shown = (text: string): string => printable(text, 4000)

/**
 * Plain text of a message: braces would be placeholders (3.11.5), so that they are doubled, and `[text](address)` a link (3.11.6), which no
 * event shall be able to set.
 */
function message(text: string): string {
  return shown(text).replace(/[{}]/g, '$&$&').replaceAll('](', '] (')
}
