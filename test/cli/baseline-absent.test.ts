import {mkdtempSync, rmSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {afterEach, beforeEach, expect, test, vi} from 'vitest'
import {preflightFromFlags} from '../../src/cli/preflight-command.ts'
import {PROFILE} from '../profile/profiles.ts'

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'matrix-state-absent-'))
  vi.stubEnv('MATRIX_STATE_PROFILE_DIR', folder)
})
afterEach(() => {
  vi.unstubAllEnvs()
  rmSync(folder, {recursive: true, force: true})
})

test.each([
  ['a login of setup itself, which is not the bot’s', true, / --profile bot --device ID \(/],
  ['a token that was given', false, / --profile bot$/],
])('the line that records a baseline fits %s', async (_name, ownLogin, line) => {
  const profile = {...PROFILE, bot: null, account: {...PROFILE.account, own_login: ownLogin}}
  writeFileSync(join(folder, 'bot.json'), JSON.stringify(profile), {mode: 0o600})
  const flags = {
    profile: 'bot',
    baseline: undefined,
    homeserver: undefined,
    'token-file': undefined,
    store: true,
    timeout: 5,
  }
  const refused = preflightFromFlags(flags, new AbortController().signal)
  await expect(refused).rejects.toMatchObject({code: 'BASELINE_ABSENT', hint: expect.stringMatching(line)})
})
