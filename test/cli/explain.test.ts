import {describe, expect, test} from 'vitest'
import {EXIT} from '../../src/cli/exit-codes.ts'
import {BOB, CAROL, message, MO, publicRoom, topic} from '../rules/build.ts'
import {complaints} from './complaints.ts'
import {Dumps, linesOf, serverRoom} from './dumps.ts'
import {type HowToRun, matrixState} from './program.ts'

const dumps = new Dumps()
const room = publicRoom('10').add('bad', topic(BOB)).at('carol').add('last', message())
const whole = dumps.write('whole', linesOf(room))
const holed = dumps.write(
  'holed',
  linesOf(room).filter((_, index) => index !== 3),
)
const served = dumps.write('served', serverRoom('rejected-v6').lines)

interface Document {
  readonly schema: string
  readonly answer: string
  readonly verdict: string
  readonly rule: string | null
  readonly complete: boolean
  readonly can?: {readonly answer: string}
}

async function explain(args: readonly string[], how: HowToRun = {}) {
  const {code, stdout, stderr} = await matrixState(['explain', ...args, '--json'], how)
  expect(stderr).toBe('')
  const document = JSON.parse(stdout) as Document
  const schema = document.schema.split('/')[1] ?? ''
  expect(complaints(schema, document)).toEqual([])
  return {code, document}
}

describe('explain', () => {
  test.concurrent('an event: the answer comes first, in a sentence', async () => {
    const {code, stdout, stderr} = await matrixState(['explain', served, '$DDvfMFSZ'])
    expect([code, stderr]).toEqual([EXIT.done, ''])
    expect(stdout.split('\n')[0]).toBe(
      'Rejected by rule 7 of room version 6 (by its auth events): @erin:localhost:28448 has power 0, sending m.room.topic takes 50.',
    )
    expect(stdout).toContain('Rejected is not soft-failed')
    expect(stdout).toContain('- if @erin:localhost:28448 had power 50 (now 0)')
    expect(stdout).not.toContain('does not apply')
    const full = await matrixState(['explain', served, '$DDvfMFSZ', '--full'])
    expect(full.stdout).toContain('does not apply')
  })

  test.concurrent.each<[string, readonly string[], HowToRun, number, Partial<Document>]>([
    ['a rejected event', [whole, room.id('bad')], {}, EXIT.done, {verdict: 'rejected', rule: 'v10:5@auth'}],
    ['a rejected event, --fail-on note', [whole, room.id('bad'), '--fail-on', 'note'], {}, EXIT.findings, {}],
    ['an accepted event', [whole, room.id('last')], {}, EXIT.done, {verdict: 'accepted', rule: null}],
    ['what hangs on a hole', [holed, room.id('last')], {}, EXIT.inconclusive, {verdict: 'undetermined'}],
    ['the hole', [holed, room.id('rules')], {}, EXIT.inconclusive, {complete: false}],
    ['no such event', [whole, '$nothing'], {}, EXIT.failed, {}],
    ['no event at all', [whole], {}, EXIT.usage, {}],
    ['no event ID', [whole, 'topic'], {}, EXIT.usage, {}],
    ['a user who can', [whole, '--can', BOB, 'join'], {}, EXIT.done, {verdict: 'accepted'}],
    ['the other order', [whole, 'join', '--can', BOB], {}, EXIT.done, {verdict: 'accepted'}],
    ['a user who cannot', [whole, '--can', CAROL, 'kick', MO], {}, EXIT.done, {rule: 'v10:4.5.5@auth'}],
    ['a state key', [whole, '--can', CAROL, 'send', 'x.y', '--state-key', ''], {}, EXIT.done, {rule: 'v10:7@auth'}],
    ['no action', [whole, '--can', CAROL], {}, EXIT.usage, {}],
    ['an unknown action', [whole, '--can', CAROL, 'fly'], {}, EXIT.usage, {}],
    ['in a room with a hole', [holed, '--can', BOB, 'join'], {}, EXIT.inconclusive, {complete: false}],
    [
      'a draft from standard input',
      [whole, '--draft', '-'],
      {input: JSON.stringify({...topic(BOB)})},
      EXIT.done,
      {rule: 'v10:5@auth'},
    ],
    [
      'a room from standard input',
      ['-', room.id('bad')],
      {input: `${linesOf(room).join('\n')}\n`},
      EXIT.done,
      {verdict: 'rejected'},
    ],
    ['a draft that is none', [whole, '--draft', '-'], {input: 'hello'}, EXIT.failed, {}],
    ['room and draft from one input', ['-', '--draft', '-'], {}, EXIT.usage, {}],
    ['a draft that is not there', [whole, '--draft', 'nowhere.json'], {}, EXIT.failed, {}],
    [
      'a draft with a byte order mark',
      [whole, '--draft', dumps.write('marked.json', [`\uFEFF${JSON.stringify({...topic(BOB)})}`])],
      {},
      EXIT.done,
      {rule: 'v10:5@auth'},
    ],
    ['--at without a draft', [whole, room.id('last'), '--at', room.id('mo')], {}, EXIT.usage, {}],
    [
      'after an event',
      [whole, '--can', CAROL, 'leave', '--at', room.id('rules')],
      {},
      EXIT.done,
      {verdict: 'rejected'},
    ],
  ])('%s', async (_, args, how, code, expected) => {
    const ended = await explain(args, how)
    expect(ended.code).toBe(code)
    expect(ended.document).toMatchObject(expected)
  })

  test.concurrent.each<[string, readonly string[], string]>([
    ['@:', ['join'], `"@:" is no user ID: no server name follows its ':'`],
    ['@a:b c', ['join'], `"@a:b c" is no user ID: no server name follows its ':'`],
    ['@a', ['join'], `"@a" is no user ID: it lacks ':' and a server name`],
    ['@a\nb:c', ['join'], String.raw`"@a\nb:c" is no user ID: it has control characters`],
    [CAROL, ['ban', 'x'], `"x" is no user ID: it does not begin with '@'`],
    [CAROL, ['ban', '@x:'], `"@x:" is no user ID: no server name follows its ':'`],
    [CAROL, ['ban'], `--can ${CAROL} ban: whom?`],
  ])('refuses %j %j', async (user, action, message) => {
    const {code, stdout, stderr} = await matrixState(['explain', whole, '--can', user, ...action])
    expect([code, stdout]).toEqual([EXIT.usage, ''])
    expect(stderr).toContain(message)
  })

  test.concurrent('says that a beginning is too short', async () => {
    const {code, stderr} = await matrixState(['explain', served, '$DDvfM'])
    expect(code).toBe(EXIT.failed)
    expect(stderr).toContain('"$DDvfM" is too short for the beginning of an event ID')
    expect(stderr).toContain("at least 6 characters after the '$': did you mean '$DDvfMFSZ")
    const other = await matrixState(['explain', served, '$zzz'])
    expect(other.stderr).toContain('no event "$zzz"')
    expect(other.stderr).toContain('at least 6 characters')
  })
})
