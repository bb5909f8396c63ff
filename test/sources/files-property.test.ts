import {Readable} from 'node:stream'
import {gzipSync} from 'node:zlib'
import fc from 'fast-check'
import {describe, expect, it} from 'vitest'
import {StateError} from '../../src/errors.ts'
import {openDump} from '../../src/sources/files.ts'

/** Any object that says it is an event; among its keys may be those of a server's answer. */
const event = fc
  .dictionary(
    fc.oneof(fc.string({unit: 'binary'}), fc.constantFrom('chunk', 'pdus', 'state', 'rooms', 'event', 'errcode')),
    fc.jsonValue({maxDepth: 4}),
    {maxKeys: 5},
  )
  .map((more) => ({...more, type: 'm.room.message', sender: '@a:b'}))
const events = fc.array(event, {minLength: 1, maxLength: 12})

const formats: Readonly<Record<string, (values: readonly object[]) => string>> = {
  ndjson: (values) => values.map((value) => JSON.stringify(value)).join('\n'),
  crlf: (values) => values.map((value) => `${JSON.stringify(value)}\r\n\r\n`).join(''),
  array: (values) => JSON.stringify(values),
  'pretty array': (values) => `\uFEFF${JSON.stringify(values, null, 2)}\n`,
  'pretty, one after another': (values) => values.map((value) => JSON.stringify(value, null, 1)).join('\n'),
  messages: (values) => JSON.stringify({end: 'x', chunk: values, start: '"]}'}),
  'pretty sync': (values) => JSON.stringify({rooms: {join: {'!a:b': {timeline: {events: values}}}}}, null, 3),
  'bodies, one a line': (values) => values.map((value) => JSON.stringify({pdus: [value]})).join('\n'),
}

/** Cuts bytes at the given places, in any order. */
function cut(bytes: Buffer, places: readonly number[]): readonly Buffer[] {
  const sorted = [0, ...places.map((place) => place % bytes.length).toSorted((a, b) => a - b), bytes.length]
  return sorted.slice(1).map((end, i) => bytes.subarray(sorted[i], end))
}

async function read(chunks: readonly Buffer[]): Promise<unknown[]> {
  const values: unknown[] = []
  for await (const batch of openDump('-', {input: Readable.from(chunks)}).pdus) {
    for (const {text} of batch) values.push(JSON.parse(text))
  }
  return values
}

describe.each(Object.keys(formats))('%s', (name) => {
  const format = formats[name] ?? formats.ndjson
  it.each([false, true])('gives the events back, wherever chunks end (gzip: %s)', async (gzip) => {
    await fc.assert(
      fc.asyncProperty(events, fc.array(fc.nat(), {maxLength: 20}), async (values, places) => {
        const plain = Buffer.from(format?.(values) ?? '')
        const expected: unknown = JSON.parse(JSON.stringify(values))
        expect(await read(cut(gzip ? gzipSync(plain) : plain, places))).toEqual(expected)
      }),
      {numRuns: 150},
    )
  })
})

/** Pieces that steer random text into every corner of the reader. */
const piece = fc.oneof(
  fc.uint8Array({maxLength: 8}).map((bytes) => Buffer.from(bytes)),
  fc
    .constantFrom(
      ...'{ } [ ] , : " \\ \n \r\n / // /* */ \' 1 -0 null true nul \uFEFF \ud83d\ude00'.split(' '),
      '"chunk":',
      '"rooms":{"join":{"!a:b":{"timeline":{"events":[',
      '"event":',
      '"type":"a","sender":"b"',
      '"tardis_version":1,',
      '{tardis_version:1,events:[',
      "{event_id:'$a',type:'b'}",
    )
    .map((text) => Buffer.from(text)),
)

describe('any bytes', () => {
  it.each([false, true])('throw nothing but StateError (gzip: %s)', async (gzip) => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(piece, {maxLength: 30}),
        fc.array(fc.nat(), {maxLength: 5}),
        fc.nat(),
        async (pieces, places, flip) => {
          const plain = Buffer.concat(pieces)
          const bytes = gzip ? gzipSync(plain) : plain
          const index = flip % (bytes.length * 2 + 1)
          if (index < bytes.length) bytes.writeUInt8(flip % 256, index)
          const {pdus} = openDump('-', {input: Readable.from(bytes.length === 0 ? [] : cut(bytes, places))})
          try {
            for await (const batch of pdus) expect(batch.length).toBeGreaterThan(0)
          } catch (error) {
            expect(error).toBeInstanceOf(StateError)
          }
        },
      ),
      {numRuns: 3000},
    )
  })
})
