import {describe, expect, test} from 'vitest'
import {openCase} from '../../src/casefile/open-case.ts'
import {toPduSource} from '../../src/casefile/pdu-source.ts'
import {loadRoom, type LoadedRoom} from '../../src/investigate/load-room.ts'
import {replayDocument} from '../../src/investigate/replay-lines.ts'
import {parsePdu} from '../../src/matrix/pdu.ts'
import {replay} from '../../src/resolve/replay.ts'
import {event, rules} from '../matrix/events.ts'
import {load} from '../conformance/compare.ts'
import {asApi, folder, identity, newCase, room, roomIdOf, stepOf} from './cases.ts'

const where = folder()
const ROOMS = [
  ...['1-fuzz-1', '2-fuzz-9', '3-fuzz-19', '4-fuzz-9', '5-fuzz-19', '6-fuzz-13', '7-fuzz-15', '8-fuzz-11', '9-fuzz-3'],
  ...['10-fuzz-3', '11-fuzz-5', '12-fuzz-13', 'conflict-v1', 'conflict-v12', 'rejected-v6', 'gap-v11'],
]
const replayOf = (loaded: LoadedRoom): readonly string[] => [
  ...replayDocument(loaded, replay(loaded.graph, {reading: 'synapse'}), {digests: true}).lines,
]

describe('the replay of a case equals that of the dump', () => {
  test.each(ROOMS)('%s', async (name) => {
    const given = room(name)
    const dump = load(name, given.lines)
    const writer = newCase(where, roomIdOf(given))
    const source = writer.source(identity('a'), [])
    for (let at = 0; at < given.lines.length; at += 30) {
      writer.keep(source, stepOf(given.lines.slice(at, at + 30)), at)
    }
    writer.close()
    const reader = openCase(writer.path)
    const pdus = toPduSource(reader)
    expect(pdus.name).toBe(writer.path)
    const loaded = await loadRoom(pdus)
    expect(replayOf(loaded)).toEqual(replayOf(dump))
    expect(loaded.read).toBe(reader.counts().copies)
    reader.close()
  })

  test('also from copies in the form of an API, from the newest back, beside a stray event', async () => {
    const given = room('conflict-v12')
    const dump = load('dump', given.lines)
    const writer = newCase(where, roomIdOf(given))
    const source = writer.source(identity('a'), [])
    const stray = JSON.stringify(event('12', {room_id: '!other:domain'}))
    const backwards = given.lines.map((line) => asApi(line, parsePdu(line, rules('12')).eventId, '12'))
    writer.keep(source, stepOf([...backwards.reverse(), stray], {roomVersion: '12'}), 1)
    const batches = []
    for await (const batch of toPduSource(writer).pdus) batches.push(...batch)
    expect(batches.map(({line}) => line)).toEqual(given.lines.map((_, index) => index + 1))
    expect(replayOf(await loadRoom(toPduSource(writer))).toSorted()).toEqual(replayOf(dump).toSorted())
    writer.close()
  })
})
