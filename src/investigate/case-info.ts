import {openCase} from '../casefile/open-case.ts'
import type {CaseCounts, DeviceReader, StoredDeviceSource, StoredSource} from '../casefile/shapes.ts'
import type {GatherLimits} from '../sources/evidence.ts'
import {forwardExtremities} from './open-case.ts'
import {missingEvidence, type MissingEvidence, type RouteOutcome, shownBy, unknowableOf} from './fetch-report.ts'

/** A state that a server told: how often, and when last. */
export interface ToldState {
  readonly source: string
  readonly what: string
  readonly how: string
  readonly count: number
  /** Slots of the latest. */
  readonly slots: number
  /** Milliseconds since 1970. */
  readonly lastTs: number
}

/** What a case file holds. */
export interface CaseInfo {
  readonly path: string
  readonly roomId: string
  readonly roomVersion: string | null
  readonly createdTs: number
  readonly counts: CaseCounts
  readonly sources: readonly (StoredSource & Pick<RouteOutcome, 'events' | 'onlyHere' | 'marked'>)[]
  /** Events of which there is more than one form. */
  readonly severalForms: readonly {readonly eventId: string; readonly forms: number}[]
  readonly states: readonly ToldState[]
  /** State groups by source: the server's own states before and after its events. */
  readonly stateGroups: Readonly<Record<string, number>>
  readonly extremities: Readonly<Record<string, readonly string[]>>
  readonly missing: readonly MissingEvidence[]
  /** Things asked for and not given, by source and outcome. */
  readonly refusals: readonly {readonly source: string; readonly outcome: string; readonly count: number}[]
  /** Servers whose signing keys are here. */
  readonly keyServers: readonly string[]
  readonly aliases: readonly string[]
  readonly limits: readonly (GatherLimits & {readonly ts: number})[]
  readonly unknowable: readonly string[]
  readonly notes: readonly string[]
  /** Evidence on devices. */
  readonly devices: CaseDevices
}

export interface CaseDevices {
  /** Users of whom anything was told. */
  readonly users: number
  readonly routes: readonly (StoredDeviceSource & {
    readonly users: number
    /** What it told, as often as it changed, by kind. */
    readonly facts: Readonly<Record<string, number>>
    /** Things it was asked for and did not give. */
    readonly refusals: number
  })[]
}

/**
 * Says what is in a case file.
 *
 * @throws StateError CASE_ABSENT, CASE_UNUSABLE
 */
export function caseInfo(path: string): CaseInfo {
  const reader = openCase(path)
  try {
    const sources = reader.sources()
    const shown = shownBy(reader)
    const names = new Map(sources.map(({id, name}) => [id, name]))
    const nameOf = (id: number): string => names.get(id) ?? ''
    const forms = new Map<string, number>()
    for (const {eventId} of reader.copies()) forms.set(eventId, (forms.get(eventId) ?? 0) + 1)
    const states = new Map<string, ToldState>()
    for (const {source, what, how, slots, ts} of reader.states()) {
      const key = JSON.stringify([source, what, how])
      const count = (states.get(key)?.count ?? 0) + 1
      states.set(key, {source: nameOf(source), what, how, count, slots: slots.length, lastTs: ts})
    }
    const refusals = Map.groupBy(reader.refusals(), ({source, outcome}) => JSON.stringify([nameOf(source), outcome]))
    return {
      path,
      roomId: reader.roomId,
      roomVersion: reader.roomVersion,
      createdTs: reader.createdTs,
      counts: reader.counts(),
      sources: sources.map((source) => ({
        ...source,
        ...(shown.get(source.id) ?? {events: 0, onlyHere: 0, marked: {rejected: 0, softFailed: 0, outliers: 0}}),
      })),
      severalForms: [...forms].flatMap(([eventId, count]) => (count > 1 ? [{eventId, forms: count}] : [])),
      states: [...states.values()],
      stateGroups: Object.fromEntries(
        sources.flatMap(({id, name}) => {
          const count = Iterator.from(reader.stateGroups(id)).reduce((sum) => sum + 1, 0)
          return count === 0 ? [] : [[name, count]]
        }),
      ),
      extremities: forwardExtremities(reader),
      missing: missingEvidence(reader),
      refusals: [...refusals].map(([key, list]) => {
        const [source = '', outcome = ''] = JSON.parse(key) as string[]
        return {source, outcome, count: list.length}
      }),
      keyServers: [...new Set(reader.keys().map(({server}) => server))].sort(),
      aliases: reader.aliases(),
      limits: reader.limits(),
      unknowable: unknowableOf(sources),
      notes: [...new Set(reader.notes().map(({text}) => text))],
      devices: devicesOf(reader.devices),
    }
  } finally {
    reader.close()
  }
}

/** Reads one user's facts after the other. */
function devicesOf(reader: DeviceReader): CaseDevices {
  const users = reader.users()
  const usersBy = new Map<string, number>()
  const factsBy = new Map<string, Record<string, number>>()
  for (const userId of users) {
    const snapshots = reader.of(userId)
    for (const route of new Set(snapshots.map((snapshot) => snapshot.route))) {
      usersBy.set(route, (usersBy.get(route) ?? 0) + 1)
    }
    for (const {route, fact} of snapshots) {
      const facts = factsBy.get(route) ?? {}
      factsBy.set(route, facts)
      facts[fact.kind] = (facts[fact.kind] ?? 0) + 1
    }
  }
  const refusals = Map.groupBy(reader.refusals(), ({source}) => source)
  return {
    users: users.length,
    routes: reader.sources().map((source) => ({
      ...source,
      users: usersBy.get(source.name) ?? 0,
      facts: factsBy.get(source.name) ?? {},
      refusals: refusals.get(source.id)?.length ?? 0,
    })),
  }
}
