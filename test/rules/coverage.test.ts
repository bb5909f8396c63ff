import {describe, expect, test} from 'vitest'
import {listRules} from '../../src/auth/auth-rules.ts'
import {KNOWN_ROOM_VERSIONS, rulesFor} from '../../src/matrix/room-version.ts'
import {PAIRS} from './cases/all.ts'
import {expectedRule, type Pair, versionsOf} from './pair.ts'

/** "Otherwise, allow": whatever the lines before let through. The twins of their pairs pass here. */
const UNCONDITIONAL = ['create.allow', 'member.join.restricted.allow', 'power-levels.allow', 'allow']

/** Lines that look at the event itself, or at the one create event, so that no state can reject what its auth events allow. */
const NEVER_BEFORE = [
  'federate',
  'aliases.no-state-key',
  'aliases.other-server',
  'member.malformed',
  'member.join.other',
  'member.invite.third-party.no-signed',
  'member.invite.third-party.no-token',
  'member.invite.third-party.other-user',
  'member.knock.other',
  'member.unknown',
  'state-key-of-other',
  'power-levels.not-integer',
  'power-levels.not-integers',
  'power-levels.users',
  'power-levels.lists-creator',
]

/** What a set of pairs shows of one version, as `<rule>`, `<rule> passes` and `<rule>@before`. */
function shown(pairs: readonly Pair[], version: string): ReadonlySet<string> {
  const found = new Set<string>()
  for (const pair of pairs) {
    if (!versionsOf(pair).includes(version)) continue
    if (pair.passes(version).judge().verdict !== 'accepted') continue
    if (pair.fails(version).judge().rule !== expectedRule(pair, version, 'auth')) continue
    found.add(pair.rule)
    if (pair.allowedBy !== undefined) found.add(pair.allowedBy)
    if (pair.failsBefore?.(version).judge().rule === expectedRule(pair, version, 'before')) {
      found.add(`${pair.rule}@before`)
    }
  }
  return found
}

/** Rules of a version that no failing event with a passing twin shows. */
function missing(pairs: readonly Pair[], version: string): readonly string[] {
  const rules = rulesFor(version)
  if (rules === undefined) return [`no version ${version}`]
  const found = shown(pairs, version)
  return listRules(rules).flatMap(({name, number, rule}) => {
    const stages =
      rule.because === undefined || rule.onReceipt === true || NEVER_BEFORE.includes(name)
        ? [name]
        : [name, `${name}@before`]
    const wanted = UNCONDITIONAL.includes(name) ? [] : stages
    return wanted.filter((stage) => !found.has(stage)).map((stage) => `v${version}:${number} ${stage}`)
  })
}

describe('every numbered rule of every version has a failing event and a passing twin', () => {
  test.each(KNOWN_ROOM_VERSIONS)('version %s', (version) => {
    expect(missing(PAIRS, version)).toEqual([])
  })

  test('the list tells which are missing', () => {
    const some = PAIRS.filter(({rule}) => rule !== 'state-key-of-other' && rule !== 'member.ban.sender-not-joined')
    expect(missing(some, '10')).toEqual([
      'v10:4.6.1 member.ban.sender-not-joined',
      'v10:4.6.1 member.ban.sender-not-joined@before',
      'v10:8 state-key-of-other',
    ])
    const onlyAuth = PAIRS.map(({failsBefore: _failsBefore, ...pair}) => pair)
    expect(missing(onlyAuth, '1')).toContain('v1:6 sender-not-joined@before')
  })

  test('a pair that does not fail where it should counts as none', () => {
    const wrong = PAIRS.map((pair) => (pair.rule === 'room-id' ? {...pair, fails: pair.passes} : pair))
    expect(missing(wrong, '12')).toEqual(['v12:2 room-id'])
  })

  test('the exceptions name rules that there are', () => {
    const names = KNOWN_ROOM_VERSIONS.flatMap((version) => {
      const rules = rulesFor(version)
      return rules === undefined ? [] : listRules(rules).map(({name}) => name)
    })
    expect([...UNCONDITIONAL, ...NEVER_BEFORE].filter((name) => !names.includes(name))).toEqual([])
  })
})
