import {mkdtempSync, rmSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {describe, expect, onTestFinished, test} from 'vitest'
import {EXIT} from '../../src/cli/exit-codes.ts'
import {BOB, member, message, publicRoom, topic} from '../rules/build.ts'
import {reportedRoom, writeRoomCase} from '../scenarios/room-case.ts'
import {complaints} from './complaints.ts'
import {Dumps, linesOf} from './dumps.ts'
import {matrixState} from './program.ts'

const dumps = new Dumps()
const cases = Object.fromEntries(
  ['creators-v12', 'split-sql-v11', 'split-reject-v10', 'conflict-v10', 'rejected-v6'].map((name) => [
    name,
    writeRoomCase(dumps.path(`${name}.case`), reportedRoom(name)),
  ]),
)
const story = publicRoom('10')
  .add('topic', topic())
  .add('bob', member(BOB, 'join'))
  .add('new', topic())
  .add('last', message())
const whole = dumps.write('whole.ndjson', linesOf(story))
const holed = dumps.write(
  'holed.ndjson',
  linesOf(story).filter((_, index) => index !== 6),
)
const ids = (...names: readonly string[]): string => JSON.stringify(names.map((name) => story.id(name)))
const state = ['create', 'rules', 'alice', 'carol', 'mo', 'levels', 'bob', 'new']
const same = dumps.write('same.json', ids(...state))
const old = dumps.write('old.json', ids(...state.slice(0, -1), 'topic'))
const few = dumps.write('few.json', ids('create', 'alice'))

interface Answer {
  readonly complete: boolean
  readonly sides: readonly {readonly id: string; readonly server?: string; readonly what?: string}[]
  readonly differences: readonly {readonly type: string; readonly state_key: string; readonly grade: string}[]
  readonly first_divergence: {
    readonly event_id: string
    readonly side: string | null
    readonly proven_earliest: boolean
  } | null
  readonly people: readonly object[]
  readonly resets?: readonly object[]
  readonly findings: readonly {readonly id: string; readonly severity: string}[]
}
async function diff(...args: readonly string[]): Promise<{readonly code: number | null; readonly document: Answer}> {
  const {code, stdout} = await matrixState(['diff', ...args, '--json'])
  const document = JSON.parse(stdout) as Answer
  expect(complaints('diff', document)).toEqual([])
  return {code, document}
}

describe('diff --json is as its schema says, and the exit code as the findings', () => {
  test.concurrent.each<[string, readonly string[], number]>([
    ['creators-v12', [], EXIT.findings],
    ['split-sql-v11', [], EXIT.findings],
    ['split-reject-v10', [], EXIT.findings],
    ['split-reject-v10', ['--fail-on', 'never'], EXIT.done],
    ['conflict-v10', [], EXIT.done],
    ['conflict-v10', ['--fail-on', 'note'], EXIT.findings],
    ['rejected-v6', ['--reading', 'spec'], EXIT.done],
  ])('%s %j', async (name, flags, code) => {
    const ended = await diff(cases[name]!, ...flags)
    expect(ended.code).toBe(code)
    expect(ended.document.complete).toBe(true)
  })

  test.concurrent('names the first divergence as the contract has it', async () => {
    const {document} = await diff(cases['split-sql-v11']!)
    expect(document.first_divergence).toMatchObject({
      event_id: '$CM8E24GGwrmNCC_zZD4IBd08T2e2wYQzPUbpVqd8jL8',
      side: 's3',
      proven_earliest: true,
    })
    expect(document.sides[0]).toMatchObject({id: 'replay'})
  })

  test.concurrent.each<[string, readonly string[], number, readonly string[]]>([
    ['a state that is the same', [whole, '--reported', same], EXIT.done, []],
    ['one that is not', [whole, '--reported', `hs.example=${old}`], EXIT.findings, ['m.room.topic ']],
    [
      'one that was right before',
      [whole, '--reported', `${old}@${story.id('bob')}`, '--at', story.id('bob')],
      EXIT.done,
      [],
    ],
    ['nobody tells a state', [whole], EXIT.inconclusive, []],
    ['a hole', [holed, '--reported', same], EXIT.inconclusive, []],
  ])('a dump and a file: %s', async (_, args, code, differing) => {
    const ended = await diff(...args)
    expect(ended.code).toBe(code)
    if (code === EXIT.inconclusive && args[0] === holed) return
    expect(ended.document.differences.map((one) => `${one.type} ${one.state_key}`)).toEqual(differing)
  })

  test.concurrent('several files are several sides', async () => {
    const {document} = await diff(whole, '--reported', `a.example=${same}`, '--reported', `b.example=${few}`)
    expect(document.sides.map(({id, server}) => [id, server])).toEqual([
      ['replay', undefined],
      ['s1', 'a.example'],
      ['s2', 'b.example'],
    ])
    expect(document.differences).toHaveLength(state.length - 2)
    expect(document.differences).toSatisfy((all: Answer['differences']) => all.every(({grade}) => grade === 'diverged'))
  })

  test.concurrent('two files of one server are two sides of it, and neither is lost', async () => {
    const args = [whole, '--reported', `a.example=${old}`, '--reported', `a.example=${same}`]
    for (const ordered of [args, [whole, ...args.slice(3), ...args.slice(1, 3)]]) {
      const {code, document} = await diff(...ordered)
      expect(code).toBe(EXIT.findings)
      expect(document.sides.slice(1).map(({server}) => server)).toEqual(['a.example', 'a.example'])
      expect(document.differences).toHaveLength(1)
      const resolved = await matrixState(['resolve', ...ordered, '--json'])
      expect(JSON.parse(resolved.stdout)).toMatchObject({
        summary: {divergences: {'a.example': 1}},
        findings: [{id: 'state/divergence'}],
      })
      const text = await matrixState(['resolve', ...ordered])
      expect(text.stdout).toMatch(/a\.example reports the same current state \(.*same\.json\)/)
      expect(text.stdout).toMatch(/a\.example reports another state in 1 slot \(.*old\.json\)/)
    }
  })

  test.concurrent('extremities from a file say how far a server had come', async () => {
    const results = [{event_id: story.id('bob'), state_group: 1, depth: 9, received_ts: 1}]
    const extremities = dumps.write('extremities.json', JSON.stringify({count: 1, results}))
    const {code, document} = await diff(
      ...[whole, '--reported', `a.example=${old}`, '--reported', `a.example=${extremities}`],
    )
    expect(code).toBe(EXIT.done)
    expect(document.differences).toMatchObject([{type: 'm.room.topic', grade: 'behind'}])
    expect(document.findings.map(({id}) => id)).toEqual(['server/behind'])
  })

  const slotted = (name: string, type: string): object => ({type, state_key: '', event_id: story.id(name)})
  const typed = state.map((name) => {
    const {type, state_key} = JSON.parse(linesOf(story)[[...story.names].indexOf(name)] ?? '') as Record<string, string>
    return {type, state_key, event_id: story.id(name)}
  })
  test.concurrent.each<[string, unknown, readonly string[]]>([
    ['by its ID alone', [...(JSON.parse(ids(...state)) as string[]), story.id('last')], []],
    [
      'in the slot of another',
      [...typed.filter(({type}) => type !== 'm.room.topic'), slotted('last', 'm.room.topic')],
      ['m.room.topic '],
    ],
    ['in a slot of its own', [...typed, slotted('last', 'm.room.message')], ['m.room.message ']],
  ])(
    'a message in a state, told %s: diff and resolve say what it is, and count the same',
    async (what, told, slots) => {
      const file = dumps.write(`${what}.json`, JSON.stringify(told))
      const compared = await diff(whole, '--reported', `a.example=${file}`)
      expect(compared.code).toBe(EXIT.findings)
      expect(compared.document.differences.map(({type, state_key}) => `${type} ${state_key}`)).toEqual(slots)
      expect(compared.document.complete).toBe(true)
      const {stdout} = await matrixState(['resolve', whole, '--reported', `a.example=${file}`, '--json'])
      const resolved = JSON.parse(stdout) as Answer & {summary: {divergences: object}}
      expect(resolved.summary.divergences).toEqual({'a.example': slots.length})
      const kinds = ({findings}: Answer): readonly string[] => findings.map(({id}) => id).sort()
      expect(kinds(resolved)).toEqual(kinds(compared.document))
      expect(kinds(resolved)).toEqual(['server/misplaced-in-state', ...slots.map(() => 'state/divergence')])
      for (const {findings} of [resolved, compared.document]) {
        const summary = expect.stringContaining('it is no state event') as unknown
        expect(findings).toContainEqual(expect.objectContaining({id: 'server/misplaced-in-state', summary}))
      }
    },
  )

  test.concurrent('two events, two sources', async () => {
    const events = await diff(whole, story.id('topic'), story.id('new'))
    expect(events.code).toBe(EXIT.done)
    expect(events.document.differences.map(({type, grade}) => [type, grade])).toEqual([
      ['m.room.member', 'changed'],
      ['m.room.topic', 'changed'],
    ])
    const sources = await diff(whole, dumps.write('short.ndjson', linesOf(story).slice(0, -2)))
    expect(sources.code).toBe(EXIT.done)
    expect(sources.document).toMatchObject({
      differences: [{type: 'm.room.topic', grade: 'behind'}],
      lacking: [
        {side: 'replay', events: []},
        {side: 's1', events: [story.id('new'), story.id('last')]},
      ],
    })
    const back = await diff(dumps.path('short.ndjson'), whole)
    expect(back.document.differences.map(({grade}) => grade)).toEqual(['ahead'])
  })
})

describe('diff refuses', () => {
  test.concurrent.each<[string, readonly string[], string]>([
    ['one event', [whole, '$x'], 'one event was given'],
    ['three sources', [whole, whole, whole], 'a third argument goes with two events'],
    ['a position with two sources', [whole, whole, '--at', '$x'], '--at goes with one room'],
    ['what is no event', [whole, '--at', 'x'], 'is no event ID'],
    ['a file with two sources', [whole, whole, '--reported', same], '--reported goes with one room'],
  ])('%s', async (_, args, message) => {
    const {code, stderr} = await matrixState(['diff', ...args])
    expect(code).toBe(EXIT.usage)
    expect(stderr).toContain(message)
  })

  test.concurrent.each<[string, unknown]>([
    ['with its room ID', [{type: 'm.room.topic', state_key: '', event_id: story.id('topic'), room_id: '!other:x.y'}]],
    ['with another create event', [{type: 'm.room.create', state_key: '', event_id: '$create'}]],
    ['as a list of event IDs', ['$one', '$two']],
  ])('a state of another room, %s', async (what, told) => {
    const file = dumps.write(`${what}.json`, JSON.stringify(told))
    for (const command of ['diff', 'resolve']) {
      const {code, stdout, stderr} = await matrixState([command, whole, '--reported', `a.example=${file}`])
      expect([code, stdout]).toEqual([EXIT.failed, ''])
      expect(stderr).toContain(`${what}.json is of `)
      const json = await matrixState([command, whole, '--reported', `a.example=${file}`, '--json'])
      expect(JSON.parse(json.stdout)).toMatchObject({error: {code: 'CASE_OTHER_ROOM'}})
    }
  })

  test.concurrent('no room, where no case was used before', async () => {
    const empty = mkdtempSync(join(tmpdir(), 'matrix-state-empty-'))
    onTestFinished(() => {
      rmSync(empty, {recursive: true})
    })
    const {code, stderr} = await matrixState(['diff'], {env: {XDG_CACHE_HOME: empty}})
    expect(code).toBe(EXIT.usage)
    expect(stderr).toContain('no room was given, and there is no case that was used before')
  })

  test.concurrent('an event that is not there, and another room', async () => {
    const absent = await matrixState(['diff', whole, '--at', '$nothing'])
    expect(absent.code).toBe(EXIT.failed)
    const other = await matrixState(['diff', cases['conflict-v10']!, whole])
    expect(other.code).toBe(EXIT.failed)
    expect(other.stderr).toContain('is of room')
  })
})

describe('diff for people', () => {
  test.concurrent('says who lost what, since when, and which side the replay confirms', async () => {
    const {stdout} = await matrixState(['diff', cases['split-sql-v11']!])
    expect(stdout).toContain(
      '@erin:localhost:28448 is joined by the replay, but is out of the room (left or kicked) by localhost:28448 (s3), whose own user this is.',
    )
    expect(stdout).toContain('wrong since the state after $CM8E24GGwrmNCC_zZD4IBd08T2e2wYQzPUbpVqd8jL8')
    expect(stdout).toMatch(/member @erin:localhost:28448 +\$CM8E24G join “erin” +\$CYRCUnE leave +diverged/)
    expect(stdout).toContain('localhost:18448, its current state: agrees')
    expect(stdout.trimEnd().split('\n').at(-1)).toBe(
      '3 errors: localhost:28448 does not have what the events give: the topic and the membership of @erin:localhost:28448; localhost:28448 recorded a wrong state, first at $CM8E24GGwr….',
    )
  })

  test.concurrent('with a hole says that what it means for people is so only as far as is known', async () => {
    // A message is missing in the middle: what follows it cannot be judged.
    const gap = publicRoom('10').add('gone', message()).add('bob', member(BOB, 'join'))
    const dump = dumps.write(
      'gap.ndjson',
      linesOf(gap).filter((_, index) => index !== gap.names.indexOf('gone')),
    )
    const told = ['create', 'rules', 'alice', 'carol', 'mo', 'levels', 'bob'].map((name) => gap.id(name))
    const file = `a.example=${dumps.write('gap.json', JSON.stringify(told))}`
    const {code, document} = await diff(dump, '--reported', file)
    expect([code, document.complete]).toEqual([EXIT.inconclusive, false])
    expect(document.people).toMatchObject([{server: 'a.example', as_far_as_known: true}])
    const {stdout} = await matrixState(['diff', dump, '--reported', file])
    expect(stdout).toContain('What it means, as far as is known')
    expect(stdout).toContain(`${BOB} has no membership (as if never in the room) by the replay of what is here`)
    expect(stdout).not.toContain('by the replay,')
    const whole = await diff(cases['split-sql-v11']!)
    expect(whole.document.people.some((one) => 'as_far_as_known' in one)).toBe(false)
  })

  test.concurrent(
    'where all agree on a state in which something was reset, says so, and counts it for nothing',
    async () => {
      const room = cases['conflict-v10']!
      const {code, document} = await diff(room, '--fail-on', 'warning')
      expect([code, document.differences, document.findings]).toEqual([
        EXIT.done,
        [],
        document.findings.filter(({severity}) => severity === 'note'),
      ])
      expect(document.resets).toEqual([
        {
          ...{type: 'm.room.member', state_key: '@carol:localhost:18448', cause: 'concurrent-rule-change'},
          event_id: '$hgrY655g07rDcUJvjysfUomIagQFFsplSJRxQDEwxcE',
        },
      ])
      const {stdout} = await matrixState(['diff', room])
      expect(stdout).toContain('All sides agree with the replay.')
      expect(stdout).toContain('in which 1 slot was reset (m.room.member @carol:localhost:18448)')
      expect(stdout).toMatch(/matrix-state blame .*conflict-v10\.case @carol:localhost:18448/)
      const other = await diff(cases['rejected-v6']!)
      expect(other.document.resets).toEqual([])
      expect((await matrixState(['diff', cases['rejected-v6']!])).stdout).not.toContain('reset')
    },
  )

  test.concurrent('does not call a room clean that nobody told a state of, or that has holes', async () => {
    expect((await matrixState(['diff', whole])).stdout).toContain('Nothing to compare')
    expect((await matrixState(['diff', holed, '--reported', same])).stdout).toContain('The evidence is incomplete')
    expect((await matrixState(['diff', cases['conflict-v10']!])).stdout).toContain('All sides agree with the replay.')
  })

  test.concurrent('prints nothing of a hostile event as it is', async () => {
    const evil = publicRoom('10').add('evil', {...topic(), content: {topic: '\u001b[2J\u202e<evil>'}})
    const told = evil.pdus.flatMap((_, index) =>
      index < 4 ? [evil.id(['create', 'alice', 'rules', 'levels'][index]!)] : [],
    )
    const file = dumps.write('evil.json', JSON.stringify(told))
    const {stdout} = await matrixState(['diff', dumps.write('evil.ndjson', linesOf(evil)), '--reported', file])
    expect(stdout).toContain('<evil>')
    expect(stdout).not.toMatch(/[\u001b\u202e]/u)
  })
})
