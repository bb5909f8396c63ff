/** What a config file may say, and that nothing in it is passed over. */
import {mkdirSync, writeFileSync} from 'node:fs'
import {join, relative} from 'node:path'
import {afterEach, describe, expect, test} from 'vitest'
import {withConfig} from '../../src/cli/check-config.ts'
import type {CheckFlags} from '../../src/cli/check-flags.ts'
import {readConfig} from '../../src/cli/config-file.ts'
import {complaints} from './complaints.ts'
import {Dumps} from './dumps.ts'

const dumps = new Dumps()
mkdirSync(dumps.path('repo'))
const beside = (name: string): string => relative('', join(dumps.folder, 'repo', name))
const write = (check: unknown): string => dumps.write('repo/matrix-state.config.json', JSON.stringify({check}))

const EVERYTHING = {
  rooms: ['!id:example.org', '#alias:example.org', 'room.case'],
  devices: true,
  full: true,
  reading: 'spec',
  jobs: 2,
  timeout: 300,
  memory: 512,
  journal: 'check.ndjson',
  keep_cases: 'cases',
  baseline: 'known.json',
  fail_on: 'warning',
  ignore: {'dag/many-tips': 'a bridge'},
  reports: [{format: 'json', output: 'check.json'}, {format: 'table'}],
  profile: 'ops',
  homeserver: 'https://matrix.example.org',
  token_file: 'token',
  admin_token_file: 'admin',
  signing_key: 'key',
  server_name: 'example.org',
  with: ['other.example'],
  all_servers: true,
  as_user: '@a:example.org',
  database: ['sqlite:hs.db', 'x.example=sqlite:x.db', 'postgres://u@h/d'],
  keys: ['keys.json'],
  from: 'client,federation',
}

describe('reading', () => {
  test('all keys; paths are relative to the folder of the file', () => {
    expect(complaints('config', {schema: 'matrix-state/config/1', check: EVERYTHING})).toEqual([])
    expect(readConfig(write(EVERYTHING))).toEqual({
      ...EVERYTHING,
      rooms: ['!id:example.org', '#alias:example.org', beside('room.case')],
      journal: beside('check.ndjson'),
      keep_cases: beside('cases'),
      baseline: beside('known.json'),
      ignore: new Map([['dag/many-tips', 'a bridge']]),
      reports: [{format: 'json', output: beside('check.json')}, {format: 'table'}],
      token_file: beside('token'),
      admin_token_file: beside('admin'),
      signing_key: beside('key'),
      database: [`sqlite:${beside('hs.db')}`, `x.example=sqlite:${beside('x.db')}`, 'postgres://u@h/d'],
      keys: [beside('keys.json')],
    })
  })

  test('a file is never taken for a room or for standard input', () => {
    const here = process.cwd()
    process.chdir(join(dumps.folder, 'repo'))
    try {
      const path = write({rooms: ['./!x', './#y', '-'], baseline: '-', rooms_file: '/abs/list'})
      expect(readConfig(path)).toMatchObject({rooms: ['./!x', './#y', './-'], baseline: './-'})
    } finally {
      process.chdir(here)
    }
  })

  test.each<[string, unknown, RegExp, RegExp?]>([
    ['a misspelt key', {fail_no: 'error'}, /"check.fail_no": it means nothing here/, /^Did you mean fail_on\?$/],
    ['a key of another kind', {colour: 'red'}, /"check.colour"/, /^There are rooms, /],
    ['a flag as it is typed', {'fail-on': 'error'}, /"check.fail-on"/, /^Did you mean fail_on\?$/],
    ['a secret', {access_token: 'syt_secret'}, /"check.access_token"/, /do not belong/],
    ['a password, though only files are checked', {rooms: ['x.case'], database: ['postgres://u:pw@h/d']}, /PGPASSWORD/],
    ['a password in a query', {database: ['postgres://h/d?password=pw']}, /check.database must have no password/],
    ['what every object inherits', JSON.parse('{"__proto__": {}}'), /"check.__proto__"/],
    ['another kind of finding', {ignore: {'dag/many-tip': 'x'}}, /"check.ignore.dag\/many-tip"/, /dag\/many-tips/],
    ['no reason', {ignore: {'dag/many-tips': ''}}, /check.ignore.dag\/many-tips must be a text/],
    ['ignoring without reasons', {ignore: ['dag/many-tips']}, /check.ignore must be an object/],
    ['a word for a number', {jobs: '4'}, /check.jobs must be a whole number from 1 to 64/],
    ['too large a number', {jobs: 65}, /check.jobs/],
    ['a word for true', {devices: 'yes'}, /check.devices must be true or false/],
    ['another severity', {fail_on: 'fatal'}, /check.fail_on must be one of error, warning, note, never/],
    ['one room', {rooms: '!a:x'}, /check.rooms must be a list/],
    ['no rooms', {rooms: []}, /check.rooms must be a list/],
    ['a control character', {profile: 'a\nb'}, /check.profile must be a text/],
    ['another format', {reports: [{format: 'pdf'}]}, /check.reports\[0\].format must be one of/],
    ['no format', {reports: [{output: 'x'}]}, /check.reports\[0\].format is missing/],
    ['another key of a report', {reports: [{format: 'json', file: 'x'}]}, /"check.reports\[0\].file"/],
    ['a report that is a word', {reports: ['json']}, /check.reports\[0\] must be an object/],
    ['rooms beside all rooms', {all_rooms: true, rooms: ['!a:x']}, /names every room/],
    ['a key without its server', {signing_key: 'k'}, /of no use without server_name/],
    ['nothing', undefined, /check is missing/],
  ])('refuses %s', (name, check, message, hint) => {
    const path = write(check)
    expect(() => readConfig(path)).toThrow(expect.objectContaining({code: 'INPUT_UNREADABLE'}) as Error)
    expect(() => readConfig(path)).toThrow(message)
    expect(() => readConfig(path)).not.toThrow(/secret/)
    if (hint !== undefined) {
      expect(() => readConfig(path)).toThrow(
        expect.objectContaining({hint: expect.stringMatching(hint) as string}) as Error,
      )
    }
    // Which kinds of findings and formats there are is not for the schema to say.
    if (!/kind of finding|another format/.test(name))
      expect(complaints('config', JSON.parse(JSON.stringify({check})))).not.toEqual([])
  })

  test('refuses what is no config file', () => {
    const path = dumps.path('other.json')
    writeFileSync(path, '{"schema": "matrix-state/check/1", "check": {}}')
    expect(() => readConfig(path)).toThrow(/schema must be matrix-state\/config\/1/)
    writeFileSync(path, '{"chek": {}}')
    expect(() => readConfig(path)).toThrow(expect.objectContaining({hint: 'Did you mean check?'}) as Error)
    expect(() => readConfig(dumps.path('absent.json'))).toThrow(/there is no such file/)
  })
})

const NOTHING: CheckFlags = {
  ...({} as CheckFlags),
  'all-rooms': false,
  devices: false,
  full: false,
  offline: false,
  refresh: false,
  'no-cache': false,
  'all-servers': false,
  'fail-on': 'error',
  reading: 'synapse',
}
/** The line as oclif's parser would hand it on. */
function line(config: unknown, rooms: readonly string[] = [], typed: Readonly<Record<string, unknown>> = {}) {
  const words = Object.entries(typed).map(([flag, input]) => ({type: 'flag', flag, input: String(input)}))
  const flags = {...NOTHING, config: write(config), ...typed} as CheckFlags
  return withConfig({rooms, flags, typed: words})
}

describe('flags win', () => {
  test('over every value of the file; what is not typed is as the file says', () => {
    const {flags, rooms} = line({...EVERYTHING, reports: []})
    expect(rooms).toHaveLength(3)
    expect(flags).toMatchObject({
      jobs: 2,
      'fail-on': 'warning',
      reading: 'spec',
      devices: true,
      'as-user': '@a:example.org',
    })
    const typed = {
      jobs: 9,
      timeout: 9,
      memory: 99,
      'fail-on': 'error',
      reading: 'synapse',
      baseline: 'b',
      journal: 'j',
      'keep-cases': 'k',
      database: ['sqlite:z'],
      with: ['z'],
      'as-user': '@z:z',
      'server-name': 'z',
      'token-file': 't',
      from: 'client',
      homeserver: 'z',
    }
    expect(line({...EVERYTHING, reports: []}, [], typed).flags).toMatchObject(typed)
  })

  test.each<[string, readonly string[], Readonly<Record<string, unknown>>]>([
    ['a room', ['!typed:x'], {}],
    ['a list', [], {rooms: '-'}],
    ['all rooms', [], {'all-rooms': true}],
  ])('%s that is typed stands instead of all rooms of the file', (_, rooms, typed) => {
    for (const config of [{rooms: ['!a:x']}, {rooms_file: 'list'}, {all_rooms: true}]) {
      const got = line(config, rooms, typed)
      expect([got.rooms, got.flags.rooms, got.flags['all-rooms']]).toEqual([
        rooms,
        typed['rooms'],
        typed['all-rooms'] ?? false,
      ])
    }
  })

  test('what the file switches on can be switched off', () => {
    const on = {...EVERYTHING, all_servers: true, reports: []}
    const off = line(on, [], {devices: false, full: false, 'all-servers': false}).flags
    expect([off.devices, off.full, off['all-servers']]).toEqual([false, false, false])
    const {flags} = line(on)
    expect([flags.devices, flags.full, flags['all-servers']]).toEqual([true, true, true])
  })

  test("a server that is typed, or in the environment, gets none of the file's tokens", () => {
    const config = {...EVERYTHING, reports: []}
    const environment = withConfig({
      rooms: [],
      flags: {...NOTHING, config: write(config), homeserver: 'evil'},
      typed: [],
    })
    for (const {flags} of [line(config, [], {homeserver: 'evil'}), environment]) {
      expect([flags.homeserver, flags.profile, flags['token-file'], flags['admin-token-file']]).toEqual([
        'evil',
        undefined,
        undefined,
        undefined,
      ])
    }
    const {flags} = line(config, [], {profile: 'mine'})
    expect([flags.profile, flags.homeserver, flags['token-file']]).toEqual(['mine', undefined, undefined])
  })

  test('a signing key and its server come from one place', () => {
    const {flags} = line(EVERYTHING, [], {'signing-key': 'k', 'server-name': 'z'})
    expect([flags['signing-key'], flags['server-name']]).toEqual(['k', 'z'])
    expect(line(EVERYTHING, [], {'server-name': 'z'}).flags['signing-key']).toBeUndefined()
  })

  test('--ignore adds; --keep-cases of the file does not hold beside --offline', () => {
    const {flags, ignoredFor} = line(EVERYTHING, [], {ignore: ['dag/cycle']})
    expect(flags.ignore).toEqual(['dag/cycle', 'dag/many-tips'])
    expect([...ignoredFor]).toEqual([['dag/many-tips', 'a bridge']])
    expect(line(EVERYTHING, [], {offline: true}).flags['keep-cases']).toBeUndefined()
  })

  test('reports that are typed stand instead of those of the file; --json takes standard output', () => {
    const words = (typed: Readonly<Record<string, unknown>>): readonly string[] =>
      line(EVERYTHING, [], typed).typed.map(({flag, input}) => `${flag ?? ''} ${input ?? ''}`)
    expect(words({})).toEqual(['format json', `output ${beside('check.json')}`, 'format table'])
    expect(words({format: 'ndjson'})).toEqual(['format ndjson'])
    expect(words({json: true})).toEqual(['json true', 'format json', `output ${beside('check.json')}`])
  })
})

test('how servers are reached is left out where all rooms are files', () => {
  const config = {...EVERYTHING, rooms: ['a.case'], reports: []}
  expect(line(config).flags).toMatchObject({jobs: 2, reading: 'spec'})
  expect(line(config).flags.homeserver).toBeUndefined()
  expect(line(config, ['b.case']).flags.database).toBeUndefined()
  dumps.write('repo/files', 'a.case\n')
  dumps.write('repo/rooms', 'a.case\n!a:x\n')
  const {rooms: _, ...others} = config
  expect(line({...others, rooms_file: 'files'}).flags.homeserver).toBeUndefined()
  expect(line({...others, rooms_file: 'rooms'}).flags.homeserver).toBe('https://matrix.example.org')
})

describe('a file that nobody named', () => {
  const here = process.cwd()
  afterEach(() => {
    process.chdir(here)
  })
  test('is not read, and that is told', () => {
    write({jobs: 9})
    process.chdir(join(dumps.folder, 'repo'))
    const {flags, notes} = withConfig({rooms: [], flags: NOTHING, typed: []})
    expect([flags.jobs, notes.length]).toEqual([undefined, 1])
    process.chdir(dumps.folder)
    expect(withConfig({rooms: [], flags: NOTHING, typed: []}).notes).toEqual([])
  })
})
