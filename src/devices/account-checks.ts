import {type Finding, finding} from '../finding/finding.ts'
import {isObject, own} from '../matrix/json.ts'
import type {VerifiedIdentity} from './identity.ts'
import {entriesOf, objectAt, signatureState, textAt} from './shapes.ts'
import type {Told} from './snapshots.ts'
import {clipped, listed, short, toldBy} from './words.ts'

/**
 * `account/backup-untrusted`: signatures of the current backup, by the master key and by the user's devices. A signature by a device that is not
 * known is no harm: it may have been logged out. Without cross-signing a good signature of any own device will do.
 */
export function backupFindings(told: Told, verified: VerifiedIdentity): readonly Finding[] {
  const {userId} = told.evidence
  const [by] = told.current('backup')
  if (by === undefined || !isObject(by.fact.version) || !verified.toldOf.crossSigning) return []
  const version = textAt(by.fact.version, 'version') ?? '?'
  const auth = objectAt(by.fact.version, 'auth_data')
  const subject = {kind: 'account', user_id: userId} as const
  const name = `The key backup of ${clipped(userId)} (version ${clipped(version)})`
  if (auth === null)
    return [
      finding('account/backup-untrusted', subject, `${name} has no auth_data that could be signed.`, [
        toldBy(by, 'auth_data', null),
      ]),
    ]
  const {master} = verified.identity
  const signers = [
    ...(master === null ? [] : [{who: `master key (${short(master)})`, keyId: master, key: master, counts: true}]),
    ...[...verified.devices.values()].flatMap(({deviceId, ed25519, crossSigned}) =>
      ed25519 === null
        ? []
        : [
            {
              who: `device ${clipped(deviceId)}`,
              keyId: deviceId,
              key: ed25519,
              counts: crossSigned === true || master === null,
            },
          ],
    ),
  ].map((signer) => ({...signer, state: signatureState(auth, userId, `ed25519:${signer.keyId}`, signer.key)}))
  const bad = signers.filter(({state}) => state === 'bad')
  // Clients use a backup that the master key signed, whatever else is on it.
  const isMasterGood = signers.some(({state, keyId}) => state === 'good' && keyId === master)
  if (bad.length > 0)
    return [
      finding(
        'account/backup-untrusted',
        subject,
        `${name} bears a signature by the ${listed(
          bad.map(({who}) => who),
          3,
        )} that does not verify.${isMasterGood ? ' The one by the master key does: clients use it.' : ''}`,
        bad
          .slice(0, SHOWN)
          .map(({keyId}) => toldBy(by, `version ${version}, signature of ed25519:${keyId}`, 'does not verify')),
        isMasterGood ? {severity: 'note', remedy: 'None needed: it is left from keys that a device had before.'} : {},
      ),
    ]
  if (signers.some(({state, counts}) => state === 'good' && counts)) return []
  const there = entriesOf(objectAt(objectAt(auth, 'signatures'), userId)).map(([keyId]) => keyId)
  return [
    finding(
      'account/backup-untrusted',
      subject,
      master === null
        ? `${name} is not signed by any device that the user has now: it is left from before.`
        : `${name} is signed neither by the current master key (${short(master)}) nor by a verified device: it may be left from before a reset.`,
      [toldBy(by, `version ${version}, signatures`, there.length === 0 ? 'none' : listed(there))],
      {certainty: 'hint', ...(master === null ? {severity: 'note' as const} : {})},
    ),
  ]
}

const SHOWN = 5

/** What a recovery key opens. */
const SECRETS = [
  'm.cross_signing.master',
  'm.cross_signing.self_signing',
  'm.cross_signing.user_signing',
  'm.megolm_backup.v1',
]
const DEFAULT_KEY = 'm.secret_storage.default_key'

/**
 * `account/secrets-inconsistent`. Clients delete a secret by making it empty, so that an empty one is none. Whether a secret that is there
 * holds the right key cannot be seen: it is encrypted.
 *
 * @see https://spec.matrix.org/v1.19/client-server-api/#secret-storage
 */
export function secretFindings(told: Told): readonly Finding[] {
  const {userId} = told.evidence
  const [by] = told.current('account-data')
  if (by === undefined) return []
  const types: unknown = by.fact.types
  const defaultKey = textAt(objectAt(types, DEFAULT_KEY), 'key')
  const stored = SECRETS.map((name) => ({
    name,
    keyIds: entriesOf(objectAt(objectAt(types, name), 'encrypted')).map(([keyId]) => keyId),
  })).filter(({keyIds}) => keyIds.length > 0)
  const subject = {kind: 'account', user_id: userId} as const
  if (defaultKey === null || defaultKey === '') {
    if (stored.length === 0 || !isToldOf(types, DEFAULT_KEY)) return []
    return [
      finding(
        'account/secrets-inconsistent',
        subject,
        `Secrets of ${clipped(userId)} are stored (${listed(stored.map(({name}) => name))}), and no key is named as the default one.`,
        [toldBy(by, DEFAULT_KEY, null)],
        {certainty: 'hint'},
      ),
    ]
  }
  const findings: Finding[] = []
  const elsewhere = stored.filter(({keyIds}) => !keyIds.includes(defaultKey))
  if (elsewhere.length > 0)
    findings.push(
      finding(
        'account/secrets-inconsistent',
        subject,
        `The default key of ${clipped(userId)} (${short(defaultKey)}) does not open ${listed(elsewhere.map(({name}) => name))}: ${elsewhere.length === 1 ? 'it is' : 'they are'} stored under ${listed([...new Set(elsewhere.flatMap(({keyIds}) => keyIds))].map(short), 3)}.`,
        [
          toldBy(by, DEFAULT_KEY, defaultKey),
          ...elsewhere.map(({name, keyIds}) => toldBy(by, `${name}, encrypted`, listed(keyIds))),
        ],
      ),
    )
  const description = `m.secret_storage.key.${defaultKey}`
  if (isToldOf(types, description) && entriesOf(objectAt(types, description)).length === 0)
    findings.push(
      finding(
        'account/secrets-inconsistent',
        subject,
        `The default key of ${clipped(userId)} (${short(defaultKey)}) is not described: no client can use a recovery key for it.`,
        [toldBy(by, DEFAULT_KEY, defaultKey), toldBy(by, description, null)],
      ),
    )
  return findings
}

/** Asked for: what is there, or `null` where it is not. */
function isToldOf(types: unknown, type: string): boolean {
  return isObject(types) && own(types, type) !== undefined
}
