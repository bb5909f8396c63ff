import {chmodSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync} from 'node:fs'
import type {BotWorld} from './bot-world.ts'
import {equal} from './checking.ts'
import type {Running} from './checking.ts'
import {recordArgs} from './bot-checks.ts'

/** One way of spoiling a profile file. */
interface Damage {
  readonly what: string
  readonly spoil: (file: string, text: string) => void
  /** Said of it, among other words. */
  readonly said: RegExp
}

const rewrite = (change: (text: string) => string) => (file: string, text: string) => {
  writeFileSync(file, change(text))
}

const DAMAGES: readonly Damage[] = [
  {what: 'truncated', spoil: rewrite((text) => text.slice(0, text.length / 2)), said: /truncated|ends in the middle/u},
  {what: 'empty', spoil: rewrite(() => ''), said: /empty|truncated|JSON/u},
  {what: 'overwritten', spoil: rewrite((text) => `\0\0${text.slice(2)}`), said: /JSON/u},
  {what: 'without a field', spoil: rewrite((text) => text.replace('"ed25519"', '"ed25518"')), said: /ed25519/u},
  {
    what: 'of a newer schema',
    spoil: rewrite((text) => text.replace('matrix-state/profile/1', 'matrix-state/profile/2')),
    said: /newer/u,
  },
  {what: 'readable by everybody', spoil: (file) => chmodSync(file, 0o644), said: /chmod 600/u},
  {
    what: 'a folder',
    spoil: (file) => {
      rmSync(file)
      mkdirSync(file)
    },
    said: /folder|directory/u,
  },
  {
    what: 'a link to nothing',
    spoil: (file) => {
      rmSync(file)
      symlinkSync('/nonexistent/profile.json', file)
    },
    said: /link/u,
  },
]

/** Profile files that cannot be used, each told as what it is. */
export async function checkProfiles({check}: Running, world: BotWorld): Promise<void> {
  await check('bots: a third bot is set up', async () => {
    const {bot} = await world.verifiedBot('dora', 'DORA')
    await world.expect(0, recordArgs(world, bot, 'dora'))
  })
  const file = world.profileFile('dora')
  for (const {what, spoil, said} of DAMAGES) {
    await check(`bots: a profile that is ${what}`, async () => {
      const text = readFileSync(file, 'utf8')
      try {
        spoil(file, text)
        const {stdout, stderr} = await world.expect(4, ['preflight', '--profile', 'dora', '--json'])
        const {error} = JSON.parse(stdout) as {error: {code: string; message: string; hint?: string}}
        equal('code', error.code, 'PROFILE_UNUSABLE')
        const told = `${error.message} ${error.hint ?? ''}`
        if (!said.test(told)) throw new Error(`it says: ${told}`)
        const tokens = world.server.secrets.filter((secret) => `${stdout}${stderr}`.includes(secret))
        equal('secrets told', tokens.length, 0)
        // Whatever it is, setup does not take it for nothing.
        await world.expect(6, ['setup', '--profile', 'dora', '--homeserver', world.server.baseUrl], {
          env: {MATRIX_STATE_TOKEN: world.server.secrets.at(-1)!},
        })
        return error.message
      } finally {
        rmSync(file, {recursive: true, force: true})
        writeFileSync(file, text, {mode: 0o600})
      }
    })
  }
  await check('bots: the profile as it was is good again', async () => {
    equal('errors', (await world.preflight(0, 'dora')).join(), '')
  })
}
