import type {Finding} from '../../finding/finding.ts'
import type {PackedGraph} from '../../graph/packed-graph.ts'
import type {DivergencePoint, SlotDifference} from '../../investigate/diff-report.ts'
import type {JsonObject} from '../../matrix/json.ts'
import type {Reading} from '../../resolve/auth-difference.ts'

/**
 * All that the explorer's page holds of a room: what it replays and draws when it opens. Plain JSON; every text in it is whatever servers and
 * users wrote. States are not in it: the page computes them from `graph` as the program does.
 */
export interface PageData {
  readonly schema: 'matrix-state/explorer-page/1'
  /** When the page was made, milliseconds since 1970, and by which version of the program. */
  readonly madeTs: number
  readonly program: string
  readonly room: PageRoom
  readonly reading: Reading
  readonly graph: PackedGraph
  readonly contents: PageContents
  /** What servers say of single events. */
  readonly marks: readonly PageMarks[]
  /** States that servers told; the replay is not among them. */
  readonly sides: readonly PageSide[]
  /** Of the states of now; as `diff` finds them. */
  readonly differences: readonly SlotDifference[]
  readonly divergencePoints: readonly DivergencePoint[]
  /** Most severe first; `subject` says what each is about. */
  readonly findings: readonly Finding[]
  readonly resets: readonly PageReset[]
}

export interface PageRoom {
  /** What it was opened from, as the user called it, without folders. */
  readonly source: string
  readonly name: string | null
  readonly complete: boolean
  /** Event IDs were taken as given: nobody looked at form, hashes and signatures (`--trust-ids`). */
  readonly trustIds: boolean
  /** Whether the signatures were checked when the page was made; what failed is not here, and a finding. */
  readonly signatures: 'checked' | 'partly' | 'not-checked'
  readonly unknowable: readonly string[]
  /** Why it is not complete, in sentences. */
  readonly open: readonly string[]
}

/** Contents of events that `graph.content` does not have (messages); of those it is said what was left out. */
export interface PageContents {
  /** `state`: only of state events, as always; `all`: of messages, too (`--with-content`). */
  readonly kept: 'state' | 'all'
  readonly messages: readonly (readonly [row: number, content: JsonObject])[]
  /** Sentences that the page shows about what is in it and what is not. */
  readonly says: readonly string[]
}

export interface PageMarks {
  readonly server: string
  /** Rows that it said it accepted; absent: not told. */
  readonly accepted?: readonly number[]
  /** Rows, with the server's reason. */
  readonly rejected: readonly (readonly [row: number, reason: string])[]
  readonly softFailed: readonly number[]
  readonly outliers: readonly number[]
  /** Rows, with when it received them by its clock, milliseconds since 1970. */
  readonly received: readonly (readonly [row: number, ts: number])[]
  /** Rows that it does not have; `null`: its whole DAG was not asked for. */
  readonly lacks: readonly number[] | null
  /** Forward extremities as told; `null`: not told. */
  readonly extremities: readonly string[] | null
}

export interface PageSide {
  /** `s1`, `s2` …, as in `differences`. */
  readonly id: string
  readonly server: string
  readonly what: 'current' | 'at-extremity' | 'before' | 'after'
  readonly how: string
  /** Event that the state is of; `null`: now. */
  readonly eventId: string | null
  readonly ts: number
  /** Type, state key, event; the event may be one that is not here. */
  readonly slots: readonly (readonly [type: string, stateKey: string, eventId: string])[]
}

/** A slot that a merge set back, in words, for the page to mark and tell. */
export interface PageReset {
  /** Event at which the branches were merged; `null`: only in the state over the tips. */
  readonly row: number | null
  /** Number in `graph.slots`. */
  readonly slot: number
  readonly lost: number
  /** -1: nothing stands there. */
  readonly got: number
  /** What resolution is meant to do. */
  readonly expected: boolean
  readonly cause: string
  /** Why, in sentences as `blame` tells it. */
  readonly says: readonly string[]
}
