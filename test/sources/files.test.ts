import {mkdtemp, rm, writeFile} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {Readable} from 'node:stream'
import {constants, gunzipSync, gzipSync, zstdCompressSync} from 'node:zlib'
import {afterAll, beforeAll, describe, expect, it} from 'vitest'
import {StateError} from '../../src/errors.ts'
import {openDump} from '../../src/sources/files.ts'
import type {PduSource, RawPdu} from '../../src/sources/port.ts'

/** A PDU of a real room (version 10), signatures shortened. */
function pdu(depth: number, body = 'B3 msg 5'): string {
  return `{"signatures":{"localhost:28448":{"ed25519:a_UVMQ":"W/ht2YNzGqWHqXzVgMBHwt"}},"unsigned":{},"room_id":"!mseBtbohJIjdNkrNtn:localhost:18448","auth_events":["$FZvvGrt1D1xVNuSOT6Lf_ZhBePFeZbo_e1RbmnqneZ0"],"prev_events":["$HYFNvLRb0xpTdMqypfoeq8dDD7rdQPj9TWlgtyhX-Nk"],"content":{"body":${JSON.stringify(body)},"msgtype":"m.text"},"depth":${String(depth)},"hashes":{"sha256":"RcOukWHV9SKdzOCPKL48em763fMESVXurJnFjix/L1M"},"origin_server_ts":1795285093469,"sender":"@erin:localhost:28448","type":"m.room.message"}`
}
const [ONE, TWO, THREE] = [pdu(1), pdu(2, 'ü 😀 \\"]}'), pdu(3)]

function source(input: string | Buffer | readonly Buffer[]): PduSource {
  const chunks = typeof input === 'string' ? [Buffer.from(input)] : Buffer.isBuffer(input) ? [input] : input
  return openDump('room', {input: Readable.from(chunks)})
}

async function drain({pdus}: PduSource): Promise<{readonly pdus: readonly RawPdu[]; readonly error?: StateError}> {
  const all: RawPdu[] = []
  try {
    for await (const batch of pdus) {
      expect(batch.length).toBeGreaterThan(0)
      all.push(...batch)
    }
  } catch (error) {
    if (!(error instanceof StateError)) throw error
    return {pdus: all, error}
  }
  return {pdus: all}
}

async function texts(input: string | Buffer | readonly Buffer[]): Promise<readonly string[]> {
  const {pdus, error} = await drain(source(input))
  if (error !== undefined) throw error
  return pdus.map(({text}) => text)
}

async function failure(input: string | Buffer): Promise<StateError> {
  const {error} = await drain(source(input))
  if (error === undefined) throw new Error('it was read without an error')
  expect(`${error.message}${error.hint ?? ''}`).not.toMatch(/\p{Cc}/u)
  return error
}

describe('one PDU a line', () => {
  it('gives each line as it is, with its number', async () => {
    const {pdus} = await drain(source(`${ONE}\n${TWO}\n${THREE}\n`))
    expect(pdus).toEqual([
      {text: ONE, line: 1},
      {text: TWO, line: 2},
      {text: THREE, line: 3},
    ])
  })

  it('tolerates a byte order mark, CRLF, blank lines, indentation and no last line feed', async () => {
    const {pdus} = await drain(source(`\uFEFF\r\n\n${ONE}\r\n \t\r\n  ${TWO} \n\n\uFEFF${THREE}`))
    expect(pdus).toEqual([
      {text: ONE, line: 3},
      {text: TWO, line: 5},
      {text: THREE, line: 7},
    ])
  })

  it('keeps the lexemes of numbers', async () => {
    const odd = '{"type":"m","sender":"@a:b","depth":9223372036854775807,"x":[1e2,-0.0,1.50]}'
    expect(await texts(`${odd}\n${odd}`)).toEqual([odd, odd])
    expect(await texts(`[${odd}, ${odd}]`)).toEqual([odd, odd])
  })

  it('hands out malformed lines in the middle, for the parser to judge', async () => {
    const lines = [ONE, '{"type":"m.room.member","sender', 'curl: (18) transfer closed', '{"a":1,}', '[]', 'null', TWO]
    expect(await texts(lines.join('\n'))).toEqual(lines)
  })

  it('hands out objects that are no events', async () => {
    expect(await texts('{}\n{"a":{"chunk":[]}}\n')).toEqual(['{}', '{"a":{"chunk":[]}}'])
  })

  it('is not led astray by an event with the keys of an answer', async () => {
    const sly = `{"chunk":[{"type":"fake","sender":"@a:b"}],"pdus":[],"tardis_version":1,"errcode":"M_X",${ONE.slice(1)}`
    expect(await texts(`${sly}\n${ONE}\n`)).toEqual([sly, ONE])
    expect(await texts(`[${sly},${ONE}]`)).toEqual([sly, ONE])
    expect(await texts(`${sly}\n`)).toEqual([sly])
  })

  it('reads TARDIS’s and rezzy’s lines, which have an event_id', async () => {
    const line = '{"event_id": "$root", "type": "m.room.create", "sender": "@alice:example.com", "content": {}}'
    expect(await texts(`${line}\n${line}`)).toEqual([line, line])
  })

  it('names the line that is not UTF-8, after the lines before it', async () => {
    const bytes = Buffer.concat([
      Buffer.from(`${ONE}\n${TWO}\n{"x":"`),
      Buffer.from([0xc3, 0x28]),
      Buffer.from('"}\n{}\n'),
    ])
    const {pdus, error} = await drain(source(bytes))
    expect(pdus.map(({line}) => line)).toEqual([1, 2])
    expect(error).toMatchObject({code: 'DUMP_MALFORMED', message: 'room:3: the line is not valid UTF-8'})
  })

  it.each([
    ['in a key', '{"type":"m.room.mem'],
    ['in a character', Buffer.from('{"x":"ü').subarray(0, -1)],
    ['in a number', '{"x":1'],
    ['after an escape', '{"x":"\\'],
  ])('notices a last line that is cut %s', async (_, cut) => {
    const {pdus, error} = await drain(source(Buffer.concat([Buffer.from(`${ONE}\n${TWO}\n`), Buffer.from(cut)])))
    expect(pdus).toHaveLength(2)
    expect(error).toMatchObject({code: 'INPUT_TRUNCATED'})
    expect(error?.message).toBe('room:3: the file ends in the middle of a JSON value; 2 events were read before')
  })

  it('refuses a line of 100 MB without holding it', async () => {
    const chunks = [Buffer.from(`${ONE}\n${TWO}\n{"x":"`), ...Array.from({length: 100}, () => Buffer.alloc(1e6, 'x'))]
    const {pdus, error} = await drain(source(chunks))
    expect(pdus).toHaveLength(2)
    expect(error?.code).toBe('DUMP_MALFORMED')
    expect(error?.message).toBe('room:3: line 3 is longer than 8 MiB: a Matrix event is at most 65,536 bytes')
    expect(error?.hint).toMatch(/Fetch it again; if only this line/)
  })

  it('refuses a first line of 10 MB that is one object but no answer', async () => {
    const long = `{"type":"m","sender":"@a:b","content":"${'x'.repeat(10e6)}"}\n${ONE}`
    expect(await failure(long)).toMatchObject({
      code: 'DUMP_MALFORMED',
      message: expect.stringContaining('line 1 is longer') as string,
    })
    expect(await failure(`[${long}`)).toMatchObject({message: expect.stringContaining('line 1 is longer') as string})
    expect(await failure(`{"x":"${'x'.repeat(10e6)}"}`)).toMatchObject({
      message: expect.stringContaining('keys: x') as string,
    })
  })
})

describe('documents', () => {
  it('reads an array, compact or pretty-printed', async () => {
    expect(await texts(`[${ONE},${TWO},${THREE}]`)).toEqual([ONE, TWO, THREE])
    const {pdus} = await drain(source(`[\r\n  ${ONE},\n\n  ${TWO}\n]\n`))
    expect(pdus).toEqual([
      {text: ONE, line: 2},
      {text: TWO, line: 4},
    ])
  })

  it('reads pretty-printed PDUs one after another, as jq writes them', async () => {
    const pretty = [ONE, TWO].map((text) => JSON.stringify(JSON.parse(text), null, 2))
    const {pdus} = await drain(source(pretty.join('\n')))
    expect(pdus.map(({text}) => text)).toEqual(pretty)
    expect(pdus.map(({line}) => line)).toEqual([1, (pretty[0] ?? '').split('\n').length + 1])
  })

  it.each<[string, string, readonly string[]]>([
    ['/messages', `{"chunk":[${ONE},${TWO}],"start":"s","end":"e","state":[${THREE}]}`, [ONE, TWO, THREE]],
    ['/messages from a server that writes null', `{"chunk":[${ONE}],"state":null}`, [ONE]],
    ['/state', `{"auth_chain":[${ONE}],"pdus":[${TWO},${THREE}]}`, [ONE, TWO, THREE]],
    ['/event_auth', `{"auth_chain":[${ONE},${TWO}]}`, [ONE, TWO]],
    ['/backfill', `{"origin":"hs1","origin_server_ts":1,"pdus":[${ONE},${TWO}]}`, [ONE, TWO]],
    ['a transaction', `{"origin":"hs1","edus":[{"type":"x","sender":"y"}],"pdus":[${ONE}]}`, [ONE]],
    ['/get_missing_events', `{"events":[${ONE},${TWO}]}`, [ONE, TWO]],
    [
      '/send_join',
      `{"state":[${ONE}],"auth_chain":[${TWO}],"event":${THREE},"members_omitted":false}`,
      [ONE, TWO, THREE],
    ],
    ['fetch_event of Synapse', `{"event": ${ONE}}`, [ONE]],
    ['/context', `{"events_before":[${ONE}],"event":${TWO},"events_after":[],"state":[${THREE}]}`, [ONE, TWO, THREE]],
    ['/initialSync', `{"messages":{"chunk":[${ONE}]},"state":[${TWO}]}`, [ONE, TWO]],
    ['rezzy', `{"events":[\n${ONE},\n${TWO}]}`, [ONE, TWO]],
  ])('reads %s', async (_, body, expected) => {
    expect(await texts(body)).toEqual(expected)
    expect(await texts(JSON.stringify(JSON.parse(body), null, 2))).toHaveLength(expected.length)
  })

  it('reads /sync and tells the room', async () => {
    const room = `{"account_data":{"events":[${ONE}]},"state":{"events":[${ONE}]},"timeline":{"limited":true,"events":[${TWO}]}}`
    const body = `{"next_batch":"s","rooms":{"invite":{"!b:c":{"invite_state":{"events":[${ONE}]}}},"join":{"!a:b":${room}}}}`
    const sync = source(body)
    expect((await drain(sync)).pdus.map(({text}) => text)).toEqual([ONE, TWO])
    expect(sync.container?.()).toEqual({roomId: '!a:b'})
    const {pdus, error} = await drain(
      source(body.replace(':{"!a:b"', `:{"!z:z":{"state":{"events":[${THREE}]}},"!a:b"`)),
    )
    expect(pdus).toHaveLength(1)
    expect(error?.code).toBe('DUMP_MIXED_ROOMS')
  })

  it('reads several answers, one a line or just one after another', async () => {
    const bodies = [`{"chunk":[${ONE}]}`, `{"chunk":[]}`, `[${TWO}]`, THREE]
    expect(await texts(bodies.join('\n'))).toEqual([ONE, TWO, THREE])
    expect(await texts(bodies.join(''))).toEqual([ONE, TWO, THREE])
  })

  it('takes nothing for an event that lies elsewhere', async () => {
    const body = `{"x":[${ONE}],"y":{"chunk":[${ONE}]},"chunk":[${TWO}],"pdus":{"$a":${ONE}},"event":"$a"}`
    expect(await texts(body)).toEqual([TWO])
  })

  it('understands keys with escapes', async () => {
    expect(await texts(`{"\\u0063hunk":[${ONE}],"\\"":1}`)).toEqual([ONE])
  })

  it('reads a body of 19 MB on one line, and one that begins with 10 MB of something else', async () => {
    const many = Array.from({length: 40_000}, (_, i) => pdu(i)).join(',')
    expect(many.length).toBeGreaterThan(19e6)
    expect(await texts(`{"chunk":[${many}]}`)).toHaveLength(40_000)
    expect(
      await texts(`{"account_data":"${'x'.repeat(10e6)}","rooms":{"join":{"!a:b":{"timeline":{"events":[${ONE}]}}}}}`),
    ).toEqual([ONE])
  })

  it('survives nesting of 100,000', async () => {
    const deep = `{"type":"m","sender":"@a:b","content":${'['.repeat(1e5)}${']'.repeat(1e5)}}`
    expect(await texts(`[${deep}]`)).toEqual([deep])
    expect(await texts(`{"x":${deep},"chunk":[${deep}]}`)).toEqual([deep])
    expect(await texts(deep)).toEqual([deep])
    expect((await failure('['.repeat(1e6))).code).toBe('INPUT_TRUNCATED')
    expect((await failure(`{"x":${'[{"y":'.repeat(1e5)}`)).code).toBe('INPUT_TRUNCATED')
  })

  it('gives malformed members of a list for the parser to judge', async () => {
    expect(await texts(`[${ONE},1,"a",null,{"a":tru},{}]`)).toEqual([ONE, '1', '"a"', 'null', '{"a":tru}', '{}'])
  })

  it('names the line where a document is broken, after what came before', async () => {
    const {pdus, error} = await drain(source(`[\n${ONE},\n${TWO}\n${THREE}]`))
    expect(pdus).toHaveLength(2)
    expect(error?.code).toBe('DUMP_MALFORMED')
    expect(error?.message).toMatch(/^room:4: not valid JSON: expected "," or the end of the list: \{"signatures"/)
    expect((await failure(`{"chunk":[{"a":[}]}`)).message).toBe('room:1: not valid JSON: brackets do not pair up: }]}')
    expect((await failure(`[\n{"a":"b\n"}]`)).message).toMatch(/^room:2: .*a string is not closed/)
  })

  it.each([
    ['an array', `[\n${ONE},\n${TWO},\n{"type":`, 4],
    ['a body', `{"chunk":[\n${ONE},\n${TWO}`, 3],
    ['the only line', `{"chunk":[${ONE},${TWO},{"type":"m.`, 1],
  ])('notices that %s is cut, and gives what there is', async (_, text, line) => {
    const {pdus, error} = await drain(source(text))
    expect(pdus.map((one) => one.text)).toEqual([ONE, TWO])
    expect(error?.code).toBe('INPUT_TRUNCATED')
    expect(error?.message).toBe(
      `room:${String(line)}: the file ends in the middle of a JSON value; 2 events were read before`,
    )
  })
})

describe('TARDIS scenarios', () => {
  const SCENARIO = `// A scenario that isn't JSON: "don't { [
{
  tardis_version: 1,
  room_id: '!quickstart:tardis',
  calculate_event_ids: true,
  events: [
    {type: 'm.room.create', state_key: '', sender: '@creator:tardis', event_id: '$CREATE', content: {}, prev_events: []},
    {type: 'm.a', sender: '@creator:tardis', event_id: '$A', origin_server_ts: 5000, room_id: '!other:tardis'},
    {type: 'm.b', sender: '@creator:tardis', event_id: '$B', /* "]} */ }, // trailing
  ],
  precalculated_state_after: {$B: ['$CREATE']},
}
// the end`

  it('reads JSON5 and fills in what events leave out', async () => {
    const scenario = source(SCENARIO)
    const {pdus} = await drain(scenario)
    expect(pdus.map(({line}) => line)).toEqual([1, 2, 3])
    const start = Date.UTC(2024, 0, 1)
    expect(pdus.map(({text}) => JSON.parse(text) as unknown)).toMatchObject([
      {event_id: '$CREATE', room_id: '!quickstart:tardis', origin_server_ts: start},
      {event_id: '$A', room_id: '!other:tardis', origin_server_ts: 5000},
      {event_id: '$B', room_id: '!quickstart:tardis', origin_server_ts: 6000},
    ])
    expect(scenario.container?.()).toEqual({roomVersion: '10', roomId: '!quickstart:tardis', symbolicIds: true})
  })

  it('reads one in strict JSON, pretty-printed or in one line, the version anywhere', async () => {
    const events = [{event_id: '$A', type: 'm.a', sender: '@a:b', origin_server_ts: 7}]
    for (const space of [0, 2]) {
      for (const file of [
        {tardis_version: 1, room_version: '6', events},
        {events, room_version: 6, tardis_version: 1},
      ]) {
        const scenario = source(JSON.stringify(file, null, space))
        const {pdus} = await drain(scenario)
        expect(pdus.map(({text}) => JSON.parse(text) as unknown)).toEqual(events)
        expect(scenario.container?.()).toEqual({roomVersion: '6', symbolicIds: true})
      }
    }
  })

  it.each([
    ['cut', SCENARIO.slice(0, 300), 'INPUT_TRUNCATED', /room:\d+: the scenario ends too early/],
    ['broken', '{\n tardis_version: 1,\n events: ]\n}', 'DUMP_MALFORMED', /room:3: not valid JSON5: invalid character/],
    ['without events', '{tardis_version: 1}', 'DUMP_MALFORMED', /without a list "events"/],
    [
      'with an event without ID',
      '{tardis_version: 1, events: [{type: "a"}]}',
      'DUMP_MALFORMED',
      /event 1 .* no "event_id"/,
    ],
    ['with a non-event', '{tardis_version: 1, events: [7]}', 'DUMP_MALFORMED', /event 1 .* is not an object/],
    ['without any event', '{tardis_version: 1, events: []}', 'INPUT_EMPTY', /holds no events/],
    [
      'nested too deep',
      `{tardis_version: 1, events: [{event_id: '$a', type: 'a', x: ${'['.repeat(1e5)}${']'.repeat(1e5)}}]}`,
      'DUMP_MALFORMED',
      /nested too deep/,
    ],
  ])('says what is wrong with one that is %s', async (_, text, code, message) => {
    const error = await failure(text)
    expect(error.code).toBe(code)
    expect(error.message).toMatch(message)
  })
})

describe('compressed files', () => {
  const lines = Array.from({length: 2000}, (_, i) => pdu(i)).join('\n')

  it('reads gzip of anything', async () => {
    expect(await texts(gzipSync(lines))).toHaveLength(2000)
    expect(await texts(gzipSync(`\uFEFF[${ONE}]`))).toEqual([ONE])
  })

  it('reads gzip of several members, wherever the chunks end', async () => {
    const members = [`${ONE}\n`, `${TWO}\n`, THREE].map((text) => gzipSync(text))
    const bytes = Buffer.concat(members)
    expect(await texts(bytes)).toEqual([ONE, TWO, THREE])
    expect(await texts(members)).toEqual([ONE, TWO, THREE])
    expect(await texts(Array.from(bytes, (byte) => Buffer.from([byte])))).toEqual([ONE, TWO, THREE])
    expect(await texts(Buffer.concat([bytes, Buffer.alloc(70_000)]))).toEqual([ONE, TWO, THREE])
    for (const padding of [1, 512, 70_000]) {
      const lossy = Buffer.concat([gzipSync(`${ONE}\n`), Buffer.alloc(padding), gzipSync(TWO)])
      expect((await failure(lossy)).message).toBe('room: the gzip data is damaged; 1 event was read before')
    }
  })

  it('gives every whole event of a cut one, and says how many', async () => {
    const bytes = gzipSync(Array.from({length: 2000}, (_, i) => pdu(i, String(Math.sin(i)))).join('\n'))
    for (const part of [0.001, 0.2, 0.5, 0.9, 1]) {
      const cut = bytes.subarray(0, Math.max(3, Math.floor(bytes.length * part) - 1))
      const whole = gunzipSync(cut, {finishFlush: constants.Z_SYNC_FLUSH}).toString().split('\n').length - 1
      const {pdus, error} = await drain(source(cut))
      expect(pdus).toHaveLength(whole)
      expect(error?.code).toBe('INPUT_TRUNCATED')
      expect(error?.message).toBe(
        `room: the gzip data ends too early; ${whole.toLocaleString('en-US')} events were read before`,
      )
    }
  })

  it('notices damage', async () => {
    const bytes = gzipSync(lines)
    bytes.writeUInt8((bytes.at(-6) ?? 0) ^ 0xff, bytes.length - 6)
    const {pdus, error} = await drain(source(bytes))
    expect(error?.code).toBe('DUMP_MALFORMED')
    const read = `${pdus.length.toLocaleString('en-US')} events were read before`
    expect(error?.message).toBe(`room: the gzip data is damaged; ${read}`)
    expect(await failure(Buffer.from([0x1f, 0x8b, 1, 2, 3]))).toMatchObject({code: 'DUMP_MALFORMED'})
  })

  it.each<[string, Buffer, RegExp]>([
    ['zstd', zstdCompressSync(ONE), /zstd -dc/],
    ['bzip2', Buffer.from('BZh91AY&SY'), /bzip2 -dc/],
    ['xz', Buffer.from('fd377a585a000004', 'hex'), /xz -dc/],
    ['a zip archive', Buffer.from('PK\x03\x04\x14\0'), /Extract/],
    ['an SQLite database', Buffer.from('SQLite format 3\0\x10\0'), /make a dump first: sqlite3 /],
    ['gzip twice', gzipSync(gzipSync(ONE)), /gzip -dc/],
    [
      'a tar archive',
      gzipSync(Buffer.concat([Buffer.alloc(257, 'x'), Buffer.from('ustar\0'), Buffer.alloc(300)])),
      /Extract/,
    ],
    ['UTF-16', Buffer.from(`\uFEFF${ONE}`, 'utf16le'), /iconv/],
  ])('says that a file is %s', async (what, bytes, hint) => {
    const error = await failure(bytes)
    expect(error.code).toBe('DUMP_MALFORMED')
    expect(error.message).toContain(what)
    expect(error.hint).toMatch(hint)
  })
})

describe('no dump', () => {
  it.each([
    ['nothing', ''],
    ['whitespace', ' \r\n\t\n'],
    ['a byte order mark', '\uFEFF'],
    ['an empty array', '[]'],
    ['an empty answer', '{"chunk":[],"end":"x"}'],
    ['gzip of nothing', gzipSync('')],
  ])('says that %s is empty', async (_, input) => {
    expect((await failure(input)).code).toBe('INPUT_EMPTY')
  })

  it.each<[string, string | Buffer, RegExp]>([
    ['a web page', '\n<!DOCTYPE html>\n<html>', /^room:2: a web page, not a dump: <!DOCTYPE html> <html>$/],
    ['text', 'Hello \x1b[31mworld, this is no dump at all but a letter to a friend', /^room:1: binary data/],
    [
      'a letter',
      'Hello world, this is no dump at all but a letter to a good old friend',
      /^room:1: text, but no JSON: Hello .{53}…$/,
    ],
    ['binary data', Buffer.from([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1, 0, 0, 0]), /^room:1: binary data, not a dump: ELF$/],
    ['a log', '[INFO] started\n[INFO] stopped', /^room:1: not valid JSON: expected a value or "]": INFO/],
    ['a comment', '// nothing', /^room:1: text, but no JSON: \/\/ nothing$/],
    ['a string', '"abc"', /^room:1: JSON, but neither an event nor a list of events: "abc"$/],
    ['event IDs', '["$a","$b"]', /^room:1: a list whose first member is no event: "\$a"$/],
    [
      'an error answer',
      '{"errcode":"M_FORBIDDEN","error":"You are not in the room"}',
      /^room:1: a server's error answer.*M_FORBIDDEN/,
    ],
    [
      '/state_ids, pretty-printed',
      '{\n"pdu_ids":[],\n"auth_chain_ids":[]}',
      /^room:1: .*\(keys: pdu_ids, auth_chain_ids\)$/,
    ],
    [
      'a dump followed by text',
      `[${ONE}]\ntrailing`,
      /^room:2: not valid JSON: expected an object or an array: trailing$/,
    ],
  ])('says what %s is', async (_, input, message) => {
    const error = await failure(input)
    expect(error.code).toBe('DUMP_MALFORMED')
    expect(error.message).toMatch(message)
    expect(error.hint).toBeDefined()
  })
})

describe('where it is read from', () => {
  let folder = ''
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'matrix-state-files-'))
    await writeFile(join(folder, 'room.txt'), `${ONE}\n${TWO}\n`)
  })
  afterAll(() => rm(folder, {recursive: true}))

  it('reads a file, whatever its name, and again', async () => {
    const dump = openDump(join(folder, 'room.txt'))
    expect(dump.name).toBe(join(folder, 'room.txt'))
    for (let i = 0; i < 2; i += 1) expect((await drain(dump)).pdus.map(({text}) => text)).toEqual([ONE, TWO])
    expect(dump.container?.()).toEqual({})
  })

  it('can be left early', async () => {
    for await (const batch of openDump(join(folder, 'room.txt')).pdus) {
      expect(batch).toHaveLength(2)
      break
    }
  })

  it('names standard input', () => {
    expect(openDump('-', {input: Readable.from([])}).name).toBe('standard input')
  })

  it('tells a missing file from a directory and from a broken stream', async () => {
    expect((await drain(openDump(join(folder, 'none')))).error?.code).toBe('INPUT_NOT_FOUND')
    expect((await drain(openDump(join(folder, 'room.txt', 'x')))).error?.code).toBe('INPUT_NOT_FOUND')
    expect((await drain(openDump('a\0b'))).error?.code).toBe('INPUT_NOT_FOUND')
    expect((await drain(openDump(folder))).error).toMatchObject({
      code: 'INPUT_UNREADABLE',
      message: expect.stringContaining('is a directory') as string,
    })
    const locked = new Readable({
      read() {
        this.destroy(Object.assign(new Error('EACCES: permission denied'), {code: 'EACCES'}))
      },
    })
    const {error} = await drain(openDump('room', {input: locked}))
    expect(error).toMatchObject({code: 'INPUT_UNREADABLE', message: 'room: no permission to read it'})
    const broken = new Readable({
      read() {
        this.destroy(new Error('wire cut'))
      },
    })
    expect((await drain(openDump('-', {input: broken}))).error).toMatchObject({
      code: 'INPUT_UNREADABLE',
      message: expect.stringContaining('wire cut') as string,
    })
  })
})
