import type {ProfileEntry, ProfileReport} from '../investigate/profile-report.ts'
import type {RemovedProfile} from '../investigate/remove-profile.ts'

/** `profile list --json`. */
export function profileListDocument(folder: string, entries: readonly ProfileEntry[]) {
  return {
    schema: 'matrix-state/profile-list/1' as const,
    folder,
    profiles: entries.map(({name, path, report, problem}) => ({
      name,
      path,
      user_id: report?.account?.user_id ?? null,
      device_id: report?.account?.device_id ?? null,
      homeserver: report?.homeserver ?? null,
      server_name: report?.server_name ?? null,
      routes: report?.routes ?? [],
      bot_device_id: report?.bot?.device_id ?? null,
      problem:
        problem === null
          ? null
          : {message: problem.message, ...(problem.hint === undefined ? {} : {hint: problem.hint})},
    })),
  }
}

/** `profile show --json`. */
export function profileShowDocument(report: ProfileReport) {
  const {name, path, hasAdminToken, routes, created_ts, changed_ts, homeserver, server_name, insecure, account} = report
  return {
    schema: 'matrix-state/profile-show/1' as const,
    name,
    path,
    created_ts,
    changed_ts,
    homeserver,
    server_name,
    insecure,
    account: account === null ? null : {...account, has_access_token: true},
    has_admin_token: hasAdminToken,
    signing_key_file: report.signing_key_file,
    databases: report.databases,
    bot: report.bot,
    routes,
  }
}

/** `profile remove --json`. */
export function profileRemoveDocument({name, path, loggedOut, stays, staysUnknown, linkedFile}: RemovedProfile) {
  return {
    schema: 'matrix-state/profile-remove/1' as const,
    name,
    path,
    logged_out: loggedOut,
    still_logged_in: stays,
    still_logged_in_unknown: staysUnknown,
    linked_file: linkedFile,
  }
}
