import {type Baseline, IDENTITY_FIELDS} from '../matrix/device-baseline.ts'
import type {Profile} from '../profile/profile.ts'
import type {ProfileChange} from './setup-request.ts'

/** What is not the same in two states of a profile, secrets masked. Times do not count. */
export function profileChanges(before: Profile, after: Profile): readonly ProfileChange[] {
  const [was, is] = [before.account, after.account]
  return [
    plain('homeserver', before.homeserver, after.homeserver),
    plain('server_name', before.server_name, after.server_name),
    plain('insecure', before.insecure ? 'yes' : 'no', after.insecure ? 'yes' : 'no'),
    plain('user_id', was?.user_id ?? null, is?.user_id ?? null),
    plain('device_id', was?.device_id ?? null, is?.device_id ?? null),
    secret('access_token', was?.access_token ?? null, is?.access_token ?? null),
    secret('admin_token', before.admin_token, after.admin_token),
    plain('signing_key_file', before.signing_key_file, after.signing_key_file),
    plain('databases', before.databases.join(', '), after.databases.join(', ')),
    ...botChanges(before.bot, after.bot),
  ].filter((change) => change !== null)
}

function plain(field: string, before: string | null, after: string | null): ProfileChange | null {
  const shown = (value: string | null): string => (value === null || value === '' ? 'none' : value)
  return shown(before) === shown(after) ? null : {field, before: shown(before), after: shown(after)}
}

function secret(field: string, before: string | null, after: string | null): ProfileChange | null {
  if (before === after) return null
  const now = after === null ? 'not set' : before === null ? 'set' : 'replaced'
  return {field, before: before === null ? 'not set' : 'set', after: now}
}

function botChanges(before: Baseline | null, after: Baseline | null): readonly (ProfileChange | null)[] {
  if (before === null || after === null) return [plain('bot', inShort(before), inShort(after))]
  const cross = (baseline: Baseline): string => (baseline.cross_signed ? 'yes' : 'no')
  return [
    ...IDENTITY_FIELDS.map((field) => plain(`bot.${field}`, before[field], after[field])),
    plain('bot.cross_signed', cross(before), cross(after)),
    // Absent: not told, which is no change.
    ...(before.backup === undefined || after.backup === undefined
      ? []
      : [plain('bot.backup', backupInWords(before.backup), backupInWords(after.backup))]),
    plain('bot.store', storeInWords(before), storeInWords(after)),
  ]
}

function backupInWords(backup: Baseline['backup']): string | null {
  if (backup === null || backup === undefined) return null
  return `version ${backup.version}${backup.public_key === null ? '' : `, ${backup.public_key}`}`
}

function storeInWords({store}: Baseline): string | null {
  if (store === null) return null
  const {path, check} = store
  if (check === null) return path
  return `${path}, checked by ${check.kind === 'file' ? check.path : `the command ${check.command}`}`
}

function inShort(baseline: Baseline | null): string | null {
  return baseline === null ? null : `${baseline.user_id}, device ${baseline.device_id}, ed25519 ${baseline.ed25519}`
}
