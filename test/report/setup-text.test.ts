import {expect, test} from 'vitest'
import {profileChanges} from '../../src/investigate/profile-changes.ts'
import {setupText} from '../../src/report/setup-text.ts'
import {BASELINE, PROFILE} from '../profile/profiles.ts'

test('what has changed is told in words, not by names of fields', () => {
  const other = 'x'.repeat(43)
  const changed = {device_id: 'OTHER', ed25519: other, curve25519: other, master_key: other, self_signing_key: other}
  const bot = {...BASELINE, ...changed, cross_signed: false, backup: null, store: null, user_id: '@b:example.org'}
  const after = {...PROFILE, insecure: true, bot}
  const report = {
    profile: 'bot',
    path: '/profiles/b',
    created: false,
    homeserver: null,
    serverName: null,
    insecure: true,
    account: null,
    admin: false,
    signingKeyFile: null,
    databases: [],
    bot,
    bootstrapped: null,
    changes: profileChanges(PROFILE, after),
    notes: [],
  }
  const text = setupText(report, {color: false, columns: undefined, full: false})
  expect(report.changes.length).toBeGreaterThan(8)
  expect(text).toMatch(/bot: master key of the account +m+ +x+\n/)
  expect(text).toMatch(/bot: verified by its owner +yes +no\n/)
  expect(text).toMatch(/any certificate accepted +no +yes\n/)
  expect(text).not.toMatch(/bot\.\w|cross.signed|user.id/)
})
