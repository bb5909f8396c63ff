import {describe, expect, it, onTestFinished} from 'vitest'
import {openFederationDeviceRoute} from '../../src/sources/device-federation.ts'
import type {DeviceRoute} from '../../src/sources/device-evidence.ts'
import {openDiscovery} from '../../src/sources/federation-lookups.ts'
import {parseSigningKeys} from '../../src/sources/federation-signing-key.ts'
import {json, refusal} from './client-stub.ts'
import {factsOf, stepsOf} from './device-gathered.ts'
import {ORIGIN, realRoom, SEED, StubFederation} from './federation-stub.ts'

const [KEY] = parseSigningKeys(`ed25519 1 ${SEED}`, 'the key of the tests')
const device = (id: string): object => ({device_id: id, keys: {[`ed25519:${id}`]: 'k'}, signatures: {}})

async function routeTo(): Promise<{stub: StubFederation; route: DeviceRoute}> {
  const stub = await StubFederation.start(realRoom('conflict-v10'))
  const options = {origin: ORIGIN, server: stub.name, insecure: true, maxRetryMs: 300}
  const route = openFederationDeviceRoute({...options, key: KEY, discovery: openDiscovery(options)})
  onTestFinished(() => route.close())
  return {stub, route}
}

describe('devices by federation', () => {
  it('are asked of their own server only, signed, in a batch and one by one', async () => {
    const {stub, route} = await routeTo()
    const [ann, ben] = [`@ann:${stub.name}`, `@ben:${stub.name}`]
    const list = {user_id: ann, stream_id: 53, devices: [{device_id: 'A', keys: device('A')}, {device_id: 'BARE'}]}
    stub.next(
      'other',
      json({device_keys: {[ann]: {A: device('A')}}, master_keys: {[ann]: {usage: ['master']}}, self_signing_keys: {}}),
      json({...list, master_key: {usage: ['master']}, self_signing_key: null}),
      refusal(400, 'M_UNKNOWN', 'User is not hosted on this homeserver'),
    )
    const steps = await stepsOf(route, [ann, '@elsewhere:other.example.org', ben])
    expect(stub.unsigned).toEqual([])
    expect(stub.asked.map(({uri}) => decodeURIComponent(uri))).toEqual([
      '/_matrix/federation/v1/user/keys/query',
      `/_matrix/federation/v1/user/devices/${ann}`,
      `/_matrix/federation/v1/user/devices/${ben}`,
    ])
    expect(factsOf(steps, ann, 'keys')).toEqual([
      {
        kind: 'keys',
        view: 'origin',
        devices: {A: device('A')},
        master_key: {usage: ['master']},
        self_signing_key: null,
      },
      {
        kind: 'keys',
        view: 'origin',
        devices: {A: device('A'), BARE: null},
        master_key: {usage: ['master']},
        self_signing_key: null,
        stream_id: 53,
      },
    ])
    expect(factsOf(steps, ben, 'keys')).toEqual([])
    expect(steps.flatMap(({refusals = []}) => refusals.map(({outcome, userIds}) => [outcome, userIds]))).toEqual([
      ['absent', [ben]],
      ['refused', [ben]],
    ])
    expect(route.identity).toMatchObject({name: `federation ${stub.name} as ${ORIGIN}`, account: null})
  })

  it('of many users are asked in batches, and one by one only of those that are looked at again', async () => {
    const {stub, route} = await routeTo()
    const users = Array.from({length: 300}, (_, n) => `@u${String(n)}:${stub.name}`)
    const answer = (some: readonly string[]) =>
      json({device_keys: Object.fromEntries(some.map((id) => [id, {}])), master_keys: {}, self_signing_keys: {}})
    stub.next(
      'other',
      answer(users.slice(0, 250)),
      answer(users.slice(250)),
      answer(users.slice(0, 1)),
      json({devices: []}),
    )
    const steps = await stepsOf(route, users)
    expect(stub.asked).toHaveLength(2)
    expect(steps.flatMap(({facts}) => facts)).toHaveLength(300)
    await stepsOf(route, users.slice(0, 1), {keysOnly: true})
    expect(stub.asked.map(({uri}) => uri.split('/').at(-2))).toEqual(['keys', 'keys', 'keys', 'devices'])
  })

  it('end where the server does not take the signature, and nobody is asked of whom it has none', async () => {
    const {stub, route} = await routeTo()
    expect(await stepsOf(route, ['@a:other.example.org'])).toEqual([])
    expect(stub.asked).toEqual([])
    stub.next('other', refusal(401, 'M_UNAUTHORIZED', 'Invalid signature'))
    await expect(stepsOf(route, [`@a:${stub.name}`])).rejects.toMatchObject({code: 'SERVER_REFUSED'})
  })
})
