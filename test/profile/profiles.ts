import {mkdtempSync, rmSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {afterAll} from 'vitest'
import type {Baseline} from '../../src/matrix/device-baseline.ts'
import type {Profile} from '../../src/profile/profile.ts'

/** What must never be seen anywhere but in the file. */
export const SECRETS = ['syt_SECRET_member', 'syt_SECRET_admin']

export const BASELINE: Baseline = {
  recorded_ts: 1_760_000_000_000,
  user_id: '@bot:example.org',
  device_id: 'BOTDEVICE',
  ed25519: 'e'.repeat(43),
  curve25519: 'c'.repeat(43),
  master_key: 'm'.repeat(43),
  self_signing_key: 's'.repeat(43),
  cross_signed: true,
  backup: {version: '1', public_key: 'b'.repeat(43)},
  store: {path: '/var/lib/bot/store', check: {kind: 'file', path: '/var/lib/bot/device.key'}},
}

export const PROFILE: Profile = {
  schema: 'matrix-state/profile/1',
  created_ts: 1_760_000_000_000,
  changed_ts: 1_760_000_000_001,
  homeserver: 'https://matrix.example.org',
  server_name: 'example.org',
  insecure: false,
  account: {
    user_id: '@bot:example.org',
    device_id: 'MSDEVICE',
    access_token: 'syt_SECRET_member',
    own_login: true,
  },
  admin_token: 'syt_SECRET_admin',
  signing_key_file: '/etc/synapse/signing.key',
  databases: ['sqlite:/var/lib/synapse/homeserver.db'],
  bot: BASELINE,
}

const folders: string[] = []
// Registered when the file of tests is read: within a test it would never be called.
afterAll(() => {
  for (const folder of folders.splice(0)) rmSync(folder, {recursive: true, force: true})
})

/** A new folder, gone after the tests of the file. */
export function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'matrix-state-profile-'))
  folders.push(folder)
  return folder
}
