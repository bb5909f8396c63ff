import {exportOf} from '../profile/profile-export.ts'
import type {ListedProfile} from '../profile/profile-file.ts'
import type {OpenedProfile, Profile, ProfileAccount, ProfileExport} from '../profile/profile.ts'
import type {RouteKind} from '../sources/evidence.ts'

/** A profile without its secrets, of which only is said whether they are set. */
export interface ProfileReport extends Omit<ProfileExport, 'schema' | 'account'> {
  readonly name: string
  readonly path: string
  readonly account: Pick<ProfileAccount, 'user_id' | 'device_id' | 'own_login'> | null
  /** Whether there is a server admin's token. */
  readonly hasAdminToken: boolean
  /** Which routes it opens, those that change nothing on a server first. */
  readonly routes: readonly RouteKind[]
}

/** A profile in the list; `problem` says why it cannot be used, and nothing else is known of it then. */
export type ProfileEntry =
  | {readonly name: string; readonly path: string; readonly report: ProfileReport; readonly problem: null}
  | {
      readonly name: string
      readonly path: string
      readonly report: null
      readonly problem: {readonly message: string; readonly hint: string | undefined}
    }

/** All that may be shown of a profile: what may be exported, and which secrets are set. */
export function reportOf({name, path, profile}: OpenedProfile): ProfileReport {
  const {schema: _, ...shown} = exportOf(profile)
  const isOwn = profile.account?.own_login === true
  return {
    name,
    path,
    ...shown,
    account: shown.account === null ? null : {...shown.account, own_login: isOwn},
    hasAdminToken: profile.admin_token !== null,
    routes: routesOf(profile),
  }
}

function routesOf(profile: Profile): readonly RouteKind[] {
  const opens: readonly (readonly [RouteKind, boolean])[] = [
    ['database', profile.databases.length > 0],
    ['federation', profile.signing_key_file !== null],
    ['admin', profile.admin_token !== null],
    ['client', profile.account !== null],
  ]
  return opens.flatMap(([kind, isOpen]) => (isOpen ? [kind] : []))
}

export function entryOf({name, path, opened, problem}: ListedProfile): ProfileEntry {
  if (opened !== null) return {name, path, report: reportOf(opened), problem: null}
  return {name, path, report: null, problem: {message: problem.message, hint: problem.hint}}
}
