import type {CaseWriter, Kept, SourceId, StoredCopy, StoredSource, Told} from '../../src/casefile/shapes.ts'
import {objectOrNull} from '../../src/matrix/json.ts'
import {nameEvent} from '../../src/matrix/pdu.ts'
import {rulesFor} from '../../src/matrix/room-version.ts'
import type {EventCopy, RouteIdentity, ServerKey, Step} from '../../src/sources/evidence.ts'

type Steps = readonly {readonly source: SourceId; readonly ts: number; readonly step: Step}[]

/** A case in memory, as far as the use cases on copies need one. Copies with equal text are one. */
export class MemoryCase implements CaseWriter {
  readonly path = 'memory.case'
  readonly createdTs = 1
  readonly devices = {
    sources: () => [],
    users: () => [],
    of: () => [],
    refusals: () => [],
    source: (): SourceId => 1,
    keep: (): void => undefined,
  }
  readonly roomId: string
  roomVersion: string | null
  readonly #sources: StoredSource[] = []
  readonly #copies: StoredCopy[] = []
  readonly #keys: ServerKey[] = []
  readonly steps: {readonly source: SourceId; readonly ts: number; readonly step: Step}[] = []

  constructor(roomId: string, roomVersion: string | null) {
    this.roomId = roomId
    this.roomVersion = roomVersion
  }

  /** Adds copies by the route of this name. */
  give(route: string, texts: readonly string[], eventId: string | null = null, nowMs = 1000): this {
    const source = this.source({kind: 'file', name: route, server: '', address: route, insecure: false}, [])
    this.keep(source, {how: 'test', requests: 0, events: texts.map((text) => ({text, eventId}))}, nowMs)
    return this
  }

  readonly source = (identity: RouteIdentity, unknowable: readonly string[]): SourceId => {
    const known = this.#sources.find(({name, kind}) => name === identity.name && kind === identity.kind)
    if (known !== undefined) return known.id
    const id = this.#sources.length + 1
    this.#sources.push({...identity, unknowable, id, firstTs: 0, lastTs: 0, requests: 0})
    return id
  }
  readonly keep = (source: SourceId, step: Step, nowMs: number): Kept => {
    this.steps.push({source, ts: nowMs, step})
    this.roomVersion ??= step.roomVersion ?? null
    this.addKeys(step.keys ?? [])
    const before = this.counts()
    for (const event of step.events ?? []) this.#add(source, event, step.how, nowMs)
    const after = this.counts()
    return {events: after.events - before.events, copies: after.copies - before.copies}
  }
  #add(source: SourceId, {text, eventId, marks = {}}: EventCopy, how: string, ts: number): void {
    const sighting = {source, ts, how, marks}
    const index = this.#copies.findIndex((copy) => copy.text === text)
    const known = this.#copies[index]
    if (known !== undefined) this.#copies[index] = {...known, sightings: [...known.sightings, sighting]}
    else
      this.#copies.push({
        id: index < 0 ? this.#copies.length + 1 : index,
        eventId: eventId ?? this.#nameOf(text),
        text,
        sightings: [sighting],
      })
  }
  #nameOf(text: string): string {
    const event = objectOrNull(text)
    const rules = rulesFor(this.roomVersion ?? '')
    return event === null || rules === undefined ? '$unreadable' : nameEvent(event, rules).eventId
  }
  readonly addKeys = (keys: readonly ServerKey[]): void => void this.#keys.push(...keys)
  readonly addLimits = (): void => undefined
  readonly mergeFrom = (): Kept => {
    throw new Error('not needed')
  }
  readonly counts = () => ({
    events: new Set(this.#copies.map(({eventId}) => eventId)).size,
    copies: this.#copies.length,
    missing: 0,
    reportedStates: 0,
    keys: this.#keys.length,
  })
  readonly sources = () =>
    this.#sources.map((source) => ({
      ...source,
      requests: this.#of(source.id).reduce((sum, {step}) => sum + step.requests, 0),
      firstTs: Math.min(...this.#of(source.id).map(({ts}) => ts)),
      lastTs: Math.max(...this.#of(source.id).map(({ts}) => ts)),
    }))
  #of(source: SourceId): Steps {
    return this.steps.filter((step) => step.source === source)
  }
  #told<T extends object>(field: (step: Step) => readonly T[] | undefined): Told<T>[] {
    return this.steps.flatMap(({source, ts, step}) => (field(step) ?? []).map((item) => ({...item, source, ts})))
  }
  readonly copies = () => [...this.#copies]
  readonly copiesOf = (eventId: string) => this.#copies.filter((copy) => copy.eventId === eventId)
  readonly knows = (eventId: string) => this.copiesOf(eventId).length > 0
  readonly missing = () => []
  readonly named = () => []
  readonly newest = () => []
  readonly states = () => this.#told(({states}) => states)
  readonly stateGroups = (source: SourceId) => this.#of(source).flatMap(({step}) => step.stateGroups ?? [])
  readonly eventStateGroups = (source: SourceId) => this.#of(source).flatMap(({step}) => step.eventStateGroups ?? [])
  readonly currentStateChanges = (source: SourceId) =>
    this.#of(source).flatMap(({step}) => step.currentStateChanges ?? [])
  readonly extremities = () => this.#told(({extremities}) => extremities)
  readonly refusals = () => this.#told(({refusals}) => refusals)
  readonly keys = () => [...this.#keys]
  readonly aliases = () => this.steps.flatMap(({step}) => step.aliases ?? [])
  readonly limits = () => []
  readonly notes = () => this.#told(({notes}) => notes?.map((text) => ({text})))
  readonly marks = () => new Map<string, string>()
  readonly close = () => undefined
}
