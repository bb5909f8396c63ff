import type {Layout} from '../model/lanes.ts'

/** Height of a row, in pixels, beyond which nothing is gained. */
const HIGHEST_ROW = 72
const LEAST_LANE = 46
/** Places within a lane, in pixels: from one to the next, and all of them where there are many, which stand closer if they must. */
const COLUMN = 14
const COLUMNS = 8 * COLUMN
const LEAST_COLUMN = 5
/** Before the first place of a lane, where signs of its events stand, and after the last one. */
const LANE_PAD = 34
const LANE_END = 10

/** Which part of the room is seen, and where on the canvas its events are. */
export class Camera {
  width = 1
  height = 1
  /** Row at the upper edge; fractions of rows are seen. */
  top = 0
  rowHeight = 24
  left = 0
  readonly #layout: Layout
  readonly #rows: number
  #laneX: number[] = []
  #laneWidth: number[] = []
  /** From place to place, by lane. */
  #step: readonly number[] = []
  #changed: () => void = () => undefined

  constructor(layout: Layout, rows: number) {
    this.#layout = layout
    this.#rows = rows
  }

  onChange(changed: () => void): void {
    this.#changed = changed
  }

  resize(width: number, height: number): void {
    const middle = this.rowAt(this.height / 2)
    const isWhole = this.rowHeight <= this.lowestRowHeight
    const isFirst = this.width === 1
    this.width = Math.max(1, width)
    this.height = Math.max(1, height)
    this.#arrange()
    if (isFirst || isWhole) this.fit()
    else this.centre(middle)
  }

  /** Lanes share the width; busy ones with many branches get more. Where they would be too narrow, the view can be moved sideways. */
  #arrange(): void {
    const {lanes} = this.#layout
    const least = lanes.map(({columns}) =>
      Math.max(LEAST_LANE, LANE_PAD + LANE_END + (columns - 1) * stepIn(COLUMNS, columns)),
    )
    const sum = least.reduce((a, b) => a + b, 0)
    const spare = Math.max(0, this.width - sum) / Math.max(1, lanes.length)
    let x = 0
    this.#laneX = []
    this.#laneWidth = least.map((width) => width + spare)
    this.#step = lanes.map(({columns}, lane) => stepIn((this.#laneWidth[lane] ?? 0) - LANE_PAD - LANE_END, columns))
    for (const width of this.#laneWidth) {
      this.#laneX.push(x)
      x += width
    }
    this.#keepInside()
  }

  get contentWidth(): number {
    return (this.#laneX.at(-1) ?? 0) + (this.#laneWidth.at(-1) ?? 0)
  }

  get lowestRowHeight(): number {
    return Math.min(32, (this.height - 16) / Math.max(1, this.#rows))
  }

  laneX(lane: number): number {
    return (this.#laneX[lane] ?? 0) - this.left
  }

  laneWidth(lane: number): number {
    return this.#laneWidth[lane] ?? 0
  }

  x(row: number): number {
    const lane = this.#layout.laneOf[row] ?? 0
    return this.laneX(lane) + LANE_PAD + (this.#layout.columnOf[row] ?? 0) * (this.#step[lane] ?? COLUMN)
  }

  /** Where the last place of a lane is. */
  endOfPlaces(lane: number): number {
    const columns = this.#layout.lanes[lane]?.columns ?? 1
    return this.laneX(lane) + LANE_PAD + (columns - 1) * (this.#step[lane] ?? COLUMN)
  }

  y(row: number): number {
    return (row + 0.5 - this.top) * this.rowHeight
  }

  /** Row at a height, with fraction. */
  rowAt(y: number): number {
    return y / this.rowHeight + this.top
  }

  get first(): number {
    return Math.max(0, Math.floor(this.top) - 1)
  }

  get last(): number {
    return Math.min(this.#rows - 1, Math.ceil(this.rowAt(this.height)))
  }

  /** The whole room. */
  fit(): void {
    this.rowHeight = this.lowestRowHeight
    this.top = 0
    this.#keepInside()
    this.#changed()
  }

  pan(dx: number, dy: number): void {
    this.left -= dx
    this.top -= dy / this.rowHeight
    this.#keepInside()
    this.#changed()
  }

  /** What is at the given height stays there. */
  zoom(factor: number, y = this.height / 2): void {
    const row = this.rowAt(y)
    this.rowHeight = Math.min(HIGHEST_ROW, Math.max(this.lowestRowHeight, this.rowHeight * factor))
    this.top = row - y / this.rowHeight
    this.#keepInside()
    this.#changed()
  }

  centre(row: number): void {
    this.top = row + 0.5 - this.height / 2 / this.rowHeight
    this.#keepInside()
    this.#changed()
  }

  /** Brings an event into view; where events are too small to be seen one by one, closer, too. */
  show(row: number, least: number): void {
    const isFar = this.rowHeight < least
    if (isFar) this.rowHeight = least
    const margin = Math.min(80, this.height / 4)
    const y = this.y(row)
    if (isFar || y < -this.height || y > this.height * 2) this.centre(row)
    else if (y < margin) this.pan(0, margin - y)
    else if (y > this.height - margin) this.pan(0, this.height - margin - y)
    const x = this.x(row)
    if (x < LANE_PAD) this.pan(LANE_PAD - x, 0)
    else if (x > this.width - LEAST_LANE) this.pan(this.width - LEAST_LANE - x, 0)
  }

  /** All rows from one to another, as closely as they fit. */
  showRange(first: number, last: number): void {
    const pad = 3
    const rows = last - first + 1 + pad * 2
    if (this.rowAt(0) <= first && this.rowAt(this.height) >= last + 1 && rows * this.rowHeight > this.height / 4) return
    this.rowHeight = Math.min(24, Math.max(this.lowestRowHeight, this.height / rows))
    this.top = first - pad
    this.#keepInside()
    this.#changed()
  }

  #keepInside(): void {
    const most = Math.max(0, this.#rows - (this.height - 12) / this.rowHeight)
    this.top = Math.min(most, Math.max(0, this.top))
    this.left = Math.min(Math.max(0, this.contentWidth - this.width), Math.max(0, this.left))
  }
}

function stepIn(width: number, columns: number): number {
  return Math.min(COLUMN, Math.max(LEAST_COLUMN, width / Math.max(1, columns - 1)))
}
