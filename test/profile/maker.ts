/**
 * A run of its own that makes a profile: `maker.ts FOLDER NAME [reserve]`. It says `reserved`, and commits when it is written a line. Its last
 * word is `done`, or the code of the error.
 */
import {createInterface} from 'node:readline'
import {StateError} from '../../src/errors.ts'
import {reserveProfile} from '../../src/profile/profile-file.ts'
import type {Profile} from '../../src/profile/profile.ts'

const [, , folder = '', name = '', user = '@u:example.org'] = process.argv
const say = (text: string): void => void process.stdout.write(`${text}\n`)
const profile: Profile = {
  schema: 'matrix-state/profile/1',
  created_ts: 1,
  changed_ts: 1,
  homeserver: 'https://example.org',
  server_name: 'example.org',
  insecure: false,
  account: {user_id: user, device_id: 'D', access_token: 'syt_SECRET_of_maker', own_login: true},
  admin_token: null,
  signing_key_file: null,
  databases: [],
  bot: null,
}
try {
  const draft = reserveProfile(name, folder)
  say('reserved')
  const lines = createInterface({input: process.stdin})
  for await (const _ of lines) break
  draft.commit(profile)
  say('done')
} catch (error) {
  say(error instanceof StateError ? `${error.code} ${error.message}` : `other: ${String(error)}`)
}
process.exit(0)
