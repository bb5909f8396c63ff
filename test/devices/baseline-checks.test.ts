import {describe, expect, test} from 'vitest'
import {checkBaseline} from '../../src/devices/baseline-checks.ts'
import type {BaselineCheckId, BaselineEvidence, BaselineJudgement} from '../../src/devices/baseline-evidence.ts'
import type {Finding, FindingId} from '../../src/finding/finding.ts'
import type {BackupIdentity, Baseline} from '../../src/matrix/device-baseline.ts'
import type {DeviceFact, DeviceSnapshot} from '../../src/matrix/device-facts.ts'
import type {JsonObject} from '../../src/matrix/json.ts'
import {NOW, oneTimeKey, pair, signed, type TestDevice, told, user} from './users.ts'

const BOT = '@alice:a.example'
const bot = user(BOT)
const device = bot.verified('BOT')
const {master, selfSigning} = bot

function baselineOf(one: TestDevice, more: Partial<Baseline> = {}): Baseline {
  return {
    recorded_ts: NOW - 86_400_000,
    user_id: BOT,
    device_id: one.deviceId,
    ed25519: one.ed25519.publicKey,
    curve25519: one.curve25519.publicKey,
    master_key: master.publicKey,
    self_signing_key: selfSigning.publicKey,
    cross_signed: true,
    backup: {version: '3', public_key: 'backupkey'},
    store: {path: '/data/store', check: {kind: 'file', path: '/data/key'}},
    ...more,
  }
}

const counts = (left: number, fallback: boolean | null = true): DeviceFact => ({
  kind: 'one-time-keys',
  only: ['BOT'],
  devices: {
    BOT: {
      counts: {signed_curve25519: left},
      fallback: fallback === null ? null : fallback ? [{algorithm: 'signed_curve25519', used: false}] : [],
    },
  },
})
const noMessages: DeviceFact = {kind: 'inbox', only: ['BOT'], devices: {BOT: {count: null, messages: []}}}

function backup(version: string, key: string): DeviceFact {
  const data = signed({public_key: key}, BOT, master.publicKey, master)
  return {kind: 'backup', version: {version, algorithm: 'm.megolm_backup.v1.curve25519-aes-sha2', auth_data: data}}
}

/** Of an algorithm without a public key. */
const unnamed = (version: string): DeviceFact => {
  const {version: made} = backup(version, 'x') as {readonly version: JsonObject}
  return {kind: 'backup', version: {...made, auth_data: signed({salt: 'x'}, BOT, master.publicKey, master)}}
}

/** All that is well; each test changes what it is about. */
function evidence(more: Partial<BaselineEvidence> = {}, ...facts: readonly (DeviceFact | DeviceSnapshot)[]) {
  const own = facts.map((fact) => ('fact' in fact ? fact : told(fact)))
  const kinds = new Set(own.map(({fact}) => fact.kind))
  const well = [bot.keys([device]), counts(50), noMessages, backup('3', 'backupkey')]
    .filter(({kind}) => !kinds.has(kind))
    .map((fact) => told(fact))
  return {
    baseline: baselineOf(device),
    snapshots: [...well, ...own],
    nowMs: NOW,
    token: {kind: 'account', userId: BOT, deviceId: 'BOT', expected: ['BOT'], route: 'client @alice:a.example'},
    store: {kind: 'seen', outcome: 'opens', why: 'opens', where: '/data/key'},
    unanswered: {},
    asBot: true,
    profile: 'bot',
    ...more,
  } satisfies BaselineEvidence
}

const judge = (...args: Parameters<typeof evidence>): BaselineJudgement => checkBaseline(evidence(...args))
const ids = ({findings}: BaselineJudgement) => findings.map(({severity, id}) => `${severity} ${id}`).sort()
const not = ({checks}: BaselineJudgement, outcome: 'failed' | 'not-checked'): readonly BaselineCheckId[] =>
  checks.filter((check) => check.outcome === outcome).map(({id}) => id)
const found = ({findings}: BaselineJudgement, id: FindingId): Finding => {
  const [one, ...more] = findings.filter((finding) => finding.id === id)
  if (one === undefined || more.length > 0) throw new Error(`not one finding ${id}`)
  return one
}
const ways = ({repairs}: BaselineJudgement, id: FindingId) => (repairs.get(id) ?? []).map(({repair}) => repair)

describe('a bot that is as it was recorded', () => {
  test('every check is ok, and nothing is found', () => {
    const judged = judge()
    expect(judged.checks.map(({id, outcome}) => [id, outcome])).toEqual(
      [
        'token',
        'device',
        'identity-keys',
        'self-signature',
        'cross-signing',
        'cross-signature',
        'one-time-keys',
        'messages',
        'backup',
        'store',
        'store-opens',
      ].map((id) => [id, 'ok']),
    )
    expect(judged.findings).toEqual([])
    expect(judged.repairs.size).toBe(0)
  })

  test('other devices of the account are none of its business', () => {
    const [unverified, keyless] = [bot.device('OTHER'), {...bot.device('BROKEN'), keys: {}}]
    expect(ids(judge({}, bot.keys([device, unverified, keyless])))).toEqual([])
  })

  test('what was recorded without cross-signing and backup, and is so', () => {
    const bare = bot.device('BOT')
    const none = {master_key: null, self_signing_key: null, user_signing_key: null}
    const baseline = baselineOf(bare, {master_key: null, self_signing_key: null, cross_signed: false, backup: null})
    const judged = judge({baseline}, bot.keys([bare], none), {kind: 'backup', version: null})
    expect(ids(judged)).toEqual(['warning device/unverified'])
    expect(ways(judged, 'device/unverified')).toEqual(['bootstrap'])
    expect(not(judged, 'failed')).toEqual(['cross-signature'])
  })
})

describe('the identity', () => {
  const anew = bot.verify(bot.device('BOT'))

  test('other keys under the same device ID, verified again', () => {
    const judged = judge({}, bot.keys([anew]))
    expect(ids(judged)).toEqual(['error device/identity-changed'])
    expect(not(judged, 'failed')).toEqual(['identity-keys'])
    const {evidence: read, remedy} = found(judged, 'device/identity-changed')
    expect(read.map(({value}) => value)).toEqual([
      device.ed25519.publicKey,
      anew.ed25519.publicKey,
      device.curve25519.publicKey,
      anew.curve25519.publicKey,
    ])
    expect(remedy).toContain('Stop the bot')
    expect(ways(judged, 'device/identity-changed')).toEqual(['restore-store', 'recover', 'accept-new-identity'])
  })

  test('other keys that nobody verified are one finding: they are not to be verified', () => {
    const judged = judge({}, bot.keys([bot.device('BOT')]))
    expect(ids(judged)).toEqual(['error device/identity-changed'])
    expect(not(judged, 'not-checked')).toEqual(['cross-signature'])
  })

  test('only the curve25519 key is another', () => {
    const other = pair('x25519').publicKey
    const keys = {...(device.keys['keys'] as JsonObject), 'curve25519:BOT': other}
    const {signatures: _, ...rest} = device.keys
    const again = bot.verify({...device, keys: signed({...rest, keys}, BOT, 'BOT', device.ed25519)})
    const judged = judge({}, bot.keys([again]))
    expect(ids(judged)).toEqual(['error device/identity-changed'])
    expect(found(judged, 'device/identity-changed').summary).not.toContain('ed25519 key')
  })

  test('an old signature of the self-signing key on new keys does not count as one', () => {
    const fresh = bot.device('BOT')
    const old = (device.keys['signatures'] as Record<string, JsonObject>)[BOT]!
    const own = (fresh.keys['signatures'] as Record<string, JsonObject>)[BOT]!
    const keys = {...fresh.keys, signatures: {[BOT]: {...old, ...own}}}
    const judged = judge({}, bot.keys([{...fresh, keys}]))
    expect(ids(judged)).toEqual(['error device/id-reused', 'error device/identity-changed'])
    expect(not(judged, 'failed')).toEqual(['identity-keys', 'cross-signature'])
  })

  test('a copy on another server proves nothing of what the bot published last', () => {
    const judged = judge({}, told(bot.keys([anew], {view: 'copy'})))
    expect(found(judged, 'device/identity-changed').certainty).toBe('strong')
  })

  test('one-time keys of another identity, though the published keys are those recorded', () => {
    const key = oneTimeKey(BOT, anew)
    const keys = [{algorithm: 'signed_curve25519', key_id: 'AAAAAQ', ts_added_ms: NOW, key}]
    const fact: DeviceFact = {
      kind: 'one-time-keys',
      devices: {BOT: {counts: {signed_curve25519: 1}, fallback: [], keys}},
    }
    const judged = judge({}, fact)
    expect(ids(judged)).toEqual(['error device/identity-changed'])
    expect(found(judged, 'device/identity-changed').remedy).toContain('Stop the bot')
    expect(ids(judge({}, bot.keys([anew]), {...fact}))).toEqual(['error device/identity-changed'])
  })

  test('its own signature is bad: said, and no second finding on what it was verified for', () => {
    const spoilt = {...device, keys: {...device.keys, algorithms: []}}
    const judged = judge({}, bot.keys([spoilt]))
    expect(ids(judged)).toEqual(['error baseline/signature-lost', 'error device/self-signature-bad'])
  })

  test.each([
    ['not listed', bot.keys([]), 'no longer published'],
    ['listed without keys', bot.keys([], {devices: {BOT: null}}), 'publishes no keys'],
  ])('the device is gone: %s', (_how, keys, words) => {
    const judged = judge({}, keys)
    expect(ids(judged)).toEqual(['error baseline/device-gone'])
    expect(found(judged, 'baseline/device-gone').summary).toContain(words)
    expect(not(judged, 'not-checked')).toEqual([
      'identity-keys',
      'self-signature',
      'cross-signature',
      'one-time-keys',
      'messages',
    ])
    expect(judged.checks.map(({because}) => because)).not.toContain('no-answer')
  })

  test('a login whose keys are gone is told from one that is gone', () => {
    const judged = judge({}, bot.keys([]), {kind: 'sessions', devices: [{device_id: 'BOT'}]})
    expect(ids(judged)).toEqual(['error baseline/device-gone'])
    expect(found(judged, 'baseline/device-gone').summary).toContain('logged in')
  })
})

describe('cross-signing', () => {
  test('the identity was reset, and the device is verified under the new one', () => {
    const reset = user(BOT)
    const judged = judge({}, reset.keys([reset.verify(device)]), {
      kind: 'backup',
      version: null,
    })
    expect(ids(judged)).toContain('error baseline/cross-signing-changed')
    expect(ids(judged)).not.toContain('error baseline/signature-lost')
    expect(found(judged, 'baseline/cross-signing-changed').summary).toContain('the identity was reset')
  })

  test('the identity was reset, and nobody verified the device', () => {
    const reset = user(BOT)
    const judged = judge({}, reset.keys([device]), backup('3', 'backupkey'))
    expect(ids(judged)).toEqual(
      [
        'error baseline/cross-signing-changed',
        'error baseline/signature-lost',
        'warning account/backup-untrusted',
      ].sort((a, b) => (a < b ? -1 : 1)),
    )
  })

  test('the identity is gone', () => {
    const none = {master_key: null, self_signing_key: null, user_signing_key: null}
    const judged = judge({}, bot.keys([device], none))
    expect(found(judged, 'baseline/cross-signing-changed').summary).toContain('are gone')
    expect(ways(judged, 'baseline/signature-lost')).toEqual(['bootstrap'])
  })

  test('another self-signing key under the same master key is a warning', () => {
    const other = pair()
    const key = bot.crossSigningKey('self_signing', other, master)
    const {signatures: _, ...rest} = device.keys
    const own = signed(rest, BOT, 'BOT', device.ed25519)
    const again = {...device, keys: signed(own, BOT, other.publicKey, other)}
    expect(ids(judge({}, bot.keys([again], {self_signing_key: key})))).toEqual([
      'warning baseline/cross-signing-changed',
    ])
  })

  test('cross-signing that came later is to be recorded', () => {
    const baseline = baselineOf(device, {master_key: null, self_signing_key: null, cross_signed: false})
    expect(ids(judge({baseline}))).toEqual(['warning baseline/cross-signing-changed'])
  })

  test('the signature on the device is gone', () => {
    const {signatures: _, ...rest} = device.keys
    const judged = judge({}, bot.keys([{...device, keys: signed(rest, BOT, 'BOT', device.ed25519)}]))
    expect(ids(judged)).toEqual(['error baseline/signature-lost'])
    expect(ways(judged, 'baseline/signature-lost')).toEqual(['re-verify'])
  })

  test('a broken identity is one finding, not two', () => {
    const key = bot.crossSigningKey('self_signing', selfSigning, pair())
    const judged = judge({}, bot.keys([device], {self_signing_key: key}))
    expect(ids(judged)).toEqual(['error device/cross-signing-broken'])
    expect(not(judged, 'not-checked')).toEqual(['cross-signature'])
  })

  test('keys without word on cross-signing leave it unchecked', () => {
    const {master_key: _1, self_signing_key: _2, user_signing_key: _3, ...keys} = bot.keys([device])
    const judged = judge({}, keys)
    expect(ids(judged)).toEqual([])
    expect(not(judged, 'not-checked')).toEqual(['cross-signing', 'cross-signature'])
  })
})

describe('one-time keys, messages, backup', () => {
  const table = (used: boolean | null): DeviceFact => ({
    kind: 'one-time-keys',
    devices: {BOT: {counts: {}, fallback: used === null ? [] : [{algorithm: 'signed_curve25519', used}]}},
  })

  test('none is left, nor a fallback key: a warning, since the start is what puts it right', () => {
    const judged = judge({}, table(null))
    expect(ids(judged)).toEqual(['warning device/otk-exhausted'])
    expect(ways(judged, 'device/otk-exhausted')).toEqual(['start-bot'])
  })
  test('a used fallback key still serves', () => {
    expect(ids(judge({}, table(true)))).toEqual([])
    expect(not(judge({}, table(true)), 'not-checked')).toEqual([])
  })
  test('own counts do not tell of a used fallback key: not checked, and a note', () => {
    const judged = judge({}, counts(0, false))
    expect(ids(judged)).toEqual(['note device/otk-exhausted'])
    expect(not(judged, 'not-checked')).toEqual(['one-time-keys'])
  })

  test('messages to keys that are not its own', () => {
    const ciphertext = {[pair('x25519').publicKey]: {type: 1, body: 'x'}}
    const content = {algorithm: 'm.olm.v1.curve25519-aes-sha2', sender_key: pair('x25519').publicKey, ciphertext}
    const messages = [{sender: '@bob:b.example', type: 'm.room.encrypted', content}]
    const judged = judge({}, {kind: 'inbox', only: ['BOT'], devices: {BOT: {count: null, messages}}})
    expect(ids(judged)).toEqual(['warning device/stale-sender-key'])
    expect(not(judged, 'failed')).toEqual(['messages'])
  })

  test.each<[string, BackupIdentity | null, DeviceFact, readonly string[]]>([
    ['another version and key', {version: '2', public_key: 'older'}, backup('3', 'newer'), ['warning']],
    ['another key under the same version', {version: '3', public_key: 'older'}, backup('3', 'newer'), ['warning']],
    ['another version with the same key', {version: '2', public_key: 'same'}, backup('3', 'same'), ['note']],
    ['another version, and no keys that are told', {version: '2', public_key: null}, unnamed('3'), ['warning']],
    ['it is gone', {version: '3', public_key: 'k'}, {kind: 'backup', version: null}, ['warning']],
    ['it came later', null, backup('1', 'k'), ['note']],
    ['none, as before', null, {kind: 'backup', version: null}, []],
  ])('backup: %s', (_what, recorded, fact, severities) => {
    const judged = judge({baseline: baselineOf(device, {backup: recorded})}, fact)
    expect(ids(judged)).toEqual(severities.map((severity) => `${severity} baseline/backup-changed`))
  })

  test('a backup that nobody told when it was recorded cannot be compared', () => {
    const {backup: _, ...rest} = baselineOf(device)
    expect(not(judge({baseline: rest}), 'not-checked')).toEqual(['backup'])
  })
})

describe('the token', () => {
  const account = {kind: 'account', userId: BOT, deviceId: 'BOT', expected: ['BOT', 'ASKER'], route: 'client'} as const

  test.each([
    ['of another user', {...account, userId: '@eve:a.example'}],
    ['of another device', {...account, deviceId: 'ELSE'}],
  ])('%s', (_what, token) => {
    const judged = judge({token})
    expect(ids(judged)).toEqual(['error baseline/other-account'])
    expect(ways(judged, 'baseline/other-account')).toEqual(['new-token'])
  })

  test.each([
    ['of the device that setup asks by', {...account, deviceId: 'ASKER'}, 'ok'],
    ['of no device that is told, as at set-up', {...account, deviceId: null, expected: ['BOT', null]}, 'ok'],
    ['of no device that is told, other than at set-up', {...account, deviceId: null}, 'not-checked'],
    ['of nobody', {kind: 'absent'}, 'not-checked'],
  ] as const)('%s', (_what, token, outcome) => {
    const judged = judge({token})
    expect(ids(judged)).toEqual([])
    expect(judged.checks[0]).toMatchObject({id: 'token', outcome})
  })

  test.each([true, false])('refused, soft logout: %s', (softLogout) => {
    const token = {kind: 'refused', softLogout, said: '401 M_UNKNOWN_TOKEN', route: 'client'} as const
    const judged = checkBaseline({...evidence({token}), snapshots: []})
    expect(ids(judged)).toEqual(['error baseline/token-refused'])
    expect(judged.checks.filter(({because}) => because === 'no-answer')).toEqual([])
    const [first] = judged.repairs.get('baseline/token-refused') ?? []
    expect(first?.command).toBe('matrix-state setup --modify --token-file FILE --profile bot')
    expect(first?.what).toContain(softLogout ? 'still has device BOT' : 'If device BOT is still there')
  })

  test('refused, and another route shows that the device is gone', () => {
    const token = {kind: 'refused', softLogout: false, said: '401', route: 'client'} as const
    expect(ids(judge({token}, bot.keys([])))).toEqual(['error baseline/device-gone', 'error baseline/token-refused'])
  })
})

describe('what was not told is not fine', () => {
  test('asked in vain: no answer; with nobody to ask: no access', () => {
    const all = (unanswered: BaselineEvidence['unanswered']) =>
      checkBaseline({...evidence({unanswered}), snapshots: []}).checks.filter(({id}) => !id.startsWith('store'))
    const why = 'nobody answered.'
    const vain = all({keys: why, 'one-time-keys': why, inbox: why, backup: why})
    expect(vain.slice(1).map(({outcome, because}) => [outcome, because])).toEqual(
      vain.slice(1).map(() => ['not-checked', 'no-answer']),
    )
    expect(
      all({})
        .slice(1)
        .map(({because}) => because),
    ).toEqual(vain.slice(1).map(() => 'no-access'))
  })
})

describe('the store', () => {
  const where = '/data/store'
  test.each([
    ['missing', 'is not there', 'baseline/store-missing', ['store']],
    ['unopenable', 'was not shown to open', 'baseline/store-unopenable', ['store-opens']],
  ] as const)('%s', (outcome, why, id, failed) => {
    const judged = judge({store: {kind: 'seen', outcome, why, where}})
    expect(ids(judged)).toEqual([`error ${id}`])
    expect(not(judged, 'failed')).toEqual(failed)
    expect(ways(judged, id)).toContain('restore-store')
    expect(judged.repairs.get(id)?.[0]?.what).toContain(where)
  })

  test('of another device', () => {
    const ed25519 = pair().publicKey
    const judged = judge({
      store: {kind: 'seen', outcome: 'of-another', why: 'holds another ed25519 key', where: '/data/key', ed25519},
    })
    expect(ids(judged)).toEqual(['error baseline/store-of-another'])
    expect(found(judged, 'baseline/store-of-another').evidence.map(({value}) => value)).toEqual([
      device.ed25519.publicKey,
      ed25519,
    ])
  })

  test('unrecorded: a warning', () => {
    const judged = judge({baseline: baselineOf(device, {store: null}), store: {kind: 'unrecorded'}})
    expect(ids(judged)).toEqual(['warning baseline/store-unrecorded'])
    expect([not(judged, 'failed'), not(judged, 'not-checked')]).toEqual([['store'], ['store-opens']])
  })

  test('a check that is a command is among the repairs of a store that does not open', () => {
    const store = {path: where, check: {kind: 'command', command: 'bot --check'}} as const
    const judged = judge({
      baseline: baselineOf(device, {store}),
      store: {kind: 'seen', outcome: 'unopenable', why: 'ended with 1', where: 'command'},
    })
    expect(judged.repairs.get('baseline/store-unopenable')?.[0]).toMatchObject({
      repair: 'run-check',
      command: 'bot --check',
    })
  })

  test.each([
    [{kind: 'left-out'}, ['left-out', 'left-out']],
    [{kind: 'seen', outcome: 'present', why: 'is there', where}, [null, 'no-access']],
    [
      {kind: 'seen', outcome: 'not-checked', why: 'cannot be looked at: no permission', where},
      ['no-answer', 'no-answer'],
    ],
    [{kind: 'seen', outcome: 'not-checked', why: 'could not be checked', where: 'command'}, [null, 'no-answer']],
  ] as const)('%o', (store, because) => {
    const judged = judge({store})
    expect(ids(judged)).toEqual([])
    expect(judged.checks.slice(-2).map((check) => check.because)).toEqual(because)
  })
})

test('every repair names the profile and a cost, and is not offered twice for one finding', () => {
  const judged = checkBaseline({
    ...evidence({store: {kind: 'seen', outcome: 'missing', why: 'is not there', where: '/data/store'}}),
    profile: 'other',
  })
  const all = [...judged.repairs.values()]
  expect(all.length).toBe(1)
  for (const {command, costs, what} of all.flat()) {
    expect(command).toMatch(/^matrix-state .*--profile other$/)
    expect(costs).not.toBe('')
    expect(what).toMatch(/[.:]$/)
  }
})

describe('repairs do not contradict what else was found', () => {
  const text = (judged: BaselineJudgement, id: FindingId) => JSON.stringify(judged.repairs.get(id) ?? [])
  const refused = {kind: 'refused', softLogout: false, said: '401', route: 'client'} as const

  test('keys that setup never records are not offered to be accepted', () => {
    const fresh = bot.device('BOT')
    const old = (device.keys['signatures'] as Record<string, JsonObject>)[BOT]!
    const own = (fresh.keys['signatures'] as Record<string, JsonObject>)[BOT]!
    const keys = {...fresh.keys, signatures: {[BOT]: {...old, ...own}}}
    const judged = judge({}, bot.keys([{...fresh, keys}]))
    expect(ids(judged)).toContain('error device/id-reused')
    expect(ways(judged, 'device/identity-changed')).toEqual(['restore-store', 'recover'])
    const missing = judge(
      {store: {kind: 'seen', outcome: 'missing', why: 'is not there', where: '/data/store'}},
      bot.keys([fresh]),
    )
    expect(ways(missing, 'device/identity-changed')).toEqual(['restore-store', 'recover'])
  })

  test('a device that is gone is neither logged out, verified nor given a token, and a backup that is gone restores nothing', () => {
    const reset = user(BOT)
    const judged = judge({token: refused}, reset.keys([]), {kind: 'backup', version: null})
    expect(ways(judged, 'baseline/device-gone')).toEqual(['recover'])
    expect(text(judged, 'baseline/device-gone')).toContain('"Log the bot in anew')
    expect(text(judged, 'baseline/device-gone')).not.toMatch(/log it out|backup/)
    expect(ways(judged, 'baseline/token-refused')).toEqual(['recover'])
    expect(ways(judged, 'baseline/cross-signing-changed')).toEqual(['look-into'])
    const there = judge({}, bot.keys([]))
    expect(text(there, 'baseline/device-gone')).toContain('from the backup')
  })

  test('a token of another device beside a device that is gone', () => {
    const token = {kind: 'account', userId: BOT, deviceId: 'NEW', expected: ['BOT'], route: 'client'} as const
    expect(ways(judge({token}, bot.keys([])), 'baseline/other-account')).toEqual(['recover'])
    expect(ways(judge({token}), 'baseline/other-account')).toEqual(['new-token'])
  })

  test('a device that the new cross-signing keys have signed is not to be verified again', () => {
    const reset = user(BOT)
    const signedAnew = judge({}, reset.keys([reset.verify(device)]), {kind: 'backup', version: null})
    expect(ways(signedAnew, 'baseline/cross-signing-changed')).toEqual(['look-into', 'record-again'])
    const not = judge({}, reset.keys([device]))
    expect(ways(not, 'baseline/cross-signing-changed')).toEqual(['look-into', 're-verify', 'record-again'])
  })

  test('nothing but a lack of one-time keys has a bot started: no error may stand', () => {
    const none: DeviceFact = {kind: 'one-time-keys', devices: {BOT: {counts: {}, fallback: []}}}
    const alone = judge({}, none)
    expect(ways(alone, 'device/otk-exhausted')).toEqual(['start-bot'])
    expect(text(alone, 'device/otk-exhausted')).toContain('"Start the bot')
    const beside = judge({}, none, bot.keys([bot.device('BOT')]))
    const all = JSON.stringify([...beside.repairs])
    expect(all).not.toContain('"Start the bot')
    expect(all).not.toContain('start the bot and look again')
    expect(text(beside, 'device/otk-exhausted')).toContain('Put right what is an error first')
    expect(text(beside, 'device/identity-changed')).toContain('run preflight again')
  })
})
