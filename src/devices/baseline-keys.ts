import {type Finding, finding, type FindingId} from '../finding/finding.ts'
import {type Look, type Made, NO_KEYS, recorded, tellsCrossSigning, unknown, withoutKeys} from './baseline-parts.ts'
import type {DeviceAudit} from './evidence.ts'
import {inboxOf} from './inbox.ts'
import {keysLeft} from './one-time-keys.ts'
import {clipped, plural, short, toldBy, when} from './words.ts'

export function deviceFindings(look: Look, found: DeviceAudit | null): readonly Finding[] {
  const {baseline, shown, device} = look
  if (shown === null) return []
  const {user_id: userId, device_id: deviceId} = baseline
  const subject = {kind: 'device', user_id: userId, device_id: deviceId} as const
  const name = `Device ${clipped(deviceId)} of ${clipped(userId)}`
  if (device === null)
    return [
      finding(
        'baseline/device-gone',
        subject,
        found === null
          ? `${name} is no longer published: it was logged out or deleted.`
          : `${name} is logged in and publishes no keys any more.`,
        [recorded(baseline, 'ed25519', baseline.ed25519), toldBy(shown, `device ${deviceId}, keys`, null)],
      ),
    ]
  const changed = identityChanged(look, device)
  // What was signed are the recorded keys: others have their own story, and are not to be verified before it is told.
  const lost = changed === null ? signatureLost(look, device) : null
  const replaced = new Set([
    ...(changed === null ? [] : ['device/identity-changed', 'device/unverified']),
    ...(lost === null ? [] : ['device/unverified']),
  ])
  const own = device.findings
    .filter(({id}) => !replaced.has(id))
    .map((one) => ({...one, severity: beforeStart(one), remedy: BOT_REMEDIES[one.id] ?? one.remedy}))
  return [...(changed === null ? [] : [changed]), ...(lost === null ? [] : [lost]), ...own]
}

const BOT_REMEDIES: Readonly<Partial<Record<FindingId, string>>> = {
  'device/identity-changed':
    'Stop the bot: its store was lost and made anew under the same device ID. Restore the store with the recorded keys; if it is lost, log this device out, log the bot in without naming a device ID, verify the new device, and record it.',
  'device/self-signature-bad':
    'Stop the bot. If its library can publish the keys of its store anew without a start, do that; if they stay bad, log this device out and set the bot up as a new one.',
  'device/unverified':
    'Verify the bot’s device from another device of the account or with the recovery key; where the account has no cross-signing, make it first.',
  'device/otk-exhausted': 'When nothing else is wrong, start the bot with its own store: it uploads new ones.',
}

/** What the start itself puts right must not keep the bot from it. */
function beforeStart({id, severity}: Finding): Finding['severity'] {
  return id === 'device/otk-exhausted' && severity === 'error' ? 'warning' : severity
}

/** Against the baseline, joined with what the server’s one-time keys prove. */
function identityChanged({baseline, shown}: Look, device: DeviceAudit): Finding | null {
  if (shown === null) return null
  const {user_id: userId, device_id: deviceId} = baseline
  const which = (['ed25519', 'curve25519'] as const).filter((name) => device[name] !== baseline[name])
  if (which.length === 0) return null
  const said = which.map((name) => {
    const now = device[name]
    return `the ${name} key is ${now === null ? 'gone' : short(now)} and was ${short(baseline[name])}`
  })
  const byOthers = device.findings.find(({id}) => id === 'device/identity-changed')
  return finding(
    'device/identity-changed',
    {kind: 'device', user_id: userId, device_id: deviceId},
    `Device ${clipped(deviceId)} of ${clipped(userId)} has other identity keys than those recorded at ${when(baseline.recorded_ts)}: ${said.join(', ')}.`,
    [
      ...which.flatMap((name) => [
        recorded(baseline, name, baseline[name]),
        toldBy(shown, `device ${deviceId}, ${name}`, device[name]),
      ]),
      ...(byOthers?.evidence ?? []),
    ],
    {
      remedy: BOT_REMEDIES['device/identity-changed'] ?? '',
      // Another server may not have heard of what the bot published last.
      ...(shown.fact.view === 'copy' ? {certainty: 'strong' as const} : {}),
    },
  )
}

/** Where another finding says why the signature does not count, there is none of its own. */
function signatureLost({baseline, shown, audit}: Look, device: DeviceAudit): Finding | null {
  if (shown === null || !baseline.cross_signed || device.crossSigned !== false) return null
  if (audit.identity.trusted === false || device.findings.some(({id}) => id === 'device/id-reused')) return null
  const {user_id: userId, device_id: deviceId} = baseline
  const {selfSigning} = audit.identity
  return finding(
    'baseline/signature-lost',
    {kind: 'device', user_id: userId, device_id: deviceId},
    `Device ${clipped(deviceId)} of ${clipped(userId)} was verified when it was recorded, and bears no good signature of the ${
      selfSigning === null
        ? 'account now: there is no self-signing key'
        : `account’s self-signing key (${short(selfSigning)}) now`
    }.`,
    [
      recorded(baseline, 'cross_signed', true),
      toldBy(shown, `device ${deviceId}, signature of the self-signing key`, 'none that verifies'),
    ],
  )
}

export function deviceCheck(look: Look): Made {
  const {shown, baseline, device} = look
  if (shown !== null && device === null) return {id: 'device', summary: NO_KEYS, because: null}
  return (
    withoutKeys(look, 'device') ?? {
      id: 'device',
      summary: `Device ${clipped(baseline.device_id)} is published${shown?.fact.view === 'copy' ? ', by another server’s copy' : ''}.`,
      because: null,
    }
  )
}

export function identityCheck(look: Look): Made {
  const {baseline} = look
  const summary = `Its ed25519 key (${short(baseline.ed25519)}) and curve25519 key (${short(baseline.curve25519)}) are those recorded.`
  return withoutKeys(look, 'identity-keys') ?? {id: 'identity-keys', summary, because: null}
}

export function selfSignatureCheck(look: Look): Made {
  const summary = 'Its keys bear a good signature of its own ed25519 key.'
  return withoutKeys(look, 'self-signature') ?? {id: 'self-signature', summary, because: null}
}

export function crossSignatureCheck(look: Look): Made {
  const id = 'cross-signature'
  const without = withoutKeys(look, id)
  if (without !== null) return without
  const {evidence, shown, device, audit} = look
  if (!tellsCrossSigning(shown) || device?.crossSigned === null)
    return unknown(evidence, id, 'keys', 'Nobody told the account’s cross-signing keys')
  if (device?.crossSigned === true)
    return {id, summary: 'The account’s self-signing key has signed it: it is verified.', because: null}
  const why =
    audit.identity.trusted === false
      ? 'the account’s cross-signing is broken'
      : 'its keys are not those that were signed'
  return {id, summary: `It is not verified: ${why}.`, because: 'other-failure'}
}

export function oneTimeKeysCheck(look: Look): Made {
  const id = 'one-time-keys'
  const without = withoutKeys(look, id)
  if (without !== null) return without
  const {evidence, baseline, told} = look
  const left = keysLeft(told, baseline.device_id)
  if (left === null) return unknown(evidence, id, 'one-time-keys', 'Nobody told how many one-time keys are left')
  const {count, fallback} = left
  if (count === 0 && fallback === null)
    return {
      id,
      summary: 'No one-time key is left; whether a used fallback key still serves, the server does not tell.',
      because: evidence.unanswered['one-time-keys'] === undefined ? 'no-access' : 'no-answer',
    }
  const rest =
    fallback === null || fallback === 'none' ? '' : `, and ${fallback === 'used' ? 'a used' : 'a'} fallback key`
  return {id, summary: `${plural(count, 'one-time key')} left${rest}.`, because: null}
}

export function messagesCheck(look: Look): Made {
  const id = 'messages'
  const without = withoutKeys(look, id)
  if (without !== null) return without
  const {evidence, baseline, told} = look
  const inbox = inboxOf(told, baseline.device_id)
  if (inbox === null) return unknown(evidence, id, 'inbox', 'Nobody told which to-device messages wait')
  const many = inbox.count === 0 ? 'No encrypted message waits' : `Of ${plural(inbox.count, 'message')} that wait, none`
  return {
    id,
    summary: inbox.count === 0 ? `${many} for it.` : `${many} is for other keys than its own.`,
    because: null,
  }
}
