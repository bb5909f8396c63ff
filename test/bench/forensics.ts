/**
 * What forensics costs beside the replay, on a room whose server recorded every state as Synapse does: prints `MeasuredForensics` for
 * `run.ts`. State groups are made from the replay: one a state that an event changed, as a delta, every hundredth whole.
 */
import {healthFindings} from '../../src/forensics/health/health.ts'
import {findResets} from '../../src/forensics/resets.ts'
import {blameRoom} from '../../src/investigate/blame-room.ts'
import {openDump} from '../../src/sources/files.ts'
import type {ServerView, ToldSlot} from '../../src/forensics/server-view.ts'
import {diffRoom} from '../../src/investigate/diff-room.ts'
import {loadRoom} from '../../src/investigate/load-room.ts'
import {replay} from '../../src/resolve/replay.ts'
import {tipsOf} from '../../src/resolve/tips.ts'
import {type MeasuredForensics, median} from './measure.ts'

const HOPS = 100
const RUNS = 9

const [, , path = ''] = process.argv
const room = await loadRoom(openDump(path))
const {graph} = room
const views = [serverView()]
const opened = {room, unknowable: [], reported: [], reportedExtremities: {}, views, findings: [], notes: []}

const replays: number[] = []
const diffs: number[] = []
const resets: number[] = []
const blames: number[] = []
const healths: number[] = []
for (let run = 0; run < RUNS; run += 1) {
  replays.push(timed(() => replay(graph)))
  const start = performance.now()
  const {agreeing} = await diffRoom(opened)
  diffs.push(performance.now() - start)
  if (agreeing.length !== 1) throw new Error('the server made from the replay does not agree with it')
  resets.push(
    timed(() => {
      const result = replay(graph)
      findResets(result, {tips: tipsOf(result)})
    }),
  )
  blames.push(timed(() => blameRoom(room, 'm.room.join_rules', '')))
  const result = replay(graph)
  healths.push(timed(() => healthFindings(result, {source: 'bench', views: []})))
}
const figures: MeasuredForensics = {
  events: graph.size,
  replay: median(replays),
  diff: median(diffs),
  resets: median(resets),
  health: median(healths),
  blame: median(blames),
}
process.stdout.write(JSON.stringify(figures))

function serverView(): ServerView {
  const {trie, before, after, resolver} = replay(graph)
  const named = new Map<number, Required<ToldSlot>>()
  const slotOf = (slot: number, row: number): Required<ToldSlot> => {
    const known = named.get(row)
    if (known !== undefined) return known
    // Strings of their own, as a database gives them.
    const {type, stateKey} = graph.slotAt(slot)
    const made = JSON.parse(JSON.stringify({eventId: graph.id(row), type, stateKey})) as Required<ToldSlot>
    named.set(row, made)
    return made
  }
  const whole = (root: number): readonly Required<ToldSlot>[] => {
    const slots: Required<ToldSlot>[] = []
    trie.forEach(root, (slot, row) => slots.push(slotOf(slot, row)))
    return slots
  }
  const groups = new Map<
    number,
    {base: number | null; slots: readonly Required<ToldSlot>[]; hops: number; root: number}
  >()
  const byRoot = new Map<number, number>()
  const groupOf = (root: number, from: number | null): number => {
    const known = byRoot.get(root)
    if (known !== undefined) return known
    const number = groups.size + 1
    const base = from === null ? undefined : groups.get(from)
    const found: number[] = []
    if (base !== undefined) trie.differences([base.root, root], found)
    const lost = found.some((slot) => trie.get(root, slot) < 0)
    if (base === undefined || base.hops >= HOPS || lost)
      groups.set(number, {base: null, slots: whole(root), hops: 0, root})
    else {
      const slots = found.map((slot) => slotOf(slot, trie.get(root, slot)))
      groups.set(number, {base: from, slots, hops: base.hops + 1, root})
    }
    byRoot.set(root, number)
    return number
  }
  const around = new Map<string, {before: number | null; after: number}>()
  for (let row = 0; row < graph.size; row += 1) {
    const [parent] = graph.prevOf(row)
    const from = parent === undefined ? null : (byRoot.get(after[parent] ?? 0) ?? null)
    const was = groupOf(before[row] ?? 0, from)
    const id = JSON.parse(JSON.stringify(graph.id(row))) as string
    around.set(id, {before: was, after: groupOf(after[row] ?? 0, was)})
  }
  const tips = tipsOf({...replay(graph)})
  const {root} = resolver.resolve(tips.map((row) => after[row] ?? 0))
  return {
    server: 'example.org',
    states: [{what: 'current', eventId: null, how: 'bench', slots: whole(root), ts: 1}],
    extremities: tips.map((row) => graph.id(row)),
    marks: new Map(),
    has: () => true,
    recorded: {how: 'bench', around: (id) => around.get(id), group: (group) => groups.get(group)},
  }
}

function timed(work: () => unknown): number {
  const start = performance.now()
  work()
  return performance.now() - start
}
