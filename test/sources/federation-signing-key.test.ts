import {chmod, mkdtemp, writeFile} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {inspect} from 'node:util'
import {expect, test} from 'vitest'
import {StateError} from '../../src/errors.ts'
import {verifyEd25519} from '../../src/matrix/signatures.ts'
import {
  parseSigningKeys,
  readSigningKeys,
  signatureOf,
  xMatrixHeader,
} from '../../src/sources/federation-signing-key.ts'
import {vectors} from '../matrix/vectors.ts'

const SEED = vectors.key.seed_unpadded_b64
const LINE = `ed25519 1 ${SEED}`

test('a key signs JSON as the vectors of the spec say', () => {
  const [key] = parseSigningKeys(LINE, 'signing.key')
  expect(key.keyId).toBe('ed25519:1')
  expect(key.publicKey).toBe(vectors.key.public_key_unpadded_b64)
  const published = vectors.published.filter(({kind}) => kind === 'json_signing')
  expect(published.length).toBeGreaterThan(1)
  for (const {input, signature} of published) expect(signatureOf(input, key)).toBe(signature)
})

// Made with signedjson 1.1.4 as Synapse 1.163.2 uses it, from the key of the vectors.
const GET_URI = '/_matrix/federation/v1/backfill/!room:example.org?v=%24a%3Ab&v=%24c&limit=100'
const REQUESTS = [
  {
    request: {method: 'GET', uri: GET_URI, origin: 'domain', destination: 'other.example.org:8448'},
    sig: 'OnhnFGyrUfbZz/ZuE5xUrNgCEoDgx4qPF3oy6E1s34otvfcq6JxpdrlWqsjUAT3e7nKQOliNJXcShPsXaIpRBA',
  },
  {
    request: {
      method: 'POST',
      uri: '/_matrix/federation/v1/get_missing_events/!r%C3%A4um:example.org',
      origin: 'domain',
      destination: '[::1]:8448',
      content: {limit: 20, latest_events: ['$b'], earliest_events: ['$a', '$\u{1F408}'], '\u00fc': null},
    },
    sig: 'fwa/5ca/jyBKJq572QDDhgHPqrt4oP35RiqzM6zVk1MoF8tOhJoW5Bcoqg4K4V41Vr2fo7IwJPSfB5yvJUZxCQ',
  },
] as const

test.each(REQUESTS)('the header of a $request.method request is what Synapse makes', ({request, sig}) => {
  const [key] = parseSigningKeys(LINE, 'signing.key')
  const {origin, destination} = request
  expect(xMatrixHeader(request, key)).toBe(
    `X-Matrix origin="${origin}",destination="${destination}",key="ed25519:1",sig="${sig}"`,
  )
})

test('the signature covers method, uri, origin, destination and content', () => {
  const [key] = parseSigningKeys(LINE, 'signing.key')
  const base = REQUESTS[1].request
  const variants = [
    base,
    {...base, method: 'GET' as const},
    {...base, uri: `${base.uri}?`},
    {...base, origin: 'other'},
    {...base, destination: 'other'},
    {...base, content: {}},
  ]
  const {content: _, ...bare} = base
  const signatures = [...variants, bare].map((request) => /sig="([^"]+)"/.exec(xMatrixHeader(request, key))?.[1])
  expect(new Set(signatures).size).toBe(signatures.length)
})

test('several keys, comments, blank lines, padding, tabs and Windows line ends are read', () => {
  const text = `\ufeff# made by hand\r\n\r\ned25519\ta_one ${SEED}=\r\n  ed25519 a_two ${SEED}  \n`
  expect(parseSigningKeys(text, 'f').map(({keyId}) => keyId)).toEqual(['ed25519:a_one', 'ed25519:a_two'])
})

const SHORT = Buffer.from(SEED, 'base64').subarray(1).toString('base64')
const WRONG: readonly (readonly [string, string, RegExp])[] = [
  ['an empty file', '', /holds no key/],
  ['comments only', '# nothing\n', /holds no key/],
  ['another algorithm', `curve25519 1 ${SEED}`, /Line 1 .*does not begin with "ed25519"/],
  ['the seed first', SEED, /does not begin/],
  ['no version', `ed25519 ${SEED}`, /three words/],
  ['a word too many', `${LINE} 12345`, /three words/],
  ['version and seed swapped', `ed25519 ${SEED} a_one`, /version/],
  ['a seed too short', `ed25519 1 ${SHORT}`, /31 bytes/],
  ['no base64', `ed25519 1 ${SEED.slice(1)}!`, /not base64/],
  ['the second line', `${LINE}\ned25519 2 ${SEED.slice(4)}`, /Line 2 /],
  ['a PEM file', `-----BEGIN MATRIX PRIVATE KEY-----\nKey-ID: ed25519:x\n\n${SEED}\n`, /PEM/],
]
test.each(WRONG)('%s is refused without showing the seed', (_, text, words) => {
  const error = caught(() => parseSigningKeys(text, 'signing.key'))
  expect(error.code).toBe('KEYS_MALFORMED')
  expect(error.message).toMatch(words)
  const shown = inspect(error, {depth: 9, showHidden: true}) + String(error.hint)
  for (const part of [SEED, SEED.slice(4), SHORT.slice(4)]) expect(shown).not.toContain(part)
})

test('a key does not show its seed when it is printed', () => {
  const [key] = parseSigningKeys(LINE, 'f')
  const hex = Buffer.from(SEED, 'base64').toString('hex')
  const shown = inspect(key, {depth: 9, showHidden: true}) + JSON.stringify(key)
  expect(shown).not.toContain(SEED)
  expect(shown.replaceAll(/\s/g, '')).not.toContain(hex)
  expect(verifyEd25519('text', key.publicKey, key.sign('text'))).toBe(true)
})

test('a file is read; one that is absent, a folder, or unreadable is named', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'matrix-state-key-'))
  const path = join(folder, 'signing.key')
  await writeFile(path, `${LINE}\n`)
  expect((await readSigningKeys(path))[0].keyId).toBe('ed25519:1')
  await expect(readSigningKeys(join(folder, 'none'))).rejects.toMatchObject({code: 'INPUT_NOT_FOUND'})
  await expect(readSigningKeys(folder)).rejects.toMatchObject({code: 'INPUT_UNREADABLE'})
  await chmod(path, 0o000)
  // Root may read everything.
  if (process.getuid?.() !== 0) await expect(readSigningKeys(path)).rejects.toMatchObject({code: 'INPUT_UNREADABLE'})
})

function caught(act: () => unknown): StateError {
  try {
    act()
  } catch (error) {
    if (error instanceof StateError) return error
    throw error
  }
  throw new Error('nothing was thrown')
}
