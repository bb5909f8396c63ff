import {Layer} from 'konva/lib/Layer.js'
import {Shape} from 'konva/lib/Shape.js'
import {Stage} from 'konva/lib/Stage.js'
import {count} from '../../report/printable.ts'
import {label, make} from '../dom.ts'
import type {AuthChain} from '../model/auth-chain.ts'
import {MOST_COLUMNS} from '../model/lanes.ts'
import type {Selected} from '../model/selection.ts'
import type {LifePath} from '../model/slot-life.ts'
import {eventLine} from '../model/words.ts'
import {readPalette, type Themes} from '../theme.ts'
import {drawOverlay} from './draw-overlay.ts'
import {drawRoom} from './draw-room.ts'
import {followPointer} from './pointer.ts'
import type {Scene} from './scene.ts'

/** Closest that jumping to an event goes by itself. */
const READABLE = 20
/** Ends of a long life that are looked for, first and last: they are in the order of the history. */
const MOST_SHOWN = 1000

// The library leaves itself in the window, where nobody needs it.
Reflect.deleteProperty(globalThis, 'Konva')

/** The canvas: two layers, each with one shape that draws what is in view. */
export class GraphView {
  readonly element: HTMLElement
  readonly #scene: Scene
  readonly #base: Layer
  readonly #overlay: Layer
  readonly #names: HTMLElement
  readonly #beyond: HTMLElement
  readonly #tip: HTMLElement
  readonly #redrawn: (() => void)[] = []

  constructor(scene: Scene, selected: Selected, themes: Themes) {
    this.#scene = scene
    const canvas = make('div', {class: 'canvas'})
    this.#names = make('div', {class: 'lane-names', 'aria-hidden': 'true'})
    this.#beyond = make('div', {
      class: 'lanes-beyond',
      hidden: true,
      title: 'Drag the graph sideways, or hold Shift and turn the wheel',
    })
    this.#tip = make('div', {class: 'tip', hidden: true})
    const lanes = scene.layout.lanes.length
    this.element = make(
      'div',
      {
        class: 'graph',
        tabindex: '0',
        role: 'application',
        'aria-label': `Events of the room, ${String(lanes)} ${lanes === 1 ? 'lane' : 'lanes'}, time downward. Arrow keys go from event to event; ? lists all keys.`,
        'aria-describedby': 'status',
      },
      this.#names,
      this.#beyond,
      canvas,
      this.#tip,
    )
    const stage = new Stage({container: canvas, width: 1, height: 1, listening: false})
    this.#base = this.#layer(stage, drawRoom)
    this.#overlay = this.#layer(stage, drawOverlay)
    scene.camera.onChange(() => this.redraw())
    new ResizeObserver(() => {
      const {clientWidth, clientHeight} = canvas
      stage.size({width: clientWidth, height: clientHeight})
      const isFirst = scene.camera.width === 1
      scene.camera.resize(clientWidth, clientHeight)
      if (selected.now.row >= 0) scene.camera.show(selected.now.row, isFirst ? READABLE : 0)
      this.redraw()
    }).observe(canvas)
    followPointer(canvas, scene, {
      pick: (row) => selected.set({row, ...(selected.now.tab === 'state' ? {} : {tab: 'event'})}),
      hover: (row, x, y) => this.#hover(row, x, y),
    })
    themes.onChange(() => {
      scene.palette = readPalette()
      this.redraw()
    })
    selected.onChange((now, before) => {
      scene.selectedRow = now.row
      // Close enough to be told from its neighbours.
      if (now.row !== before.row && now.row >= 0) scene.camera.show(now.row, READABLE)
      this.#overlay.batchDraw()
    })
    scene.selectedRow = selected.now.row
  }

  #layer(stage: Stage, draw: (context: CanvasRenderingContext2D, scene: Scene) => void): Layer {
    const layer = new Layer({listening: false})
    const shape = new Shape({
      listening: false,
      perfectDrawEnabled: false,
      sceneFunc: (context) => draw(context._context, this.#scene),
    })
    layer.add(shape)
    stage.add(layer)
    return layer
  }

  onRedraw(redrawn: () => void): void {
    this.#redrawn.push(redrawn)
  }

  redraw(): void {
    this.#base.batchDraw()
    this.#overlay.batchDraw()
    this.#drawNames()
    this.element.dataset['top'] = this.#scene.camera.top.toFixed(2)
    this.element.dataset['rowHeight'] = this.#scene.camera.rowHeight.toFixed(4)
    for (const redrawn of this.#redrawn) redrawn()
  }

  set life(life: LifePath | null) {
    this.#scene.life = life
    const rows = life === null ? [] : [...life.sets, ...life.resets].map(({row}) => row)
    if (rows.length > 0) {
      const last = this.#scene.room.graph.size - 1
      const ends = rows.map((row) => (row < 0 ? last : row))
      this.#scene.camera.showRange(Math.min(...ends.slice(0, MOST_SHOWN)), Math.max(...ends.slice(-MOST_SHOWN)))
    }
    this.redraw()
  }

  set chain(chain: AuthChain | null) {
    this.#scene.chain = chain
    this.#overlay.batchDraw()
  }

  set standing(rows: readonly number[]) {
    this.#scene.standing = rows
    this.#overlay.batchDraw()
  }

  #drawNames(): void {
    const {camera, layout} = this.#scene
    if (this.#names.childElementCount !== layout.lanes.length) {
      this.#names.replaceChildren(
        ...layout.lanes.map(({server, events, names, isFull}) =>
          make(
            'span',
            {
              class: 'lane-name',
              title: [
                label(server ?? names.slice(0, 30).join(', '), 1000),
                ...(names.length > 30 ? [`and ${String(names.length - 30)} more`] : []),
                ...(isFull ? [`More than ${String(MOST_COLUMNS)} branches at once: the last place is shared.`] : []),
              ].join('. '),
            },
            make(
              'bdi',
              {},
              server === null ? `${String(names.length)} others` : label(server === '' ? 'no server' : server, 80),
            ),
            make('small', {}, `${count(events, 'event')}${isFull ? ' *' : ''}`),
          ),
        ),
      )
    }
    for (const [lane, name] of [...this.#names.children].entries()) {
      if (!(name instanceof HTMLElement)) continue
      name.style.transform = `translateX(${String(Math.round(camera.laneX(lane)))}px)`
      name.style.width = `${String(Math.floor(camera.laneWidth(lane)))}px`
      name.classList.toggle('slim', camera.laneWidth(lane) < 210)
    }
    const beyond = layout.lanes.filter((_, lane) => camera.laneX(lane) + camera.laneWidth(lane) / 2 > camera.width)
    this.#beyond.hidden = beyond.length === 0
    this.#beyond.textContent = `${count(beyond.length, 'more lane')} →`
  }

  #hover(row: number, x: number, y: number): void {
    if (this.#scene.hoverRow !== row) {
      this.#scene.hoverRow = row
      this.#overlay.batchDraw()
      this.#tip.hidden = row < 0
      if (row >= 0) this.#tip.textContent = eventLine(this.#scene.room, row, this.#scene.marks.marks)
    }
    if (row < 0) return
    const {width} = this.#scene.camera
    const left = Math.max(4, Math.min(x + 14, width - this.#tip.offsetWidth - 8))
    this.#tip.style.transform = `translate(${String(Math.round(left))}px, ${String(Math.round(y + 18))}px)`
  }
}
