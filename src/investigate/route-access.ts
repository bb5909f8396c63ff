import type {StateError} from '../errors.ts'
import type {RouteIdentity, RouteKind} from '../sources/evidence.ts'

/** What a person has to get at a room with. Secrets are in it: it is never printed or kept. */
export interface FetchAccess {
  /** URL or server name of the client API. */
  readonly homeserver?: string
  /** Of an ordinary member. */
  readonly accessToken?: string
  /** Of a server admin of the same homeserver. */
  readonly adminToken?: string
  /** A homeserver's own signing key, as Synapse writes it. */
  readonly signingKeyFile?: string
  /** The server whose key that is. */
  readonly serverName?: string
  /** Servers to ask by federation; the own one when none is named. */
  readonly servers?: readonly string[]
  /** Ask every server with a joined member, too. */
  readonly allServers?: boolean
  /** A user of the own server, in whose name `make_join` asks for extremities. */
  readonly asUser?: string
  /** `[NAME=]sqlite:PATH` or `[NAME=]postgres://…` */
  readonly databases?: readonly string[]
  /** Dumps, answers, other case files. */
  readonly files?: readonly string[]
  /** `[NAME=]FILE`: states as servers answered them. */
  readonly reported?: readonly string[]
  /** Files of servers' signing keys. */
  readonly keyFiles?: readonly string[]
  /** Servers to ask for the keys of those that do not answer. @defaultValue those that are asked for events */
  readonly notaries?: readonly string[]
  /** Which of these to use; all when absent. */
  readonly from?: readonly RouteKind[]
  readonly insecure?: boolean
  /** `false` leaves out `/messages`, which can make a server fetch from others. */
  readonly messages?: boolean
}

/** A way that was given and does not open. */
export interface ClosedRoute {
  readonly identity: RouteIdentity
  readonly error: StateError
}
