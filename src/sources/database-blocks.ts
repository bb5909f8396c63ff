import {createHash} from 'node:crypto'

/** Rows that are kept or read again together. */
export interface Block<Item> {
  readonly items: readonly Item[]
  /** Names the rows and all that was told of them: a block of the same name need not be read twice. */
  readonly name: string
}

/** Rows in a block: never more than this, an eighth of it on average. */
const MOST_ROWS = 8192
/** Bytes that a block stands for, about. */
const MOST_BYTES = 16 * 1024 * 1024

/**
 * Cuts a list into blocks at rows whose key says so, so that a row which comes, goes or changes alters the name of its own block only: that
 * is what is read again the next time, wherever the row stands. (Counters cannot do it: rows of a running server may become visible out
 * of order, and those that are known may change.)
 *
 * @param describe - the item's key, all that makes it what it is, and how many bytes will be read for it
 * @remarks Memory for one block.
 */
export async function* inBlocks<Item>(
  kind: string,
  batches: AsyncIterable<readonly Item[]>,
  describe: (item: Item) => {readonly key: string; readonly facts: string; readonly bytes: number},
): AsyncGenerator<Block<Item>> {
  let items: Item[] = []
  let hash = createHash('sha256')
  let bytes = 0
  const finish = (): Block<Item> => {
    const block = {items, name: `${kind} ${hash.digest('base64url').slice(0, 22)}`}
    items = []
    hash = createHash('sha256')
    bytes = 0
    return block
  }
  for await (const batch of batches) {
    for (const item of batch) {
      const about = describe(item)
      items.push(item)
      bytes += about.bytes
      hash.update(`${String(about.key.length)} ${about.key}${String(about.facts.length)} ${about.facts}`)
      if (endsBlock(about.key) || items.length >= MOST_ROWS || bytes >= MOST_BYTES) yield finish()
    }
  }
  if (items.length > 0) yield finish()
}

/** True for one key in 1,024, and always for the same ones: FNV-1a, and a last mixing, since keys may differ in a digit only. */
function endsBlock(key: string): boolean {
  let hash = 0x811c9dc5
  for (let at = 0; at < key.length; at += 1) hash = Math.imul(hash ^ key.charCodeAt(at), 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return ((hash ^ (hash >>> 16)) & 0x3ff) === 0
}

/** Which blocks an earlier run kept, and which of those are gone. */
export class KnownBlocks {
  readonly #kind: string
  readonly #left: Set<string>
  readonly #known: ReadonlyMap<string, string>

  constructor(kind: string, known: ReadonlyMap<string, string>) {
    this.#kind = kind
    this.#known = known
    this.#left = new Set([...known.keys()].filter((name) => name.startsWith(`${kind} `)))
  }

  /** Whether the block was kept before. */
  has(name: string): boolean {
    this.#left.delete(name)
    return this.#known.has(name)
  }

  /** What to forget once all blocks have been seen. */
  forget(): Record<string, null> {
    return Object.fromEntries(
      [...this.#left].filter((name) => name.startsWith(`${this.#kind} `)).map((name) => [name, null]),
    )
  }
}
