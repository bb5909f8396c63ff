import {StateError} from '../errors.ts'
import type {GatherLimits, RouteIdentity, ServerKey, Step} from '../sources/evidence.ts'
import {About, type VersionClaim, versionInCreate} from './about.ts'
import {CopyReader, type NamelessText} from './copy-reader.ts'
import {CopyKeeper, marksText} from './copies.ts'
import {DeviceFactKeeper, DeviceFacts} from './device-facts.ts'
import {mergeCase} from './merge.ts'
import {Numbers} from './numbers.ts'
import {ReportReader} from './report-reader.ts'
import {ReportKeeper} from './reports.ts'
import type {CaseCounts, CaseReader, CaseWriter, Kept, SourceId, StoredCopy, StoredSource} from './shapes.ts'
import {SourceTable} from './source-table.ts'
import type {Store} from './store.ts'

/** A case file that is open for reading. Made by `openCase`. */
export class ReadableCase implements CaseReader {
  readonly path: string
  readonly roomId: string
  readonly createdTs: number
  /** For the other classes of this folder. */
  readonly store: Store
  readonly devices: DeviceFacts
  protected readonly about: About
  protected readonly numbers: Numbers
  protected readonly sourceTable: SourceTable
  readonly #copies: CopyReader
  readonly #reports: ReportReader

  constructor(store: Store) {
    this.path = store.path
    this.store = store
    this.about = new About(store)
    this.roomId = this.about.roomId
    this.createdTs = this.about.createdTs
    this.numbers = new Numbers(store)
    this.sourceTable = new SourceTable(store)
    this.devices = new DeviceFacts(store, this.numbers)
    this.#copies = new CopyReader(store)
    this.#reports = new ReportReader(store, this.numbers)
  }

  get roomVersion(): string | null {
    return this.versionClaim?.version ?? null
  }

  /** The room version, and whether the create event itself says so. */
  get versionClaim(): VersionClaim | null {
    return this.about.claim
  }

  counts(): CaseCounts {
    return this.store.snapshot(() => ({...this.#copies.counts(), ...this.#reports.counts()}))
  }

  sources(): readonly StoredSource[] {
    return this.sourceTable.all(this.createdTs)
  }

  copies(): Iterable<StoredCopy> {
    return this.#copies.all()
  }

  copiesOf(eventId: string): readonly StoredCopy[] {
    return this.#copies.of(eventId)
  }

  knows(eventId: string): boolean {
    return this.#copies.knows(eventId)
  }

  missing(kind?: 'auth' | 'prev'): readonly string[] {
    return this.#copies.missing(kind)
  }

  named(): readonly string[] {
    const extremities = this.newest().filter((id) => !this.knows(id))
    return [...new Set([...extremities, ...this.#copies.named()])]
  }

  newest(): readonly string[] {
    const told = this.#reports.newest()
    return told.length > 0 ? told : this.#copies.uncited()
  }

  states(): ReturnType<ReportReader['states']> {
    return this.#reports.states()
  }

  stateGroups(source: SourceId): ReturnType<ReportReader['stateGroups']> {
    return this.#reports.stateGroups(source)
  }

  eventStateGroups(source: SourceId): ReturnType<ReportReader['eventStateGroups']> {
    return this.#reports.eventStateGroups(source)
  }

  currentStateChanges(source: SourceId): ReturnType<ReportReader['currentStateChanges']> {
    return this.#reports.currentStateChanges(source)
  }

  extremities(): ReturnType<ReportReader['extremities']> {
    return this.#reports.extremities()
  }

  refusals(): ReturnType<ReportReader['refusals']> {
    return this.#reports.refusals()
  }

  keys(): readonly ServerKey[] {
    return this.#reports.keys()
  }

  aliases(): readonly string[] {
    return this.#reports.aliases()
  }

  limits(): ReturnType<ReportReader['limits']> {
    return this.#reports.limits()
  }

  notes(): ReturnType<ReportReader['notes']> {
    return this.#reports.notes()
  }

  marks(source: SourceId): ReadonlyMap<string, string> {
    return this.sourceTable.marks(source)
  }

  /** Texts that wait for the room version. */
  unnamed(): readonly NamelessText[] {
    return this.#copies.unnamed()
  }

  /** Texts that came as events and are none. */
  unreadable(): readonly NamelessText[] {
    return this.#copies.unreadable()
  }

  close(): void {
    this.store.close()
  }
}

/** A case file that is open for adding. Made by `createCase` and `openCaseForWriting`. */
export class WritableCase extends ReadableCase implements CaseWriter {
  override readonly devices: DeviceFactKeeper
  readonly #reports: ReportKeeper

  constructor(store: Store) {
    super(store)
    this.devices = new DeviceFactKeeper(store, this.numbers)
    this.#reports = new ReportKeeper(store, this.numbers)
  }

  source(identity: RouteIdentity, unknowable: readonly string[]): SourceId {
    return this.store.transaction(() => this.sourceTable.add(identity, unknowable))
  }

  /**
   * Keeps a step in one transaction.
   *
   * @throws StateError CASE_UNUSABLE (also when the disk is full); nothing of the step is kept then
   * @remarks O(size of the step); events that wait for the room version are named by the step that tells it
   */
  keep(source: SourceId, step: Step, nowMs: number): Kept {
    return this.store.transaction(() => {
      if (!this.sourceTable.touch(source, step, nowMs)) throw new Error(`there is no source ${source} in ${this.path}`)
      const copies = new CopyKeeper(this.store, this.numbers, this.roomId)
      this.#learnVersion(source, step, nowMs, copies)
      const rules = this.about.rules()
      if (rules !== null) copies.nameWaiting(rules)
      const how = this.numbers.how(step.how)
      for (const {text, eventId, marks} of step.events ?? []) {
        copies.keep({text, source, how, marks: marksText(marks), claimed: eventId ?? '', ts: nowMs}, rules)
      }
      this.#reports.keep(source, step, nowMs)
      this.sourceTable.mark(source, step.marks ?? {})
      return copies.kept
    })
  }

  #learnVersion(source: SourceId, {roomVersion, events = []}: Step, nowMs: number, copies: CopyKeeper): void {
    const claims: VersionClaim[] = roomVersion === undefined ? [] : [{version: roomVersion, by: 'told'}]
    if (this.about.claim?.by !== 'create') {
      for (const {text} of events) {
        const claim = versionInCreate(text, this.roomId)
        if (claim !== null) claims.push(claim)
      }
    }
    for (const claim of claims) {
      const before = this.about.claim
      if (this.about.learn(claim) && before !== null) copies.forgetNames()
      const known = this.about.claim
      const other = known?.version === claim.version ? (before ?? claim) : claim
      if (known === null || other.version === known.version) continue
      const text =
        known.by === 'create'
          ? `The room version was told to be ${quoted(other.version)}; the create event says ${quoted(known.version)}, which is used.`
          : `The room version was told to be ${quoted(other.version)}; another source told ${quoted(known.version)} before, which is used.`
      this.#reports.note(source, text, nowMs, nowMs)
    }
  }

  addKeys(keys: readonly ServerKey[]): void {
    this.store.transaction(() => {
      for (const key of keys) this.#reports.key(key)
    })
  }

  addLimits(limits: GatherLimits, nowMs: number): void {
    this.store.transaction(() => {
      this.#reports.limits(limits, nowMs)
    })
  }

  /**
   * Takes in all evidence of another case of the same room; merging twice changes nothing.
   *
   * @throws StateError CASE_OTHER_ROOM, CASE_UNUSABLE; nothing is taken in then
   */
  mergeFrom(other: CaseReader): Kept {
    if (!(other instanceof ReadableCase)) throw new Error('only case files that openCase opened can be merged')
    if (other.roomId !== this.roomId) {
      throw new StateError(
        'CASE_OTHER_ROOM',
        `${other.path}: the case file is of room ${other.roomId}, not of ${this.roomId} as ${this.path}`,
        {hint: 'A case file holds one room: merge files of the same one.'},
      )
    }
    if (other === this) return {events: 0, copies: 0}
    const {store, about, numbers, sourceTable: sources, devices} = this
    return mergeCase({store, about, numbers, sources, devices, reports: this.#reports}, other)
  }
}

function quoted(version: string): string {
  return JSON.stringify(version.slice(0, 40))
}
