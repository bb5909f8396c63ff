import {createHash} from 'node:crypto'
import {StateError} from '../errors.ts'

/** One of several equal jobs: `index` counts from 1. */
export interface Shard {
  readonly index: number
  readonly of: number
}

/** @param text - `2/8` @throws StateError USAGE */
export function parseShard(text: string): Shard {
  const [, index = '', of = ''] = /^(\d{1,4})\/(\d{1,4})$/.exec(text.trim()) ?? []
  const shard = {index: Number(index), of: Number(of)}
  if (shard.index >= 1 && shard.index <= shard.of) return shard
  throw new StateError('USAGE', `--shard: ${JSON.stringify(text.slice(0, 40))} names no part of a whole`, {
    hint: 'Write which part of how many, such as 2/8.',
  })
}

/**
 * Whether a room belongs to a shard. It depends on nothing but the name, so that a room that comes or goes moves no other.
 *
 * @param room - as it was given: an ID, an alias, a file
 */
export function isInShard(room: string, {index, of}: Shard): boolean {
  // 48 bits are exact as a number, and even enough for any number of shards.
  return createHash('sha256').update(room).digest().readUIntBE(0, 6) % of === index - 1
}
