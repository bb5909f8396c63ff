import {describe, expect, test} from 'vitest'
import {EXIT} from '../../src/cli/exit-codes.ts'
import {BOB, message, publicRoom, topic} from '../rules/build.ts'
import {complaints} from './complaints.ts'
import {Dumps, linesOf, oracleRoom, serverRoom} from './dumps.ts'
import {matrixState} from './program.ts'

const dumps = new Dumps()
const served = (name: string): string => dumps.write(name, serverRoom(name).lines)
const conflict10 = served('conflict-v10')
const conflict1 = served('conflict-v1')
const creators = served('creators-v12')
const CAROL = '@carol:localhost:18448'
const ERIN = '@erin:localhost:28448'
const ZOE = '@zoe:localhost:28448'

interface Brief {
  readonly event_id: string
  readonly sender: string
  readonly value: string
}
interface Entry {
  readonly kind: string
  readonly event?: Brief
  readonly rule?: string | null
  readonly at?: Brief | null
  readonly result?: Brief | null
  readonly decided?: string
  readonly branches?: readonly {readonly value: Brief | null}[]
  readonly candidates?: readonly {readonly event: Brief; readonly outcome: string; readonly rule: string | null}[]
  readonly reset?: {readonly cause: string; readonly expected: boolean; readonly root: {readonly event: Brief}} | null
}
interface Document {
  readonly type: string
  readonly state_key: string
  readonly complete: boolean
  readonly now: Brief | null
  readonly now_unknown?: true
  readonly entries: readonly Entry[]
  readonly left_out: number
  readonly findings: readonly {readonly id: string; readonly cause?: string}[]
}

/** Runs `blame --json`, which must print a document by its schema and nothing else. */
async function blame(...args: readonly string[]) {
  const {code, stdout, stderr} = await matrixState(['blame', ...args, '--json'])
  expect(stderr).toBe('')
  const document = JSON.parse(stdout) as Document
  expect(complaints('blame', document)).toEqual([])
  return {code, document}
}

const told = ({kind, event, result, reset}: Entry): string =>
  [kind, event?.value ?? result?.value ?? 'nothing', reset?.cause].filter((part) => part !== undefined).join(' ')

describe('blame on rooms of real servers', () => {
  test.concurrent('conflict-v10: what happened to Carol, who did it, and what to do', async () => {
    const {code, stdout, stderr} = await matrixState(['blame', conflict10, CAROL])
    expect([code, stderr]).toEqual([EXIT.done, ''])
    for (const part of [
      `The membership of ${CAROL} (m.room.member)`,
      'Now      no membership',
      '→ no membership (RESET, see below)',
      'changed rules [concurrent-rule-change]',
      `1 error: the membership of ${CAROL} was lost or set back where branches were merged.`,
      `The ban of ${CAROL} by @bob:localhost:28448 ($Xt9lLivjLY…) was checked again and thrown out`,
      `The join of ${CAROL} ($Ox3Hc-SH82…) was checked again and thrown out as well: the join rule is invite`,
      'It began with the power levels set by @alice:localhost:18448 ($6bBhLiqLWD…)',
      'an upgrade would not have prevented this',
      '→ To have the user back, invite them',
      '1 merge without a conflict: --full shows all',
    ]) {
      expect(stdout).toContain(part)
    }
    const full = await matrixState(['blame', conflict10, CAROL, '--full'])
    expect(full.stdout).toContain('decided: no conflict, since it was sent knowing the others')
    expect(full.stdout).toContain('$Xt9lLivjLY')
    expect(full.stdout).not.toContain('…')
  })

  test.concurrent('the same for programs', async () => {
    const {code, document} = await blame(conflict10, 'm.room.member', CAROL)
    expect(code).toBe(EXIT.done)
    expect(document).toMatchObject({type: 'm.room.member', state_key: CAROL, complete: true, now: null, left_out: 1})
    expect(document.entries.map(told)).toEqual(['set join', 'set ban', 'merge nothing concurrent-rule-change'])
    const merge = document.entries.at(-1)
    expect(merge).toMatchObject({decided: 'none-valid', reset: {expected: false}})
    expect(merge?.candidates?.map(({event, outcome, rule}) => [event.value, outcome, rule])).toEqual([
      ['ban', 'failed', 'v10:4.6.3@before'],
      ['join', 'failed', 'v10:4.3.7@before'],
    ])
    expect(document.findings.map(({id, cause}) => [id, cause])).toEqual([['state/reset', 'concurrent-rule-change']])
    const full = await blame(conflict10, CAROL, '--full')
    expect(full.document.left_out).toBe(0)
    expect(full.document.entries).toHaveLength(4)
  })

  test.concurrent('creators-v12: Erin drops out at one merge, and the next brings her back', async () => {
    const {document} = await blame(creators, ERIN)
    expect(document.entries.map(told)).toEqual([
      'set join',
      'set ban',
      'merge nothing concurrent-rule-change',
      'merge join',
    ])
    expect(document.now).toMatchObject({value: 'join', sender: ERIN})
    const {stdout} = await matrixState(['blame', creators, ERIN])
    expect(stdout).toContain('None needed in the room itself: the slot has a value again.')
    expect(stdout).toContain(' ●set      join')
  })

  test.concurrent('the power levels of conflict-v10: what else fell by them', async () => {
    const {document} = await blame(conflict10, 'm.room.power_levels')
    const fell = document.findings.map(({id}) => id)
    expect(fell).toContain('state/reset')
    const {stdout} = await matrixState(['blame', conflict10, 'm.room.power_levels'])
    expect(stdout).toMatch(/also fell by this: .*the join rule/)
  })

  test.concurrent('a revocation is no reset', async () => {
    const {code, document} = await blame(conflict10, ZOE, '--fail-on', 'warning')
    expect(code).toBe(EXIT.done)
    expect(document.entries.filter(({kind}) => kind === 'merge').every(({reset}) => reset?.expected)).toBe(true)
    expect((await blame(conflict10, CAROL, '--fail-on', 'error')).code).toBe(EXIT.findings)
  })

  test.concurrent('version 1: Carol is kept', async () => {
    const {document} = await blame(conflict1, CAROL)
    expect(document.now).not.toBeNull()
    expect(document.findings.filter(({id}) => id === 'state/reset')).toEqual([])
  })

  test.concurrent.each(['1-fuzz-5', '6-fuzz-11', '12-fuzz-15'])('%s: every slot by its schema', async (name) => {
    const file = dumps.write(name, oracleRoom(name).lines)
    for (const type of ['m.room.power_levels', 'm.room.join_rules', 'm.room.topic']) {
      const {code, document} = await blame(file, type, '--full')
      expect([code, document.type]).toEqual([EXIT.done, type])
    }
  })
})

describe('blame on other rooms', () => {
  const room = publicRoom('10').add('topic', topic()).add('bad', topic(BOB)).at('topic').add('last', message())
  const whole = dumps.write('whole', linesOf(room))

  test.concurrent('a rejected event stands there with its rule, and changed nothing', async () => {
    const {document} = await blame(whole, 'm.room.topic')
    expect(document.entries.map(({kind, rule}) => [kind, rule])).toEqual([
      ['set', null],
      ['rejected', 'v10:5@auth'],
    ])
    expect(document.now?.event_id).toBe(room.id('topic'))
    const {stdout} = await matrixState(['blame', whole, 'm.room.topic'])
    expect(stdout).toMatch(/rejected .*@bob:b\.example/)
    expect(stdout).not.toMatch(/rule v10:[\d.]+@/)
  })

  test.concurrent('the tips are a merge, too', async () => {
    const forked = publicRoom('10')
      .add('one', topic())
      .add('two', {...topic(), prev: ['carol']})
    const {document} = await blame(dumps.write('forked', linesOf(forked)), 'm.room.topic')
    expect(document.entries.map(told)).toEqual(['set a topic', 'set a topic', 'merge a topic'])
    expect(document.entries.at(-1)).toMatchObject({at: null, result: {event_id: document.now?.event_id}})
  })

  test.concurrent('a room with a hole is not told as whole', async () => {
    const holed = dumps.write(
      'holed',
      linesOf(room).filter((_, index) => index !== 3),
    )
    const {code, document} = await blame(holed, 'm.room.topic')
    expect(code).toBe(EXIT.inconclusive)
    expect(document).toMatchObject({complete: false, now: null, now_unknown: true})
    const {stdout} = await matrixState(['blame', holed, 'm.room.topic'])
    expect(stdout).toContain('Now      cannot be determined')
    expect(stdout).toContain(
      'Incomplete: 1 event that others cite is missing; 1 event of the slot could not be judged; what is missing may',
    )
  })

  test.concurrent('of a slot that nothing here set, a room with a hole says that it cannot be known', async () => {
    const holed = dumps.write(
      'holed twice',
      linesOf(room).filter((_, index) => index !== 3),
    )
    const {code, document} = await blame(holed, '@nobody:a.example')
    expect(code).toBe(EXIT.inconclusive)
    expect(document).toMatchObject({
      ...{type: 'm.room.member', state_key: '@nobody:a.example', complete: false, missing: 1},
      ...{now: null, now_unknown: true, entries: [], findings: []},
    })
    const {stdout} = await matrixState(['blame', holed, 'm.room.nothing'])
    expect(stdout).toContain('Now      cannot be determined')
    expect(stdout).toContain('No event that is here ever set it; whether one did cannot be known. Types in this room: ')
    expect(stdout).toContain('Incomplete: 1 event that others cite is missing; ')
    // Which of several slots is meant is another question.
    const ambiguous = await matrixState(['blame', holed, 'm.room.member'])
    expect([ambiguous.code, ambiguous.stderr.includes('write one behind the type')]).toEqual([EXIT.failed, true])
  })

  test.concurrent.each<[string, readonly string[], string]>([
    ['a type that no event has', ['m.room.tpic'], 'Types in this room: '],
    ['part of a type', ['m.room.join'], 'Types in this room: m.room.join_rules.'],
    ['a user who never was there', ['@nobody:a.example'], 'The type has 3 state keys, such as '],
    ['no state key where there are many', ['m.room.member'], 'write one behind the type'],
  ])('%s: a hint', async (_, args, hint) => {
    const {code, stderr} = await matrixState(['blame', whole, ...args])
    expect(code).toBe(EXIT.failed)
    expect(stderr).toContain('no event of the room ever set')
    expect(stderr).toContain(hint)
    const {stdout} = await matrixState(['blame', whole, ...args, '--json'])
    const document = JSON.parse(stdout) as {readonly error: {readonly code: string}}
    expect(complaints('error', document)).toEqual([])
    expect(document.error.code).toBe('SLOT_UNKNOWN')
  })

  test.concurrent('what others wrote cannot drive the terminal', async () => {
    const evil = '\u001b[2J\u202e\r\n\u0007'
    const hostile = publicRoom('10')
      .add('evil', {type: `x.y${evil}`, state_key: evil, content: {topic: evil}})
      .add('name', {type: 'm.room.name', state_key: '', content: {name: `Name${evil}`}})
    const file = dumps.write('hostile', linesOf(hostile))
    for (const args of [[`x.y${evil}`, evil], ['m.room.name'], [`nothing${evil}`]]) {
      const {stdout, stderr} = await matrixState(['blame', file, ...args])

      expect(stdout + stderr).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u202e]/)
      expect((stdout + stderr).length).toBeGreaterThan(20)
    }
  })

  test.concurrent('without a type it says how it is used', async () => {
    expect((await matrixState(['blame', whole])).code).toBe(EXIT.usage)
  })
})
