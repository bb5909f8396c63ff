import type {Severity} from '../../finding/finding.ts'
import type {AuthChain} from '../model/auth-chain.ts'
import type {Layout} from '../model/lanes.ts'
import type {Level} from '../model/levels.ts'
import type {LongEdges} from '../model/long-edges.ts'
import type {Marks} from '../model/kinds.ts'
import type {Room} from '../model/room.ts'
import type {LifePath} from '../model/slot-life.ts'
import type {Palette} from '../theme.ts'
import type {Camera} from './camera.ts'

/** A finding at the margin. */
export interface Flagged {
  readonly row: number
  readonly severity: Severity
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
