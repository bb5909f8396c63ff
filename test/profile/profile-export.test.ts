import {chmodSync, mkdirSync, writeFileSync} from 'node:fs'
import {join} from 'node:path'
import {expect, test} from 'vitest'
import {exportOf, openExport} from '../../src/profile/profile-export.ts'
import {newFolder, PROFILE} from './profiles.ts'

test('an export has all but the secrets, even those that a profile may have one day', () => {
  const later = {...PROFILE, account: {...PROFILE.account!, refresh_token: 'syt_SECRET_later'}, later: 'SECRET'}
  const exported = exportOf(later)
  expect(JSON.stringify(exported)).not.toContain('SECRET')
  const {account, admin_token: _1, schema: _2, ...rest} = PROFILE
  const {user_id, device_id} = account!
  expect(exported).toEqual({schema: 'matrix-state/profile-export/1', ...rest, account: {user_id, device_id}})
})

test('what was exported is read again, whatever its mode', () => {
  const path = join(newFolder(), 'bot.json')
  writeFileSync(path, JSON.stringify(exportOf(PROFILE)))
  chmodSync(path, 0o644)
  expect(openExport(path)).toEqual(exportOf(PROFILE))
})

test.each<[string, (path: string) => void, string, string]>([
  ['absent', () => undefined, 'INPUT_NOT_FOUND', 'cannot be read'],
  [
    'a folder',
    (path) => {
      mkdirSync(path)
    },
    'PROFILE_UNUSABLE',
    'it is a folder',
  ],
  [
    'a profile',
    (path) => {
      writeFileSync(path, JSON.stringify(PROFILE))
    },
    'PROFILE_UNUSABLE',
    'but matrix-state/profile',
  ],
  [
    'cut',
    (path) => {
      writeFileSync(path, JSON.stringify(exportOf(PROFILE)).slice(0, -9))
    },
    'PROFILE_UNUSABLE',
    'it is truncated',
  ],
])('%s: refused', (_, make, code, why) => {
  const path = join(newFolder(), 'bot.json')
  make(path)
  expect(() => openExport(path)).toThrow(
    expect.objectContaining({code, message: expect.stringContaining(why) as string}),
  )
})
