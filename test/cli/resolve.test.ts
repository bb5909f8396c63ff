import {describe, expect, test} from 'vitest'
import type {ExpectedEvent} from '../conformance/fixtures.ts'
import {BOB, bare, message, publicRoom, topic} from '../rules/build.ts'
import {digestOf, Dumps, linesOf, oracleRoom, prevEventsOf, serverRoom} from './dumps.ts'
import {matrixState} from './program.ts'
import {digest, rejectedOf, resolve} from './resolved.ts'

const dumps = new Dumps()

const bytewise = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b))
const fuzz10 = oracleRoom('10-fuzz-5')
const fuzz10File = dumps.write('10-fuzz-5.ndjson', fuzz10.lines)
const prev = prevEventsOf(fuzz10)

describe('resolve --json gives what the oracle gives', () => {
  test.concurrent.each(['1-fuzz-5', '2-fuzz-9', '6-fuzz-11', '10-fuzz-5', '11-fuzz-13', '12-fuzz-15'])(
    '%s: state over the tips, counts',
    async (name) => {
      const room = oracleRoom(name)
      const {code, document} = await resolve([dumps.write(`${name}.ndjson`, room.lines)])
      expect(code).toBe(0)
      expect(document).toMatchObject({schema: 'matrix-state/resolve/1', room_version: room.version, complete: true})
      expect(digestOf(document.state)).toEqual(digest(room.synapse.tips))
      expect(document.at).toEqual([...room.synapse.tips.events].sort())
      expect(document.summary.tips).toEqual(document.at)
      expect(document.summary).toMatchObject({
        events: room.lines.length,
        rejected: rejectedOf(room),
        undetermined: 0,
        missing: 0,
      })
      expect(document.findings.filter(({id}) => id === 'dag/rejected-event')).toHaveLength(rejectedOf(room))
    },
  )

  test.concurrent('with --reading spec', async () => {
    const {events} = fuzz10.synapse
    const [event, other] = events
      .map((synapse, index) => [synapse, fuzz10.spec!.events[index]!] as const)
      .find(([synapse, spec]) => synapse.after.sha256 !== spec.after.sha256)!
    expect(other.eventId).toBe(event.eventId)
    const spec = await resolve([fuzz10File, '--reading', 'spec', '--at', event.eventId])
    expect(spec.document).toMatchObject({reading: 'spec'})
    expect(digestOf(spec.document.state)).toEqual(digest(other.after))
    const synapse = await resolve([fuzz10File, '--at', event.eventId])
    expect(digestOf(synapse.document.state)).toEqual(digest(event.after))
    expect(synapse.document.findings.map(({id}) => id)).toContain('state/reading-dependent')
  })

  test.concurrent('with --at and --before an event that changes the state, a merge and a rejected one', async () => {
    const {events} = fuzz10.synapse
    const changing = events.findLast(({before, after}) => before.sha256 !== after.sha256)!
    const merge = events.find(({eventId}) => prev.get(eventId)!.length > 1)!
    const rejected = events.find(({reason}) => reason !== null)!
    for (const {eventId, before, after} of [changing, merge, rejected]) {
      const at = await resolve([fuzz10File, '--at', eventId])
      expect(at.document).toMatchObject({position: 'after', at: [eventId]})
      expect(digestOf(at.document.state)).toEqual(digest(after))
      const earlier = await resolve([fuzz10File, '--before', eventId])
      expect(earlier.document).toMatchObject({position: 'before', at: [eventId]})
      expect(digestOf(earlier.document.state)).toEqual(digest(before))
    }
  })

  test.concurrent('with --states, the states before a merge', async () => {
    const merge = fuzz10.synapse.events.find((event) => mergesDifferent(event))!
    const states = await Promise.all(
      prev.get(merge.eventId)!.map(async (id) => {
        const {document} = await resolve([fuzz10File, '--at', id])
        return document.state.map(({event_id}) => event_id)
      }),
    )
    const file = dumps.write('states.json', JSON.stringify(states))
    const {code, document} = await resolve([fuzz10File, '--states', file])
    expect(code).toBe(0)
    expect(digestOf(document.state)).toEqual(digest(merge.before))
    expect(document).toMatchObject({at: [], position: 'after'})
  })
})

function mergesDifferent({eventId}: ExpectedEvent): boolean {
  const states = prev
    .get(eventId)!
    .map((id) => fuzz10.synapse.events.find((event) => event.eventId === id)!.after.sha256)
  return new Set(states).size > 1
}

describe('resolve --json gives what a server has', () => {
  test.concurrent.each(['conflict-v1', 'conflict-v10', 'conflict-v12', 'rejected-v6'])(
    '%s: state after the last events',
    async (name) => {
      const room = serverRoom(name)
      const file = dumps.write(`${name}.ndjson`, room.lines)
      for (const id of Object.keys(room.after.hs1).slice(-2)) {
        const {document} = await resolve([file, '--at', id])
        expect(document.state.map(({event_id}) => event_id).sort()).toEqual([...(room.after.hs1[id] ?? [])].sort())
      }
    },
  )
})

describe('the contract', () => {
  test.concurrent('keys come in the documented order, schema first', async () => {
    const {stdout, document} = await resolve([fuzz10File])
    expect(stdout.startsWith('{\n  "schema": "matrix-state/resolve/1"')).toBe(true)
    expect(Object.keys(document)).toEqual(
      'schema room_id room_version reading position at complete unknowable state summary findings'.split(' '),
    )
    expect(Object.keys(document.summary)).toEqual(
      'events state_events merges conflicted_merges rejected undetermined missing tips reported_extremities'.split(' '),
    )
    expect(Object.keys(document.state[0] ?? {})).toEqual(['type', 'state_key', 'event_id'])
    expect(document).not.toHaveProperty('trust_ids')
    expect(stdout.endsWith('}\n')).toBe(true)
  })

  test.concurrent('state is sorted by type, then state key, by code points', async () => {
    const {document} = await resolve([fuzz10File])
    const slots = document.state.map(({type, state_key}) => [type, state_key] as const)
    const sorted = slots.toSorted(([a, x], [b, y]) => bytewise(a, b) || bytewise(x, y))
    expect(slots).toEqual(sorted)
    // UTF-16 would put the emoji in front of the full-width tilde.
    const keys = slots.map(([, key]) => key)
    const custom = bare('10')
      .add('wide', topic(undefined, '～'))
      .add('emoji', topic(undefined, '😀'))
      .add('a', {type: 'm.room.topi', state_key: 'z', content: {}})
    expect(keys.length).toBeGreaterThan(10)
    const small = await resolve([dumps.write('sorted.ndjson', linesOf(custom))])
    expect(small.document.state.map(({type, state_key}) => `${type} ${state_key}`).slice(-3)).toEqual([
      'm.room.topi z',
      'm.room.topic ～',
      'm.room.topic 😀',
    ])
  })

  test.concurrent('--type and --state-key choose from the state, nothing else', async () => {
    const whole = (await resolve([fuzz10File])).document
    const type = await resolve([fuzz10File, '--type', 'm.room.member'])
    expect(type.document.state).toEqual(whole.state.filter((slot) => slot.type === 'm.room.member'))
    expect(type.document.state.length).toBeGreaterThan(1)
    expect({...type.document, state: []}).toEqual({...whole, state: []})
    const [, second] = type.document.state
    const both = await resolve([fuzz10File, '--type', 'm.room.member', '--state-key', second!.state_key])
    expect(both.document.state).toEqual([second])
    const empty = await resolve([fuzz10File, '--state-key', ''])
    expect(empty.document.state).toEqual(whole.state.filter((slot) => slot.state_key === ''))
    expect((await resolve([fuzz10File, '--type', 'm.room.nothing'])).document.state).toEqual([])
  })

  test.concurrent('what would turn the writing of a terminal is escaped, and means the same', async () => {
    const room = bare('10').add('x', topic(undefined, 'a\u202eb\u009b\u{e0041}'))
    const {stdout, document} = await resolve([dumps.write('bidi.ndjson', linesOf(room))])
    expect(stdout).not.toMatch(/[\u202e\u009b]|\udb40/)
    expect(document.state.at(-1)?.state_key).toBe('a\u202eb\u009b\u{e0041}')
  })
})

describe('exit codes', () => {
  const whole = linesOf(
    publicRoom('10').add('topic', topic()).add('bad', topic(BOB)).at('topic').add('last', message()),
  )
  const withRejected = dumps.write('rejected.ndjson', whole)
  const withHole = dumps.write(
    'hole.ndjson',
    whole.filter((_, index) => index !== 5),
  )

  test.concurrent.each<[string, readonly string[], number]>([
    ['0: rejected events are what servers make of them', [withRejected], 0],
    ['0: a note is below an error', [withRejected, '--fail-on', 'error'], 0],
    ['0: a note is below a warning', [withRejected, '--fail-on', 'warning'], 0],
    ['1: a note is what --fail-on note asks for', [withRejected, '--fail-on', 'note'], 1],
    ['3: an event is missing', [withHole], 3],
    ['3: a missing event is no error', [withHole, '--fail-on', 'error'], 3],
    ['1: a proven finding outweighs the gap', [withHole, '--fail-on', 'warning'], 1],
    ['2: two places', [withRejected, '--at', '$a', '--before', '$b'], 2],
    ['4: no such event', [withRejected, '--at', '$a'], 4],
  ])('%s', async (_, args, code) => {
    expect((await resolve(args)).code).toBe(code)
    expect((await matrixState(['resolve', ...args])).code).toBe(code)
  })

  test.concurrent('a hole is reported, and what depends on it is undetermined', async () => {
    const {document} = await resolve([withHole])
    expect(document).toMatchObject({complete: false, summary: {missing: 1, undetermined: 2}})
    const found = document.findings.filter(({id}) => id === 'dag/missing-event')
    expect(found).toMatchObject([{severity: 'warning', subject: {kind: 'event'}}])
  })

  test.concurrent('a state that depends on the hole is unknown, not empty', async () => {
    const last = JSON.parse((await matrixState(['replay', withHole])).stdout.trim().split('\n').at(-2)!) as {
      event_id: string
    }
    const {code, document} = await resolve([withHole, '--at', last.event_id])
    expect(code).toBe(3)
    expect(document).toMatchObject({state: [], state_unknown: true, complete: false})
    const text = await matrixState(['resolve', withHole, '--at', last.event_id])
    expect(text.stdout).toContain('cannot be determined')
  })
})

describe('text', () => {
  test.concurrent('is plain in a pipe and coloured when asked; --no-color and NO_COLOR win', async () => {
    const run = async (args: readonly string[], env: Record<string, string>): Promise<boolean> =>
      (await matrixState(['resolve', fuzz10File, ...args], {env})).stdout.includes('\u001b[')
    expect(await run([], {})).toBe(false)
    expect(await run([], {FORCE_COLOR: '1'})).toBe(true)
    expect(await run(['--no-color'], {FORCE_COLOR: '1'})).toBe(false)
    expect(await run([], {FORCE_COLOR: '1', NO_COLOR: '1'})).toBe(false)
  })

  test.concurrent('--full shows members and rejected events that a glance leaves out', async () => {
    const glance = (await matrixState(['resolve', fuzz10File])).stdout
    const full = (await matrixState(['resolve', fuzz10File, '--full'])).stdout
    expect(glance).toMatch(/… and 22 memberships: --full shows all/)
    expect(glance).toMatch(/… and 2 more: --full shows all/)
    expect(full).not.toContain('--full')
    expect(full.match(/^ {2}m\.room\.member /gm)).toHaveLength(22)
    expect(full.match(/^ {4}rule v10:/gm)).toHaveLength(rejectedOf(fuzz10))
  })

  test.concurrent('--quiet leaves results alone', async () => {
    const [plain, quiet] = await Promise.all([
      matrixState(['resolve', fuzz10File]),
      matrixState(['resolve', fuzz10File, '--quiet']),
    ])
    expect(quiet).toEqual(plain)
    expect(plain.stderr).toBe('')
  })

  test.concurrent('with --type the room keeps its name and members', async () => {
    const {stdout} = await matrixState(['resolve', fuzz10File, '--type', 'm.room.topic'])
    expect(stdout).toMatch(/^!LnHsHYRTpfTz:s0\.example {2}EREWJBtab/)
    expect(stdout).toContain('9 joined from 2 servers')
    expect(stdout).toContain('1 of 41 entries')
  })
})
