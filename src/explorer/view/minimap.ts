import {make} from '../dom.ts'
import {GRAVE_MARKS, Mark} from '../model/kinds.ts'
import {PARTS} from '../model/levels.ts'
import {drawFlag, drawSplit} from './draw-marks.ts'
import type {Scene} from './scene.ts'

const WIDTH = 44

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
    const {palette, levels, layout, room, flagged, marks} = this.#scene
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
    const level = levels.find((one) => one.size * unit >= 1) ?? levels.at(-1)
    if (level === undefined) return
    const lanes = layout.lanes.length
    const laneWidth = (WIDTH - 14) / lanes
    for (let bucket = 0; bucket < level.buckets; bucket += 1) {
      const y = bucket * level.size * unit
      for (let lane = 0; lane < lanes; lane += 1) {
        const cell = bucket * lanes + lane
        let events = 0
        for (let part = 0; part < PARTS; part += 1) events += level.counts[cell * PARTS + part] ?? 0
        if (events === 0) continue
        context.globalAlpha = 0.25 + 0.5 * Math.min(1, (events * lanes) / level.size)
        context.fillStyle = palette.message
        context.fillRect(2 + lane * laneWidth, y, Math.max(1, laneWidth - 1), Math.max(1, level.size * unit))
        context.globalAlpha = 1
        if (((level.marks[cell] ?? 0) & Mark.Conflict) !== 0) {
          context.fillStyle = palette.conflict
          context.fillRect(2 + lane * laneWidth, y, Math.max(2, laneWidth - 1), Math.max(2, level.size * unit))
        }
      }
    }
    for (let row = 0; row < size; row += 1) {
      const mark = marks.marks[row] ?? 0
      const grave = GRAVE_MARKS.find((bit) => (mark & bit) !== 0)
      const y = (row + 0.5) * unit
      if (grave === Mark.Reset) {
        context.fillStyle = palette.reset
        context.fillRect(0, y - 1, WIDTH, 2.5)
      } else if (grave === Mark.Divergence) drawSplit(context, palette, WIDTH - 8, y, 5)
    }
    let above = -Infinity
    for (const {row, severity} of flagged) {
      const y = Math.min(height - 7, Math.max(7, (row + 0.5) * unit))
      if (y - above < 5) continue
      above = y
      const color = severity === 'error' ? palette.reset : severity === 'warning' ? palette.finding : palette.faint
      drawFlag(context, color, WIDTH - 7, y, 6)
    }
  }
}
