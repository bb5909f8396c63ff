import {describe, expect, test} from 'vitest'
import {ExactNumber, type Json, type JsonObject} from '../../src/matrix/json.ts'
import {ALICE, bare, CAROL, member, message, MO, power, Room, topic} from './build.ts'
import {numbersOf, VERSIONS} from './numbers.ts'
import {show} from './pair.ts'

/** Where Synapse and the spec's words differ, Synapse is followed: most rooms were judged by it. */

const FLOATS = ['1', '2', '3', '4', '5']
const STRINGS = ['1', '2', '3', '4', '5', '6', '7', '8', '9']
const ABOVE_ALL = ['12', 'org.matrix.hydra.11']
const not = (versions: readonly string[]): readonly string[] =>
  VERSIONS.filter((version) => !versions.includes(version))
const exact = (lexeme: string): ExactNumber => new ExactNumber(lexeme)
const rule = (version: string, name: string): string => `v${version}:${numbersOf(version).get(name) ?? '?'}@auth`

/** Alice's public room with Mo and Carol, without power levels yet. */
const people = (version: string): Room =>
  bare(version).joinRules('rules', 'public').member('mo', MO, 'join').member('carol', CAROL, 'join')

const named =
  (content: JsonObject) =>
  (room: Room): Room =>
    room.add('levels', power(room, content))

/** Whether Mo, who has `level`, may set a topic that takes `required`. */
function mayWith(version: string, level: Json, required: Json): boolean {
  const room = named({users: {[MO]: level}, events: {'m.room.topic': required}})(people(version))
  expect(show(room)).toBe('accepted')
  return room.add('judged', topic(MO)).judge().verdict === 'accepted'
}

/** Levels are compared as integers: the value is at least `value` and not more. */
function isLevel(version: string, level: Json, value: number): void {
  expect(mayWith(version, level, value), `${String(value)} is reached`).toBe(true)
  expect(mayWith(version, level, value + 1), `${String(value + 1)} is not`).toBe(false)
  expect(mayWith(version, value, level), 'as a required level, too').toBe(true)
  expect(mayWith(version, value - 1, level), 'as a required level, one less is not enough').toBe(false)
}

describe('strings, versions 1 to 9', () => {
  const readable: readonly (readonly [string, number])[] = [
    ['50', 50],
    ['0050', 50],
    ['+50', 50],
    ['-50', -50],
    ['-0', 0],
    [' 50 ', 50],
    ['\t50\n', 50],
    ['\u00a050\u3000', 50],
    ['\u008550', 50],
    ['5_0', 50],
    ['0_5', 5],
    // Digits of other scripts: Arabic-Indic, mathematical.
    ['\u0665\u0660', 50],
    ['\u{1d7d3}0', 50],
    [`${'0'.repeat(4298)}50`, 50],
  ]
  test.each(readable.flatMap(([text, value]) => STRINGS.map((version) => [version, text, value] as const)))(
    'version %s reads %j',
    (version, text, value) => {
      isLevel(version, text, value)
    },
  )

  const unreadable = [
    '',
    ' ',
    '5_',
    '_5',
    '5__0',
    '5 0',
    '+ 5',
    '--5',
    '5.0',
    '5e1',
    '0x5',
    'five',
    '\u22125',
    '\ufeff5',
    '\u200b5',
    '\u001c5',
    '\u00bd',
    '0'.repeat(4301),
  ]
  test.each(unreadable.flatMap((text) => STRINGS.map((version) => [version, text] as const)))(
    'version %s does not read %j',
    (version, text) => {
      expect(show(named({users: {[MO]: text}})(people(version)))).toContain(rule(version, 'power-levels.users'))
      // Elsewhere it is let into the room at first, and then nobody can do what it speaks of.
      const room = named({events: {'m.room.topic': text}})(people(version))
      expect(show(room)).toBe('accepted')
      expect(show(room.add('judged', topic()))).toContain(rule(version, 'required-power'))
    },
  )

  test.each(not(STRINGS))('version %s takes no strings', (version) => {
    expect(show(named({users: {[MO]: '50'}})(people(version)))).toContain(rule(version, 'power-levels.users'))
    expect(show(named({ban: '50'})(people(version)))).toContain(rule(version, 'power-levels.not-integer'))
    expect(show(named({events: {x: '50'}})(people(version)))).toContain(rule(version, 'power-levels.not-integers'))
  })

  test.each(STRINGS)('version %s: a number that becomes the same as a string is no change', (version) => {
    const room = named({users: {[MO]: 50}, ban: 100, events: {'m.room.power_levels': 0, x: '100'}})(people(version))
    const same = {ban: ' 1_00', events: {'m.room.power_levels': 0, x: 100}, users: {[ALICE]: '0100', [MO]: '+50'}}
    expect(show(room.add('judged', power(room, same, MO)))).toBe('accepted')
  })
})

describe('numbers beyond the safe integers', () => {
  test.each(FLOATS)('version %s cuts fractions towards zero', (version) => {
    for (const [lexeme, value] of [
      ['50.9', 50],
      ['-0.5', 0],
      ['-50.9', -50],
      ['5e1', 50],
      ['50.0', 50],
      ['-0.0', 0],
    ] as const) {
      isLevel(version, exact(lexeme), value)
    }
    expect(mayWith(version, exact('1.5e300'), exact('1.4e300'))).toBe(true)
  })

  test.each(FLOATS)('version %s compares integers of any size exactly', (version) => {
    const [less, more] = [exact('9007199254740992'), exact('9007199254740993')]
    expect(mayWith(version, more, less)).toBe(true)
    expect(mayWith(version, less, more)).toBe(false)
    expect(mayWith(version, exact('123456789012345678901234567891'), '123456789012345678901234567890')).toBe(true)
    expect(mayWith(version, '123456789012345678901234567890', exact('123456789012345678901234567891'))).toBe(false)
    expect(mayWith(version, exact('-9007199254740993'), exact('-9007199254740992'))).toBe(false)
  })

  test.each(not(FLOATS))('version %s takes neither, in no event', (version) => {
    for (const lexeme of ['50.5', '50.0', '5e1', '9007199254740992', '-9007199254740992']) {
      expect(show(named({users: {[MO]: exact(lexeme)}})(people(version)))).toContain('format:number')
      expect(show(named({ban: exact(lexeme)})(people(version)))).toContain('format:number')
    }
    expect(mayWith(version, Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER)).toBe(true)
  })
})

describe('other values', () => {
  test.each(STRINGS)('version %s reads true as 1 and false as 0, as Python does', (version) => {
    isLevel(version, true, 1)
    isLevel(version, false, 0)
  })

  test.each(STRINGS)('version %s reads null as the default, except for a listed user', (version) => {
    expect(show(named({users: {[MO]: null}})(people(version)))).toContain(rule(version, 'power-levels.users'))
    expect(show(named({users_default: null})(people(version)).add('judged', message(CAROL)))).toBe('accepted')
    const room = named({users: {[MO]: 49}, ban: null, kick: null})(people(version))
    expect(show(room.add('judged', member(CAROL, 'ban', MO)))).toContain(rule(version, 'member.ban.refused'))
  })

  test.each(STRINGS)('version %s lets no one change what cannot be read', (version) => {
    for (const value of ['x', null, [], {}]) {
      for (const content of [{ban: value}, {events: {x: value}}]) {
        const room = named(content)(people(version))
        expect(show(room)).toBe('accepted')
        expect(show(room.add('judged', power(room, {})))).toContain('rejected')
      }
    }
  })

  test.each(VERSIONS)('version %s: users must be an object', (version) => {
    for (const users of [null, [], 'x', 1, true]) {
      const draft = {type: 'm.room.power_levels', state_key: '', content: {users}}
      expect(show(people(version).add('judged', draft))).toContain(rule(version, 'power-levels.users'))
    }
    expect(show(people(version).add('judged', {type: 'm.room.power_levels', state_key: ''}))).toBe('accepted')
  })

  test.each(VERSIONS)('version %s: users are @, anything, a colon, anything', (version) => {
    for (const user of ['mo:a.example', '@mo', '', '@', ':', '#mo:a.example', ' @mo:a.example']) {
      expect(show(named({users: {[user]: 1}})(people(version)))).toContain(rule(version, 'power-levels.users'))
    }
    for (const user of ['@:a.example', '@mo:', '@:', '@Mo Ü:a b', '@a:b:c', '@constructor:x', '@__proto__:x']) {
      expect(show(named({users: {[user]: 1}})(people(version)))).toBe('accepted')
    }
  })

  test('names that every JavaScript object has are no levels', () => {
    for (const version of VERSIONS) {
      const room = named({users: {[MO]: 50}})(people(version))
      expect(show(room.add('judged', {type: 'constructor', state_key: '', sender: MO}))).toBe('accepted')
      expect(show(room.add('next', {type: 'toString', state_key: '', sender: CAROL}))).toContain(
        rule(version, 'required-power'),
      )
    }
  })
})

/** Mo, who has 50 and may change levels, changes them. */
function change(version: string, before: JsonObject, after: JsonObject): string {
  const base = {users: {[MO]: 50}, events: {'m.room.power_levels': 0}}
  const room = named({...base, ...before})(people(version))
  return show(room.add('judged', power(room, {...base, ...after}, MO)))
}

describe('what counts as a change', () => {
  test.each(VERSIONS)('version %s: a level that is absent has no value, its default does not count', (version) => {
    // With the default of 50 in its place, 0 would have been raised, and 60 been lowered from it.
    expect(change(version, {ban: 0}, {})).toBe('accepted')
    expect(change(version, {}, {ban: 50})).toBe('accepted')
    expect(change(version, {ban: 60}, {})).toContain(rule(version, 'power-levels.named.old'))
    expect(change(version, {}, {ban: 60})).toContain(rule(version, 'power-levels.named.new'))
    expect(change(version, {ban: 60}, {ban: 60})).toBe('accepted')
    expect(change(version, {users: {[MO]: 50, [CAROL]: 60}}, {users: {[MO]: 50, [CAROL]: 60}})).toBe('accepted')
  })

  test.each(VERSIONS)('version %s: one may take from oneself, and not give', (version) => {
    expect(change(version, {}, {users: {[MO]: 49}})).toBe('accepted')
    expect(change(version, {}, {users: {}})).toBe('accepted')
    expect(change(version, {}, {users: {[MO]: 51}})).toContain(rule(version, 'power-levels.users.new'))
  })

  test.each(VERSIONS)('version %s: an equal is out of reach, one below is not', (version) => {
    const carol = (level: number): JsonObject => ({users: {[MO]: 50, [CAROL]: level}})
    expect(change(version, carol(49), carol(50))).toBe('accepted')
    expect(change(version, carol(49), {})).toBe('accepted')
    expect(change(version, carol(50), carol(49))).toContain(rule(version, 'power-levels.users.old'))
    expect(change(version, carol(50), {})).toContain(rule(version, 'power-levels.users.old'))
    expect(change(version, {}, carol(50))).toBe('accepted')
    expect(change(version, {}, carol(51))).toContain(rule(version, 'power-levels.users.new'))
  })

  test.each(VERSIONS)('version %s: other types and names may be set up to the own level', (version) => {
    const events = (level: number): JsonObject => ({events: {'m.room.power_levels': 0, x: level}})
    expect(change(version, events(50), events(0))).toBe('accepted')
    expect(change(version, events(0), events(50))).toBe('accepted')
    expect(change(version, events(51), events(51))).toBe('accepted')
    expect(change(version, events(51), events(50))).toContain(rule(version, 'power-levels.events.old'))
    expect(change(version, events(50), events(51))).toContain(rule(version, 'power-levels.events.new'))
    expect(change(version, {org_example: 100}, {org_example: 1})).toBe('accepted')
  })

  test.each(FLOATS)('version %s leaves notifications to everyone', (version) => {
    expect(change(version, {notifications: {room: 100}}, {notifications: {room: 1}})).toBe('accepted')
    expect(change(version, {}, {notifications: {room: 100}})).toBe('accepted')
    expect(change(version, {notifications: 'x'}, {notifications: ['y']})).toBe('accepted')
  })

  test.each(not(FLOATS))('version %s guards notifications', (version) => {
    const [low, high] = [{notifications: {room: 50}}, {notifications: {room: 51}}]
    expect(change(version, low, {})).toBe('accepted')
    expect(change(version, high, high)).toBe('accepted')
    expect(change(version, high, low)).toContain(rule(version, 'power-levels.events.old'))
    expect(change(version, low, high)).toContain(rule(version, 'power-levels.events.new'))
  })
})

describe('who has which level', () => {
  test.each(not(ABOVE_ALL))(
    'version %s: the creator has 100 until there are power levels, and what they say then',
    (version) => {
      expect(show(people(version).add('judged', topic()))).toBe('accepted')
      expect(
        show(
          people(version)
            .power('levels', {users: {[ALICE]: 49}})
            .add('judged', topic()),
        ),
      ).toContain(rule(version, 'required-power'))
      const room = people(version).add('levels', {type: 'm.room.power_levels', state_key: '', content: {}})
      expect(show(room.add('judged', topic()))).toContain(rule(version, 'required-power'))
    },
  )

  describe.each(ABOVE_ALL)('version %s: creators are above all', (version) => {
    const most = Number.MAX_SAFE_INTEGER
    const content = {users: {[MO]: most}, ban: most, kick: most, events: {'m.room.topic': most}}
    const room = (): Room =>
      bare(version, {additional_creators: [CAROL]})
        .joinRules('rules', 'public')
        .member('mo', MO, 'join')
        .member('carol', CAROL, 'join')
        .power('levels', content)

    test('also additional ones', () => {
      expect(show(room().add('judged', topic(CAROL)))).toBe('accepted')
      expect(show(room().member('judged', MO, 'ban', CAROL))).toBe('accepted')
      expect(show(room().power('judged', {users: {}}, CAROL))).toBe('accepted')
    })

    test('not of each other, and nobody is above them', () => {
      expect(show(room().member('judged', ALICE, 'leave', CAROL))).toContain(rule(version, 'member.leave.refused'))
      expect(show(room().member('judged', CAROL, 'ban', ALICE))).toContain(rule(version, 'member.ban.refused'))
      expect(show(room().member('judged', CAROL, 'leave', MO))).toContain(rule(version, 'member.leave.refused'))
    })

    test('and must not be listed', () => {
      for (const creator of [ALICE, CAROL]) {
        for (const level of [0, 100]) {
          expect(show(room().power('judged', {users: {[creator]: level}}))).toContain(
            rule(version, 'power-levels.lists-creator'),
          )
        }
      }
    })
  })

  test.each(not(ABOVE_ALL))('version %s knows no additional creators', (version) => {
    const room = bare(version, {additional_creators: [CAROL]})
      .joinRules('rules', 'public')
      .member('carol', CAROL, 'join')
    expect(show(room.add('judged', topic(CAROL)))).toContain(rule(version, 'required-power'))
    expect(show(bare(version, {additional_creators: 'x'}))).toBe('accepted')
  })
})
