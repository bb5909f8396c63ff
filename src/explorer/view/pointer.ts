import type {Scene} from './scene.ts'
import {hit} from './hit.ts'

/** Pixels that a pointer may tremble and still click. */
const STILL = 5

interface Handlers {
  readonly pick: (row: number) => void
  /** -1: nothing is there. */
  readonly hover: (row: number, x: number, y: number) => void
}

/** Drag pans, the wheel pans, with Ctrl or a pinch it zooms; a click picks an event, a double click goes closer. */
export function followPointer(element: HTMLElement, scene: Scene, {pick, hover}: Handlers): void {
  const {camera} = scene
  const pointers = new Map<number, {x: number; y: number}>()
  let moved = 0
  const place = (event: MouseEvent): readonly [number, number] => {
    const box = element.getBoundingClientRect()
    return [event.clientX - box.left, event.clientY - box.top]
  }
  const spread = (): number => {
    const [a, b] = [...pointers.values()]
    return a === undefined || b === undefined ? 0 : Math.hypot(a.x - b.x, a.y - b.y)
  }
  element.addEventListener('pointerdown', (event) => {
    const [x, y] = place(event)
    if (pointers.size === 0) moved = 0
    pointers.set(event.pointerId, {x, y})
    element.setPointerCapture(event.pointerId)
    hover(-1, 0, 0)
  })
  element.addEventListener('pointermove', (event) => {
    const [x, y] = place(event)
    const known = pointers.get(event.pointerId)
    if (known === undefined) {
      if (event.pointerType === 'mouse') hover(hit(scene, x, y), x, y)
      return
    }
    const before = spread()
    moved += Math.abs(x - known.x) + Math.abs(y - known.y)
    if (pointers.size === 1 && moved > STILL) camera.pan(x - known.x, y - known.y)
    known.x = x
    known.y = y
    if (pointers.size > 1 && before > 0) camera.zoom(spread() / before, y)
  })
  const end = (event: PointerEvent): void => {
    const [x, y] = place(event)
    if (pointers.size === 1 && moved <= STILL && event.type === 'pointerup') {
      const row = hit(scene, x, y)
      if (row >= 0) pick(row)
    }
    pointers.delete(event.pointerId)
  }
  element.addEventListener('pointerup', end)
  element.addEventListener('pointercancel', end)
  element.addEventListener('pointerleave', () => hover(-1, 0, 0))
  element.addEventListener('dblclick', (event) => camera.zoom(3, place(event)[1]))
  element.addEventListener(
    'wheel',
    (event) => {
      event.preventDefault()
      const unit = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 20 : 1
      if (event.ctrlKey || event.metaKey) camera.zoom(Math.exp(-event.deltaY * unit * 0.004), place(event)[1])
      else if (event.shiftKey) camera.pan(-event.deltaY * unit, 0)
      else camera.pan(-event.deltaX * unit, -event.deltaY * unit)
    },
    {passive: false},
  )
}
