import type {Finding} from '../finding/finding.ts'
import type {DeviceAudit, DeviceHealth, UserAudit, UserEvidence} from './evidence.ts'
import {type VerifiedDevice, verifyIdentity} from './identity.ts'
import {arrange} from './snapshots.ts'

/** Judges all that is known of one user's devices. Pure; throws for nothing that others wrote. */
export function auditUser(evidence: UserEvidence): UserAudit {
  const told = arrange(evidence)
  const verified = verifyIdentity(told)
  const {keysBy} = verified
  return {
    userId: evidence.userId,
    keysBy: keysBy && {route: keysBy.route, how: keysBy.how, view: keysBy.fact.view, ts: keysBy.lastTs},
    identity: verified.identity,
    devices: [...verified.devices.values()].map((device) => audited(device)),
    findings: verified.findings,
    changes: [],
    notChecked: [],
    unreached: [],
  }
}

function audited(device: VerifiedDevice): DeviceAudit {
  return {
    deviceId: device.deviceId,
    displayName: null,
    ed25519: device.ed25519,
    curve25519: device.curve25519,
    crossSigned: device.crossSigned,
    lastSeenTs: null,
    dehydrated: device.dehydrated,
    oneTimeKeys: null,
    fallbackKey: null,
    waiting: null,
    health: healthOf(device, device.findings),
    seenBy: [],
    findings: device.findings,
  }
}

function healthOf(device: VerifiedDevice, findings: readonly Finding[]): DeviceHealth {
  if (findings.some(({severity}) => severity === 'error')) return 'broken'
  return device.crossSigned === true ? 'healthy' : 'unverified'
}
