/** Depths, dates, gaps, and servers that went away. */
import {describe, expect, test} from 'vitest'
import {healthOf, theOne, viewOf} from '../health.ts'
import {Story} from '../story.ts'

const room = (version: string): Story =>
  Story.of(version)
    .power('power', 'alice', version === '12' ? {} : {alice: 100}, {auth: ['alice']})
    .joinRule('open', 'alice', 'public', {auth: ['power', 'alice']})
    .member('bob', 'bob', 'join', {auth: ['power', 'open']})
const say = (story: Story, id: string, sender: string, told: {ts?: number; prev?: string[]; depth?: number | bigint}) =>
  story.tell(id, sender, 'm.room.message', {auth: ['power', sender], ...told})

describe('depths', () => {
  test.each([
    ['1', 'warning'],
    ['2', 'note'],
    ['6', 'note'],
    ['12', 'note'],
  ])('version %s: one that is not the next is a %s on its server, by how much', (version, severity) => {
    const story = say(room(version), 'high', 'bob', {depth: 1000})
    say(story, 'higher', 'bob', {depth: 1002})
    say(story, 'next', 'alice', {})
    const found = theOne(healthOf(story), 'dag/wrong-depth')
    expect(found).toMatchObject({severity, subject: {kind: 'server', server: 'bob.example'}})
    expect(found.summary).toContain('gave 2 events a wrong depth, by up to 994 too great ($high)')
    expect(found.evidence.at(-1)).toEqual({source: 'replay', where: 'depth of $high', value: '1000'})
  })
  test('one that is too small', () => {
    const found = theOne(healthOf(say(room('6'), 'low', 'bob', {depth: 1})), 'dag/wrong-depth')
    expect(found.summary).toContain('by up to 5 too small')
  })
  test('at the greatest depth that there is every later event has it', () => {
    const story = say(room('5'), 'top', 'bob', {depth: 2n ** 63n - 1n})
    say(story, 'after', 'alice', {depth: 2n ** 63n - 1n})
    const found = theOne(healthOf(story), 'dag/wrong-depth')
    expect(found).toMatchObject({subject: {server: 'bob.example'}})
    expect(found.evidence.at(-1)?.value).toBe('9223372036854775807')
    const six = say(room('6'), 'top', 'bob', {depth: Number.MAX_SAFE_INTEGER})
    say(six, 'after', 'alice', {depth: Number.MAX_SAFE_INTEGER})
    expect(theOne(healthOf(six), 'dag/wrong-depth').subject).toMatchObject({server: 'bob.example'})
  })
  test('beyond what a double holds neighbours are not accused', () => {
    const story = say(room('5'), 'far', 'bob', {depth: 2n ** 53n + 1n})
    say(story, 'next', 'alice', {depth: 2n ** 53n + 2n})
    expect(theOne(healthOf(story), 'dag/wrong-depth').subject).toMatchObject({server: 'bob.example'})
  })
  test('nothing is known below a gap, nor of test data without depths', () => {
    expect(healthOf(say(room('6'), 'after', 'bob', {prev: ['gone'], depth: 1000}))).toEqual([])
    const bare = say(room('6'), 'bare', 'bob', {depth: 0})
    expect(healthOf(bare, {trustIds: true})).toEqual([])
    expect(healthOf(bare)).toHaveLength(1)
  })
})

const HOUR = 3_600_000

describe('dates', () => {
  test('a server whose events are older than what they follow', () => {
    const story = say(room('10'), 'a', 'alice', {ts: 10 * HOUR})
    say(story, 'b', 'bob', {ts: 7 * HOUR})
    story.member('carol', 'carol', 'join', {auth: ['power', 'open'], ts: 10 * HOUR})
    say(story, 'c', 'bob', {ts: 8 * HOUR})
    const findings = healthOf(story)
    const found = theOne(findings, 'server/clock-skew')
    expect(findings).toHaveLength(1)
    expect(found).toMatchObject({severity: 'note', certainty: 'hint', subject: {kind: 'server', server: 'bob.example'}})
    expect(found.summary).toBe(
      'The clock of bob.example seems to be off: 2 events dated before events that they follow, by up to 3 hours',
    )
    expect(found.evidence.map(({value}) => value)).toEqual(['$b', '$c'])
  })
  test('a server whose clock is ahead is named, not those that answer it', () => {
    const story = say(room('10'), 'a', 'bob', {ts: 10 * HOUR})
    say(story, 'b', 'alice', {ts: HOUR})
    story.member('carol', 'carol', 'join', {auth: ['power', 'open'], prev: ['a'], ts: HOUR})
    const found = theOne(healthOf(story), 'server/clock-skew')
    expect(found.subject).toMatchObject({server: 'bob.example'})
    expect(found.summary).toContain(
      'events of it are dated after 2 events of others that follow them, by up to 9 hours',
    )
  })
  test('of two that contradict each other only, nobody can tell which', () => {
    const story = say(room('10'), 'a', 'alice', {ts: 10 * HOUR})
    say(story, 'b', 'bob', {ts: HOUR})
    expect(theOne(healthOf(story), 'server/clock-skew').summary).toMatch(
      /^The clock of bob\.example seems to be off: 1 event dated before .*, or it is the clock of alice\.example that is off$/,
    )
  })
  test('ten minutes are tolerated', () => {
    const story = say(room('10'), 'a', 'alice', {ts: HOUR + 600_000})
    expect(healthOf(say(story, 'b', 'bob', {ts: HOUR}))).toEqual([])
    expect(healthOf(say(story, 'c', 'bob', {ts: HOUR - 1, prev: ['a']}))).toHaveLength(1)
  })
  test('the future: of the gathering, or of a server that received the event', () => {
    const story = say(room('10'), 'late', 'bob', {ts: 10 * HOUR})
    expect(healthOf(story, {nowMs: 10 * HOUR})).toEqual([])
    const found = theOne(healthOf(story, {nowMs: 2 * HOUR}), 'server/clock-skew')
    expect(found).toMatchObject({certainty: 'strong', subject: {server: 'bob.example'}})
    expect(found.summary).toContain('1 event dated in the future, by up to 8 hours, when the evidence was gathered')
    const view = viewOf('alice.example', {marks: new Map([['$late', {receivedTs: 9 * HOUR}]])})
    expect(theOne(healthOf(story, {views: [view]}), 'server/clock-skew').summary).toContain(
      'by up to 1 hour, when alice.example received',
    )
  })
})

describe('gaps', () => {
  test('missing events that are cited close to each other are one region', () => {
    const story = room('10')
    say(story, 'x', 'bob', {prev: ['lost1', 'lost2'], depth: 500, ts: 5 * HOUR})
    say(story, 'y', 'bob', {prev: ['x', 'lost3'], depth: 505, ts: 6 * HOUR})
    const findings = healthOf(story)
    expect(findings).toHaveLength(1)
    const found = theOne(findings, 'dag/missing-region')
    expect(found).toMatchObject({severity: 'note', cause: 'prev-events', subject: {kind: 'room'}})
    expect(found.summary).toContain(
      '3 events, cited by events of depths 500 to 505 (1970-01-01 05:00 to 1970-01-01 06:00)',
    )
    expect(found.summary).toContain('the next older event here has depth 5')
    expect(found.evidence).toMatchObject([
      {where: 'prev event of $x', value: '$lost1'},
      {where: 'line 6'},
      {where: 'prev event of $x', value: '$lost2'},
      {where: 'line 6'},
      {where: 'prev event of $y', value: '$lost3'},
      {where: 'line 7'},
    ])
  })
  test('those far apart are not', () => {
    const story = room('10')
    say(story, 'x', 'bob', {prev: ['lost1', 'lost2'], depth: 500})
    say(story, 'y', 'bob', {prev: ['x', 'lost3', 'lost4'], depth: 511})
    expect(healthOf(story).map(({id}) => id)).toEqual(['dag/missing-region', 'dag/missing-region'])
  })
  test('what is cited as both is a prev event', () => {
    const story = room('10').topic('t', 'alice', {auth: ['power', 'lost1', 'lost2'], depth: 6})
    say(story, 'x', 'bob', {prev: ['lost1', 'lost2'], depth: 9})
    const findings = healthOf(story)
    expect(findings).toHaveLength(1)
    expect(theOne(findings, 'dag/missing-region').cause).toBe('prev-events')
  })
  test('auth events are told apart, and one missing event alone has its own finding', () => {
    const one = say(room('10'), 'x', 'bob', {prev: ['lost'], depth: 9})
    expect(healthOf(one)).toEqual([])
    const story = room('10').topic('t', 'alice', {auth: ['power', 'gone1', 'gone2']})
    const found = theOne(healthOf(story), 'dag/missing-region')
    expect(found).toMatchObject({cause: 'auth-events'})
    expect(found.summary).toContain('2 events that others cite as auth events are missing')
  })
})

describe('a server that sends nothing any more', () => {
  /** Bob writes for a while, every second event; then only Alice does. */
  function silence(events: number, after: number): Story {
    const story = room('10')
    for (let k = 0; k < events; k += 1) say(story, `b${String(k)}`, k % 2 === 0 ? 'bob' : 'alice', {})
    for (let k = 0; k < after; k += 1) say(story, `a${String(k)}`, 'alice', {})
    return story
  }
  test('although its users are still joined', () => {
    const found = theOne(healthOf(silence(40, 60)), 'server/vanished')
    expect(found).toMatchObject({severity: 'note', certainty: 'hint', subject: {kind: 'server', server: 'bob.example'}})
    expect(found.summary).toContain('has sent nothing for the last 61 events of the room, after 21 events of its own')
    expect(found.summary).toContain('1 user of it is still joined')
  })
  test('not after a short while, nor if it never said much', () => {
    expect(healthOf(silence(40, 30))).toEqual([])
    expect(healthOf(silence(0, 90))).toEqual([])
    expect(healthOf(silence(200, 60))).toEqual([])
  })
  test('not if its users left', () => {
    const story = silence(40, 1).member('alice', 'bob', 'leave', {id: 'kick', auth: ['power', 'alice', 'bob']})
    for (let k = 0; k < 60; k += 1) say(story, `c${String(k)}`, 'alice', {})
    expect(healthOf(story)).toEqual([])
  })
})
