import {describe, expect, test} from 'vitest'
import {eventIdOf} from '../../src/matrix/hashes.ts'
import {type JsonObject, parseJson} from '../../src/matrix/json.ts'
import {rulesFor} from '../../src/matrix/room-version.ts'
import {message, publicRoom, topic} from '../rules/build.ts'
import {changed, Dumps, linesOf, type Spoiled} from './dumps.ts'
import {matrixState} from './program.ts'

interface Document {
  readonly complete: boolean
  readonly state: readonly {readonly type: string; readonly state_key: string; readonly event_id: string}[]
  readonly summary: Readonly<Record<string, number>>
  readonly findings: readonly {
    readonly id: string
    readonly cause?: string
    readonly summary: string
    readonly evidence: readonly {readonly where: string}[]
  }[]
}

const dumps = new Dumps()
const good = linesOf(publicRoom('10').add('topic', topic()).add('last', message()))
const v1 = linesOf(publicRoom('1').add('topic', topic()).add('last', message()))
/** Where the topic stands. */
const TOPIC = 6
const DEEP = 100_000

async function look(name: string, lines: readonly string[], flags: readonly string[] = []) {
  const file = dumps.write(`${name.replaceAll(/\W+/g, '-')}.ndjson`, lines)
  const [json, text] = await Promise.all([
    matrixState(['resolve', file, '--json', ...flags]),
    matrixState(['resolve', file, ...flags]),
  ])
  expect([json.stderr, text.stderr]).toEqual(['', ''])
  expect(text.code).toBe(json.code)
  return {file, code: json.code, document: JSON.parse(json.stdout) as Document, text: text.stdout}
}

/** What `replay` says of the same, with the same exit code. */
async function replayOf({file, code, document}: Awaited<ReturnType<typeof look>>): Promise<string> {
  const ended = await matrixState(['replay', file])
  expect({code: ended.code, stderr: ended.stderr}).toEqual({code, stderr: ''})
  const end = JSON.parse(ended.stdout.trimEnd().split('\n').at(-1) ?? '') as {complete: boolean}
  expect(end.complete).toBe(document.complete)
  return ended.stdout
}

const found = ({findings}: Document, id: string): Document['findings'] =>
  findings.filter((finding) => finding.id === id)

describe('an event that servers refuse by form is rejected, named with its line, and nothing is complete', () => {
  const spoil = (change: (event: Spoiled) => void): string[] => changed(good, TOPIC, change)
  const withNumber = (lexeme: string): string[] =>
    spoil((event) => (event.content['number'] = 'HERE')).map((line) => line.replace('"HERE"', lexeme))
  const nest = '{"a":'.repeat(DEEP) + '1' + '}'.repeat(DEEP)

  test.concurrent.each<[string, readonly string[], string, RegExp]>([
    ['no sender', spoil((event) => delete event['sender']), 'format:sender', /it has no "sender"/],
    [
      'a sender that is none',
      spoil((event) => (event['sender'] = 'alice')),
      'format:sender',
      /its "sender" is not a user ID/,
    ],
    ['no type', spoil((event) => delete event['type']), 'format:type', /it has no "type"/],
    ['no room', spoil((event) => delete event['room_id']), 'format:room_id', /it has no "room_id"/],
    [
      'a room that is a number',
      spoil((event) => (event['room_id'] = 5)),
      'format:room_id',
      /its "room_id" is not a string/,
    ],
    [
      'a content that is text',
      spoil((event) => ((event as Record<string, unknown>)['content'] = 'x')),
      'format:content',
      /its "content" is not an object/,
    ],
    [
      'a content that is null',
      spoil((event) => ((event as Record<string, unknown>)['content'] = null)),
      'format:content',
      /its "content" is not an object/,
    ],
    [
      'a state key that is a number',
      spoil((event) => (event['state_key'] = 5)),
      'format:state_key',
      /its "state_key" is not a string/,
    ],
    ['no depth', spoil((event) => delete event['depth']), 'format:depth', /it has no "depth"/],
    [
      'a depth that is text',
      spoil((event) => (event['depth'] = '5')),
      'format:depth',
      /its "depth" is not an integer from 0 to/,
    ],
    ['a negative depth', spoil((event) => (event['depth'] = -1)), 'format:depth', /its "depth" is not an integer/],
    [
      'no time',
      spoil((event) => delete event['origin_server_ts']),
      'format:origin_server_ts',
      /it has no "origin_server_ts"/,
    ],
    ['no prev events', spoil((event) => delete event['prev_events']), 'format:prev_events', /it has no "prev_events"/],
    [
      'prev events that are an object',
      spoil((event) => (event['prev_events'] = {})),
      'format:prev_events',
      /its "prev_events" is not a list/,
    ],
    [
      'auth events of numbers',
      spoil((event) => (event['auth_events'] = [1])),
      'format:auth_events',
      /its "auth_events" is not a list of event IDs/,
    ],
    ['no hashes', spoil((event) => delete event['hashes']), 'format:hashes', /it has no "hashes"/],
    ['no signatures', spoil((event) => delete event['signatures']), 'format:signatures', /it has no "signatures"/],
    [
      'no signature of its server',
      spoil((event) => (event['signatures'] = {})),
      'format:signature',
      /it is not signed by its sender's server a\.example/,
    ],
    [
      'more than 65,536 bytes',
      spoil((event) => (event.content['topic'] = 'x'.repeat(65_536))),
      'format:size',
      /it has \d{5} bytes, more than the 65536/,
    ],
    [
      'a key of 256 bytes',
      spoil((event) => (event['state_key'] = 'x'.repeat(256))),
      'format:size',
      /its stateKey is longer than 255 bytes/,
    ],
    ['a fraction', withNumber('1.5'), 'format:number', /it holds the number 1\.5, which room version 10 forbids/],
    ['an exponent', withNumber('1e2'), 'format:number', /it holds the number 1e2/],
    ['a number beyond 2^53', withNumber('9007199254740993'), 'format:number', /it holds the number 9007199254740993/],
    [
      'half of a surrogate pair',
      spoil((event) => (event.content['topic'] = 'a\ud800')),
      'format:unicode',
      /half of a surrogate pair, which has no UTF-8 form/,
    ],
    [
      'nesting 100,000 deep',
      spoil((event) => (event.content['topic'] = 'HERE')).map((line) => line.replace('"HERE"', nest)),
      'format:nesting',
      /nested/,
    ],
  ])('%s', async (name, lines, rule, because) => {
    const {code, document, text} = await look(name, lines)
    expect(code).toBe(3)
    expect(document).toMatchObject({complete: false, summary: {events: 8, rejected: 1}})
    const [finding, ...others] = found(document, 'dag/refused-event')
    expect(others).toEqual([])
    expect(finding).toMatchObject({cause: rule, summary: expect.stringMatching(because) as string})
    expect(finding?.evidence[0]?.where).toBe(`line ${String(TOPIC + 1)}`)
    expect(text).toMatch(because)
    expect(text).toContain('(line 7)')
    expect(text).toMatch(/Incomplete: what is missing or refused/)
  })

  test.concurrent('replay says so, too', async () => {
    const looked = await look(
      'replayed',
      spoil((event) => delete event['depth']),
    )
    expect(await replayOf(looked)).toContain('"verdict":"rejected","rule":"format:depth","because":"it has no')
  })

  test.concurrent('also in the form of version 1, whose references carry hashes', async () => {
    const lines = changed(v1, TOPIC, (event) => (event['prev_events'] = ['$carol:a.example']))
    const {code, document} = await look('references', lines)
    expect(code).toBe(3)
    expect(found(document, 'dag/refused-event')).toMatchObject([{cause: 'format:prev_events'}])
  })
})

describe('numbers that the version allows are kept exactly', () => {
  const written = '{"n":[1.50,1e2,9007199254740993,123456789012345678901234567890,-0.0]}'
  /** What Python makes of them, which wrote the hashes of that time. */
  const hashed = '{"n":[1.5,100.0,9007199254740993,123456789012345678901234567890,-0.0]}'
  const content = parseJson(written) as JsonObject

  test.concurrent('in version 5, in the hash as in what is shown', async () => {
    const lines = linesOf(publicRoom('5').add('numbers', {type: 'org.example.n', state_key: '', content}))
    expect(lines.at(-1)).toContain(hashed)
    const asWritten = lines.map((line) => line.replace(hashed, written))
    const {code, document, text} = await look('numbers', asWritten, ['--full'])
    expect({code, findings: document.findings}).toEqual({code: 0, findings: []})
    expect(text).toContain(hashed)
    const rounded = asWritten.map((line) => line.replace('9007199254740993', '9007199254740992'))
    const other = await look('numbers rounded', rounded)
    expect(found(other.document, 'dag/content-hash')).toHaveLength(1)
  })
})

/** Each event cites all before it that may judge it, by the IDs that stand in front of the lines. */
function chain(lines: readonly string[]): string[] {
  return lines.map((line, index) => {
    const auth = [0, 2, 1].filter((at) => at < index).map((at) => `"$e${String(at)}"`)
    return line
      .replace(/"prev_events":\[[^\]]*\]/, `"prev_events":[${index === 0 ? '' : `"$e${String(index - 1)}"`}]`)
      .replace(/"auth_events":\[[^\]]*\]/, `"auth_events":[${auth.join(',')}]`)
  })
}

describe('an event that came under a wrong name', () => {
  test.concurrent('is used under its own, and the ID that was given is reported', async () => {
    const wrong = `$${'A'.repeat(43)}`
    const {code, document, text} = await look(
      'wrong id',
      changed(good, TOPIC, (event) => (event['event_id'] = wrong)),
    )
    expect(code).toBe(3)
    const [finding] = found(document, 'dag/wrong-event-id')
    expect(finding?.summary).toContain(`it is given as ${wrong}, but its hash makes it $`)
    expect(finding?.evidence).toMatchObject([{where: 'line 7'}])
    expect(document.state.map(({event_id}) => event_id)).not.toContain(wrong)
    expect(text).toMatch(/error dag\/wrong-event-id[^]*\(line 7\)[^]*→ Fetch the event again/)
  })

  test.concurrent('that has the right one is fine', async () => {
    const {document} = await look('right ids', good)
    const id = document.state.find(({type}) => type === 'm.room.topic')!.event_id
    const {code} = await look(
      'right id',
      changed(good, TOPIC, (event) => (event['event_id'] = id)),
    )
    expect(code).toBe(0)
  })
})

describe('copies', () => {
  test.concurrent('two contents of one ID: the first is used', async () => {
    const other = changed(v1, TOPIC, (event) => (event['origin_server_ts'] = 5))[TOPIC]!
    const {code, document, text} = await look('two contents', [...v1, other])
    expect(code).toBe(3)
    expect(found(document, 'dag/two-contents')).toMatchObject([
      {
        summary: '$topic:a.example: another event with the same ID came before it; that one is used',
        evidence: [{where: 'line 9'}],
      },
    ])
    expect(text).toContain('(line 9)')
  })

  test.concurrent('the same create event twice is no second one', async () => {
    const {code, document} = await look('create twice', [good[0]!, ...good, good[0]!])
    expect(code).toBe(0)
    expect(document).toMatchObject({complete: true, findings: [], summary: {events: 8}})
  })

  test.concurrent('a redacted copy beside the whole one is told, and is no accusation', async () => {
    const redacted = changed(good, TOPIC, (event) => (event.content = {}))[TOPIC]!
    for (const lines of [
      [...good, redacted],
      [...good.slice(0, TOPIC), redacted, ...good.slice(TOPIC)],
    ]) {
      const {code, document} = await look(`copies ${String(lines.indexOf(redacted))}`, lines)
      expect(code).toBe(0)
      expect(found(document, 'dag/content-hash').length).toBeGreaterThan(0)
      expect(found(document, 'dag/two-contents')).toEqual([])
    }
  })
})

describe('holes', () => {
  test.concurrent('a missing prev event: what follows is undetermined', async () => {
    const {code, document, text} = await look(
      'missing prev',
      good.filter((_, index) => index !== TOPIC),
    )
    expect(code).toBe(3)
    expect(document).toMatchObject({complete: false, summary: {missing: 1, undetermined: 1}})
    expect(found(document, 'dag/missing-event')[0]?.summary).toMatch(/is missing: \$\S+ cites it as prev event$/)
    expect(text).toMatch(/Missing: 1 event that others cite/)
  })

  test.concurrent('a missing auth event', async () => {
    const lines = changed(good, 7, (event) => (event['auth_events'] = [...(event['auth_events'] as string[]), '$gone']))
    const {code, document} = await look('missing auth', lines)
    expect(code).toBe(3)
    expect(found(document, 'dag/missing-event')).toMatchObject([
      {summary: expect.stringMatching(/^\$gone is missing: \$\S+ cites it as auth event$/) as string},
    ])
  })

  test.concurrent('an auth event of another room', async () => {
    const stranger = good[1]!.replaceAll('!room:a.example', '!other:a.example')
    const id = eventIdOf(parseJson(stranger) as JsonObject, rulesFor('10')!)
    const own = eventIdOf(parseJson(good[1]!) as JsonObject, rulesFor('10')!)
    const cite = (auth: unknown): unknown => (auth as string[]).map((cited) => (cited === own ? id : cited))
    const citing = changed(good, 7, (event) => (event['auth_events'] = cite(event['auth_events'])))
    const looked = await look('foreign', [...citing, stranger])
    expect(looked.document.summary).toMatchObject({events: 8, rejected: 1})
    expect(await replayOf(looked)).toMatch(/"rule":"v10:2\.5@auth","because":"[^"]*another room/)
  })
})

describe('cycles, which version 1 allows to be made', () => {
  test.concurrent('each event of it is named, and what follows is undetermined', async () => {
    const lines = changed(v1, 5, (event) => (event['prev_events'] = [['$topic:a.example', {sha256: ''}]]))
    const {code, document, text} = await look('cycle', lines)
    expect(code).toBe(3)
    expect(found(document, 'dag/cycle').map(({summary}) => summary.split(' ')[0])).toEqual(
      expect.arrayContaining(['$carol:a.example', '$topic:a.example']),
    )
    expect(document).toMatchObject({complete: false, summary: {undetermined: 3}})
    expect(text).toMatch(/error dag\/cycle/)
  })

  test.concurrent('an event that cites itself', async () => {
    const lines = changed(v1, TOPIC, (event) => (event['auth_events'] = [['$topic:a.example', {sha256: ''}]]))
    const {code, document} = await look('cycle of one', lines)
    expect(code).toBe(3)
    expect(found(document, 'dag/cycle')).toHaveLength(1)
  })
})

describe('what only looks wrong', () => {
  test.concurrent('keys that every JavaScript object has', async () => {
    const room = publicRoom('10')
      .add('a', {
        type: '__proto__',
        state_key: '__proto__',
        content: JSON.parse('{"__proto__":{"a":1}}') as object as never,
      })
      .add('b', {type: 'constructor', state_key: 'toString', content: {hasOwnProperty: 1}})
      .add('c', {type: 'hasOwnProperty', state_key: 'valueOf', content: {}})
    const {code, document} = await look('proto', linesOf(room))
    expect({code, findings: document.findings}).toEqual({code: 0, findings: []})
    expect(document.state.map(({type, state_key}) => [type, state_key])).toEqual(
      expect.arrayContaining([
        ['__proto__', '__proto__'],
        ['constructor', 'toString'],
        ['hasOwnProperty', 'valueOf'],
      ]),
    )
  })

  test.concurrent('a create event with prev_events is rejected by its rule', async () => {
    const room = publicRoom('10').add('again', {type: 'm.room.create', state_key: '', content: {room_version: '10'}})
    const looked = await look('create again', linesOf(room))
    expect(looked.code).toBe(0)
    expect(await replayOf(looked)).toContain('"rule":"v10:1.1@auth"')
  })

  test.concurrent('a changed content is taken as redacted', async () => {
    const {code, document, text} = await look(
      'tampered',
      changed(good, TOPIC, (event) => (event.content['topic'] = 'mine')),
    )
    expect(code).toBe(0)
    expect(found(document, 'dag/content-hash')).toMatchObject([{evidence: [{where: 'line 7'}]}])
    expect(text).not.toContain('mine')
  })

  test.concurrent('what no server could hash is shown somehow where IDs are taken on trust', async () => {
    const trusted = chain(good.map((line, index) => line.replace('{', `{"event_id":"$e${String(index)}",`)))
    const odd = trusted.map((line, index) =>
      index === TOPIC ? line.replace('"a topic"', '{"a":"\\ud800","n":1e400}') : line,
    )
    const {code, text} = await look('odd', odd, ['--trust-ids'])
    expect(code).toBe(0)
    expect(text).toContain('m.room.topic')
  })
})
