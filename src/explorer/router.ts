import type {RoomGraph} from '../graph/room-graph.ts'
import {label} from './dom.ts'
import {fromHash, notInRoom, type Selected, toHash} from './model/selection.ts'

/** While someone holds a key down, the link follows when it comes to rest. */
const REST_MS = 250

/** Keeps the link of the page and the selection the same, so that reload, back and forward lead where they should. */
export function followLinks(graph: RoomGraph, selected: Selected, notice: HTMLElement): void {
  const tell = (hash: string): void => {
    const absent = notInRoom(graph, hash)
    notice.hidden = absent.length === 0
    notice.textContent = `The link leads to what is not in this page: ${absent.map((one) => label(one, 80)).join(', ')}`
  }
  let timer = 0
  let ours = location.hash.replace(/^#/, '')
  const write = (isJump: boolean): void => {
    const hash = toHash(graph, selected.now)
    if (hash === ours) return
    ours = hash
    // No change of the document: both work in a file that was opened from disk.
    if (isJump) history.pushState(null, '', `#${hash}`)
    else history.replaceState(null, '', `#${hash}`)
  }
  selected.onChange((_now, _before, manner) => {
    clearTimeout(timer)
    if (manner === 'jump') {
      notice.hidden = true
      write(true)
    } else timer = window.setTimeout(() => write(false), REST_MS)
  })
  const read = (): void => {
    const hash = location.hash.replace(/^#/, '')
    if (hash === ours) return
    ours = hash
    // It came from the link: it is not to be written there again as something new.
    selected.set(fromHash(graph, hash), 'step')
    tell(hash)
  }
  tell(ours)
  window.addEventListener('popstate', read)
  window.addEventListener('hashchange', read)
}
