import type {AuthChain} from '../model/auth-chain.ts'
import type {Layout} from '../model/lanes.ts'
import type {Level} from '../model/levels.ts'
import type {LongEdges} from '../model/long-edges.ts'
import type {Marks} from '../model/kinds.ts'
import type {Room} from '../model/room.ts'
import type {Palette} from '../theme.ts'
import type {Camera} from './camera.ts'

/** What is drawn along the DAG for one slot. */
export interface LifePath {
  /** Events that set the slot, or tried to. */
  readonly sets: readonly {readonly row: number; readonly isRejected: boolean; readonly leadsToNow: boolean}[]
  /** From a value to the event or merge that it led to; `to` -1: the merge over the tips. */
  readonly links: readonly {readonly from: number; readonly to: number; readonly isLost: boolean}[]
  /** Merges that took it away or set it back; -1: the merge over the tips. */
  readonly resets: readonly {readonly row: number; readonly expected: boolean}[]
}

/** A finding at the margin. */
export interface Flagged {
  readonly row: number
  readonly severity: 'error' | 'warning' | 'note'
}

/** All that drawing reads. */
export interface Scene {
  readonly room: Room
  readonly layout: Layout
  readonly marks: Marks
  readonly levels: readonly Level[]
  readonly longEdges: LongEdges
  readonly flagged: readonly Flagged[]
  readonly camera: Camera
  palette: Palette
  selectedRow: number
  hoverRow: number
  life: LifePath | null
  /** Of the event that is looked at, where it is to be drawn. */
  chain: AuthChain | null
  /** Events of the state that is looked at; empty while none is. */
  standing: readonly number[]
}

/** A row of this height or more is drawn as an event of its own. */
export const EVENT_HEIGHT = 1.4
/** From here on, edges and shapes can be told apart. */
export const SHAPE_HEIGHT = 5
/** From here on there is place for words. */
export const LABEL_HEIGHT = 15
