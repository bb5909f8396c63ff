import type {RoomGraph} from '../graph/room-graph.ts'
import {fromHash, type Selected, toHash} from './model/selection.ts'

/** While someone holds a key down, the link follows when it comes to rest. */
const REST_MS = 250

/** Keeps the link of the page and the selection the same, so that reload, back and forward lead where they should. */
export function followLinks(graph: RoomGraph, selected: Selected): void {
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
    if (manner === 'jump') write(true)
    else timer = window.setTimeout(() => write(false), REST_MS)
  })
  const read = (): void => {
    const hash = location.hash.replace(/^#/, '')
    if (hash === ours) return
    ours = hash
    // It came from the link: it is not to be written there again as something new.
    selected.set(fromHash(graph, hash), 'step')
  }
  window.addEventListener('popstate', read)
  window.addEventListener('hashchange', read)
}
