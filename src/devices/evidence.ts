import type {Finding, FindingId} from '../finding/finding.ts'
import type {DeviceSnapshot} from '../matrix/device-facts.ts'

/** All that is known of one user's devices. */
export interface UserEvidence {
  readonly userId: string
  /** Oldest first. Of one (route, how, kind) the last is what holds now; those before it are what is compared with. */
  readonly snapshots: readonly DeviceSnapshot[]
  /** Milliseconds since 1970: what ages are counted to. When evidence is looked at again later, the time at which it was gathered. */
  readonly nowMs: number
}

/** A check that could not be made. Never the same as one that found nothing. */
export interface NotChecked {
  readonly id: FindingId
  /** The access that it needs, as a person would give it: `--database of example.org`. */
  readonly needs: string
}

/** How a device is, at a glance. `broken`: an error on it. `unverified`: no good signature of the self-signing key. */
export type DeviceHealth = 'healthy' | 'unverified' | 'warning' | 'broken' | 'without-keys' | 'dehydrated'

export interface DeviceAudit {
  readonly deviceId: string
  readonly displayName: string | null
  /** Unpadded base64 as published; `null` where there is none. */
  readonly ed25519: string | null
  readonly curve25519: string | null
  /** By the user's current self-signing key, verified; `null` where it is not known. */
  readonly crossSigned: boolean | null
  readonly lastSeenTs: number | null
  readonly dehydrated: boolean
  /** One-time keys left, and whether a fallback key is there; `null`: not known. */
  readonly oneTimeKeys: number | null
  readonly fallbackKey: 'unused' | 'used' | 'none' | null
  /** To-device messages that wait; `null`: not known. */
  readonly waiting: number | null
  readonly health: DeviceHealth
  /** Routes that listed it. */
  readonly seenBy: readonly string[]
  readonly findings: readonly Finding[]
}

/** The three cross-signing keys, as far as they hang together. */
export interface IdentityAudit {
  /** Unpadded base64; `null`: the user has none. */
  readonly master: string | null
  readonly selfSigning: string | null
  /** `null` also where it was not shown. */
  readonly userSigning: string | null
  /** Self-signing key signed by the master key; `null` without keys. */
  readonly trusted: boolean | null
}

/** What changed since an earlier snapshot. */
export interface DeviceChange {
  readonly kind:
    | 'device-new'
    | 'device-gone'
    | 'device-keys-replaced'
    | 'cross-signing-new'
    | 'cross-signing-replaced'
    | 'cross-signing-gone'
    | 'backup-replaced'
  /** `null` where it is not about one device. */
  readonly deviceId: string | null
  /** Before and now, where they are keys or versions. */
  readonly before: string | null
  readonly now: string | null
  /** When the earlier snapshot was told last, and the newer one first. */
  readonly betweenTs: readonly [number, number]
  readonly how: string
}

export interface UserAudit {
  readonly userId: string
  /** Where the keys that are shown come from: the user's own server, or a copy; `null` where nobody told. */
  readonly keysBy: {
    readonly route: string
    readonly how: string
    readonly view: 'origin' | 'copy'
    readonly ts: number
  } | null
  readonly identity: IdentityAudit
  /** Sorted by device ID. */
  readonly devices: readonly DeviceAudit[]
  /** About the user or account, not one device. */
  readonly findings: readonly Finding[]
  readonly changes: readonly DeviceChange[]
  readonly notChecked: readonly NotChecked[]
  /** Senders whose messages do not reach one of the devices, and the rooms where they and the user are. */
  readonly unreached: readonly UnreachedBy[]
}

/** A sender whose messages a device cannot read, or who withholds keys from it. */
export interface UnreachedBy {
  readonly deviceId: string
  readonly sender: string
  /** Rooms that both are joined to, or that the sender named; empty where nothing tells. */
  readonly roomIds: readonly string[]
  /** Why: the finding that says so. */
  readonly because: FindingId
}
