import {spawnSync} from 'node:child_process'
import {chmodSync, existsSync, mkdirSync, openSync} from 'node:fs'
import {join} from 'node:path'
import {gzipSync} from 'node:zlib'
import {describe, expect, test} from 'vitest'
import {bare, message, publicRoom, topic} from '../rules/build.ts'
import {changed, Dumps, linesOf} from './dumps.ts'
import {type HowToRun, matrixState, ROOT} from './program.ts'

const dumps = new Dumps()
const good = linesOf(publicRoom('10').add('topic', topic()).add('last', message()))
const text = good.join('\n')
const goodFile = dumps.write('good.ndjson', good)
const v1 = linesOf(publicRoom('1').add('topic', topic()))
const DEEP = 100_000

/** The one message that a user gets: `error: …` and `hint: …`, and nothing else anywhere. */
async function refusal(
  args: readonly string[],
  code: number,
  how: HowToRun = {},
): Promise<{readonly message: string; readonly hint: string}> {
  const ended = await matrixState(args, {cwd: dumps.folder, ...how})
  expect({code: ended.code, stdout: ended.stdout}).toEqual({code, stdout: ''})
  const [, wrong, hint] = /^error: ([^\n]+)\nhint: ([^\n]+)\n$/.exec(ended.stderr) ?? []
  expect(ended.stderr).toBe(`error: ${wrong ?? ''}\nhint: ${hint ?? ''}\n`)
  // No stack, nothing that a terminal would obey, and not the whole file.
  expect(ended.stderr).not.toMatch(/(?!\n)\p{Cc}| at .*\.[jt]s:\d/u)
  expect(ended.stderr.length).toBeLessThan(700)
  return {message: wrong ?? '', hint: hint ?? ''}
}

describe('a dump that cannot be used ends with 4 and one message: file, line, what is wrong, what to do', () => {
  const room = (version: unknown): string[] => changed(good, 0, (event) => (event.content['room_version'] = version))
  const second = linesOf(bare('10', {'m.federate': false}))
  const stranger = changed(second, 1, (event) => (event['room_id'] = '!other:b.example'))
  const bytes = (...values: readonly number[]): Buffer => Buffer.from(values)

  test.concurrent.each<[string, string | Buffer | readonly string[], RegExp, RegExp]>([
    ['empty file', '', /^dump is empty$/, /Fetch it again/],
    ['blank file', ' \n\r\n\t', /^dump is empty$/, /Fetch it again/],
    ['empty gzip', gzipSync(''), /^dump is empty$/, /Fetch it again/],
    ['empty list', '[]', /^dump holds no events$/, /list in it is empty/],
    ['text', 'hello world\n', /^dump:1: text, but no JSON: hello world$/, /one PDU a line/],
    ['web page', '<!DOCTYPE html><title>404', /^dump:1: a web page, not a dump/, /wrong address/],
    ['null', 'null', /^dump:1: JSON, but neither an event nor a list of events: null$/, /one PDU a line/],
    ['number', '17', /^dump:1: JSON, but neither/, /one PDU a line/],
    ['list of numbers', '[1,2]', /^dump:1: a list whose first member is no event: 1$/, /JSON array of PDUs/],
    ['other object', '{"foo":1}', /^dump:1: this is no event: it has no "type": \{"foo":1\}$/, /federation form/],
    [
      'error of a server',
      '{"errcode":"M_FORBIDDEN","error":"no"}',
      /^dump:1: a server's error answer.*M_FORBIDDEN/,
      /right token/,
    ],
    [
      'text in the middle',
      [...good.slice(0, 3), 'curl: (18) cut', ...good.slice(3)],
      /^dump:4: this is no event: it is not JSON: curl: \(18\) cut$/,
      /remove the line/,
    ],
    [
      'list in the middle',
      [...good.slice(0, 3), '[]', ...good.slice(3)],
      /^dump:4: this is no event: it is not a JSON object: \[\]$/,
      /remove the line/,
    ],
    [
      'truncated line in the middle',
      [good[0]!, good[1]!.slice(0, 99), good[2]!],
      /^dump:2: this is no event: it is not JSON: \{"auth_events/,
      /remove the line/,
    ],
    [
      'truncated last line',
      text.slice(0, -40),
      /^dump:8: the file ends in the middle of a JSON value; 7 events were read before$/,
      /Fetch it again/,
    ],
    [
      'truncated gzip',
      gzipSync(text).subarray(0, -30),
      /^dump: the gzip data ends too early; 7 events were read before$/,
      /Fetch it again/,
    ],
    ['damaged gzip', gzipSync(text).fill(0x55, 60, 70), /^dump: the gzip data is damaged; /, /gzip -t/],
    [
      'two create events',
      [...linesOf(bare('10')), ...second],
      /^dump:3: a second create event \(\$\S+\) of the room; the first is \$\S+ in line 1$/,
      /one create event/,
    ],
    [
      'no create event',
      good.slice(1),
      /^dump: there is no m\.room\.create event among its 7 events/,
      /back to its start/,
    ],
    ['one event', good.slice(1, 2), /among its one event,/, /back to its start/],
    [
      'two rooms',
      [...good, ...changed(stranger, 0, (event) => (event['room_id'] = '!other:b.example'))],
      /^dump:9: a second room begins here \(!other:b\.example\); the first is !room:a\.example in line 1$/,
      /one room a file/,
    ],
    [
      'an event of another room',
      [...good, ...stranger.slice(1)],
      /^dump:9: an event of !other:b\.example in a dump of !room:a\.example$/,
      /one room a file/,
    ],
    [
      'a room version that is not known',
      room('99'),
      /^dump:1: the room has version "99", which is not known$/,
      /Known are "1", "2", .*"12"/,
    ],
    [
      'a room version that is no string',
      room(10),
      /^dump:1: the room has version 10, which is no string$/,
      /Known are "1"/,
    ],
    [
      'a room version that is an attack',
      room('\u001b[31m\u202e'.repeat(99)),
      /^dump:1: the room has version /,
      /Known are/,
    ],
    [
      'no event ID in version 1',
      changed(v1, 4, (event) => delete event['event_id']),
      /^dump:5: this is no event: it has no event_id: /,
      /versions 1 and 2 need the event_id/,
    ],
    [
      'a create event of no room',
      changed(good, 0, (event) => delete event['room_id']),
      /^dump:1: .*the create event must name its room: it has no "room_id"/,
      /./,
    ],
    [
      'events in the form for clients',
      good.map((line) => line.replace(/"(auth|prev)_events":\[[^\]]*\],/g, '')),
      /^dump:1: the events are in the form for clients/,
      /--homeserver/,
    ],
    [
      'half of a surrogate pair where the hash needs it',
      changed(good, 6, (event) => (event['state_key'] = 'a\ud800')),
      /^dump:7: .*half of a surrogate pair/,
      /remove the line/,
    ],
    [
      'a list 100,000 deep',
      '['.repeat(DEEP) + ']'.repeat(DEEP),
      /^dump:1: a list whose first member is no event/,
      /one PDU a line/,
    ],
    [
      'a body 100,000 deep',
      `{"chunk":[${'['.repeat(DEEP)}${']'.repeat(DEEP)}]}`,
      /^dump:1: a list whose first member/,
      /one PDU a line/,
    ],
    [
      'not UTF-8',
      Buffer.concat([Buffer.from(`${good[0] ?? ''}\n{"x":"`), bytes(0xe4), Buffer.from('"}\n')]),
      /^dump:2: the line is not valid UTF-8$/,
      /recoded/,
    ],
    ['UTF-16', Buffer.from(`\ufeff${text}`, 'utf16le'), /^dump is UTF-16 text/, /iconv/],
    [
      'an SQLite file',
      Buffer.from(`SQLite format 3\0${'\0'.repeat(99)}`),
      /^dump is an SQLite database/,
      /sqlite3 homeserver\.db "SELECT json FROM event_json/,
    ],
    ['a program', bytes(0x7f, 0x45, 0x4c, 0x46, 2, 1, 1, 0, 0), /^dump:1: binary data, not a dump/, /one PDU a line/],
    [
      'a picture',
      bytes(0x89, 0x50, 0x4e, 0x47, 13, 10, 26, 10, 0),
      /^dump:1: binary data, not a dump/,
      /one PDU a line/,
    ],
  ])('%s', async (_, content, wrong, hint) => {
    const folder = dumps.path(`folder ${String(Math.random())}`)
    mkdirSync(folder)
    dumps.write(join(folder.slice(dumps.folder.length + 1), 'dump'), content)
    const told = await refusal(['resolve', 'dump'], 4, {cwd: folder})
    expect(told.message).toMatch(wrong)
    expect(told.hint).toMatch(hint)
  })

  test.concurrent('replay says the same, and prints no line of a replay', async () => {
    const file = dumps.write('replayed', [good[0]!, 'curl: (18) cut'])
    expect(await refusal(['replay', file], 4)).toEqual(await refusal(['resolve', file], 4))
  })

  test.concurrent('a line of 100 MB, without holding it', async () => {
    const file = dumps.write(
      'long',
      Buffer.concat([Buffer.from(`${text}\n{"x":"`), Buffer.alloc(100e6, 'x'), Buffer.from('"}\n')]),
    )
    const {message: wrong, hint} = await refusal(['resolve', file], 4, {env: {NODE_OPTIONS: '--max-old-space-size=64'}})
    expect(wrong).toMatch(/long:9: line 9 is longer than 8 MiB: a Matrix event is at most 65,536 bytes$/)
    expect(hint).toMatch(/cut it out/)
  })

  test.concurrent.each<[string, string | Buffer, RegExp]>([
    ['nothing', '', /^standard input is empty$/],
    ['text', 'hello', /^standard input:1: text, but no JSON: hello$/],
    ['a line that is cut', text.slice(0, -9), /^standard input:8: the file ends in the middle/],
  ])('standard input that is %s', async (_, input, wrong) => {
    expect((await refusal(['resolve', '-'], 4, {input})).message).toMatch(wrong)
  })

  test.concurrent.each<[string, string, RegExp, RegExp]>([
    ['no such file', 'nowhere.ndjson', /^there is no file "nowhere\.ndjson"$/, /Check the path/],
    ['a directory', '.', /^\. is a directory, not a dump$/, /Name the file in it/],
    ['a path through a file', 'good.ndjson/x', /^there is no file/, /Check the path/],
    ['a URL', 'https://example.org/room.ndjson', /^there is no file/, /download it to a file first/],
    [
      'a room ID without its sigil',
      'room:example.org',
      /^there is no file "room:example\.org"$/,
      /did the shell eat the '!'.*'!room:example\.org'/,
    ],
    ['a room ID with a backslash', '\\!room:example.org', /^there is no file/, /the shell left a backslash/],
    ['a name that obeys nobody', '\u001b[31m\u202e', /^there is no file/, /Check the path/],
  ])('%s', async (_, argument, wrong, hint) => {
    const told = await refusal(['resolve', argument], 4)
    expect(told.message).toMatch(wrong)
    expect(told.hint).toMatch(hint)
  })

  test('no permission', ({skip}) => {
    const secret = dumps.write('secret.ndjson', good)
    chmodSync(secret, 0)
    const args = [join(ROOT, 'bin/run.js'), 'resolve', secret]
    // Root reads everything: it has to become somebody else, who may not even find the program.
    const nobody = process.getuid?.() === 0 ? {uid: 65_534, gid: 65_534} : {}
    if (nobody.uid !== undefined) chmodSync(dumps.folder, 0o755)
    const {status, stderr, error} = spawnSync(process.execPath, args, {encoding: 'utf8', cwd: '/', env: {}, ...nobody})
    if (error !== undefined || (status !== 4 && !stderr.startsWith('error:')))
      return skip('nobody can run the program here')
    expect(status).toBe(4)
    expect(stderr).toMatch(/^error: .*secret\.ndjson: no permission to read it\nhint: Change its permissions/)
  })
})

describe('wrong usage ends with 2', () => {
  test.concurrent.each<[string, readonly string[], RegExp, RegExp]>([
    ['no argument', ['resolve'], /^missing argument: room$/, /in single quotes/],
    ['an empty argument', ['resolve', ''], /^no room was given$/, /in single quotes/],
    ['two arguments', ['resolve', 'good.ndjson', 'x'], /^unexpected argument: x$/, /resolve --help/],
    ['an unknown flag', ['resolve', 'good.ndjson', '--att', '$x'], /^unknown flag --att$/, /^did you mean --at\?$/],
    ['a flag of another command', ['replay', 'good.ndjson', '--at', '$x'], /^unknown flag --at$/, /./],
    ['a flag without value', ['resolve', 'good.ndjson', '--at'], /--at expects a value/, /resolve --help/],
    [
      '--at and --before',
      ['resolve', 'good.ndjson', '--at', '$a', '--before', '$b'],
      /^--at and --before exclude each other: give one of them$/,
      /./,
    ],
    [
      '--at and --states',
      ['resolve', 'good.ndjson', '--at', '$a', '--states', 'x'],
      /^--states and --at exclude each other/,
      /./,
    ],
    [
      'an unknown reading',
      ['resolve', 'good.ndjson', '--reading', 'mine'],
      /--reading=mine to be one of: synapse, spec/,
      /./,
    ],
    [
      'an unknown severity',
      ['replay', 'good.ndjson', '--fail-on', 'all'],
      /--fail-on=all to be one of: error, warning, note, never/,
      /./,
    ],
    [
      'a password in the address',
      ['resolve', '!r:x', '--homeserver', 'https://me:hunter2@x.org'],
      /^The homeserver URL for x\.org holds a user name or a password\.$/,
      /Command lines are seen by other users/,
    ],
    [
      'a token in the address',
      ['resolve', '!r:x', '--homeserver', 'https://x.org/?access_token=hunter2'],
      /goes on after "\?"/,
      /MATRIX_STATE_TOKEN/,
    ],
  ])('%s', async (_, args, wrong, hint) => {
    const told = await refusal(args, 2)
    expect(told.message).toMatch(wrong)
    expect(told.hint).toMatch(hint)
    expect(told.message + told.hint).not.toContain('hunter2')
  })
})

describe('events and states that are not there end with 4', () => {
  const id = '$DbCkpxennOwu-KitqMkJ-PxrqMkGwCTQc7D0nNRcVQk'
  dumps.write('broken.json', '[["$a"')
  dumps.write('object.json', '{}')
  dumps.write('number.json', '[[1]]')
  dumps.write('unknown.json', '[["$nope"]]')
  dumps.write('v1.ndjson', v1)
  dumps.write('message.ndjson', linesOf(publicRoom('1').add('last', message())))
  dumps.write('twice.json', '[["$topic:a.example","$other:a.example"]]')
  dumps.write('twice.ndjson', linesOf(publicRoom('1').add('topic', topic()).add('other', topic())))
  dumps.write('message.json', '[["$last:a.example"]]')

  test.concurrent.each<[string, readonly string[], RegExp, RegExp]>([
    ['an unknown event', ['--at', '$nope-nope'], /has no event "\$nope-nope"$/, /another room/],
    ['too short a beginning', ['--at', '$nope'], /has no event "\$nope"$/, /at least 6 characters/],
    ['an event without its sigil', ['--before', id.slice(1)], /has no event "DbCk/, /a shell replaces '\$…'/],
    ['what a shell leaves of an event', ['--at', id.slice(13)], /has no event "-Kitq/, /a shell replaces '\$…'/],
    [
      'an absent file of states',
      ['--states', 'nowhere.json'],
      /file of states "nowhere\.json" cannot be read: there is no such file$/,
      /Check the path/,
    ],
    ['a directory of states', ['--states', '.'], /cannot be read: it is a directory$/, /Check the path/],
    ['states that are no JSON', ['--states', 'broken.json'], /^broken\.json: this is not JSON$/, /JSON list of states/],
    [
      'states that are no list',
      ['--states', 'object.json'],
      /^object\.json: this is not a list of states$/,
      /JSON list of states/,
    ],
    [
      'states of numbers',
      ['--states', 'number.json'],
      /^number\.json: state 1 holds something that is not an event ID$/,
      /JSON list/,
    ],
    [
      'states with an unknown event',
      ['--states', 'unknown.json'],
      /state 1 cannot be used: it names \$nope, which is not in the dump$/,
      /whole state/,
    ],
  ])('%s', async (_, args, wrong, hint) => {
    const told = await refusal(['resolve', 'good.ndjson', ...args], 4)
    expect(told.message).toMatch(wrong)
    expect(told.hint).toMatch(hint)
  })

  test.concurrent('an event that is only cited', async () => {
    const cited = (JSON.parse(good[7] ?? '') as {prev_events: readonly string[]}).prev_events[0] ?? ''
    const file = dumps.write(
      'cited.ndjson',
      good.filter((_, index) => index !== 6),
    )
    const told = await refusal(['resolve', file, '--at', cited], 4)
    expect(told.message).toContain('others cite it, but it is not there itself')
  })

  test.concurrent('a state with two events for one slot, or one that is no state', async () => {
    const two = await refusal(['resolve', 'twice.ndjson', '--states', 'twice.json'], 4)
    expect(two.message).toMatch(/it holds two events for m\.room\.topic "": \$topic:a\.example and \$other:a\.example$/)
    const none = await refusal(['resolve', 'message.ndjson', '--states', 'message.json'], 4)
    expect(none.message).toMatch(/\$last:a\.example, which is not a state event$/)
  })
})

test.each([['resolve'], ['replay'], ['resolve', '--json']])('%s to a full disk ends with 4', (command, ...flags) => {
  if (!existsSync('/dev/full')) return
  const args = [join(ROOT, 'bin/run.js'), command, goodFile, ...flags]
  const {status, stderr} = spawnSync(process.execPath, args, {
    stdio: ['ignore', openSync('/dev/full', 'w'), 'pipe'],
    encoding: 'utf8',
  })
  expect({status, stderr}).toEqual({
    status: 4,
    stderr: expect.stringMatching(/^error: could not write: ENOSPC[^\n]*\n$/) as string,
  })
})
