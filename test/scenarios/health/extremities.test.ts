/** Forward extremities as servers tell them, and the open ends of the history. */
import {describe, expect, test} from 'vitest'
import type {ToldMarks} from '../../../src/forensics/server-view.ts'
import {healthOf, theOne, viewOf} from '../health.ts'
import {Story} from '../story.ts'

const SERVER = 'hs.example'
const DAY = 86_400_000
const room = (): Story => Story.of('10').power('power', 'alice', {alice: 100}, {auth: ['alice']})
const say = (story: Story, id: string, told: {ts?: number; prev?: readonly string[]} = {}): Story =>
  story.tell(id, 'alice', 'm.room.message', {auth: ['power', 'alice'], ...told})

/** Many events that follow the same one. */
function fan(many: number): {readonly story: Story; readonly ids: readonly string[]} {
  const story = room()
  const ids = Array.from({length: many}, (_, k) => `end${String(k)}`)
  for (const id of ids) say(story, id, {prev: ['power']})
  return {story, ids: ids.map((id) => `$${id}`)}
}

describe('many', () => {
  test('more than ten on a server: a warning that says what it costs', () => {
    const {story, ids} = fan(11)
    const findings = healthOf(story, {views: [viewOf(SERVER, {extremities: ids})]})
    expect(findings).toHaveLength(1)
    const found = theOne(findings, 'server/many-extremities')
    expect(found).toMatchObject({
      severity: 'warning',
      certainty: 'proof',
      subject: {kind: 'server', server: SERVER},
      evidence: [{source: SERVER, value: 11}, {value: '$end0'}, {value: '$end1'}, {value: '$end2'}],
    })
    expect(found.summary).toContain('hs.example has 11 forward extremities, events that it has seen no successor of')
    expect(found.summary).toContain('a new event cites at most 10 to 20 of them')
  })
  test('warnings come before notes', () => {
    const {story, ids} = fan(11)
    say(story, 'twice', {prev: ['power']})
    story.topic('twice2', 'alice', {prev: ['power'], auth: ['power', 'alice', 'alice']})
    const views = [viewOf(SERVER, {extremities: [...ids, '$twice']})]
    expect(healthOf(story, {views}).map(({id}) => id)).toEqual(['server/many-extremities', 'dag/duplicate-auth-events'])
  })
  test('ten are not many', () => {
    const {story, ids} = fan(10)
    expect(healthOf(story, {views: [viewOf(SERVER, {extremities: ids})]})).toEqual([])
    expect(healthOf(story)).toEqual([])
  })
  test('where no server told any: a note on the ends of what is here', () => {
    expect(theOne(healthOf(fan(11).story), 'dag/many-tips')).toMatchObject({
      severity: 'note',
      subject: {kind: 'room'},
      evidence: [{source: 'replay', value: 11}, {value: '$end0'}, {}, {}],
    })
  })
})

describe('old', () => {
  /** A forgotten end, and a hundred events that do not follow it. */
  function forgotten(steps: number, ms: number): Story {
    const story = say(room(), 'old', {ts: DAY})
    for (let k = 0; k < steps; k += 1) {
      say(story, `e${String(k)}`, {ts: DAY + ms, ...(k === 0 ? {prev: ['power']} : {})})
    }
    return story
  }
  const extremities = (steps: number): readonly string[] => ['$old', `$e${String(steps - 1)}`]

  test('far behind the newest, in steps and in time', () => {
    const view = viewOf(SERVER, {extremities: extremities(101)})
    const found = theOne(healthOf(forgotten(101, 3 * DAY), {views: [view]}), 'server/old-extremity')
    expect(found).toMatchObject({severity: 'warning', subject: {server: SERVER}, evidence: [{value: '$old'}]})
    expect(found.summary).toContain('$old is 100 steps and 3 days behind the newest')
  })
  test('not by one of both alone', () => {
    expect(healthOf(forgotten(100, 3 * DAY), {views: [viewOf(SERVER, {extremities: extremities(100)})]})).toEqual([])
    expect(healthOf(forgotten(101, DAY - 1), {views: [viewOf(SERVER, {extremities: extremities(101)})]})).toEqual([])
  })
})

test('unknown: the evidence lacks it', () => {
  const views = [viewOf(SERVER, {extremities: ['$end', '$elsewhere']})]
  const found = theOne(healthOf(say(room(), 'end'), {views}), 'server/unknown-extremity')
  expect(found).toMatchObject({severity: 'warning', subject: {server: SERVER}, evidence: [{value: '$elsewhere'}]})
})

describe('stale: the server has a successor of it', () => {
  const story = say(say(room(), 'first'), 'second')
  const of = (marks: ToldMarks | null, has: boolean | null = true) =>
    healthOf(story, {
      views: [
        viewOf(SERVER, {
          extremities: ['$first', '$second'],
          has: () => has,
          ...(marks === null ? {} : {marks: new Map([['$second', marks]])}),
        }),
      ],
    }).filter(({id}) => id === 'server/stale-extremity')

  test('and accepted it', () => {
    expect(of({rejected: null, softFailed: false})).toMatchObject([
      {
        severity: 'warning',
        subject: {kind: 'server', server: SERVER},
        evidence: [{value: '$first'}, {value: '$first'}],
      },
    ])
  })
  test('a hint where it does not tell whether it soft-failed', () => {
    expect(of(null)).toMatchObject([{severity: 'note', certainty: 'hint'}])
    expect(of({rejected: null})).toMatchObject([{severity: 'note', certainty: 'hint'}])
  })
  test('not if it soft-failed or rejected the successor, has it as an outlier, or may not have it', () => {
    expect(of({softFailed: true})).toEqual([])
    expect(of({rejected: 'auth_error', softFailed: false})).toEqual([])
    expect(of({outlier: true, softFailed: false})).toEqual([])
    expect(of({rejected: null, softFailed: false}, null)).toEqual([])
    expect(of({rejected: null, softFailed: false}, false)).toEqual([])
  })
})

describe('other than the tips of what is here', () => {
  const story = say(say(room(), 'seen'), 'unseen')
  const of = (more: Parameters<typeof viewOf>[1]) =>
    theOne(healthOf(story, {views: [viewOf(SERVER, {extremities: ['$seen'], ...more})]}), 'server/other-extremities')

  test('a server that is behind', () => {
    const found = of({has: (id) => id !== '$unseen'})
    expect(found).toMatchObject({
      severity: 'note',
      subject: {kind: 'server', server: SERVER},
      evidence: [
        {source: 'replay', value: '$unseen'},
        {source: SERVER, value: '$seen'},
      ],
    })
    expect(found.summary).toContain('$unseen has not arrived there; it ends at $seen')
  })
  test('or judged otherwise', () => {
    expect(of({}).summary).toContain('$unseen is not among its ends')
    expect(of({marks: new Map([['$unseen', {softFailed: true}]])}).summary).toContain('$unseen soft-failed there')
    expect(of({marks: new Map([['$unseen', {rejected: 'no'}]])}).summary).toContain('$unseen was rejected there')
  })
  test('is not said where events could not be judged', () => {
    const open = say(say(room(), 'seen'), 'unseen', {prev: ['gone']})
    const views = [viewOf(SERVER, {extremities: ['$unseen']})]
    expect(healthOf(open, {views})).toEqual([])
  })
})
