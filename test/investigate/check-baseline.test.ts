/** What a baseline knows, forgets and keeps, over rooms of real servers. */
import {mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, lstatSync, chmodSync} from 'node:fs'
import {beforeAll, describe, expect, test} from 'vitest'
import {finding, type Finding, type Severity} from '../../src/finding/finding.ts'
import {
  type Baseline,
  baselineText,
  becomingKnown,
  goneFrom,
  knownOf,
  readBaseline,
  updated,
  writeBaseline,
} from '../../src/investigate/check-baseline.ts'
import type {RoomCheck} from '../../src/investigate/check-report.ts'
import {checkRoom} from '../../src/investigate/check-room.ts'
import {restsOnServer, subjectText} from '../../src/investigate/check-subject.ts'
import {judgeRoom, type Judging, type RoomOutcome} from '../../src/investigate/check-verdict.ts'
import {complaints} from '../cli/complaints.ts'
import {Dumps} from '../cli/dumps.ts'
import {reportedRoom, writeRoomCase} from '../scenarios/room-case.ts'

const dumps = new Dumps()
const outcomes = new Map<string, RoomOutcome>()
const ROOMS = ['split-sql-v11', 'split-reject-v10', 'conflict-v10']

beforeAll(async () => {
  for (const name of ROOMS) {
    const room = writeRoomCase(dumps.path(`${name}.case`), reportedRoom(name))
    outcomes.set(
      name,
      await checkRoom(
        {room},
        {
          access: {},
          place: {kind: 'cache', use: 'update'},
          devices: false,
          reading: 'synapse',
          trustIds: false,
          signal: new AbortController().signal,
          nowMs: () => Date.UTC(2026, 10, 22),
        },
      ),
    )
  }
})

const judged = (name: string, baseline: Baseline, more: Partial<Judging> = {}): RoomCheck => {
  const outcome = outcomes.get(name)!
  return judgeRoom(outcome, {
    baseline: knownOf(baseline)(outcome.roomId ?? ''),
    ignore: new Set(),
    failOn: 'error',
    ...more,
  })
}
const ERRORS = {devices: false, failOn: 'error'} as const
/** As of a room in which that is wrong and nothing else. */
const checkWith = (findings: readonly Finding[], more: Partial<RoomOutcome> = {}): RoomCheck =>
  judgeRoom(
    {
      ...outcomes.get('conflict-v10')!,
      roomId: '!a:x',
      findings,
      open: [],
      told: [{server: 'hs1.example', evidence: ['states']}],
      ...more,
    },
    {baseline: null, ignore: new Set(), failOn: 'error'},
  )
const reset = (severity: Severity = 'error', at = '$m'): Finding =>
  finding('state/reset', {kind: 'slot', type: 'm.room.topic', state_key: '', event_id: at}, 'lost', [], {severity})
const diverges = (server: string): Finding =>
  finding(
    'state/divergence',
    {kind: 'slot', type: 'm.room.name', state_key: '', event_id: '$n'},
    'other',
    [
      {source: 'replay', where: 'now', value: '$n'},
      {source: server, where: 'database', value: null},
    ],
    {severity: 'error'},
  )

describe('rooms with faults', () => {
  test.each(ROOMS)('%s: what is known does not fail, and is found again by a second look', (name) => {
    const first = judged(name, [])
    expect(first.verdict).toBe('findings')
    const {baseline, added} = updated([], [first], ERRORS)
    expect(added).toBe(new Set(first.findings.filter(({severity}) => severity === 'error').map(subjectOf)).size)
    const second = judged(name, baseline)
    expect(second.verdict).not.toBe('findings')
    expect(updated(baseline, [second], ERRORS)).toEqual({baseline, added: 0, gone: []})
  })

  test('each entry is needed: without it, the room fails', () => {
    for (const name of ROOMS) {
      const {baseline} = updated([], [judged(name, [])], ERRORS)
      for (const entry of baseline) {
        const without = baseline.filter((one) => one !== entry)
        expect([entry, judged(name, without).verdict]).toEqual([entry, 'findings'])
      }
    }
  })

  test('an entry on what a server says is gone when a real room no longer bears it out', () => {
    const check = judged('split-sql-v11', [])
    const {baseline} = updated([], [check], ERRORS)
    const servers = baseline.map(({id, subject}) => restsOnServer(id, subject)).filter((one) => one !== null)
    expect(servers).not.toEqual([])
    const repaired = {...check, findings: [], open: []}
    expect(goneFrom(baseline, [repaired], {devices: false})).toHaveLength(baseline.length)
  })

  test('an entry is of its room only', () => {
    const {baseline} = updated([], [judged('split-sql-v11', [])], ERRORS)
    const elsewhere = baseline.map((entry) => ({...entry, roomId: '!other:x'}))
    expect(judged('split-sql-v11', elsewhere).verdict).toBe('findings')
  })

  test('while it is updated, what would fail is known already, and what is below stays as it is', () => {
    const checks = ROOMS.map((name) => {
      const {roomId} = outcomes.get(name)!
      return judged(name, [], {baseline: becomingKnown([], 'error')(roomId!)})
    })
    const all = checks.flatMap(({findings}) => findings)
    expect(checks.map(({verdict}) => verdict)).not.toContain('findings')
    expect(new Set(all.map(({severity}) => severity === 'error')).size).toBe(2)
    for (const {severity, notCounted} of all) expect(notCounted !== null).toBe(severity === 'error')
  })
})

const subjectOf = (one: Finding): string => JSON.stringify([one.id, subjectText(one)])

describe('what counts again', () => {
  test('the same against another server', () => {
    const {baseline} = updated([], [checkWith([diverges('hs1.example')])], ERRORS)
    const known = knownOf(baseline)('!a:x')
    expect([known(diverges('hs1.example')), known(diverges('hs2.example'))]).toEqual([{reason: null}, null])
  })

  test('what is graver than it was', () => {
    const {baseline} = updated([], [checkWith([reset('warning')])], {devices: false, failOn: 'warning'})
    const known = knownOf(baseline)('!a:x')
    expect([known(reset('note')), known(reset('warning')), known(reset('error'))]).toEqual([
      {reason: null},
      {reason: null},
      null,
    ])
    const graver = updated(baseline, [checkWith([reset('error')])], ERRORS)
    expect([graver.added, graver.baseline[0]?.severity]).toEqual([1, 'error'])
    expect(updated(graver.baseline, [checkWith([reset('warning')])], ERRORS).baseline).toEqual(graver.baseline)
  })

  test('another loss of the same slot', () => {
    const {baseline} = updated([], [checkWith([reset('error', '$m')])], ERRORS)
    expect(knownOf(baseline)('!a:x')(reset('error', '$other'))).toBeNull()
  })
})

describe('what is gone', () => {
  const known: Baseline = updated(
    [],
    [
      {
        ...({} as RoomCheck),
        roomId: '!a:x',
        findings: [reset(), diverges('hs1.example')].map((one) => ({...one, notCounted: null})),
      },
    ],
    ERRORS,
  ).baseline.map((entry) => ({...entry, reason: 'old server'}))
  const goneOf = (rooms: readonly RoomCheck[], devices = false): readonly string[] =>
    goneFrom(known, rooms, {devices}).map(({id}) => id)

  test('of a room that was checked whole', () => {
    expect(goneFrom(known, [checkWith([reset()])], {devices: false})).toEqual([
      {
        roomId: '!a:x',
        id: 'state/divergence',
        subject: 'slot m.room.name "" at $n on hs1.example',
        reason: 'old server',
      },
    ])
    const update = updated(known, [checkWith([reset()])], ERRORS)
    expect(update.baseline.map(({id, reason}) => [id, reason])).toEqual([['state/reset', 'old server']])
  })

  test('not of one that was not checked, failed, or lacks evidence, nor of one of which one of two looks does', () => {
    const error = {code: 'TIMEOUT', message: 'x', hint: null}
    expect(goneOf([])).toEqual([])
    expect(goneOf([checkWith([], {roomId: '!b:x'})])).toEqual([])
    expect(goneOf([checkWith([], {error})])).toEqual([])
    expect(goneOf([checkWith([], {open: ['1 event is missing.']})])).toEqual([])
    expect(goneOf([checkWith([]), checkWith([], {open: ['1 event is missing.']})])).toEqual([])
    expect(goneOf([checkWith([]), checkWith([reset()])])).toEqual(['state/divergence'])
    expect(goneOf([checkWith([])])).toHaveLength(2)
  })

  test('not what a server said that was not compared', () => {
    expect(goneOf([checkWith([], {told: [{server: 'hs2.example', evidence: ['states']}]})])).toEqual(['state/reset'])
  })

  test.each([
    ['server/wrong-record', 'records'],
    ['server/soft-failed-there', 'marks'],
    ['server/many-extremities', 'extremities'],
    ['server/behind', 'states'],
  ] as const)('%s not where the server told no %s', (id, needed) => {
    const server = 'hs1.example'
    const {baseline} = updated(
      [],
      [checkWith([finding(id, {kind: 'server', server}, 'x', [], {severity: 'error'})])],
      ERRORS,
    )
    const others = (['states', 'records', 'marks', 'extremities'] as const).filter((kind) => kind !== needed)
    const goneWith = (evidence: typeof others | readonly [typeof needed]) =>
      goneFrom(baseline, [checkWith([], {told: [{server, evidence}]})], {devices: false}).length
    expect([baseline.length, goneWith(others), goneWith([needed])]).toEqual([1, 0, 1])
  })

  test('not what an audit of devices finds, where there was none', () => {
    const device = finding('device/otk-reused', {kind: 'device', user_id: '@a:x', device_id: 'D'}, 'x', [])
    const {baseline} = updated([], [checkWith([device])], ERRORS)
    expect(goneFrom(baseline, [checkWith([])], {devices: false})).toEqual([])
    expect(goneFrom(baseline, [checkWith([])], {devices: true})).toHaveLength(1)
  })

  test('not what is merely ignored; and what is ignored is not recorded', () => {
    const check = judgeRoom(
      {...outcomes.get('conflict-v10')!, roomId: '!a:x', findings: [reset()]},
      {
        baseline: null,
        ignore: new Set(['state/reset']),
        ignoredFor: new Map([['state/reset', 'a test room']]),
        failOn: 'error',
      },
    )
    expect(check.findings[0]?.notCounted).toEqual({why: 'ignored', reason: 'a test room'})
    expect(goneFrom(known, [check], {devices: false}).map(({id}) => id)).not.toContain('state/reset')
    expect(updated([], [check], ERRORS).added).toBe(0)
  })
})

describe('subjects', () => {
  const of = (subject: Finding['subject']): string => subjectText(finding('dag/cycle', subject, 'x', []))
  test('are one line, and no two subjects have the same', () => {
    const hostile = ['a b', 'a" "b', '\n', '\u202e', '\ud800', '', 'a\\', '"a"', 'on', 'x on y']
    const texts = hostile.flatMap((a) =>
      hostile
        .map((b) => of({kind: 'slot', type: a, state_key: b}))
        .concat(of({kind: 'server', server: a}), of({kind: 'event', event_id: a})),
    )
    expect(new Set(texts).size).toBe(texts.length)
    for (const text of texts) expect(text).not.toMatch(/[\n\ud800]/)
  })

  test('name the server on whose word they rest, whatever it is called', () => {
    for (const server of ['hs1.example', 'the file "x on y.json"', 'a on b', '\u202e']) {
      const one = diverges(server)
      expect(restsOnServer(one.id, subjectText(one))).toBe(server)
      const behind = finding('server/behind', {kind: 'server', server}, 'x', [])
      expect(restsOnServer(behind.id, subjectText(behind))).toBe(server)
      const gone = finding('server/vanished', {kind: 'server', server}, 'x', [])
      expect(restsOnServer(gone.id, subjectText(gone))).toBeNull()
    }
    expect(restsOnServer('state/reset', subjectText(reset()))).toBeNull()
  })

  test('of a Megolm session do not depend on the device that its sender names', () => {
    const session = {kind: 'session', session_id: 's', sender: '@a:x'} as const
    expect(of({...session, device_id: 'D'})).toBe(of(session))
  })
})

describe('the file', () => {
  const ENTRIES: Baseline = [
    {roomId: '!b:x', id: 'state/reset', subject: 's', severity: 'error', reason: null},
    {roomId: '!a:x', id: 'state/reset', subject: 's\u202e\ud800"', severity: null, reason: 'why\nnot\u2028'},
    {roomId: '!a:x', id: 'dag/cycle', subject: 'é', severity: 'note', reason: null},
  ]

  test('is sorted, an entry a line, without invisible characters, as its schema says, and read again as it was', () => {
    const path = dumps.path('sorted.json')
    writeBaseline(path, ENTRIES)
    const text = readFileSync(path, 'utf8')
    expect(text).toBe(baselineText(ENTRIES.toReversed()))
    expect(text.split('\n')).toHaveLength(ENTRIES.length + 6)
    expect(text).not.toMatch(/[\u202e\u2028\ud800]/)
    expect(complaints('check-baseline', JSON.parse(text))).toEqual([])
    expect(readBaseline(path).map(({roomId, id}) => `${roomId} ${id}`)).toEqual([
      '!a:x dag/cycle',
      '!a:x state/reset',
      '!b:x state/reset',
    ])
    expect(readBaseline(path)).toEqual(readBaseline(dumps.write('again.json', baselineText(readBaseline(path)))))
    expect(readBaseline(path)[1]).toEqual(ENTRIES[1])
  })

  test('is left alone where nothing changed, else replaced as a whole with its permissions, also behind a link', () => {
    mkdirSync(dumps.path('own'))
    const path = dumps.path('own/known.json')
    writeBaseline(path, ENTRIES)
    chmodSync(path, 0o640)
    const {ino} = statSync(path)
    writeBaseline(path, ENTRIES)
    expect(statSync(path).ino).toBe(ino)
    symlinkSync(path, dumps.path('own/link.json'))
    writeBaseline(dumps.path('own/link.json'), [])
    expect([statSync(path).ino === ino, statSync(path).mode & 0o777, readBaseline(path)]).toEqual([false, 0o640, []])
    expect(lstatSync(dumps.path('own/link.json')).isSymbolicLink()).toBe(true)
    expect(readdirSync(dumps.path('own')).toSorted()).toEqual(['known.json', 'link.json'])
  })

  test('that a merge of branches doubled: the reason and the graver severity hold', () => {
    const entry = {room_id: '!a:x', id: 'state/reset', subject: 's'}
    const entries = [
      {...entry, severity: 'note'},
      {...entry, severity: 'error', reason: 'r'},
    ]
    for (const order of [entries, entries.toReversed()]) {
      const path = dumps.write('twice.json', JSON.stringify({schema: 'matrix-state/check-baseline/1', entries: order}))
      expect(readBaseline(path)).toEqual([
        {roomId: '!a:x', id: 'state/reset', subject: 's', severity: 'error', reason: 'r'},
      ])
    }
  })

  const ENTRY = {room_id: '!a:x', id: 'state/reset', subject: 's'}
  const file = (...entries: unknown[]): string => JSON.stringify({schema: 'matrix-state/check-baseline/1', entries})
  test.each<[string, string, RegExp]>([
    ['nothing', ' \n', /is empty/],
    ['no JSON', '{\n  "schema": oh secret', /not JSON/],
    ['JSON with a comma too many', '{\n  "schema": "secret",\n}', /not JSON \(line 3, column 1\)/],
    ['its beginning only', file(ENTRY).slice(0, -3), /ends in the middle/],
    ['a list', '[]', /not an object/],
    ['a report', '{"schema": "matrix-state/check/1"}', /schema is not/],
    ['a newer one', '{"schema": "matrix-state/check-baseline/2", "entries": []}', /newer/],
    ['no entries', '{"schema": "matrix-state/check-baseline/1"}', /no list/],
    ['another key', '{"schema": "matrix-state/check-baseline/1", "entries": [], "known": []}', /"known"/],
    ['an entry of another kind', file(ENTRY, 'x'), /entry 2: it is no object/],
    ['a misspelt key', file({...ENTRY, reasn: 'x'}), /entry 1: the key "reasn"/],
    ['no subject', file({...ENTRY, subject: undefined}), /subject is missing/],
    ['a reason that is no text', file({...ENTRY, reason: 5}), /reason must be a text/],
    ['another severity', file({...ENTRY, severity: 'fatal'}), /severity must be/],
  ])('is refused: %s', (name, text, message) => {
    const path = dumps.write(`bad ${name}.json`, text)
    expect(() => readBaseline(path)).toThrow(message)
    expect(() => readBaseline(path)).toThrow(expect.objectContaining({code: 'INPUT_UNREADABLE'}) as Error)
    expect(() => readBaseline(path)).not.toThrow(/secret/)
  })
})
