import fc from 'fast-check'
import {describe, expect, test} from 'vitest'
import {words} from '../../../src/forensics/doctor/pattern.ts'
import {mentionsOf, PATTERNS, recognise, Recogniser} from '../../../src/forensics/doctor/recognise.ts'
import {SYMPTOMS} from '../../../src/forensics/doctor/symptom-kinds.ts'
import {NEAR_MISSES, REAL_TEXTS} from './real-texts.ts'

const EVENT = '$IsySgTC6HxGnK3TGS2ctjKaOzwjuyEEPCD9j8znbsUA'
/** A path in a named project with its version, or an address. */
const SOURCE = /^(?:https:\/\/\S+|[\w.-]+\/[\w.-]+ [\w.]+: \S+|(?:continuwuity|matrix-state): \S+)(?:; |, |$)/

describe('real texts', () => {
  test.each(REAL_TEXTS)('$symptom, $from', ({text, symptom, software, quote}) => {
    const found = recognise(text)
    expect(found.map((one) => one.symptom)).toEqual([symptom])
    expect(found[0]).toMatchObject({software, quote, times: 1})
  })

  test.each(NEAR_MISSES)('not: %s', (text) => {
    expect(recognise(text)).toEqual([])
  })
})

describe('patterns', () => {
  test.each(PATTERNS)('$example', (pattern) => {
    const [first, ...more] = recognise(pattern.example)
    expect(more).toEqual([])
    expect(first).toMatchObject({symptom: pattern.symptom, software: pattern.software})
    expect(pattern.words.exec(pattern.example)?.[0]).toBe(first?.quote)
    expect(pattern.source).toMatch(SOURCE)
  })

  test('every symptom has one', () => {
    expect([...new Set(PATTERNS.map(({symptom}) => symptom))].sort()).toEqual(Object.keys(SYMPTOMS).sort())
  })

  test('no pattern repeats anything without a bound, so that time is proportional to the text', () => {
    const unbounded = PATTERNS.map(({words: {source}}) => source).filter((source) =>
      /[*+]|\{\d+,\}/.test(source.replaceAll(/\\./g, '').replaceAll(/\[[^\]]*\]/g, '')),
    )
    expect(unbounded).toEqual([])
    expect(words('a … b').source).not.toMatch(/[*+]/)
  })

  test('what a pattern says every match has in it is in every match, whatever the branch', () => {
    const variants = PATTERNS.flatMap(({words: pattern, needle, example}) =>
      [example, example.toUpperCase(), example.replaceAll(' ', '  ')].map((text) => ({
        needle,
        match: pattern.exec(text)?.[0].toLowerCase(),
      })),
    )
    expect(variants.filter(({needle, match}) => match !== undefined && !match.includes(needle))).toEqual([])
    expect(PATTERNS.filter(({needle}) => needle !== '').length).toBeGreaterThan(100)
  })
})

describe('where words stand', () => {
  test('wrapped by a terminal, in capitals, typeset, or escaped', () => {
    expect(recognise('You are not\ninvited to\r\nthis room.')[0]).toMatchObject({symptom: 'not-invited', line: 1})
    expect(recognise('first\nthen you are\nbanned from this room')[0]).toMatchObject({symptom: 'banned', line: 2})
    expect(recognise('YOU ARE NOT INVITED TO THIS ROOM')[0]?.symptom).toBe('not-invited')
    for (const apostrophe of ["'", '’', '\\u0027', '&#39;', "\\'"]) {
      const text = `You don${apostrophe}t have permission to invite users`
      expect(recognise(text)[0]?.symptom, apostrophe).toBe('forbidden-by-power')
    }
  })

  test('between the colours of a terminal, and with characters in it that nobody sees', () => {
    const text = 'error: \u001b[1;31mYou are not\u001b[0m in\u200bvited to\u202e this room.'
    expect(recognise(text).map(({symptom}) => symptom)).toEqual(['not-invited'])
  })

  test('an error code by itself says less than the words beside it', () => {
    expect(recognise('M_FORBIDDEN: You are banned from this room').map(({symptom}) => symptom)).toEqual(['banned'])
    expect(recognise('M_FORBIDDEN\n…\nYou are banned from this room').map(({symptom}) => symptom)).toEqual([
      'banned',
      'forbidden',
    ])
    expect(recognise('403')[0]?.symptom).toBe('forbidden')
  })

  test('"Server is banned" is not "user is banned"', () => {
    expect(recognise('Server is banned from room').map(({symptom}) => symptom)).toEqual(['server-banned'])
    expect(recognise('403: @eve:example.org is banned from the room').map(({symptom}) => symptom)).toEqual(['banned'])
  })

  test('a log: how often, the first line, what the lines name, and which rooms', () => {
    const recogniser = new Recogniser()
    recogniser.add('nothing')
    for (const room of ['!a:x.example', '!b:x.example', '!b:x.example'])
      recogniser.add(`403: User @bob:x.example not in room ${room} (None)`)
    recogniser.add('403: User @al:x.example not in room !b:x.example (None)')
    expect(recogniser.found()).toMatchObject([
      {
        symptom: 'not-in-room',
        line: 3,
        times: 3,
        mentions: {userIds: ['@bob:x.example', '@al:x.example'], roomIds: ['!b:x.example']},
      },
      {symptom: 'not-in-room', line: 2, times: 1, mentions: {roomIds: ['!a:x.example']}},
    ])
    expect(recogniser.rooms()).toEqual([
      {roomId: '!b:x.example', times: 3},
      {roomId: '!a:x.example', times: 1},
    ])
  })

  test('in a line of any length, also where it is cut', () => {
    const words = 'You are not invited to this room'
    for (const before of [65_500, 65_530, 64_512, 200_000, 1_000_000]) {
      expect(recognise('x'.repeat(before) + words + 'y'.repeat(70_000))).toMatchObject([{quote: words, times: 1}])
    }
  })
})

describe('memory and time', () => {
  test('a log of ten thousand rooms and users keeps a bounded number of signs and names', () => {
    const recogniser = new Recogniser()
    for (let index = 0; index < 10_000; index++) {
      recogniser.add(`403: User @u${index}:x.example not in room !r${index}:x.example (None)`)
      recogniser.add(`403: User @u${index}:x.example not in room !same:x.example (None)`)
    }
    const found = recogniser.found()
    expect(found.length).toBeLessThanOrEqual(501)
    expect(found.reduce((sum, {times}) => sum + times, 0)).toBe(20_000)
    expect(recogniser.rooms().length).toBeLessThanOrEqual(500)
    for (const {mentions} of found) expect(mentions.userIds.length).toBeLessThanOrEqual(20)
  })

  /** Long texts that make a regular expression without bounds try everything again at each place. */
  const nasty = fc
    .tuple(
      fc.constantFrom(
        ...PATTERNS.map(({example}) => example.slice(0, Math.ceil(example.length / 2))),
        ...[
          '@',
          '!',
          '$',
          '#',
          'a.',
          'from a.',
          '@a',
          ' ',
          '\t',
          'm.',
          'M_',
          '"',
          '<',
          '403 ',
          '%40',
          '\u202e',
          '\ud800',
          '\u0000',
        ],
      ),
      fc.constantFrom('', ' ', ':', '-', '\u0007'),
      fc.integer({min: 1, max: 40_000}),
    )
    .map(([part, between, length]) => `${part}${between}`.repeat(Math.ceil(length / (part.length + 1))))

  test('nothing long or strange makes it hang or fail, and quotes stay short', () => {
    fc.assert(
      fc.property(nasty, fc.string({unit: 'binary', maxLength: 200}), (long, short) => {
        for (const text of [long, short + long, long + short]) {
          for (const {quote} of recognise(text)) expect(quote.length).toBeLessThan(2000)
          mentionsOf(text)
        }
      }),
      {numRuns: 60},
    )
  })
})

describe('what a text names', () => {
  test('IDs in all their forms, without what stands around them', () => {
    const text = `PUT /_matrix/client/v3/rooms/%21id%3Aexample.org/state/m.room.member/%40bob%3Aexample.org (event ${EVENT}, '$15:old.example:8448'), "@al=1/x:[::1]:8448". #ops:example.org!`
    expect(mentionsOf(text)).toEqual({
      eventIds: [EVENT, '$15:old.example:8448'],
      userIds: ['@bob:example.org', '@al=1/x:[::1]:8448'],
      roomIds: ['!id:example.org'],
      aliases: ['#ops:example.org'],
      servers: [],
      eventTypes: ['m.room.member'],
      status: null,
      errcode: null,
    })
  })

  test('room IDs of version 12, which have no server', () => {
    expect(mentionsOf('in !31hneApxJ_1o-63DmFrpeqnkFfWppnzWso1JvH3ogLM.').roomIds).toEqual([
      '!31hneApxJ_1o-63DmFrpeqnkFfWppnzWso1JvH3ogLM',
    ])
  })

  test('servers only where they are called so', () => {
    expect(mentionsOf('Failed to get PDU from matrix.example.org because 404').servers).toEqual(['matrix.example.org'])
    expect(mentionsOf('destination="localhost:28448" via other.example.').servers).toEqual([
      'localhost:28448',
      'other.example',
    ])
    expect(mentionsOf('from synapse.handlers.message import x; a.py').servers).not.toContain('a.py')
    expect(mentionsOf('mail bob@example.org').userIds).toEqual([])
  })

  test.each([
    ['MatrixError: [403] x', 403, null],
    ['SynapseError: 404 - No known servers', 404, null],
    ['{"errcode":"M_FORBIDDEN"} HTTP 403', 403, 'M_FORBIDDEN'],
    ['because 403: You are banned', 403, null],
    ['97B 403 "POST /_matrix/client/v3/join/%21id%3Aexample.org HTTP/1.1"', 403, null],
    ['db=(0.017sec/0.080sec/15) 403B 200', null, null],
    ['M_UNABLE_TO_GRANT_JOIN (status_code: 400)', 400, 'M_UNABLE_TO_GRANT_JOIN'],
  ])('%s', (text, status, errcode) => {
    expect(mentionsOf(text)).toMatchObject({status, errcode})
  })
})
