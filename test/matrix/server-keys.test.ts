import {readFileSync} from 'node:fs'
import {join} from 'node:path'
import {describe, expect, test} from 'vitest'
import {StateError} from '../../src/errors.ts'
import type {JsonObject} from '../../src/matrix/json.ts'
import {parseKeysFile, parseServerKeys} from '../../src/matrix/server-keys.ts'
import {signedText} from '../../src/matrix/signatures.ts'
import {KEY_ID, PUBLIC_KEY, SEED, TS} from './signed-events.ts'
import {signText} from './vectors.ts'

const {servers, generated} = JSON.parse(readFileSync(join(import.meta.dirname, 'room-keys.json'), 'utf8')) as {
  servers: Record<string, JsonObject>
  generated: Record<string, JsonObject>
}
const origin = {via: 'direct', fetchedTs: TS}
const REAL = 'localhost:18448'
const real = servers[REAL]!

/** As a server with the key of the vectors would answer. */
function answer(changes: JsonObject = {}): JsonObject {
  const body: JsonObject = {
    server_name: 'a.example',
    valid_until_ts: TS + 1,
    verify_keys: {[KEY_ID]: {key: PUBLIC_KEY}},
    old_verify_keys: {'ed25519:old': {key: 'A'.repeat(43), expired_ts: TS - 5}},
    ...changes,
  }
  return {...body, signatures: {'a.example': {[KEY_ID]: signText(signedText(body), SEED)}}}
}

describe('an answer of a server', () => {
  test('of a real one', () => {
    const {keys, problems} = parseServerKeys(JSON.stringify(real), origin)
    expect(problems).toEqual([])
    expect(keys).toEqual([
      {
        server: REAL,
        keyId: 'ed25519:a_VDHz',
        key: 'fFF5jEWVpvndwoGVMdnBF0+uMQ/az96UOQYeTL46oVw',
        validUntilTs: 1795372732923,
        expiredTs: null,
        ...{fetchedTs: TS, via: 'direct'},
      },
    ])
  })
  test('with old keys', () => {
    const {keys, problems} = parseServerKeys(JSON.stringify(answer()), origin)
    expect(problems).toEqual([])
    expect(keys.map(({keyId, validUntilTs, expiredTs}) => [keyId, validUntilTs, expiredTs])).toEqual([
      [KEY_ID, TS + 1, null],
      ['ed25519:old', null, TS - 5],
    ])
  })
  test.each([
    ['a changed one', {...answer(), valid_until_ts: TS + 2}, /"a\.example" has a bad signature/],
    ['one that nobody signed', {...answer(), signatures: {}}, /not signed by a key that it lists/],
    [
      'one signed by a key it does not list',
      {...answer(), verify_keys: {'ed25519:x': {key: PUBLIC_KEY}}},
      /not signed by a key/,
    ],
    ['one without a name', answer({server_name: ''}), /no server_name/],
    ['one without a time', answer({valid_until_ts: 'soon'}), /no integer valid_until_ts/],
    ['an old key without a time', answer({old_verify_keys: {'ed25519:o': {key: PUBLIC_KEY}}}), /no integer expired_ts/],
    ['a short key', answer({verify_keys: {[KEY_ID]: {key: 'AAAA'}}}), /not the base64 of 32 bytes/],
    ['no keys', answer({verify_keys: 1}), /no object verify_keys/],
    ['an empty list of keys', answer({verify_keys: {}}), /not signed by a key/],
    ['keys of another kind only', answer({verify_keys: {'rsa:1': {key: PUBLIC_KEY}}}), /not signed by a key/],
    [
      'one that only another server signed',
      {...answer(), signatures: {'b.example': {[KEY_ID]: 'A'.repeat(86)}}},
      /not signed by a key/,
    ],
    [
      'an exchanged key',
      {...answer(), verify_keys: {[KEY_ID]: {key: 'A'.repeat(43)}}},
      /"a\.example" has a bad signature/,
    ],
    ['a list', [], /not a JSON object/],
  ] as const)('is not taken: %s', (_what, body, message) => {
    const {keys, problems} = parseServerKeys(JSON.stringify(body), origin)
    expect(keys).toEqual([])
    expect(problems.join()).toMatch(message)
  })
  test('about another server than was asked is not taken', () => {
    const {keys, problems} = parseServerKeys(JSON.stringify(real), {...origin, server: 'b.example'})
    expect(keys).toEqual([])
    expect(problems).toEqual(['the answer has keys of "localhost:18448" instead of "b.example"'])
  })
  test('of a notary: good parts are taken, bad ones named', () => {
    const text = JSON.stringify({server_keys: [real, {...answer(), valid_until_ts: 1}, answer()]})
    const {keys, problems} = parseServerKeys(text, {...origin, via: 'notary n.example'})
    expect(keys.map(({server}) => server)).toEqual([REAL, 'a.example', 'a.example'])
    expect(problems).toHaveLength(1)
    expect(problems[0]).toMatch(/^server_keys\[1\]: .*bad signature/)
  })
  test('that is not JSON', () => {
    expect(parseServerKeys('<html>', origin)).toEqual({keys: [], problems: ['it is not JSON']})
  })
})

describe('a file of keys', () => {
  const read = (value: unknown) => parseKeysFile('keys.json', JSON.stringify(value), TS)
  const names = (value: unknown) => read(value).map(({server, keyId}) => `${server} ${keyId}`)

  test.each([
    ['an answer', real, [`${REAL} ed25519:a_VDHz`]],
    ['an answer of a notary', {server_keys: [real]}, [`${REAL} ed25519:a_VDHz`]],
    ['a list of both', [real, {server_keys: [real]}], [`${REAL} ed25519:a_VDHz`, `${REAL} ed25519:a_VDHz`]],
    ['answers by server', servers, [`${REAL} ed25519:a_VDHz`, 'localhost:28448 ed25519:a_UVMQ']],
    ['keys by server', {'a.example': {[KEY_ID]: {key: PUBLIC_KEY}}}, [`a.example ${KEY_ID}`]],
    ['bare keys by server', {'a.example': {[KEY_ID]: PUBLIC_KEY}}, [`a.example ${KEY_ID}`]],
  ])('%s', (_what, value, wanted) => {
    expect(names(value)).toEqual(wanted)
  })
  test('of a generated room, without times', () => {
    const keys = read(generated['1-fuzz-1'])
    expect(keys.length).toBe(7)
    expect(keys.every(({validUntilTs, expiredTs}) => validUntilTs === null && expiredTs === null)).toBe(true)
  })
  test('keeps no secret that stands beside a key', () => {
    const keys = read({'a.example': {[KEY_ID]: {public: PUBLIC_KEY, seed: SEED}}})
    expect(JSON.stringify(keys)).not.toContain(SEED)
  })
  test.each([
    [
      '{"a.example":{"ed25519:1":{"key":"short"}}}',
      'keys.json: at "a.example": the key "ed25519:1" is not the base64 of 32 bytes',
    ],
    ['[{"server_keys":[1]}]', 'keys.json: at [0]server_keys[0]: there is no JSON object'],
    [
      JSON.stringify([real, {...answer(), valid_until_ts: 1}]),
      'keys.json: at [1]: the answer of "a.example" has a bad signature by its own key "ed25519:1"',
    ],
    [
      JSON.stringify({'b.example': answer()}),
      'keys.json: at "b.example": the answer has keys of "a.example" instead of "b.example"',
    ],
    ['{}', 'keys.json: there are no keys in it'],
    [
      '{"a.example":{"nonsense":"x"}}',
      'keys.json: at "a.example": "nonsense" is no key ID: those look like "ed25519:abc"',
    ],
    [`ed25519 a_b ${SEED}`, 'keys.json: it is not JSON'],
  ])('that is malformed: %s', (text, message) => {
    const attempt = () => parseKeysFile('keys.json', text, TS)
    expect(attempt).toThrow(StateError)
    try {
      attempt()
    } catch (error) {
      const {code, message: said, hint} = error as StateError
      expect([code, said]).toEqual(['KEYS_MALFORMED', message])
      expect(`${said}${hint ?? ''}`).not.toContain(SEED)
      if (text.startsWith('ed25519')) expect(hint).toMatch(/secret/)
    }
  })
})
