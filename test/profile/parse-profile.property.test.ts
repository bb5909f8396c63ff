import {mkdtempSync, rmSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import fc from 'fast-check'
import {afterAll, expect, test} from 'vitest'
import {StateError} from '../../src/errors.ts'
import {openExport, exportOf} from '../../src/profile/profile-export.ts'
import {openProfile} from '../../src/profile/profile-file.ts'
import {PROFILE, SECRETS} from './profiles.ts'

const folder = mkdtempSync(join(tmpdir(), 'matrix-state-profile-'))
const path = join(folder, 'bot.json')
afterAll(() => {
  rmSync(folder, {recursive: true, force: true})
})

/** Opens that file as a profile and as an export: never anything but a StateError, and never a secret in it. */
function survives(content: string | Uint8Array): 'opened' | 'refused' {
  writeFileSync(path, content, {mode: 0o600})
  let outcome: 'opened' | 'refused' = 'refused'
  for (const open of [() => openProfile('bot', folder), () => openExport(path)]) {
    try {
      open()
      outcome = 'opened'
    } catch (error) {
      if (!(error instanceof StateError)) throw error
      const told = `${error.message} ${error.hint ?? ''} ${String(error.cause)}`
      for (const secret of SECRETS) expect(told).not.toContain(secret)
      expect(error.code).toBe('PROFILE_UNUSABLE')
    }
  }
  return outcome
}

const TEXT = `${JSON.stringify(PROFILE, null, 2)}\n`
const NAMES = [
  ...Object.keys(PROFILE),
  ...Object.keys(PROFILE.account!),
  ...Object.keys(PROFILE.bot!),
  '__proto__',
  'constructor',
  'check',
  'kind',
]
const value = fc.letrec<{value: unknown}>((tie) => ({
  value: fc.oneof(
    {depthSize: 'small'},
    fc.constantFrom(
      null,
      true,
      '',
      '__proto__',
      'matrix-state/profile/1',
      '@a:b',
      'https://a',
      '/a',
      -1,
      1e300,
      SECRETS[0],
    ),
    fc.string({unit: 'binary'}),
    fc.double(),
    fc.array(tie('value'), {maxLength: 3}),
    fc.dictionary(fc.oneof(fc.constantFrom(...NAMES), fc.string()), tie('value'), {maxKeys: 4, noNullPrototype: true}),
  ),
})).value

test('any bytes', () => {
  fc.assert(fc.property(fc.uint8Array({maxLength: 400}), (bytes) => void survives(bytes)))
})

test('any JSON', () => {
  fc.assert(fc.property(value, (any) => void survives(JSON.stringify(any))))
})

test('a profile, or an export, with some fields of any kind', () => {
  const some = fc.dictionary(fc.constantFrom(...Object.keys(PROFILE)), value, {noNullPrototype: true})
  const outcomes = new Set<string>()
  fc.assert(
    fc.property(some, fc.boolean(), (changes, exported) => {
      outcomes.add(survives(JSON.stringify({...(exported ? exportOf(PROFILE) : PROFILE), ...changes})))
    }),
    {numRuns: 400},
  )
  expect(outcomes.size).toBe(2)
})

test('a profile of which some bytes were changed, cut or doubled', () => {
  const bytes = Buffer.from(TEXT)
  const at = fc.nat(bytes.length)
  fc.assert(
    fc.property(at, at, fc.uint8Array({maxLength: 8}), (from, to, put) => {
      survives(Buffer.concat([bytes.subarray(0, from), put, bytes.subarray(to)]))
    }),
    {numRuns: 600},
  )
})

test('JSON that is nested as deep as a file can be, and texts that patterns could choke on', () => {
  survives('['.repeat(1_000_000))
  survives(`${'{"bot":'.repeat(100_000)}1${'}'.repeat(100_000)}`)
  survives(JSON.stringify({...PROFILE, databases: [`postgres:${':'.repeat(900_000)}`]}))
  survives(JSON.stringify({...PROFILE, homeserver: `https://${'a.'.repeat(400_000)}`}))
})
