import {describe, expect, test} from 'vitest'
import {expectedFor} from '../conformance/fixtures.ts'
import {BOB, message, publicRoom, topic} from '../rules/build.ts'
import {Dumps, linesOf, oracleRoom, prevEventsOf, serverRoom, shuffled} from './dumps.ts'
import {matrixState} from './program.ts'

interface Digest {
  readonly size: number
  readonly sha256?: string
}
interface Line {
  readonly event_id: string
  readonly verdict: string
  readonly rule: string | null
  readonly before: Digest | null
  readonly after: Digest | null
}

const dumps = new Dumps()

async function replay(args: readonly string[]) {
  const {code, stdout, stderr} = await matrixState(['replay', ...args])
  expect(stderr).toBe('')
  expect(stdout.endsWith('\n')).toBe(true)
  const [header, ...rest] = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>)
  return {code, stdout, header, lines: rest.slice(0, -1) as unknown as readonly Line[], end: rest.at(-1)}
}

const ROOMS = ['1-fuzz-5', '2-fuzz-9', '6-fuzz-11', '10-fuzz-5', '11-fuzz-13', '12-fuzz-15']

describe('replay gives what the oracle gives', () => {
  test.concurrent.each(ROOMS.flatMap((name) => [[name, 'synapse'] as const, [name, 'spec'] as const]))(
    '%s, reading %s: verdict, state before and after every event',
    async (name, reading) => {
      const room = oracleRoom(name)
      const expected = expectedFor(room, reading)
      const {code, header, lines, end} = await replay([
        dumps.write(`${name}-${reading}.ndjson`, room.lines),
        '--reading',
        reading,
      ])
      expect(code).toBe(0)
      expect(header).toMatchObject({room_version: room.version, reading})
      const byId = new Map(lines.map((line) => [line.event_id, line]))
      expect(byId.size).toBe(lines.length)
      expect(
        expected.events.map(({eventId}) => {
          const {verdict, before, after} = byId.get(eventId)!
          return {eventId, verdict, before, after}
        }),
      ).toEqual(
        expected.events.map(({eventId, reason, before, after}) => ({
          eventId,
          verdict: reason === null ? 'accepted' : 'rejected',
          before,
          after,
        })),
      )
      const rejected = expected.events.filter(({reason}) => reason !== null).length
      expect(end).toEqual({end: true, events: lines.length, rejected, undetermined: 0, complete: true})
    },
  )

  test.concurrent('rejected-v6: hs1 rejected the same events', async () => {
    const room = serverRoom('rejected-v6')
    const {lines} = await replay([dumps.write('rejected-v6.ndjson', room.lines)])
    const rejected = lines.filter(({verdict}) => verdict === 'rejected')
    expect(rejected.map(({event_id}) => event_id).sort()).toEqual([...room.rejected].sort())
    for (const {rule} of rejected) expect(rule).toMatch(/^v6:\d+(\.\d+)*@(auth|before)$/)
  })
})

describe('the contract', () => {
  const room = oracleRoom('10-fuzz-5')
  const file = dumps.write('contract.ndjson', room.lines)

  test.concurrent('keys come in the documented order, schema first', async () => {
    const {header, lines, end, stdout} = await replay([file])
    expect(stdout.startsWith('{"schema":"matrix-state/replay/1",')).toBe(true)
    expect(Object.keys(header ?? {})).toEqual(['schema', 'room_id', 'room_version', 'reading'])
    const accepted = lines.find(({verdict}) => verdict === 'accepted')
    expect(Object.keys(accepted ?? {})).toEqual(['event_id', 'verdict', 'rule', 'before', 'after'])
    expect(Object.keys(accepted?.before ?? {})).toEqual(['size', 'sha256'])
    expect(Object.keys(end ?? {})).toEqual(['end', 'events', 'rejected', 'undetermined', 'complete'])
  })

  test.concurrent('an event comes after its prev events, whatever the order of the dump', async () => {
    const prev = prevEventsOf(room)
    const sorted = await replay([file])
    const other = await replay([dumps.write('shuffled.ndjson', shuffled(room.lines))])
    for (const {lines} of [sorted, other]) {
      const seen = new Set<string>()
      for (const {event_id} of lines) {
        for (const id of prev.get(event_id)!) expect(seen.has(id)).toBe(true)
        seen.add(event_id)
      }
    }
    const byId = (lines: readonly Line[]): readonly Line[] =>
      lines.toSorted((a, b) => (a.event_id < b.event_id ? -1 : 1))
    expect(byId(other.lines)).toEqual(byId(sorted.lines))
    expect(other.end).toEqual(sorted.end)
  })

  test.concurrent('--no-digest leaves the hashes out and nothing else', async () => {
    const [plain, without] = await Promise.all([replay([file]), replay([file, '--no-digest'])])
    const strip = (digest: Digest | null): Digest | null => (digest === null ? null : {size: digest.size})
    expect(without.lines).toEqual(
      plain.lines.map((line) => ({...line, before: strip(line.before), after: strip(line.after)})),
    )
    expect([without.header, without.end, without.code]).toEqual([plain.header, plain.end, plain.code])
  })

  test.concurrent('--json, --quiet and --no-color change nothing: it is JSON already', async () => {
    const [plain, json] = await Promise.all([replay([file]), replay([file, '--json', '--quiet', '--no-color'])])
    expect(json.stdout).toBe(plain.stdout)
  })

  test.concurrent('from standard input', async () => {
    const {code, stdout} = await matrixState(['replay', '-'], {input: room.lines.join('\n')})
    expect(code).toBe(0)
    expect(stdout).toBe((await replay([file])).stdout)
  })

  test.concurrent('--trust-ids is told in the header', async () => {
    const line = {event_id: '$c', type: 'm.room.create', state_key: '', sender: '@a:b', content: {room_version: '11'}}
    const made = dumps.write('trusted.ndjson', [JSON.stringify({...line, prev_events: [], auth_events: []})])
    const {code, header, lines} = await replay([made, '--trust-ids'])
    expect({code, header}).toMatchObject({code: 0, header: {room_version: '11', trust_ids: true}})
    expect(lines).toMatchObject([{event_id: '$c', verdict: 'accepted'}])
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
    ['1: a note is what --fail-on note asks for', [withRejected, '--fail-on', 'note'], 1],
    ['3: an event is missing', [withHole], 3],
    ['3: a missing event is no error', [withHole, '--fail-on', 'error'], 3],
    ['1: a proven finding outweighs the gap', [withHole, '--fail-on', 'warning'], 1],
    ['3: also without digests', [withHole, '--no-digest'], 3],
  ])('%s', async (_, args, code) => {
    expect((await replay(args)).code).toBe(code)
  })

  test.concurrent('a rejection says by which rule and why', async () => {
    const {lines} = await replay([withRejected])
    expect(lines.filter(({verdict}) => verdict === 'rejected')).toMatchObject([
      {rule: 'v10:5@auth', because: expect.stringContaining(BOB) as string},
    ])
  })

  test.concurrent('behind a hole states are null and verdicts undetermined, and the end says so', async () => {
    const {lines, end} = await replay([withHole])
    const open = lines.filter(({verdict}) => verdict === 'undetermined')
    expect(open).toHaveLength(2)
    for (const {before, rule} of open) expect({before, rule}).toEqual({before: null, rule: null})
    expect(end).toMatchObject({undetermined: 2, complete: false})
  })

  test.concurrent('wrong usage ends with 2, bad input with 4, and nothing that looks like a replay', async () => {
    expect(await matrixState(['replay', withRejected, '--at', '$x'])).toMatchObject({code: 2, stdout: ''})
    expect(await matrixState(['replay', dumps.write('empty.ndjson', '')])).toMatchObject({code: 4, stdout: ''})
  })
})
