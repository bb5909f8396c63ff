import type {SetupReport} from '../investigate/setup-request.ts'

/** Ways to evidence that a profile opens, in the order in which they are asked. */
export function profileRoutes(
  report: Pick<SetupReport, 'account' | 'admin' | 'signingKeyFile' | 'databases'>,
): readonly ('database' | 'federation' | 'admin' | 'client')[] {
  return [
    ...(report.databases.length > 0 ? (['database'] as const) : []),
    ...(report.signingKeyFile === null ? [] : (['federation'] as const)),
    ...(report.admin ? (['admin'] as const) : []),
    ...(report.account === null ? [] : (['client'] as const)),
  ]
}

/** `setup --json`: schema `matrix-state/setup/1`. No secrets are in it. */
export function setupDocument(report: SetupReport) {
  const {account, bootstrapped} = report
  return {
    schema: 'matrix-state/setup/1' as const,
    profile: report.profile,
    path: report.path,
    created: report.created,
    homeserver: report.homeserver,
    server_name: report.serverName,
    insecure: report.insecure,
    account:
      account === null ? null : {user_id: account.userId, device_id: account.deviceId, own_login: account.ownLogin},
    admin_token: report.admin ? 'set' : 'not set',
    signing_key_file: report.signingKeyFile,
    databases: report.databases,
    routes: profileRoutes(report),
    bot: report.bot,
    bootstrapped:
      bootstrapped === null
        ? null
        : {master_key: bootstrapped.masterKey, recovery_key_file: bootstrapped.recoveryKeyFile},
    changes: report.changes,
    notes: report.notes,
  }
}
