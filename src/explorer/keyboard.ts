import {childRows, type Room} from './model/room.ts'
import {type Selected, TABS} from './model/selection.ts'
import {step, toNow} from './panels/scrubber.ts'
import type {Themes} from './theme.ts'
import type {Camera} from './view/camera.ts'

interface Board {
  readonly room: Room
  readonly selected: Selected
  readonly camera: Camera
  readonly themes: Themes
  /** Places that findings are about, in the order of rows. */
  readonly findingRows: readonly number[]
  readonly graph: HTMLElement
  readonly help: HTMLDialogElement
}

/** Everything that can be done, by keys alone. Where somebody types, letters are letters. */
export function followKeys(board: Board): void {
  document.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || board.help.open) return
    const target = event.target instanceof HTMLElement ? event.target : null
    if (target?.matches('input[type=search], select, textarea') === true) return
    const isOnGraph = target === board.graph || target === document.body
    const act = actionFor(board, event.key, isOnGraph, target)
    if (act === null) return
    event.preventDefault()
    act()
  })
}

/** Keys that scroll what has the focus, or move along it. */
const MOVING: ReadonlySet<string> = new Set([
  'ArrowDown',
  'ArrowUp',
  'ArrowLeft',
  'ArrowRight',
  'PageUp',
  'PageDown',
  'Home',
  'End',
])

function actionFor(board: Board, key: string, isOnGraph: boolean, target: HTMLElement | null): (() => void) | null {
  if (MOVING.has(key) && !isOnGraph) return null
  const {room, selected, camera, themes, findingRows} = board
  const last = room.graph.size - 1
  const {row} = selected.now
  const isAtRow = row >= 0
  switch (key) {
    case 'j':
    case 'ArrowDown':
      return () => step(selected, last, row + 1)
    case 'k':
    case 'ArrowUp':
      return () => step(selected, last, isAtRow ? row - 1 : last)
    case 'h':
    case 'ArrowLeft': {
      const [parent] = isAtRow ? room.graph.prevOf(row) : []
      return parent === undefined ? null : () => step(selected, last, parent)
    }
    case 'l':
    case 'ArrowRight': {
      const [child] = isAtRow ? childRows(room.children, row) : []
      return child === undefined ? null : () => step(selected, last, child)
    }
    case 'n':
      return jump(board, findingRows.find((one) => one > row) ?? findingRows[0])
    case 'p':
      return jump(board, findingRows.findLast((one) => one < row) ?? findingRows.at(-1))
    case 'Home':
      return () => step(selected, last, 0)
    case 'End':
      return () => step(selected, last, last)
    case '.':
      return () => toNow(selected)
    case 'PageDown':
      return () => camera.pan(0, -camera.height * 0.8)
    case 'PageUp':
      return () => camera.pan(0, camera.height * 0.8)
    case '+':
    case '=':
      return () => camera.zoom(1.5, zoomAt(selected, camera))
    case '-':
      return () => camera.zoom(1 / 1.5, zoomAt(selected, camera))
    case '0':
      return () => camera.fit()
    case 's': {
      const slot = isAtRow ? (room.graph.slot[row] ?? -1) : -1
      return slot < 0 ? null : () => selected.set({slot, tab: 'slot'})
    }
    case 'a':
      return () => selected.set({chain: !selected.now.chain})
    case 't':
      return () => themes.toggle()
    case '?':
      return () => board.help.showModal()
    case '/':
      return () => document.getElementById('search')?.focus()
    case 'Escape':
      return () => {
        if (selected.now.slot >= 0) selected.set({slot: -1})
        else target?.blur()
        board.graph.focus()
      }
    default: {
      const tab = /^[1-9]$/.test(key) ? TABS[Number(key) - 1] : undefined
      return tab === undefined ? null : () => selected.set({tab})
    }
  }
}

/** The event that is looked at stays where it is. */
export function zoomAt(selected: Selected, camera: Camera): number {
  const y = selected.now.row < 0 ? -1 : camera.y(selected.now.row)
  return y < 0 || y > camera.height ? camera.height / 2 : y
}

function jump({selected}: Board, row: number | undefined): (() => void) | null {
  return row === undefined ? null : () => selected.set({row, tab: 'event'})
}
