import {readFileSync} from 'node:fs'
import {join} from 'node:path'
import {describe, expect, test} from 'vitest'
import {EXIT} from '../../src/cli/exit-codes.ts'
import {CATALOGUE} from '../../src/finding/finding.ts'
import {BOB, message, publicRoom, topic} from '../rules/build.ts'
import {changed, Dumps, linesOf, oracleRoom} from './dumps.ts'
import {complaints, files, FOLDER, readSchema} from './complaints.ts'
import {matrixState, ROOT} from './program.ts'

const dumps = new Dumps()
const line = (event: object): string => JSON.stringify(event)
const whole = linesOf(publicRoom('10').add('topic', topic()).add('bad', topic(BOB)).at('topic').add('last', message()))
const holed = whole.filter((_, index) => index !== 5)
const trusted = [
  {event_id: '$c', type: 'm.room.create', state_key: '', sender: '@a:b', content: {}, prev_events: [], auth_events: []},
  {
    event_id: '$a',
    type: 'm.room.member',
    state_key: '@a:b',
    sender: '@a:b',
    content: {membership: 'join'},
    prev_events: ['$c'],
    auth_events: ['$c'],
  },
].map(line)

const v1 = linesOf(publicRoom('1').add('topic', topic()).add('last', message()))
const cyclic = changed(v1, 5, (event) => (event['prev_events'] = [['$topic:a.example', {sha256: ''}]]))
const twice = [...v1, ...changed(v1, 6, (event) => (event['origin_server_ts'] = 5)).slice(6, 7)]

interface Case {
  readonly name: string
  readonly lines: readonly string[]
  readonly flags?: readonly string[]
  readonly code?: number
}
const spoilt = (name: string, lines: readonly string[]): Case => ({name, lines, code: EXIT.inconclusive})

const ROOMS: readonly Case[] = [
  {name: 'complete', lines: linesOf(publicRoom('11'))},
  {name: 'with rejected events', lines: whole},
  spoilt('with a hole', holed),
  spoilt(
    'with a refused event',
    changed(whole, 6, (event) => (event['depth'] = 'deep')),
  ),
  spoilt(
    'with an event of no room',
    changed(whole, 6, (event) => delete event['room_id']),
  ),
  {name: 'with a redacted event', lines: changed(whole, 6, (event) => (event.content = {}))},
  spoilt(
    'with a wrong ID',
    changed(whole, 6, (event) => (event['event_id'] = '$wrong')),
  ),
  spoilt('with two contents of one ID', twice),
  spoilt('with a cycle', cyclic),
  {name: 'version 1', lines: oracleRoom('1-fuzz-5').lines},
  {name: 'version 10, conflicts', lines: oracleRoom('10-fuzz-5').lines},
  {name: 'version 10, the letter of the spec', lines: oracleRoom('10-fuzz-5').lines, flags: ['--reading', 'spec']},
  {name: 'version 12', lines: oracleRoom('12-fuzz-15').lines},
  {name: 'IDs taken on trust', lines: trusted, flags: ['--trust-ids']},
]

const parse = (text: string): Record<string, unknown> => JSON.parse(text) as Record<string, unknown>

describe('what is printed is as its schema says', () => {
  test.concurrent.each(ROOMS)('resolve: $name', async ({name, lines, flags = [], code = 0}) => {
    const ended = await matrixState(['resolve', dumps.write(`resolve ${name}`, lines), ...flags, '--json'])
    expect(ended.code).toBe(code)
    expect(complaints('resolve', parse(ended.stdout))).toEqual([])
  })

  test.concurrent.each(ROOMS)('replay: $name', async ({name, lines, flags = [], code = 0}) => {
    const ended = await matrixState(['replay', dumps.write(`replay ${name}`, lines), ...flags])
    expect(ended.code).toBe(code)
    const printed = ended.stdout.trimEnd().split('\n').map(parse)
    expect(printed.flatMap((document) => complaints('replay', document))).toEqual([])
    expect(printed[0]).toHaveProperty('schema', 'matrix-state/replay/1')
    expect(printed.at(-1)).toHaveProperty('end', true)
  })

  test.concurrent.each(ROOMS)('blame: $name', async ({name, lines, flags = [], code = 0}) => {
    const room = dumps.write(`blame ${name}`, lines)
    const ended = await matrixState(['blame', room, 'm.room.create', ...flags, '--full', '--json'])
    expect(ended.code).toBe(code)
    expect(complaints('blame', parse(ended.stdout))).toEqual([])
  })

  test.concurrent.each(ROOMS.filter(({lines, flags}) => flags === undefined && lines !== twice))(
    'devices: $name, of which nobody was asked',
    async ({name, lines}) => {
      const ended = await matrixState(['devices', dumps.write(`devices ${name}`, lines), '--json'])
      // Members whom a merge lost are found without anybody's devices.
      expect([EXIT.inconclusive, EXIT.findings]).toContain(ended.code)
      expect(parse(ended.stdout)['complete']).toBe(false)
      expect(complaints('devices', parse(ended.stdout))).toEqual([])
    },
  )

  test.concurrent('resolve: states that are given, a state that is unknown, --type', async () => {
    const room = dumps.write('room', whole)
    const {stdout} = await matrixState(['resolve', room, '--json'])
    const ids = (parse(stdout)['state'] as readonly {event_id: string}[]).map(({event_id}) => event_id)
    const states = dumps.write('states', JSON.stringify([ids, ids.slice(0, 3)]))
    const hole = dumps.write('hole', holed)
    const last = (parse(stdout)['summary'] as {tips: readonly string[]}).tips[0]!
    for (const args of [
      [room, '--states', states],
      [room, '--type', 'm.room.topic'],
      [hole, '--at', last],
    ]) {
      const ended = await matrixState(['resolve', ...args, '--json'])
      expect(complaints('resolve', parse(ended.stdout))).toEqual([])
      expect(parse(ended.stdout)['state_unknown']).toBe(args[0] === hole ? true : undefined)
    }
  })

  test.concurrent.each<[string, readonly string[], number]>([
    ['bad input', ['resolve', dumps.write('bad', 'hello\n')], EXIT.failed],
    ['bad input of replay', ['replay', dumps.write('bad', 'hello\n')], EXIT.failed],
    ['no such event', ['resolve', dumps.write('good', whole), '--at', '$x'], EXIT.failed],
    ['wrong usage', ['resolve', 'x', '--att', '$x'], EXIT.usage],
    ['nothing', ['resolve'], EXIT.usage],
    ['no such command', ['resovle'], EXIT.usage],
  ])('error: %s', async (_, args, code) => {
    const ended = await matrixState([...args, '--json'])
    expect(ended.code).toBe(code)
    expect(complaints('error', parse(ended.stdout))).toEqual([])
    expect(ended.stdout.startsWith('{\n  "schema": "matrix-state/error/1"')).toBe(true)
  })
})

describe('the schemas', () => {
  test('have a title and a description, and are named after their file', () => {
    const cases = ['case', 'case-info', 'case-merge', 'case-minimise', 'case-redact', 'case-verify']
    const names = [
      'blame',
      ...cases,
      'check',
      'check-baseline',
      'check-line',
      'config',
      'devices',
      'diff',
      'doctor',
      'error',
      'explain',
      'explore',
      'fetch',
      'fetch-plan',
      'finding',
      'graph',
      'preflight',
      'profile',
      'profile-export',
      'profile-list',
      'profile-remove',
      'profile-show',
      'replay',
      'resolve',
      'setup',
    ]
    expect(files.toSorted()).toEqual(names.map((name) => `${name}.schema.json`).toSorted())
    for (const file of files) {
      const {title, description, $id} = readSchema(file)
      expect(title).toMatch(/\w/)
      expect(description).toMatch(/\w{3}/)
      expect($id).toBe(file)
    }
  })

  test('name every kind of finding that there is', () => {
    const text = readFileSync(join(FOLDER, 'finding.schema.json'), 'utf8')
    for (const id of Object.keys(CATALOGUE)) expect(text).toContain(id)
  })

  test('name every code of an error', () => {
    const source = readFileSync(join(ROOT, 'src/errors.ts'), 'utf8')
    const codes = [...source.matchAll(/^ {2}\| '([A-Z_]+)'$/gm)].map(([, code]) => code!)
    expect(codes.length).toBeGreaterThan(10)
    const text = readFileSync(join(FOLDER, 'error.schema.json'), 'utf8')
    for (const code of [...codes, 'BUG']) expect(text).toContain(code)
  })

  test('accept fields that are not known yet', async () => {
    const {stdout} = await matrixState(['resolve', dumps.write('known', whole), '--json'])
    const document = parse(stdout)
    expect(complaints('resolve', {...document, later: 1})).toEqual([])
    const [finding] = document['findings'] as readonly object[]
    expect(complaints('finding', {...finding, later: 1})).toEqual([])
  })

  const DIGEST = {size: 1, sha256: 'a'.repeat(64)}
  const LINE = {event_id: '$a', verdict: 'accepted', rule: null, before: DIGEST, after: DIGEST}
  const FINDING = {
    id: 'dag/cycle',
    severity: 'error',
    certainty: 'proof',
    subject: {kind: 'event', event_id: '$a'},
    summary: 'x',
    evidence: [{source: 'replay', where: 'x', value: null}],
    remedy: 'x',
  }
  const REJECTED = {...LINE, verdict: 'rejected', because: 'x'}

  test('accept what the tests below spoil', () => {
    expect(complaints('replay', LINE)).toEqual([])
    expect(complaints('replay', {...REJECTED, rule: 'v10:4.3.7@auth'})).toEqual([])
    expect(complaints('replay', {...REJECTED, rule: 'vorg.matrix.hydra.11:5@before'})).toEqual([])
    expect(complaints('replay', {...REJECTED, rule: 'format:prev_events'})).toEqual([])
    expect(complaints('finding', FINDING)).toEqual([])
  })

  test.each<[string, string, unknown]>([
    ['an event without verdict', 'replay', {...LINE, verdict: undefined}],
    ['an unknown verdict', 'replay', {...LINE, verdict: 'maybe'}],
    ['a rejection without rule', 'replay', {...REJECTED, rule: null}],
    ['a rejection without reason', 'replay', {...LINE, verdict: 'rejected', rule: 'v10:5@auth'}],
    ['a rule of no stage', 'replay', {...REJECTED, rule: 'v10:5'}],
    ['an accepted event with a rule', 'replay', {...LINE, rule: 'v10:5@auth'}],
    ['a digest that is cut', 'replay', {...LINE, before: {size: 1, sha256: 'abc'}}],
    [
      'a header of another schema',
      'replay',
      {schema: 'matrix-state/replay/2', room_id: '!a', room_version: '1', reading: 'spec'},
    ],
    ['a header without version', 'replay', {schema: 'matrix-state/replay/1', room_id: '!a', reading: 'spec'}],
    ['an end that is none', 'replay', {end: false, events: 0, rejected: 0, undetermined: 0, complete: true}],
    ['an end without counts', 'replay', {end: true}],
    ['a finding without evidence', 'finding', {...FINDING, evidence: undefined}],
    ['a finding of no namespace', 'finding', {...FINDING, id: 'cycle'}],
    ['a finding about an event without ID', 'finding', {...FINDING, subject: {kind: 'event'}}],
    ['a finding about a slot without key', 'finding', {...FINDING, subject: {kind: 'slot', type: 'x'}}],
    ['an error without message', 'error', {schema: 'matrix-state/error/1', error: {code: 'USAGE'}}],
    ['an error of no code', 'error', {schema: 'matrix-state/error/1', error: {code: 'no such', message: 'x'}}],
  ])('refuse %s', (_, name, document) => {
    expect(complaints(name, JSON.parse(JSON.stringify(document)))).not.toEqual([])
  })

  test('refuse a document of resolve that lacks, or contradicts, anything', async () => {
    const {stdout} = await matrixState(['resolve', dumps.write('spoiled', whole), '--json'])
    const document = parse(stdout)
    for (const key of Object.keys(document)) {
      expect(
        complaints('resolve', {...document, [key]: undefined, ...(key === 'state' ? {state: null} : {})}),
      ).not.toEqual([])
    }
    for (const change of [
      {schema: 'matrix-state/resolve/2'},
      {reading: 'mine'},
      {position: 'during'},
      {state: [{type: 'x', event_id: '$a'}]},
      {at: ['$a', '$a']},
      {summary: {...(document['summary'] as object), events: -1}},
      {findings: [{id: 'dag/cycle'}]},
      {state_unknown: true},
    ]) {
      expect(complaints('resolve', {...document, ...change})).not.toEqual([])
    }
  })
})
