import {describe, expect, test} from 'vitest'
import {aclVerdict} from '../../../src/forensics/doctor/diagnose/server-acl.ts'

const allowed = (content: Parameters<typeof aclVerdict>[0], server: string): boolean =>
  aclVerdict(content, server).allowed

/** https://spec.matrix.org/v1.19/client-server-api/#mroomserver_acl */
describe('a server ACL', () => {
  const acl = {allow: ['*'], deny: ['*.evil.example', 'evil.example'], allow_ip_literals: false}

  test.each<[string, boolean]>([
    ['good.example', true],
    ['evil.example', false],
    ['EVIL.example', false],
    ['evil.example:8448', false],
    ['sub.evil.example', false],
    ['notevil.example', true],
    ['1.2.3.4', false],
    ['1.2.3.4:8448', false],
    ['[::1]', false],
    ['[2001:db8::1]:8448', false],
  ])('%s: %s', (server, is) => {
    expect(allowed(acl, server)).toBe(is)
  })

  test('whom no entry allows, it denies: an empty one denies everybody', () => {
    expect(allowed({}, 'a.example')).toBe(false)
    expect(allowed({allow: 'nonsense'}, 'a.example')).toBe(false)
    expect(allowed({allow: ['b.example', 7]}, 'a.example')).toBe(false)
    expect(allowed({allow: ['?.example']}, 'a.example')).toBe(true)
    expect(allowed({allow: ['?.example']}, 'ab.example')).toBe(false)
    // Without the field, addresses are let in.
    expect(allowed({allow: ['*']}, '1.2.3.4')).toBe(true)
  })

  test('a dot is a dot, and a bracket a bracket', () => {
    expect(allowed({allow: ['a.b']}, 'axb')).toBe(false)
    expect(allowed({allow: ['[ab]']}, 'a')).toBe(false)
  })

  test('a hostile entry costs no more than both lengths multiplied', () => {
    // A regular expression made of it would go on for longer than any test may.
    expect(allowed({allow: [`${'*a'.repeat(2000)}b`]}, 'a'.repeat(4000))).toBe(false)
  })
})
