import {availableParallelism} from 'node:os'
import type {CaseReader, StoredCopy} from '../casefile/shapes.ts'
import type {Finding} from '../finding/finding.ts'
import {KeyRing, type SigningKey} from '../matrix/key-ring.ts'
import type {RoomVersionRules} from '../matrix/room-version.ts'
import type {CopyVerdict, SignatureVerdict} from '../matrix/verify-copy.ts'
import {rulesOfCase, sourceNames} from './case-room.ts'
import {addTally, emptyTally, type Tally} from './verify-batch.ts'
import {copyFindings, unverifiableFindings} from './verify-findings.ts'
import {verifyOnThreads} from './verify-pool.ts'

export interface VerifyOptions {
  /** Keys beside those of the case: a file of the person's. */
  readonly keys?: readonly SigningKey[]
  /** Threads; 0: none. @defaultValue one for each core, none for a small case */
  readonly workers?: number
  readonly signal?: AbortSignal
  readonly onProgress?: (progress: VerifyProgress) => void
  /** See `PoolOptions.workerUrl`. */
  readonly workerUrl?: URL
}

export interface VerifyProgress {
  readonly copies: number
  readonly total: number
  readonly perSecond: number
}

/** What verification has to say of a case. */
export interface Verification {
  readonly roomId: string
  readonly roomVersion: string
  readonly events: number
  readonly copies: number
  readonly verified: number
  readonly unverifiable: number
  readonly bad: number
  /** Copies without content that are otherwise as their servers made them; among the above. */
  readonly redacted: number
  readonly foreign: number
  readonly signatures: Readonly<Record<SignatureVerdict, number>>
  /** Statements about server keys that were there to verify with. */
  readonly keys: number
  /** Numbers of copies with a bad signature of a server that has to sign: servers drop such events. */
  readonly forged: ReadonlySet<number>
  /** Whether every copy could be judged: if not, the absence of bad ones proves nothing. */
  readonly complete: boolean
  /** Findings that were left out, as there are so many of the kind. */
  readonly omitted: number
  readonly findings: readonly Finding[]
  readonly workers: number
  readonly seconds: number
  /** Copies a second. */
  readonly perSecond: number
}

/** Threads take some tens of milliseconds to start, in which this many copies are verified. */
const SMALL_CASE = 500
const BATCH_COPIES = 200
/** UTF-16 units. */
const BATCH_TEXT = 1_000_000
/** Findings on single copies: a thousand tell the story. */
const MAX_FINDINGS = 1000

/**
 * Checks the ID, room, content hash and signatures of every copy in a case, with the keys that the case holds and those given.
 *
 * @throws StateError ROOM_VERSION_UNKNOWN, CREATE_MISSING; Error when a thread fails; the signal's reason
 * @remarks Nearly all of the time is Ed25519: a few thousand copies a second on each core. Memory for a few batches and the findings.
 */
export async function verifyEvidence(reader: CaseReader, options: VerifyOptions = {}): Promise<Verification> {
  const start = performance.now()
  const rules = rulesOfCase(reader)
  const keys = [...reader.keys(), ...(options.keys ?? [])]
  const {copies: total, events} = reader.counts()
  const workers = options.workers ?? (total < SMALL_CASE ? 0 : availableParallelism())
  const collector = new Collector(reader, rules, new KeyRing(keys))
  const perSecond = (): number => collector.tally.copies / Math.max((performance.now() - start) / 1000, 1e-6)
  await verifyOnThreads({
    setUp: {roomVersion: rules.id, roomId: reader.roomId, keys},
    workers,
    batches: batchesOf(reader.copies()),
    onResult: (batch, {tally, odd}) => {
      addTally(collector.tally, tally)
      for (const {index, verdict} of odd) collector.add(batch[index], verdict)
      options.onProgress?.({copies: collector.tally.copies, total, perSecond: perSecond()})
    },
    ...(options.signal === undefined ? {} : {signal: options.signal}),
    ...(options.workerUrl === undefined ? {} : {workerUrl: options.workerUrl}),
  })
  const {unverifiableBy, signatures, ...counts} = collector.tally
  return {
    roomId: reader.roomId,
    roomVersion: rules.id,
    events,
    ...counts,
    foreign: collector.foreign,
    forged: collector.forged,
    signatures,
    keys: keys.length,
    complete: counts.unverifiable === 0,
    omitted: collector.omitted,
    findings: [...collector.finish(), ...unverifiableFindings([...unverifiableBy.values()])],
    workers,
    seconds: (performance.now() - start) / 1000,
    perSecond: perSecond(),
  }
}

function* batchesOf(copies: Iterable<StoredCopy>): Generator<readonly StoredCopy[]> {
  let batch: StoredCopy[] = []
  let size = 0
  for (const copy of copies) {
    batch.push(copy)
    size += copy.text.length
    if (batch.length < BATCH_COPIES && size < BATCH_TEXT) continue
    yield batch
    batch = []
    size = 0
  }
  if (batch.length > 0) yield batch
}

/** Gathers what is wrong with single copies. */
class Collector {
  readonly tally: Tally = emptyTally()
  foreign = 0
  omitted = 0
  readonly forged = new Set<number>()
  readonly #reader: CaseReader
  readonly #rules: RoomVersionRules
  readonly #ring: KeyRing
  readonly #odd: {readonly copy: StoredCopy; readonly verdict: CopyVerdict}[] = []

  constructor(reader: CaseReader, rules: RoomVersionRules, ring: KeyRing) {
    this.#reader = reader
    this.#rules = rules
    this.#ring = ring
  }

  add(copy: StoredCopy | undefined, verdict: CopyVerdict): void {
    if (copy === undefined) throw new Error('verification: an answer is about a copy that was not in its batch')
    if (!verdict.roomOk) this.foreign += 1
    if (verdict.signatures.some(({verdict: how, required}) => how === 'bad' && required)) this.forged.add(copy.id)
    if (this.#odd.length < MAX_FINDINGS) this.#odd.push({copy, verdict})
    else this.omitted += 1
  }

  /** In the order of the copies, whichever thread was first. */
  finish(): readonly Finding[] {
    const names = sourceNames(this.#reader)
    this.#odd.sort((a, b) => a.copy.id - b.copy.id)
    return this.#odd.flatMap(({copy, verdict}) =>
      copyFindings(copy, verdict, {
        names,
        roomId: this.#reader.roomId,
        others: this.#reader.copiesOf(copy.eventId).filter(({id}) => id !== copy.id),
        rules: this.#rules,
        ring: this.#ring,
      }),
    )
  }
}
