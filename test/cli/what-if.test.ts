import {describe, expect, test} from 'vitest'
import {EXIT} from '../../src/cli/exit-codes.ts'
import {publicRoom, topic} from '../rules/build.ts'
import {complaints} from './complaints.ts'
import {Dumps, linesOf, oracleRoom} from './dumps.ts'
import {matrixState} from './program.ts'

const dumps = new Dumps()
const built = publicRoom('10').add('topic', topic()).add('other', topic())
const room = dumps.write('room', linesOf(built))
const parse = (text: string): Record<string, unknown> => JSON.parse(text) as Record<string, unknown>

describe('resolve, what if', () => {
  test.concurrent('what is printed is as the schema says', async () => {
    const fuzz = dumps.write('fuzz', oracleRoom('10-fuzz-5').lines)
    for (const args of [
      [fuzz, '--algorithm', 'v1'],
      [room, '--without', built.id('other'), '--without', built.id('topic'), '--reading', 'spec'],
    ]) {
      const {code, stdout} = await matrixState(['resolve', ...args, '--json'])
      expect([code, complaints('resolve', parse(stdout))]).toEqual([EXIT.done, []])
      expect(parse(stdout)).toHaveProperty('what_if')
    }
  })

  test.concurrent('each event that is left out counts', async () => {
    const told = async (...without: readonly string[]): Promise<unknown> => {
      const flags = without.flatMap((name) => ['--without', built.id(name)])
      return parse((await matrixState(['resolve', room, ...flags, '--json'])).stdout)['what_if']
    }
    const of = {type: 'm.room.topic', state_key: '', value: built.id('other')}
    expect(await told('other')).toMatchObject({differences: [{...of, would_be: built.id('topic')}], verdicts: []})
    expect(await told('other', 'topic')).toMatchObject({differences: [{...of, would_be: null}]})
  })

  test.concurrent('for people', async () => {
    const {code, stdout} = await matrixState(['resolve', room, '--without', built.id('other')])
    expect([code, stdout]).toEqual([EXIT.done, expect.stringContaining('What would differ: 1 slot\n')])
  })

  const states = dumps.write('states', '[[]]')
  test.concurrent.each<[string, readonly string[], number, string]>([
    ['an event that a shell ate', [room, '--without', 'Xyz'], EXIT.usage, 'USAGE'],
    ['an event that is not there', [room, '--without', '$Xyz'], EXIT.failed, 'EVENT_UNKNOWN'],
    ['no such algorithm', [room, '--algorithm', 'v3'], EXIT.usage, 'USAGE'],
    ['an event beside given states', [room, '--states', states, '--without', '$Xyz'], EXIT.usage, 'USAGE'],
    ['a server beside given states', [room, '--states', states, '--inputs-from', 'a'], EXIT.usage, 'USAGE'],
    ['a server of which nothing is recorded', [room, '--inputs-from', 'a'], EXIT.failed, 'RECORD_ABSENT'],
  ])('error: %s', async (_, args, exitCode, code) => {
    const ended = await matrixState(['resolve', ...args, '--json'])
    expect(ended.code).toBe(exitCode)
    expect(complaints('error', parse(ended.stdout))).toEqual([])
    expect(parse(ended.stdout)).toMatchObject({error: {code}})
  })
})
