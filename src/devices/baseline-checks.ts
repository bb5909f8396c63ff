import type {Finding, FindingId} from '../finding/finding.ts'
import {isObject} from '../matrix/json.ts'
import {auditUser} from './audit-user.ts'
import {backupCheck, backupFindings, crossSigningCheck, crossSigningFindings} from './baseline-account.ts'
import type {BaselineCheck, BaselineCheckId, BaselineEvidence, BaselineJudgement} from './baseline-evidence.ts'
import {
  crossSignatureCheck,
  deviceCheck,
  deviceFindings,
  identityCheck,
  messagesCheck,
  oneTimeKeysCheck,
  selfSignatureCheck,
} from './baseline-keys.ts'
import {type Look, type Made, tellsCrossSigning} from './baseline-parts.ts'
import {repairsOf} from './baseline-repairs.ts'
import {storeCheck, storeFindings, storeOpensCheck} from './baseline-store.ts'
import {tokenCheck, tokenFindings} from './baseline-token.ts'
import {entryOf} from './shapes.ts'
import {arrange, shownKeys} from './snapshots.ts'

/** Which check a finding belongs to. Findings of an audit that stand in none are no business of a bot that is to start. */
const CHECK_OF: Readonly<Partial<Record<FindingId, BaselineCheckId>>> = {
  'baseline/token-refused': 'token',
  'baseline/other-account': 'token',
  'baseline/device-gone': 'device',
  'device/identity-changed': 'identity-keys',
  'device/self-signature-bad': 'self-signature',
  'baseline/cross-signing-changed': 'cross-signing',
  'device/cross-signing-broken': 'cross-signing',
  'baseline/signature-lost': 'cross-signature',
  'device/unverified': 'cross-signature',
  'device/id-reused': 'cross-signature',
  'device/otk-exhausted': 'one-time-keys',
  'device/otk-reissued': 'one-time-keys',
  'device/stale-sender-key': 'messages',
  'device/olm-restarting': 'messages',
  'device/keys-withheld': 'messages',
  'device/inbox-backlog': 'messages',
  'baseline/backup-changed': 'backup',
  'account/backup-untrusted': 'backup',
  'baseline/store-missing': 'store',
  'baseline/store-unopenable': 'store-opens',
  'baseline/store-of-another': 'store-opens',
  'baseline/store-unrecorded': 'store',
}

/**
 * Holds a bot’s baseline against what servers and its disk say now. Pure: same evidence, same answer. Signatures are verified, since a server may
 * show new keys with an old signature under the same device ID. Other devices of the account are left alone.
 */
export function checkBaseline(evidence: BaselineEvidence): BaselineJudgement {
  const {baseline, snapshots, nowMs} = evidence
  const ofUser = {userId: baseline.user_id, snapshots, nowMs}
  const told = arrange(ofUser)
  const shown = shownKeys(told)
  const audit = auditUser(ofUser)
  const found = audit.devices.find(({deviceId}) => deviceId === baseline.device_id) ?? null
  const isPublished = shown !== null && isObject(entryOf(shown.fact.devices, baseline.device_id))
  const look: Look = {evidence, baseline, told, shown, audit, device: isPublished ? found : null}
  const findings = [
    ...tokenFindings(evidence),
    ...deviceFindings(look, found).filter(({id}) => CHECK_OF[id] !== undefined),
    ...crossSigningFindings(look),
    ...backupFindings(look),
    ...storeFindings(evidence),
  ]
  const checks = [
    tokenCheck(evidence),
    deviceCheck(look),
    identityCheck(look),
    selfSignatureCheck(look),
    crossSigningCheck(look),
    crossSignatureCheck(look),
    oneTimeKeysCheck(look),
    messagesCheck(look),
    backupCheck(look),
    storeCheck(evidence),
    storeOpensCheck(evidence),
  ].map((made) => withFindings(made, findings))
  const context = {
    baseline,
    profile: evidence.profile,
    asBot: evidence.asBot,
    hasCrossSigning: tellsCrossSigning(shown) ? audit.identity.master !== null : null,
    softLogout: evidence.token.kind === 'refused' && evidence.token.softLogout,
    found: new Set(findings.map(({id}) => id)),
    hasErrors: findings.some(({severity}) => severity === 'error'),
    isVerified: look.device?.crossSigned === true,
    backupLost: findings.some(({id, severity}) => id === 'baseline/backup-changed' && severity === 'warning'),
  }
  const repairs = new Map(findings.map(({id}) => [id, repairsOf(id, context)] as const))
  return {checks, findings, repairs: new Map([...repairs].filter(([, ways]) => ways.length > 0))}
}

/** A check as its findings leave it: what is wrong with it is said by the first of the gravest. */
function withFindings(made: Made, all: readonly Finding[]): BaselineCheck {
  const {id, summary, because} = made
  const own = all.filter((one) => CHECK_OF[one.id] === id)
  const ids = [...new Set(own.map((one) => one.id))]
  const worst = own.find(({severity}) => severity === 'error') ?? own.find(({severity}) => severity === 'warning')
  if (worst !== undefined) return {id, outcome: 'failed', summary: worst.summary, because: null, findings: ids}
  return {id, outcome: because === null ? 'ok' : 'not-checked', summary, because, findings: ids}
}
