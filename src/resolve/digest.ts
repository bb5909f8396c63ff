import {hash} from 'node:crypto'
import type {RoomGraph} from '../graph/room-graph.ts'
import {LEAF_WIDTH, type StateRoot, type StateTrie} from './state-trie.ts'

/** What two parties compare to know that they mean the same state. */
export interface StateDigest {
  /** Number of state events. */
  readonly size: number
  /** Hex SHA-256 over the lines `type NUL state_key NUL event_id LF`, UTF-8, sorted bytewise. */
  readonly sha256: string
}

interface Chunk {
  readonly size: number
  readonly bytes: Buffer
}

/** Lines of leaves that are kept, in bytes, before all are dropped. */
const KEPT_BYTES = 48 * 2 ** 20

/**
 * Digests of states. Each state costs its size once; the lines of a leaf that several states share are made once.
 */
export class StateDigests {
  readonly #graph: RoomGraph
  readonly #trie: StateTrie
  readonly #known = new Map<StateRoot, StateDigest>()
  readonly #chunks = new Map<number, Chunk>()
  readonly #sizes = new Map<StateRoot, number>()
  readonly #leafSizes = new Map<number, number>()
  readonly #sortAgain: boolean
  #keptBytes = 0
  #buffer = Buffer.allocUnsafe(2 ** 16)

  constructor(graph: RoomGraph, trie: StateTrie) {
    this.#graph = graph
    this.#trie = trie
    // Slots are numbered in the order of the lines, unless a NUL within a name makes it depend on what follows.
    this.#sortAgain = graph.slots.some(({type, stateKey}) => type.includes('\0') || stateKey.includes('\0'))
  }

  digest(root: StateRoot): StateDigest {
    const known = this.#known.get(root)
    if (known !== undefined) return known
    const digest = this.#sortAgain ? this.#bySorting(root) : this.#byLeaves(root)
    this.#known.set(root, digest)
    return digest
  }

  /** Number of state events, without the hash; counted once for each state. */
  size(root: StateRoot): number {
    const known = this.#known.get(root)?.size ?? this.#sizes.get(root)
    if (known !== undefined) return known
    let size = 0
    this.#trie.forEachLeaf(root, (leaf) => {
      const counted = this.#leafSizes.get(leaf)
      if (counted !== undefined) {
        size += counted
        return
      }
      let count = 0
      for (let place = 0; place < LEAF_WIDTH; place += 1) if (this.#trie.leafEvent(leaf, place) >= 0) count += 1
      this.#leafSizes.set(leaf, count)
      size += count
    })
    this.#sizes.set(root, size)
    return size
  }

  #byLeaves(root: StateRoot): StateDigest {
    let size = 0
    let end = 0
    this.#trie.forEachLeaf(root, (leaf, firstSlot) => {
      const chunk = this.#chunk(leaf, firstSlot)
      size += chunk.size
      while (end + chunk.bytes.length > this.#buffer.length) this.#buffer = Buffer.concat([this.#buffer, this.#buffer])
      chunk.bytes.copy(this.#buffer, end)
      end += chunk.bytes.length
    })
    return {size, sha256: hash('sha256', this.#buffer.subarray(0, end), 'hex')}
  }

  #chunk(leaf: number, firstSlot: number): Chunk {
    const known = this.#chunks.get(leaf)
    if (known !== undefined) return known
    let text = ''
    let size = 0
    for (let place = 0; place < LEAF_WIDTH; place += 1) {
      const event = this.#trie.leafEvent(leaf, place)
      if (event < 0) continue
      text += this.#line(firstSlot + place, event)
      size += 1
    }
    const chunk = {size, bytes: Buffer.from(text, 'utf8')}
    if (this.#keptBytes > KEPT_BYTES) {
      this.#chunks.clear()
      this.#keptBytes = 0
    }
    this.#chunks.set(leaf, chunk)
    this.#keptBytes += chunk.bytes.length
    return chunk
  }

  #bySorting(root: StateRoot): StateDigest {
    const lines: Buffer[] = []
    this.#trie.forEach(root, (slot, event) => lines.push(Buffer.from(this.#line(slot, event), 'utf8')))
    lines.sort((a, b) => Buffer.compare(a, b))
    return {size: lines.length, sha256: hash('sha256', Buffer.concat(lines), 'hex')}
  }

  #line(slot: number, event: number): string {
    const {type, stateKey} = this.#graph.slotAt(slot)
    return `${type}\0${stateKey}\0${this.#graph.id(event)}\n`
  }
}
