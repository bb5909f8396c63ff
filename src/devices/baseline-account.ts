import {type Finding, finding} from '../finding/finding.ts'
import type {BackupIdentity} from '../matrix/device-baseline.ts'
import type {Backup} from '../matrix/device-facts.ts'
import {type Look, type Made, recorded, tellsCrossSigning, unknown} from './baseline-parts.ts'
import {objectAt, textAt} from './shapes.ts'
import {clipped, short, toldBy} from './words.ts'

export function crossSigningFindings(look: Look): readonly Finding[] {
  const {baseline, shown, audit} = look
  const broken = audit.findings.filter(({id}) => id === 'device/cross-signing-broken')
  if (shown === null || !tellsCrossSigning(shown)) return broken
  const {master, selfSigning} = audit.identity
  const isMaster = master === baseline.master_key
  if (isMaster && selfSigning === baseline.self_signing_key) return broken
  const subject = {kind: 'account', user_id: baseline.user_id} as const
  const whose = `of ${clipped(baseline.user_id)}`
  const evidence = [
    recorded(baseline, 'master_key', baseline.master_key),
    toldBy(shown, 'master key', master),
    recorded(baseline, 'self_signing_key', baseline.self_signing_key),
    toldBy(shown, 'self-signing key', selfSigning),
  ]
  const changed = (summary: string, more: Partial<Pick<Finding, 'severity' | 'remedy'>> = {}) => [
    finding('baseline/cross-signing-changed', subject, summary, evidence, more),
    ...broken,
  ]
  if (baseline.master_key === null && baseline.self_signing_key === null)
    return changed(`The account ${whose} has cross-signing (${keyText(master)}), and had none when it was recorded.`, {
      severity: 'warning',
      remedy: 'If it was made by you, verify the bot’s device under it, and record it.',
    })
  if (!isMaster)
    return changed(
      master === null
        ? `The cross-signing keys ${whose} are gone: the master key was ${keyText(baseline.master_key)}.`
        : `The master key ${whose} is ${keyText(master)} and was ${keyText(baseline.master_key)}: the identity was reset.`,
    )
  // What the same master key signs is of the same identity, if it does sign it.
  return changed(
    `The self-signing key ${whose} is ${keyText(selfSigning)} and was ${keyText(baseline.self_signing_key)}, under the same master key.`,
    audit.identity.trusted === true
      ? {severity: 'warning', remedy: 'If it was changed by you, see that the bot’s device is verified, and record it.'}
      : {},
  )
}

export function crossSigningCheck({evidence, baseline, shown}: Look): Made {
  const id = 'cross-signing'
  if (!tellsCrossSigning(shown)) return unknown(evidence, id, 'keys', 'Nobody told the account’s cross-signing keys')
  return {
    id,
    summary:
      baseline.master_key === null
        ? 'The account has no cross-signing, as when it was recorded.'
        : `The account’s master key (${short(baseline.master_key)}) and self-signing key are those recorded.`,
    because: null,
  }
}

export function backupFindings({baseline, told, audit}: Look): readonly Finding[] {
  const untrusted = audit.findings.filter(({id}) => id === 'account/backup-untrusted')
  const [by] = told.current('backup')
  const {backup: before} = baseline
  if (by === undefined || before === undefined) return untrusted
  const now = backupIdentity(by.fact)
  if (now?.version === before?.version && now?.public_key === before?.public_key) return untrusted
  const subject = {kind: 'account', user_id: baseline.user_id} as const
  const whose = `of ${clipped(baseline.user_id)}`
  // With the same key the bot can go on, whatever the version is called; a backup that came later takes nothing from it.
  const isHarmless =
    before === null || (now !== null && now.public_key !== null && now.public_key === before.public_key)
  const summary =
    before === null
      ? `There is a key backup ${whose} (version ${backupText(now)}), and there was none when it was recorded.`
      : now === null
        ? `The key backup ${whose} is gone: it was version ${backupText(before)}.`
        : `The key backup ${whose} is version ${backupText(now)} and was version ${backupText(before)}.`
  return [
    finding(
      'baseline/backup-changed',
      subject,
      summary,
      [
        recorded(baseline, 'backup', before === null ? null : backupText(before)),
        toldBy(by, 'version', now === null ? null : backupText(now)),
      ],
      isHarmless ? {severity: 'note'} : {},
    ),
    ...untrusted,
  ]
}

/** What tells one backup from another; `null` where there is none. */
export function backupIdentity({version: backup}: Backup): BackupIdentity | null {
  const version = textAt(backup, 'version')
  return version === null ? null : {version, public_key: textAt(objectAt(backup, 'auth_data'), 'public_key')}
}

function backupText(backup: BackupIdentity | null): string {
  if (backup === null) return 'none'
  return `${clipped(backup.version)}${backup.public_key === null ? '' : `, key ${short(backup.public_key)}`}`
}

export function backupCheck({evidence, baseline, told}: Look): Made {
  const id = 'backup'
  const [by] = told.current('backup')
  if (by === undefined) return unknown(evidence, id, 'backup', 'Nobody told which key backup there is')
  if (baseline.backup === undefined)
    return {id, summary: 'Which key backup there was, was not told when the bot was recorded.', because: 'no-access'}
  const summary =
    baseline.backup === null
      ? 'There is no key backup, as when it was recorded.'
      : `The key backup is the one recorded (version ${backupText(baseline.backup)}).`
  return {id, summary, because: null}
}

function keyText(key: string | null): string {
  return key === null ? 'none' : short(key)
}
