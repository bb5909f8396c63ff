import {readFileSync, readdirSync} from 'node:fs'
import {join} from 'node:path'
import {describe, expect, test} from 'vitest'
import {compareWithOracle, compareWithServer} from './compare.ts'
import {DATA, type Fixture, type OracleRoom, type ServerRoom} from './fixtures.ts'
import {pack, readPacks, unpack} from './packed.ts'

const READINGS = ['synapse', 'spec'] as const
const fixtures = readPacks(DATA)
const generated = fixtures.filter((room): room is OracleRoom => room.kind === 'oracle')
const real = fixtures.filter((room): room is ServerRoom => room.kind === 'server')
const versions = Array.from({length: 12}, (_, index) => String(index + 1))
const eventsOf = (rooms: readonly Fixture[]): number => rooms.reduce((sum, {lines}) => sum + lines.length, 0)

describe.each(READINGS)(
  `${String(eventsOf(generated))} events of ${String(generated.length)} generated rooms, judged by Synapse's library; reading %s`,
  (reading) => {
    test.each(generated.map((room) => [room.version, room.name, room.lines.length, room] as const))(
      'version %s, %s: %i events: verdict, rule, state before and after, final states',
      (_version, _name, count, room) => {
        expect(compareWithOracle(room, reading)).toEqual({events: count, differences: []})
      },
    )
  },
)

describe(`${String(eventsOf(real))} events of ${String(real.length)} rooms of two Synapse servers`, () => {
  test.each(real.map((room) => [room.version, room.name, Object.keys(room.after.hs1).length, room] as const))(
    'version %s, %s: hs1 has the state after %i events and the verdicts',
    (_version, _name, count, room) => {
      expect(compareWithServer(room, 'hs1')).toEqual({events: count, differences: []})
    },
  )
  // The database of hs2 was edited in the split-* rooms.
  const unedited = real.filter(({name}) => !name.startsWith('split-'))
  test.each(unedited.map((room) => [room.version, room.name, Object.keys(room.after.hs2).length, room] as const))(
    'version %s, %s: hs2 has the state after %i events',
    (_version, _name, count, room) => {
      expect(compareWithServer(room, 'hs2')).toEqual({events: count, differences: []})
    },
  )
  test.each(real.filter(({name}) => name.startsWith('split-')).map((room) => [room.name, room] as const))(
    '%s: hs2, whose database was edited, differs',
    (_name, room) => {
      expect(compareWithServer(room, 'hs2').differences).not.toEqual([])
    },
  )
})

describe('the packed rooms', () => {
  test.each(versions)(
    'have version %s with wrong hashes, rejections at both stages and a difference of readings',
    (version) => {
      const rooms = generated.filter((room) => room.version === version)
      const events = rooms.flatMap(({synapse}) => synapse.events)
      expect(rooms.some(({name}) => /-(17|19)$/.test(name))).toBe(true)
      expect(events.some(({reason}) => reason?.startsWith('auth_events: '))).toBe(true)
      expect(events.some(({reason}) => reason?.startsWith('state: '))).toBe(true)
      expect(rooms.some(({spec}) => spec !== null)).toBe(Number(version) > 1)
    },
  )

  test('take less than 4 MB', () => {
    const bytes = readdirSync(DATA).reduce((sum, file) => sum + readFileSync(join(DATA, file)).length, 0)
    expect(bytes).toBeLessThan(4_000_000)
  })

  test('come out as they went in', () => {
    for (const room of [generated[0], real[0]]) if (room !== undefined) expect(unpack(pack(room))).toEqual(room)
    expect.assertions(2)
  })
})

describe('the comparison notices', () => {
  const room = generated.find(({synapse}) => synapse.events.some(({reason}) => reason?.startsWith('state: ')))!
  const [event] = room.synapse.events.slice(20)
  const changed = (change: Partial<(typeof room.synapse.events)[number]>, at = event!): OracleRoom => ({
    ...room,
    synapse: {
      ...room.synapse,
      events: room.synapse.events.map((other) => (other === at ? {...other, ...change} : other)),
    },
  })
  const other = {size: event!.before.size, sha256: '0'.repeat(64)}
  const rejected = room.synapse.events.find(({reason}) => reason?.startsWith('state: '))!

  test.each([
    ['another verdict', changed({reason: 'state: No create event in auth events'})],
    ['another state before', changed({before: other})],
    ['another state after', changed({after: other})],
    ['another size', changed({after: {...event!.after, size: 1}})],
    ['an event that is not there', changed({eventId: '$gone'})],
    ['another stage', changed({reason: rejected.reason!.replace('state: ', 'auth_events: ')}, rejected)],
    ['an unknown wording', changed({reason: 'state: because'}, rejected)],
    ['a wording of another rule', changed({reason: 'state: Unknown membership foo'}, rejected)],
    ['other tips', {...room, synapse: {...room.synapse, tips: {...room.synapse.tips, events: ['$gone']}}}],
    ['another final state', {...room, synapse: {...room.synapse, tips: {...room.synapse.tips, ...other}}}],
    [
      'another state over the leaves',
      {...room, synapse: {...room.synapse, leaves: {events: room.synapse.leaves!.events, ...other}}},
    ],
    ['an event that nobody judged', {...room, synapse: {...room.synapse, events: room.synapse.events.slice(1)}}],
  ])('%s', (_what, spoiled) => {
    expect(compareWithOracle(spoiled, 'synapse').differences).not.toEqual([])
  })
})
