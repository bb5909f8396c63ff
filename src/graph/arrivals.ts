/** How many events there is room for at first. */
const FIRST = 64

/** Events in the order of their arrival, as columns that grow together; each holds one entry per event. */
export class Arrivals {
  size = 0
  /** Number of the event's ID. */
  id = new Int32Array(FIRST)
  line = new Int32Array(FIRST)
  room = new Int32Array(FIRST)
  flags = new Uint16Array(FIRST)
  type = new Int32Array(FIRST)
  slot = new Int32Array(FIRST)
  sender = new Int32Array(FIRST)
  target = new Int32Array(FIRST)
  membership = new Uint8Array(FIRST)
  ts = new Float64Array(FIRST)
  depth = new Float64Array(FIRST)
  /** Where its prev and auth events begin in the lists of them; one entry more, for where the last ones end. */
  prevStarts = new Int32Array(FIRST + 1)
  authStarts = new Int32Array(FIRST + 1)

  /** Makes room for one event more, and gives its place. */
  next(): number {
    const place = this.size
    if (place === this.id.length) this.#grow()
    this.size = place + 1
    return place
  }

  #grow(): void {
    const capacity = 2 * this.size
    this.id = longer(this.id, new Int32Array(capacity))
    this.line = longer(this.line, new Int32Array(capacity))
    this.room = longer(this.room, new Int32Array(capacity))
    this.flags = longer(this.flags, new Uint16Array(capacity))
    this.type = longer(this.type, new Int32Array(capacity))
    this.slot = longer(this.slot, new Int32Array(capacity))
    this.sender = longer(this.sender, new Int32Array(capacity))
    this.target = longer(this.target, new Int32Array(capacity))
    this.membership = longer(this.membership, new Uint8Array(capacity))
    this.ts = longer(this.ts, new Float64Array(capacity))
    this.depth = longer(this.depth, new Float64Array(capacity))
    this.prevStarts = longer(this.prevStarts, new Int32Array(capacity + 1))
    this.authStarts = longer(this.authStarts, new Int32Array(capacity + 1))
  }
}

export type Column = Int32Array | Uint8Array | Uint16Array | Float64Array

function longer<T extends Column>(values: T, grown: T): T {
  grown.set(values)
  return grown
}
