import {readFileSync, statSync} from 'node:fs'
import {join} from 'node:path'
import {describe, expect, test} from 'vitest'
import {EXIT} from '../../src/cli/exit-codes.ts'
import {BOB, message, publicRoom, topic} from '../rules/build.ts'
import {complaints} from './complaints.ts'
import {contentHash} from '../../src/matrix/hashes.ts'
import {type JsonObject, parseJson} from '../../src/matrix/json.ts'
import {changed, Dumps, linesOf, serverRoom} from './dumps.ts'
import {matrixState} from './program.ts'

const dumps = new Dumps()
const room = publicRoom('10').add('topic', topic()).add('bad', topic(BOB)).at('topic').add('last', message())
const lines = linesOf(room)
const dump = dumps.write('room.ndjson', lines)
const holed = dumps.write(
  'holed.ndjson',
  lines.filter((_, index) => index !== room.names.indexOf('topic')),
)
const parse = (text: string) =>
  JSON.parse(text) as Record<string, unknown> & {summary: Record<string, number>; routes: Record<string, unknown>[]}
const fetching = (file: string, ...more: readonly string[]) =>
  matrixState(['fetch', room.roomId, '--case', dumps.path(file), ...more])

describe('fetch', () => {
  test('makes a case of a dump, which then stands for the room', async () => {
    const fetched = await fetching('made.case', '--file', dump, '--json')
    expect(fetched).toMatchObject({code: EXIT.done, stderr: ''})
    const report = parse(fetched.stdout)
    expect(complaints('fetch', report)).toEqual([])
    expect(report).toMatchObject({room_id: room.roomId, room_version: '10', new: true, complete: true, missing: []})
    expect(report.summary).toMatchObject({events: lines.length, copies: lines.length, missing: 0, requests: 0})
    expect(report.routes).toMatchObject([{kind: 'file', events: lines.length, only_here: lines.length, error: null}])
    expect(statSync(dumps.path('made.case')).mode & 0o777).toBe(0o600)

    const [ofCase, ofDump] = await Promise.all(
      [dumps.path('made.case'), dump].map((path) => matrixState(['replay', path])),
    )
    expect([ofCase?.code, ofCase?.stdout]).toEqual([ofDump?.code, ofDump?.stdout])
    const resolved = await matrixState(['resolve', dumps.path('made.case'), '--json'])
    expect(resolved.code).toBe(EXIT.done)
    expect(complaints('resolve', JSON.parse(resolved.stdout))).toEqual([])
  })

  test('goes on with a case: what is known is not counted again, what was missing is filled', async () => {
    const first = await fetching('goes-on.case', '--file', holed, '--json')
    expect(first.code).toBe(EXIT.inconclusive)
    expect(complaints('fetch', parse(first.stdout))).toEqual([])
    expect(parse(first.stdout)['missing']).toEqual([{event_id: room.id('topic'), asked: []}])
    const second = await fetching('goes-on.case', '--file', dump, '--json')
    expect(second.code).toBe(EXIT.done)
    expect(parse(second.stdout)).toMatchObject({new: false, complete: true, summary: {events: lines.length}})
    expect(parse(second.stdout).routes).toMatchObject([{new_events: 1, events: lines.length, only_here: 1}])
  })

  test('says in words what came from where, what is missing, and what to type next', async () => {
    const {stdout, code} = await fetching('words.case', '--file', holed)
    expect(code).toBe(EXIT.inconclusive)
    expect(stdout).toContain(`${String(lines.length - 1)} events`)
    expect(stdout).toMatch(/Missing: 1 event/)
    expect(stdout).toContain('nobody could be asked')
    expect(stdout).toContain('--database')
    expect(stdout).toContain(`Next: matrix-state resolve ${dumps.path('words.case')}`)
  })

  test('takes another case file in', async () => {
    await fetching('other.case', '--file', dump)
    const {stdout} = await fetching('taken.case', '--file', dumps.path('other.case'), '--json')
    expect(parse(stdout)).toMatchObject({complete: true, summary: {events: lines.length}})
  })

  test('a state that a server reported is held against the replay by resolve', async () => {
    const ids = ['create', 'alice', 'levels', 'rules', 'mo', 'carol'].map((name) => room.id(name))
    const reported = dumps.write('reported.json', JSON.stringify(ids))
    await fetching('reported.case', '--file', dump, '--reported', `b.example=${reported}`)
    const {stdout} = await matrixState(['resolve', dumps.path('reported.case'), '--json'])
    expect(parse(stdout).summary).toMatchObject({divergences: {'b.example': 1}})
    expect(parse(stdout)['findings']).toMatchObject([
      {id: 'dag/rejected-event'},
      {id: 'state/divergence', subject: {type: 'm.room.topic', event_id: room.id('topic')}},
    ])
  })

  test('--plan asks nothing, makes no file, and says what each request does', async () => {
    const args = ['--file', dump, '--database', 'sqlite:nowhere.db', '--plan']
    const {stdout, code} = await fetching('planned.case', ...args, '--json')
    expect(code).toBe(EXIT.done)
    expect(complaints('fetch-plan', parse(stdout))).toEqual([])
    const federation = ['--signing-key', '/nowhere/key', '--server-name', 'a.example', '--all-servers']
    const more = await fetching('planned.case', ...args, ...federation, '--json')
    expect(parse(more.stdout).routes.map(({name}) => name)).toEqual([
      `file ${dump}`,
      expect.stringContaining('nowhere.db'),
      'federation a.example as a.example',
      'federation, other servers',
      'server keys',
    ])
    const words = await fetching('planned.case', ...args)
    expect(words.stdout).toContain('effect: none')
    expect(words.stdout).toContain('Nothing was asked')
    expect(() => statSync(dumps.path('planned.case'))).toThrow('ENOENT')
  })
})

describe('what cannot be done is said, and nothing is lost', () => {
  test.concurrent.each<[string, readonly string[], number, RegExp]>([
    [
      'no route',
      [],
      EXIT.profileAbsent,
      /is on a server, no route to it was named, and there is no profile.*matrix-state setup; or name a route: --homeserver/s,
    ],
    ['an unknown route', ['--from', 'telepathy'], EXIT.usage, /there is no route "telepathy".*client, admin/s],
    ['a homeserver without a token', ['--homeserver', 'a.example'], EXIT.failed, /only with an access token/],
    [
      'another server without a key',
      ['--file', '/nowhere/x', '--with', 'b.example'],
      EXIT.failed,
      /only with the signing key/,
    ],
    ['a password in a URL', ['--database', 'postgres://u:s3cret@h/d'], EXIT.usage, /PGPASSWORD/],
    ['no such database', ['--database', 'sqlite:/nowhere/x.db'], EXIT.failed, /nowhere\/x\.db/],
    ['no such dump', ['--file', '/nowhere/x'], EXIT.failed, /nowhere\/x/],
    ['keys that are none', ['--file', dump, '--keys', dump], EXIT.failed, /room\.ndjson/],
  ])('%s', async (name, args, code, words) => {
    const file = `${name.replaceAll(' ', '-')}.case`
    const ended = await fetching(file, ...args)
    expect(ended.code).toBe(code)
    expect(ended.stderr).toMatch(words)
    expect(ended.stderr).not.toContain('s3cret')
    expect(ended.stderr).not.toContain('    at ')
    if (!args.includes(dump)) expect(() => statSync(dumps.path(file))).toThrow('ENOENT')
  })

  test('a file that is no case is not touched', async () => {
    const path = dumps.write('precious.txt', 'precious')
    const {code, stderr} = await matrixState(['fetch', room.roomId, '--case', path, '--file', dump])
    expect([code, readFileSync(path, 'utf8')]).toEqual([EXIT.failed, 'precious'])
    expect(stderr).toContain('no case file')
  })

  test('the case of another room is not mixed with it', async () => {
    await fetching('mine.case', '--file', dump)
    const before = readFileSync(dumps.path('mine.case'))
    const other = await matrixState(['fetch', '!x:y.example', '--case', dumps.path('mine.case'), '--file', dump])
    expect(other.code).toBe(EXIT.failed)
    expect(other.stderr).toContain(`is the case of ${room.roomId}, not of !x:y.example`)
    expect(readFileSync(dumps.path('mine.case')).equals(before)).toBe(true)
  })

  test('one route that fails does not take the others with it, and is told', async () => {
    const {stdout, code} = await fetching('partly.case', '--file', dump, '--database', 'sqlite:/nowhere/x.db', '--json')
    expect(code).toBe(EXIT.inconclusive)
    expect(parse(stdout)).toMatchObject({complete: false, summary: {events: lines.length}})
    expect(parse(stdout).routes.map(({error}) => (error as {code?: string} | null)?.code)).toEqual([
      undefined,
      'INPUT_NOT_FOUND',
    ])
  })
})

describe('an event that is proven forged', () => {
  const real = serverRoom('conflict-v6')
  const servers = JSON.parse(readFileSync(join(import.meta.dirname, '../matrix/room-keys.json'), 'utf8')) as {
    readonly servers: unknown
  }
  const keys = dumps.write('keys.json', JSON.stringify(servers.servers))
  const forge = (line: string): string => {
    const event = JSON.parse(line) as {content: {users: Record<string, number>}; hashes: {sha256: string}}
    event.content.users['@mallory:evil.example'] = 100
    event.hashes.sha256 = contentHash(parseJson(JSON.stringify(event)) as JsonObject)
    return JSON.stringify(event)
  }
  const levels = real.lines.findLast((line) => line.includes('"m.room.power_levels"'))!
  const forged = dumps.write('forged.ndjson', [...real.lines, forge(levels)])
  const genuine = dumps.write('genuine.ndjson', real.lines)
  const {room_id: roomId} = JSON.parse(real.lines[1]!) as {room_id: string}

  test('is named, and takes no part in the replay of a case that has the keys', async () => {
    const path = dumps.path('forged.case')
    const fetched = await matrixState(['fetch', roomId, '--case', path, '--file', forged, '--keys', keys, '--json'])
    expect(parse(fetched.stdout)['findings']).toMatchObject([{id: 'dag/bad-signature', certainty: 'proof'}])
    const resolved = parse((await matrixState(['resolve', path, '--json'])).stdout)
    const honest = parse((await matrixState(['resolve', genuine, '--json'])).stdout)
    expect(resolved['state']).toEqual(honest['state'])
    expect(resolved.summary).toMatchObject({tips: honest.summary['tips'], events: honest.summary['events']})
    expect(resolved['findings']).toContainEqual(expect.objectContaining({id: 'dag/bad-signature', severity: 'error'}))
    const failing = await matrixState(['resolve', path, '--fail-on', 'error'])
    expect(failing.code).toBe(EXIT.findings)
  })

  test('without keys nobody can tell, and that is said', async () => {
    const path = dumps.path('keyless.case')
    await matrixState(['fetch', roomId, '--case', path, '--file', forged])
    const {stderr} = await matrixState(['resolve', path])
    expect(stderr).toContain('Signatures were not checked')
  })
})

test('a limit that names an event which nobody has is not met', async () => {
  const {stdout, code} = await fetching('since.case', '--file', dump, '--since', `$${'A'.repeat(43)}`, '--json')
  expect(code).toBe(EXIT.inconclusive)
  expect(parse(stdout)['notes']).toContainEqual(expect.stringContaining('No route has the event of --since'))
})

describe('case', () => {
  test('info, verify, redact, minimise, merge and export print as their schemas say', async () => {
    await fetching('work.case', '--file', dump)
    const path = dumps.path('work.case')
    const run = async (command: string, args: readonly string[], code: number) => {
      const ended = await matrixState(['case', command, ...args, '--json'])
      expect([command, ended.code, ended.stderr]).toEqual([command, code, ''])
      const document = parse(ended.stdout)
      expect(complaints(command === 'export' ? 'case' : `case-${command}`, document)).toEqual([])
      return document
    }
    expect(await run('info', [path], EXIT.done)).toMatchObject({room_id: room.roomId, missing: []})
    // The signatures of this room are made up, and nobody's keys are here.
    expect(await run('verify', [path], EXIT.inconclusive)).toMatchObject({complete: false})
    const redacted = await run('redact', [path, '-o', dumps.path('redacted.case')], EXIT.done)
    expect(redacted.summary).toMatchObject({events: lines.length})
    const keep = ['--keep', room.id('bad')]
    const small = await run('minimise', [path, ...keep, '-o', dumps.path('small.case')], EXIT.done)
    expect(small['minimised']).toMatchObject({kept: [{verdict: 'rejected', rule: 'v10:5@auth'}]})
    const merging = [dumps.path('small.case'), path, '-o', dumps.path('merged.case')]
    expect((await run('merge', merging, EXIT.done)).summary).toMatchObject({events: lines.length})
    expect(await run('export', [path], EXIT.done)).toMatchObject({room_id: room.roomId})
  })

  test('export writes the lines of the dump, also into a file', async () => {
    await fetching('export.case', '--file', dump)
    const {stdout} = await matrixState(['case', 'export', dumps.path('export.case')])
    expect(stdout).toBe(readFileSync(dump, 'utf8'))
    const output = dumps.path('out.ndjson')
    await matrixState(['case', 'export', dumps.path('export.case'), '--output', output])
    expect(readFileSync(output, 'utf8')).toBe(stdout)
    expect(statSync(output).mode & 0o777).toBe(0o600)
  })

  test('a redacted case replays the same', async () => {
    await fetching('share.case', '--file', dump)
    const {stdout} = await matrixState(['case', 'redact', dumps.path('share.case'), '-o', dumps.path('shared.case')])
    expect(stdout).toContain('What remains')
    const [whole, redacted] = await Promise.all(
      ['share.case', 'shared.case'].map((name) => matrixState(['replay', dumps.path(name)])),
    )
    expect(redacted?.stdout).toBe(whole?.stdout)
    const asked = await Promise.all(
      ['share.case', 'shared.case'].map(async (name) => {
        const info = parse((await matrixState(['case', 'info', dumps.path(name), '--json'])).stdout)
        return (info['sources'] as readonly Record<string, unknown>[]).map(({last_ts: last}) => last)
      }),
    )
    expect(asked[1]).toEqual(asked[0])
    const exported = await matrixState(['case', 'export', dumps.path('shared.case')])
    expect(exported.stdout).not.toContain('"body"')
  })

  test('verify names a copy that was changed', async () => {
    const spoilt = changed(lines, room.names.indexOf('last'), (event) => (event.content['body'] = 'changed'))
    await fetching('spoilt.case', '--file', dumps.write('spoilt.ndjson', spoilt))
    const {stdout} = await matrixState(['case', 'verify', dumps.path('spoilt.case'), '--json'])
    expect(parse(stdout)['findings']).toContainEqual(
      expect.objectContaining({id: 'dag/hash-mismatch', subject: {kind: 'event', event_id: room.id('last')}}),
    )
  })

  test.concurrent.each([
    ['info', []],
    ['verify', []],
    ['export', []],
    ['redact', ['-o', 'x.case']],
    ['minimise', ['--keep', '$x', '-o', 'x.case']],
  ])('%s of what is no case says so', async (command, more) => {
    const missing = await matrixState(['case', command, dumps.path('none.case'), ...more])
    expect([missing.code, missing.stdout]).toEqual([EXIT.failed, ''])
    expect(missing.stderr).toContain('none.case')
    const wrong = await matrixState(['case', command, dump, ...more])
    expect(wrong.code).toBe(EXIT.failed)
    expect(wrong.stderr).toContain('this is no case file')
  })
})
