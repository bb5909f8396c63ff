/** The life of a baseline, as a user sees it. */
import {existsSync, readFileSync, rmSync, writeFileSync} from 'node:fs'
import {describe, expect, test} from 'vitest'
import {EXIT} from '../../src/cli/exit-codes.ts'
import {reportedRoom, writeRoomCase} from '../scenarios/room-case.ts'
import {complaints} from './complaints.ts'
import {Dumps} from './dumps.ts'
import {matrixState} from './program.ts'

const dumps = new Dumps()
const room = writeRoomCase(dumps.path('split.case'), reportedRoom('split-sql-v11'))

interface Document {
  readonly rooms: readonly {
    readonly room_id: string
    readonly verdict: string
    readonly findings: readonly {readonly id: string; readonly not_counted?: {why: string; reason?: string}}[]
  }[]
  readonly baseline?: {readonly path: string; readonly gone: readonly object[]}
  readonly notes: readonly string[]
}

async function check(...args: readonly string[]) {
  const ended = await matrixState(['check', ...args, '--json'])
  const document = JSON.parse(ended.stdout) as Document
  return {code: ended.code, document}
}

describe('a baseline', () => {
  test('is made, known, explained, loses what is gone, and is refused where it is absent', async () => {
    const path = dumps.path('known.json')
    const before = await matrixState(['check', room, '--baseline', path])
    expect([before.code, existsSync(path)]).toEqual([EXIT.profileAbsent, false])
    expect(before.stderr).toContain('--update-baseline')

    const made = await check(room, '--baseline', path, '--update-baseline')
    expect(made.code).toBe(EXIT.done)
    expect(complaints('check', made.document)).toEqual([])
    const text = readFileSync(path, 'utf8')
    expect(complaints('check-baseline', JSON.parse(text))).toEqual([])
    const {entries} = JSON.parse(text) as {entries: {reason?: string; subject: string; room_id: string; id: string}[]}
    expect(entries.length).toBeGreaterThan(1)
    expect(made.document.notes.at(-1)).toContain(`${String(entries.length)} findings added`)

    const [first] = entries
    first!.reason = 'waits for the update of hs2'
    const {room_id: roomId, id} = first!
    const gone = {room_id: roomId, id: 'state/reset', subject: 'slot m.room.topic "" at $old', reason: 'sent again'}
    const other = {room_id: '!other:x', id, subject: 'event $x'}
    writeFileSync(path, JSON.stringify({schema: 'matrix-state/check-baseline/1', entries: [gone, other, ...entries]}))
    const known = await check(room, '--baseline', path)
    expect([known.code, known.document.rooms[0]?.verdict]).toEqual([EXIT.done, 'clean'])
    expect(known.document.rooms[0]?.findings.map(({not_counted: not}) => not?.reason)).toContain(first!.reason)
    expect(known.document.baseline).toEqual({path, gone: [gone]})
    expect(complaints('check', known.document)).toEqual([])

    const full = await matrixState(['check', room, '--baseline', path, '--full'])
    expect(full.stdout).toContain('(known: waits for the update of hs2)')

    await check(room, '--baseline', path, '--update-baseline')
    const after = (JSON.parse(readFileSync(path, 'utf8')) as {entries: object[]}).entries
    expect(after).toEqual(
      [...entries, other].toSorted((a, b) => (a.room_id < b.room_id ? -1 : a.room_id > b.room_id ? 1 : 0)),
    )

    // One finding more than is known.
    writeFileSync(path, JSON.stringify({schema: 'matrix-state/check-baseline/1', entries: after.slice(1)}))
    expect((await check(room, '--baseline', path)).code).toBe(EXIT.findings)
  })

  test.each<[string, readonly string[], RegExp]>([
    ['no file to update', ['--update-baseline'], /--baseline FILE/],
    ['nothing that could be recorded', ['--baseline', 'x', '--update-baseline', '--fail-on', 'never'], /never/],
    ['a report over it', ['--baseline', 'x', '--format', 'json', '--output', 'x'], /written over/],
    ['it over the journal', ['--baseline', 'x', '--update-baseline', '--journal', 'x'], /written over/],
  ])('refused: %s', async (_, args, message) => {
    const ended = await matrixState(['check', room, ...args])
    expect(ended.code).toBe(EXIT.usage)
    expect(ended.stderr).toMatch(message)
  })
})

describe('a config file', () => {
  test('names rooms, reports and what is ignored; its reasons are told', async () => {
    const baseline = dumps.path('of-config.json')
    rmSync(baseline, {force: true})
    const config = dumps.write(
      'matrix-state.config.json',
      JSON.stringify({
        check: {
          rooms: ['split.case'],
          ignore: {'state/divergence': 'rebuilt on Monday', 'server/wrong-record': 'as well'},
          homeserver: 'https://nobody.example',
          reports: [{format: 'json', output: 'out.json'}],
        },
      }),
    )
    const ended = await matrixState(['check', '--config', config])
    expect([ended.code, ended.stderr]).toEqual([EXIT.done, ''])
    const document = JSON.parse(readFileSync(dumps.path('out.json'), 'utf8')) as Document
    expect(complaints('check', document)).toEqual([])
    const why = document.rooms[0]?.findings.find(({id}) => id === 'state/divergence')?.not_counted
    expect(why).toEqual({why: 'ignored', reason: 'rebuilt on Monday'})
    expect((await matrixState(['check', '--config', config, dumps.path('none.case')])).code).toBe(EXIT.failed)
  })

  test('with a misspelt key is refused, and the nearest name is told', async () => {
    const config = dumps.write('bad.json', '{"check": {"baselin": "x"}}')
    const ended = await matrixState(['check', room, '--config', config])
    expect(ended.code).toBe(EXIT.failed)
    expect(ended.stderr).toMatch(/check\.baselin[^]*Did you mean baseline\?/)
  })
})
