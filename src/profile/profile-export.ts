import {StateError} from '../errors.ts'
import {type Read, readSmall, reasonOf} from './disk.ts'
import {parseExport} from './parse-profile.ts'
import type {Profile, ProfileExport} from './profile.ts'

/** What of a profile is no secret. Field by field: what a profile may have one day is not exported unseen. */
export function exportOf(profile: Profile): ProfileExport {
  const {created_ts, changed_ts, homeserver, server_name, insecure, account, signing_key_file, databases, bot} = profile
  return {
    schema: 'matrix-state/profile-export/1',
    created_ts,
    changed_ts,
    homeserver,
    server_name,
    insecure,
    account: account === null ? null : {user_id: account.user_id, device_id: account.device_id},
    signing_key_file,
    databases,
    bot,
  }
}

const MAX_BYTES = 2 ** 20
const NO_FILE = {folder: 'it is a folder', special: 'it is not a regular file', 'too-large': 'it is too large'} as const

/**
 * Reads what `profile export` wrote. Its mode does not matter: there is no secret in it.
 *
 * @throws StateError INPUT_NOT_FOUND; PROFILE_UNUSABLE when it is damaged, of a newer schema, or something else
 */
export function openExport(path: string): ProfileExport {
  const file = {path, hint: 'Make it with: matrix-state profile export NAME --output FILE'}
  const unusable = (why: string): StateError =>
    new StateError('PROFILE_UNUSABLE', `${JSON.stringify(path)} cannot be used: ${why}`, {hint: file.hint})
  let read: Read
  try {
    read = readSmall(path, MAX_BYTES)
  } catch (error) {
    throw new StateError('INPUT_NOT_FOUND', `the file ${JSON.stringify(path)} cannot be read: ${reasonOf(error)}`, {
      cause: error,
      hint: 'Check the path.',
    })
  }
  if (read.kind !== 'text') throw unusable(NO_FILE[read.kind])
  return parseExport(new TextDecoder().decode(read.bytes), file)
}
