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

/** All that may be shown of a profile. Field by field: what a profile may have one day is not shown unseen. */
export function reportOf({name, path, profile}: OpenedProfile): ProfileReport {
  const {created_ts, changed_ts, homeserver, server_name, insecure, account, signing_key_file, databases, bot} = profile
  return {
    name,
    path,
    created_ts,
    changed_ts,
    homeserver,
    server_name,
    insecure,
    account:
      account === null ? null : {user_id: account.user_id, device_id: account.device_id, own_login: account.own_login},
    hasAdminToken: profile.admin_token !== null,
    signing_key_file,
    databases,
    bot,
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
