import {StateError} from '../errors.ts'
import type {Account} from './client-access.ts'
import type {ExplainRefusal} from './client-http.ts'

/** Says what it means when the admin API itself is not there: reverse proxies often pass only `/_matrix`. */
export async function adminRequest<T>(ask: () => Promise<T>): Promise<T> {
  try {
    return await ask()
  } catch (error) {
    if (!(error instanceof StateError) || error.code !== 'SERVER_ANSWER_MALFORMED') throw error
    if (!/ answered 40[345] with /u.test(error.message)) throw error
    throw new StateError('SERVER_REFUSED', `Synapse’s admin API is not there: ${error.message}`, {
      cause: error,
      hint: 'Only Synapse has it, and reverse proxies often do not pass /_synapse: ask Synapse’s own address, from its machine.',
    })
  }
}

/** Words for refusals of the admin API; `roomId` where a room is asked for. */
export function adminRefusal(account: Account, roomId: string | null): ExplainRefusal {
  return (status, errcode, said) => {
    if (status === 403) return notAdmin(account, said)
    if (status === 404 && errcode !== 'M_UNRECOGNIZED' && roomId !== null) {
      return new StateError('SERVER_REFUSED', `${account.serverName} has no room ${roomId} (${said})`, {
        hint: 'Check the room ID and that this is the server that has been in the room.',
      })
    }
    return null
  }
}

function notAdmin({userId}: Account, said: string): StateError {
  return new StateError('SERVER_REFUSED', `${userId} may not use the admin API: it is no server admin (${said})`, {
    hint: 'Use the token of a server admin, or gather as an ordinary member: --from client.',
  })
}

export function adminPath(roomId: string, endpoint?: string): string {
  return `/_synapse/admin/v1/rooms/${encodeURIComponent(roomId)}${endpoint === undefined ? '' : `/${endpoint}`}`
}
