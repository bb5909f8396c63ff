/** What an explorer's page computes beside the replay when it opens, in Node: prints `MeasuredPictures` for `run.ts`. */
import {disputedSlots} from '../../src/forensics/disputes.ts'
import {layoutOf} from '../../src/explorer/model/lanes.ts'
import {levelsOf} from '../../src/explorer/model/levels.ts'
import {LongEdges} from '../../src/explorer/model/long-edges.ts'
import {mergesOf} from '../../src/forensics/merge.ts'
import {packGraph, unpackGraph} from '../../src/graph/packed-graph.ts'
import {loadRoom} from '../../src/investigate/load-room.ts'
import {replay} from '../../src/resolve/replay.ts'
import {openDump} from '../../src/sources/files.ts'
import {type MeasuredPictures, median} from './measure.ts'

const RUNS = 7

const [, , path = ''] = process.argv
const {graph} = await loadRoom(openDump(path))
const packed = packGraph(graph)
const result = replay(graph)

const figures: MeasuredPictures = {
  events: graph.size,
  replay: timed(() => replay(graph)),
  unpack: timed(() => unpackGraph(packed)),
  layout: timed(() => {
    const layout = layoutOf(graph)
    const kinds = new Uint8Array(graph.size)
    return [levelsOf(layout, {kinds, marks: new Uint16Array(graph.size)}), new LongEdges(graph)]
  }),
  disputes: timed(() => [...mergesOf(result, [])].map((merge) => disputedSlots(result, merge))),
}
process.stdout.write(JSON.stringify(figures))

function timed(work: () => unknown): number {
  const times = Array.from({length: RUNS}, () => {
    const start = performance.now()
    work()
    return performance.now() - start
  })
  return median(times)
}
