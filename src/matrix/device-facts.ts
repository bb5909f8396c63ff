import type {JsonObject} from './json.ts'

/**
 * What routes tell about one user's devices: the vocabulary that whoever asks and whoever judges have in common. All of it is what somebody
 * said, and none of it is believed yet: IDs may be anything, and a `JsonObject` that should be signed is kept as it came, so that its
 * signatures can still be verified. Field names are those of the APIs. Times are milliseconds since 1970, by the clock of the server that told.
 */
export type DeviceFact =
  | PublishedKeys
  | Sessions
  | OneTimeKeys
  | Inbox
  | AccountData
  | Backup
  | ListResync
  | ListUnsent
  | SharedRooms
  | RefusedUploads
  | Unreachable

export type DeviceFactKind = DeviceFact['kind']

/**
 * The keys that a server publishes for a user: `/keys/query`, federation's `/user/devices` and `/user/keys/query`, or the tables.
 *
 * @see https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3keysquery
 */
export interface PublishedKeys {
  readonly kind: 'keys'
  /** `origin`: the user's own server says so. `copy`: another server, of what it was told some time. */
  readonly view: 'origin' | 'copy'
  /** `DeviceKeys` by device ID, `signatures` and `unsigned` included; `null` for a device that is listed and has none. */
  readonly devices: Readonly<Record<string, JsonObject | null>>
  /** `CrossSigningKey`s. `null`: there is none. Absent: this route does not tell. */
  readonly master_key?: JsonObject | null
  readonly self_signing_key?: JsonObject | null
  /** Its owner alone is shown it, and the database. */
  readonly user_signing_key?: JsonObject | null
  /** Of `/user/devices`, or the database's last known one. Server-wide in Synapse: says nothing of one user. */
  readonly stream_id?: number
}

/** Logins: `/devices`, the admin API's, or the table. Addresses and user agents are never kept. */
export interface Sessions {
  readonly kind: 'sessions'
  readonly devices: readonly Session[]
}

export interface Session {
  readonly device_id: string
  readonly display_name?: string
  readonly last_seen_ts?: number
  /** MSC3814; absent: this route does not tell. */
  readonly dehydrated?: boolean
}

/** What is left for others to start Olm sessions with, by device ID. A device that is not named has nothing. */
export interface OneTimeKeys {
  readonly kind: 'one-time-keys'
  /** Fallback keys could not be read at all: a device that is not named may have one. */
  readonly without_fallback?: true
  readonly devices: Readonly<Record<string, OneTimeKeysOfDevice>>
  /** Only these devices were asked for (own counts): of others nothing is known. Absent: all of the user's. */
  readonly only?: readonly string[]
}

export interface OneTimeKeysOfDevice {
  /** By algorithm: `signed_curve25519`. */
  readonly counts: Readonly<Record<string, number>>
  /** Fallback keys that are there. `null`: not told. Own counts tell the unused ones only: then `used` is never true. */
  readonly fallback: readonly {readonly algorithm: string; readonly used: boolean; readonly key?: JsonObject}[] | null
  /** The one-time keys themselves, from the database, oldest first, 100 at most. */
  readonly keys?: readonly {
    readonly algorithm: string
    readonly key_id: string
    readonly ts_added_ms: number
    readonly key: JsonObject
  }[]
}

/** To-device messages that wait for a device: the table `device_inbox`, or the own device's by a `/sync` without `since`. By device ID. */
export interface Inbox {
  readonly kind: 'inbox'
  readonly devices: Readonly<Record<string, InboxOfDevice>>
  /** As in `OneTimeKeys`. */
  readonly only?: readonly string[]
}

export interface InboxOfDevice {
  /** All that wait. `null`: not told, only that these do. */
  readonly count: number | null
  /** `m.room.encrypted` (Olm) and `m.room_key.withheld` ones, newest first, 500 at most; the others only count. */
  readonly messages: readonly ToDeviceMessage[]
}

export interface ToDeviceMessage {
  readonly sender: string
  readonly type: string
  readonly content: JsonObject
  /** When the server took it in, where it tells. */
  readonly received_ts?: number
  /** Row of the table, so that it can be found again. */
  readonly stream_id?: number
}

/** The account data that cross-signing, secret storage and backup are made of, by type: nothing else is kept. Secrets in it are encrypted. */
export interface AccountData {
  readonly kind: 'account-data'
  /** `null`: asked for, and not there. */
  readonly types: Readonly<Record<string, JsonObject | null>>
}

/** The current key backup. https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3room_keysversion */
export interface Backup {
  readonly kind: 'backup'
  /** `{version, algorithm, auth_data, count, etag}`; `null`: there is none. */
  readonly version: JsonObject | null
}

/** A server's own note that its copy of the user's list may be stale (`device_lists_remote_resync`). */
export interface ListResync {
  readonly kind: 'list-resync'
  /** When that was noted; `null`: it is not noted. */
  readonly added_ts: number | null
}

/** The user's own server: changes of the list that are not yet delivered, by server that waits for them (`device_lists_outbound_pokes`). */
export interface ListUnsent {
  readonly kind: 'list-unsent'
  readonly destinations: readonly {
    readonly destination: string
    readonly count: number
    readonly oldest_ts: number
    /** Since when the server does not get through to it; absent: it does. */
    readonly failing_since_ts?: number
  }[]
}

/** Rooms that the user is joined to, and who else is. */
export interface SharedRooms {
  readonly kind: 'rooms'
  readonly rooms: readonly {
    readonly room_id: string
    readonly encrypted: boolean
    /** User IDs. */
    readonly joined: readonly string[]
  }[]
}

/** Uploads of one-time keys that a server refused since another key of that name is there, as a log tells. */
export interface RefusedUploads {
  readonly kind: 'refused-uploads'
  readonly refused: readonly {
    readonly device_id: string
    /** `signed_curve25519:AAAAAQ`. */
    readonly key_id: string
    /** Line of the log, from 1. */
    readonly line: number
    /** As the log has it, where it could be read. */
    readonly ts?: number
  }[]
}

/** The user's server could not be asked by the one that was (`failures` of `/keys/query`). */
export interface Unreachable {
  readonly kind: 'unreachable'
  readonly server: string
  readonly message: string
}

/** One fact, with who told it, where and when. */
export interface DeviceSnapshot<F extends DeviceFact = DeviceFact> {
  readonly userId: string
  /** Who was asked and as whom, as `RouteIdentity.name`: `client @alice:example.org`. */
  readonly route: string
  /** The server whose view it is; `''` for a file that does not tell. */
  readonly server: string
  /** Endpoint or table: `POST /_matrix/client/v3/keys/query`, `e2e_device_keys_json`. */
  readonly how: string
  /** When it was told, milliseconds since 1970 by this machine's clock, and up to when the same was told again. */
  readonly ts: number
  readonly lastTs: number
  readonly fact: F
}
