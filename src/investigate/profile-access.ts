import {StateError} from '../errors.ts'
import type {OpenedProfile} from '../profile/profile.ts'
import type {FetchAccess} from './route-access.ts'

/**
 * The address of the homeserver that is asked when a profile is used: always the profile's, where it has one.
 *
 * @param typed - another address, or the same in other words; a server name is the same if it is the profile's
 * @param how - how that was typed, for messages
 * @returns `undefined` where neither has one
 * @throws StateError USAGE for another address: a token of a profile is sent nowhere but where it is from, nor is another server's sent there
 */
export async function homeserverOf(
  {name, profile}: OpenedProfile,
  typed: string | undefined,
  how = '--homeserver',
): Promise<string | undefined> {
  const {homeserver, server_name: serverName} = profile
  if (typed === undefined || homeserver === null) return homeserver ?? typed
  const {parseHomeserver} = await import('../sources/client-address.ts')
  const address = parseHomeserver(typed)
  const isSame = address.guessed && typed.trim() === serverName
  if (isSame || address.baseUrl === parseHomeserver(homeserver).baseUrl) return homeserver
  throw new StateError('USAGE', `${how} is another address than that of the profile ${name}, which is ${homeserver}`, {
    hint: `If the server has moved: matrix-state setup --modify --profile ${name} --homeserver ${address.baseUrl}. To ask another one, leave the profile out${how === '--homeserver' ? '' : `, or unset ${how}`}.`,
  })
}

/**
 * Adds what a profile gives access to. What was given beside it comes first, and databases are added.
 *
 * @param access - `homeserver` is what `homeserverOf` gave
 * @param options - `secrets: false` takes no tokens, where nobody will be asked
 */
export function withProfile(
  access: FetchAccess,
  {profile}: Pick<OpenedProfile, 'profile'>,
  {secrets}: {readonly secrets: boolean},
): FetchAccess {
  const {account, admin_token: ofAdmin, signing_key_file: keyFile, server_name: ownName, homeserver} = profile
  const isAsked = secrets && homeserver !== null && access.homeserver === homeserver
  const wants = (kind: 'client' | 'admin'): boolean => access.from?.includes(kind) ?? true
  const accessToken = access.accessToken ?? (isAsked && wants('client') ? account?.access_token : undefined)
  const adminToken = access.adminToken ?? (isAsked && wants('admin') ? (ofAdmin ?? undefined) : undefined)
  const signingKeyFile = access.signingKeyFile ?? keyFile ?? undefined
  const serverName = access.serverName ?? (access.signingKeyFile === undefined && keyFile !== null ? ownName : null)
  return {
    ...access,
    databases: [...new Set([...profile.databases, ...(access.databases ?? [])])],
    insecure: access.insecure === true || profile.insecure,
    ...(accessToken === undefined ? {} : {accessToken}),
    ...(adminToken === undefined ? {} : {adminToken}),
    ...(signingKeyFile === undefined ? {} : {signingKeyFile}),
    ...(serverName === null ? {} : {serverName}),
  }
}
