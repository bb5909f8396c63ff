import {make} from '../dom.ts'
import {GRAVE_MARKS, Mark} from '../model/kinds.ts'
import {levelFor, PARTS} from '../model/levels.ts'
import {drawFlag, FLAG_ORDER, drawSplit} from './draw-marks.ts'
import type {Scene} from './scene.ts'

const WIDTH = 44
/** Kept free of lanes, for flags. */
const MARGIN = 16

/** The whole room in a strip at the side: how busy it is, and where something is wrong. A click goes there. */
export class Minimap {
  readonly element: HTMLElement
  readonly #canvas: HTMLCanvasElement
  readonly #window: HTMLElement
  readonly #scene: Scene
  #height = 0
  #palette: Scene['palette'] | null = null

  constructor(scene: Scene) {
    this.#scene = scene
    this.#canvas = make('canvas', {'aria-hidden': 'true'})
    this.#window = make('div', {class: 'window'})
    this.element = make(
      'div',
      {class: 'minimap', title: 'The whole room; click to go there', 'aria-hidden': 'true'},
      this.#canvas,
      this.#window,
    )
    new ResizeObserver(() => {
      this.#height = 0
      this.draw()
    }).observe(this.element)
    const go = (event: PointerEvent): void => {
      const box = this.element.getBoundingClientRect()
      scene.camera.centre(((event.clientY - box.top) / box.height) * scene.room.graph.size)
    }
    this.element.addEventListener('pointerdown', (event) => {
      this.element.setPointerCapture(event.pointerId)
      go(event)
    })
    this.element.addEventListener('pointermove', (event) => {
      if (event.buttons > 0) go(event)
    })
  }

  /** The picture is made anew only when its size or colours change. */
  draw(): void {
    const {camera, room, palette} = this.#scene
    const height = this.element.clientHeight
    if (height === 0) return
    if (height !== this.#height || palette !== this.#palette) {
      this.#height = height
      this.#palette = palette
      this.#paint(height)
    }
    const unit = height / Math.max(1, room.graph.size)
    const shown = Math.min(room.graph.size, camera.height / camera.rowHeight)
    const size = Math.max(8, shown * unit)
    this.#window.style.height = `${String(Math.round(size))}px`
    this.#window.style.transform = `translateY(${String(Math.round(Math.min(height - size, camera.top * unit)))}px)`
  }

  #paint(height: number): void {
    const {palette, room, flagged, marks} = this.#scene
    const ratio = window.devicePixelRatio
    this.#canvas.width = WIDTH * ratio
    this.#canvas.height = height * ratio
    const context = this.#canvas.getContext('2d')
    if (context === null) return
    context.scale(ratio, ratio)
    context.fillStyle = palette.lane
    context.fillRect(0, 0, WIDTH, height)
    const size = room.graph.size
    const unit = height / Math.max(1, size)
    if (unit >= 1) this.#paintRows(context, unit)
    else this.#paintBuckets(context, unit)
    for (let row = 0; row < size; row += 1) {
      const mark = marks.marks[row] ?? 0
      const grave = GRAVE_MARKS.find((bit) => (mark & bit) !== 0)
      const y = (row + 0.5) * unit
      if (grave === Mark.Reset) {
        context.fillStyle = palette.reset
        context.fillRect(0, y - 1, WIDTH, 2.5)
      } else if (grave === Mark.Divergence) drawSplit(context, palette, WIDTH - MARGIN - 6, y, 5)
    }
    for (const severity of FLAG_ORDER) {
      let above = -Infinity
      for (const flag of flagged) {
        if (flag.severity !== severity) continue
        const y = Math.min(height - 7, Math.max(7, (flag.row + 0.5) * unit))
        if (y - above < 5) continue
        above = y
        drawFlag(context, palette, {severity, x: WIDTH - 8, y, r: 6})
      }
    }
  }

  /** A small room: event by event. */
  #paintRows(context: CanvasRenderingContext2D, unit: number): void {
    const {palette, layout, room, marks} = this.#scene
    const laneWidth = (WIDTH - MARGIN) / layout.lanes.length
    for (let row = 0; row < room.graph.size; row += 1) {
      const isDispute = ((marks.marks[row] ?? 0) & Mark.Dispute) !== 0
      context.fillStyle = isDispute ? palette.conflict : palette.message
      const height = Math.max(isDispute ? 2 : 1, unit - 1)
      context.fillRect(2 + (layout.laneOf[row] ?? 0) * laneWidth, row * unit, Math.max(1, laneWidth - 1), height)
    }
  }

  #paintBuckets(context: CanvasRenderingContext2D, unit: number): void {
    const {palette, levels, layout} = this.#scene
    const level = levelFor(levels, unit, 1)
    const lanes = layout.lanes.length
    const laneWidth = (WIDTH - MARGIN) / lanes
    const height = level.size * unit
    for (let cell = 0; cell < level.buckets * lanes; cell += 1) {
      let events = 0
      for (let part = 0; part < PARTS; part += 1) events += level.counts[cell * PARTS + part] ?? 0
      if (events === 0) continue
      const [x, y] = [2 + (cell % lanes) * laneWidth, Math.floor(cell / lanes) * height]
      const isDispute = ((level.marks[cell] ?? 0) & Mark.Dispute) !== 0
      context.globalAlpha = 0.25 + 0.5 * Math.min(1, events / level.most)
      context.fillStyle = palette.message
      context.fillRect(x, y, Math.max(1, laneWidth - 1), Math.max(1, height))
      if (!isDispute) continue
      // Beside how busy it is: where branches meet all the time, a strip of nothing but merges would say nothing.
      context.globalAlpha = 1
      context.fillStyle = palette.conflict
      context.fillRect(x, y, Math.max(2, Math.min(4, laneWidth / 3)), Math.max(2, height))
    }
    context.globalAlpha = 1
  }
}
