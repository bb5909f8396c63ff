/** The commands of this program that remedies name are commands that it has, with flags that they take. */
import {Parser} from '@oclif/core'
import {describe, expect, test} from 'vitest'
import Blame from '../../commands/blame.ts'
import CaseRedact from '../../commands/case/redact.ts'
import CaseVerify from '../../commands/case/verify.ts'
import Check from '../../commands/check.ts'
import Devices from '../../commands/devices.ts'
import Diff from '../../commands/diff.ts'
import Explain from '../../commands/explain.ts'
import Fetch from '../../commands/fetch.ts'
import Preflight from '../../commands/preflight.ts'
import ProfileShow from '../../commands/profile/show.ts'
import Resolve from '../../commands/resolve.ts'
import Setup from '../../commands/setup.ts'
import {REMEDIES} from '../../src/forensics/doctor/remedies.ts'

const COMMANDS = {
  blame: Blame,
  'case redact': CaseRedact,
  'case verify': CaseVerify,
  check: Check,
  devices: Devices,
  diff: Diff,
  explain: Explain,
  fetch: Fetch,
  preflight: Preflight,
  'profile show': ProfileShow,
  resolve: Resolve,
  setup: Setup,
}

const lines = [
  ...new Set(
    REMEDIES.flatMap(({steps, check, risk}) => [...steps, check, risk]).flatMap((text) =>
      text.split('`').filter((part, index) => index % 2 === 1 && part.startsWith('matrix-state ')),
    ),
  ),
]
  .filter((line) => line !== 'matrix-state check')
  .map((line) =>
    line
      .replaceAll('{room}', '!id:example.org')
      .replaceAll('{user}', '@bob:example.org')
      .replaceAll('{server}', 'other.org'),
  )

describe('commands that remedies name', () => {
  test('there are some of them', () => {
    expect(lines.length).toBeGreaterThan(20)
  })

  test.each(lines)('%s', async (line) => {
    const [, ...words] = line.split(' ')
    const name = Object.keys(COMMANDS).find((one) => words.join(' ').startsWith(one)) as
      keyof typeof COMMANDS | undefined
    if (name === undefined) throw new Error(`no such command: ${line}`)
    const command = COMMANDS[name]
    const {argv} = await Parser.parse(words.slice(name.split(' ').length), {
      flags: {...command.baseFlags, ...command.flags},
      args: command.args,
      strict: command.strict,
    })
    expect(argv.filter((word) => String(word).startsWith('-'))).toEqual([])
  })
})
