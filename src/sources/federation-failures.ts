import {StateError} from '../errors.ts'
import type {Failure} from './client-failures.ts'

/**
 * A failure in the words of federation: what a server answers is the same for all routes, but what to do about it is not.
 *
 * @param reached - how the server was found, as discovery's trail tells it; empty where nothing was looked up
 */
export function asFederationFailure(failure: Failure, reached: readonly string[]): Failure {
  const {persistence, error} = failure
  const message = error.message.replace('not as the Matrix client API does', 'not as a Matrix homeserver does')
  const found = reached.length === 0 ? '' : ` It was found this way: ${reached.join('; ')}.`
  const hint = `${hintFor(error)}${found}`
  return {persistence, error: new StateError(error.code, message, {cause: error.cause, hint})}
}

function hintFor({message, hint = ''}: StateError): string {
  if (message.includes(', a redirect to '))
    return 'Signed requests are not sent after a redirect: this is not the federation port.'
  if (hint.includes('plain HTTP')) return 'Check the port: other servers are spoken to by HTTPS only.'
  if (/--homeserver|the client API/u.test(hint)) {
    return 'Check the server’s name, its well-known file, its SRV records and its federation port (8448 by default).'
  }
  return hint
}

/**
 * What a refusal means that holds for the whole room or the whole server; `null` when it concerns the one request only.
 *
 * @param asking - `roomId` is `null` where a refusal may concern one event or one user only
 * @param said - the server's own words, fit to be shown
 */
export function routeRefusal(
  asking: {readonly server: string; readonly origin: string; readonly keyId: string; readonly roomId: string | null},
  status: number,
  said: string,
): StateError | null {
  const {server, origin, keyId, roomId} = asking
  const refused = (what: string, hint: string): StateError =>
    new StateError('SERVER_REFUSED', `${server} ${what} (it answered ${String(status)} ${said})`, {hint})
  if (status === 401) {
    return refused(
      `does not accept that ${origin} signed the request with ${keyId}`,
      `The key must be the one that ${origin} publishes now at /_matrix/key/v2/server, and ${server} must be able to reach ${origin} to read it.`,
    )
  }
  if (status !== 403) return null
  if (/federation denied/iu.test(said)) {
    return refused(
      `does not federate with ${origin}`,
      `Its federation_domain_whitelist, or a block list, leaves ${origin} out.`,
    )
  }
  if (roomId === null) return null
  if (/host not in room/iu.test(said)) {
    return refused(
      `says that ${origin} is not in the room ${roomId}`,
      `A server tells of a room only to servers that have a joined user in it, by its own state: ask as a server that has, or ask another server. ` +
        `After a state reset, ${server} may be wrong about this: other routes to its data will show it.`,
    )
  }
  if (/banned from room/iu.test(said)) {
    return refused(
      `says that ${origin} is shut out of the room ${roomId} by its server ACL (m.room.server_acl)`,
      'Ask as a server that the ACL allows, or use the database, admin or client route; single events can still be had.',
    )
  }
  return null
}
