import {mkdtempSync, rmSync} from 'node:fs'
import {tmpdir} from 'node:os'
import path from 'node:path'
import {describe, expect, it, onTestFinished} from 'vitest'
import {createCase} from '../../src/casefile/open-case.ts'
import type {WritableCase} from '../../src/casefile/case-file.ts'
import {StateError} from '../../src/errors.ts'
import {gatherDevices, type GatherDevicesOptions} from '../../src/investigate/gather-devices.ts'
import {openDeviceRoutes, planDevices} from '../../src/investigate/open-device-routes.ts'
import type {PublishedKeys} from '../../src/matrix/device-facts.ts'
import type {DeviceContext, DeviceRoute, DeviceStep} from '../../src/sources/device-evidence.ts'
import type {RouteKind} from '../../src/sources/evidence.ts'

const ANN = '@ann:one'
const BEN = '@ben:two'

function newCase(): WritableCase {
  const folder = mkdtempSync(path.join(tmpdir(), 'gather-devices-'))
  const made = createCase(path.join(folder, 'a.case'), {roomId: ANN, nowMs: 0})
  onTestFinished(() => {
    made.close()
    rmSync(folder, {recursive: true, force: true})
  })
  return made
}

const keys = (view: PublishedKeys['view'], key: string): PublishedKeys => ({
  kind: 'keys',
  view,
  devices: {D: {keys: {'ed25519:D': key}}},
})

/** A route that tells what the test says, and writes down how it was asked. */
function route(
  kind: RouteKind,
  name: string,
  tell: (context: DeviceContext, time: number) => Iterable<DeviceStep>,
): DeviceRoute & {readonly asked: DeviceContext[]} {
  const asked: DeviceContext[] = []
  return {
    asked,
    identity: {kind, name, server: name, address: name, insecure: false, account: null},
    plan: () => [],
    gather: async function* (context) {
      asked.push(context)
      await Promise.resolve()
      yield* tell(context, asked.length)
    },
    close: () => Promise.resolve(),
  }
}

const step = (fact: PublishedKeys, userId = BEN): DeviceStep => ({how: 'x', requests: 1, facts: [{userId, fact}]})

function options(routes: readonly DeviceRoute[], more: Partial<GatherDevicesOptions> = {}): GatherDevicesOptions {
  let now = 1000
  return {
    userIds: [ANN, BEN],
    routes,
    federationWith: () => [],
    keeper: newCase().devices,
    signal: new AbortController().signal,
    nowMs: () => (now += 1),
    settleMs: 1,
    ...more,
  }
}

describe('gathering devices', () => {
  it('asks what changes nothing first, servers of the users by federation, and goes on without what fails', async () => {
    const order: string[] = []
    const told = (name: string) => () => {
      order.push(name)
      return [step(keys('origin', 'k'))]
    }
    const broken = route('admin', 'admin', () => {
      throw new StateError('SERVER_REFUSED', 'no admin')
    })
    const routes = [
      route('client', 'client', told('client')),
      broken,
      route('database', 'db', told('db')),
      route('file', 'log', told('log')),
    ]
    const given = options(routes, {
      federationWith: (servers) => servers.map((server) => route('federation', server, told(`federation ${server}`))),
    })
    const {requests, byRoute, failed, differed} = await gatherDevices(given)
    expect(order).toEqual(['log', 'db', 'federation one', 'federation two', 'client'])
    expect({requests, differed}).toEqual({requests: 5, differed: []})
    expect(failed.map(({name, error}) => [name, error?.code])).toEqual([['admin', 'SERVER_REFUSED']])
    expect(byRoute).toHaveLength(6)
    expect(given.keeper.refusals()).toEqual([
      expect.objectContaining({what: 'the route as a whole', userId: null, message: 'no admin'}),
    ])
    expect(given.keeper.of(BEN)).toHaveLength(5)
  })

  it('asks again, once and after a while, for users of whom a copy differs from the origin', async () => {
    const copy = route('client', 'one', (_, time) => [
      step(keys('copy', time === 1 ? 'old' : 'new')),
      step(keys('origin', 'a'), ANN),
    ])
    const origin = route('federation', 'two', () => [step(keys('origin', 'new'))])
    const silent = route('file', 'log', () => [])
    const given = options([copy, silent], {federationWith: () => [origin]})
    expect((await gatherDevices(given)).differed).toEqual([BEN])
    expect(copy.asked.map(({userIds, keysOnly}) => [userIds, keysOnly])).toEqual([
      [[ANN, BEN], undefined],
      [[BEN], true],
    ])
    expect([origin.asked.length, silent.asked.length]).toEqual([2, 1])
    const ofCopy = given.keeper.of(BEN).filter(({route: name}) => name === 'one')
    expect(ofCopy.map(({fact}) => (fact as PublishedKeys).devices['D']?.['keys'])).toEqual([
      {'ed25519:D': 'old'},
      {'ed25519:D': 'new'},
    ])
    const [ofOrigin, ...more] = given.keeper.of(BEN).filter(({route: name}) => name === 'two')
    expect(more).toEqual([])
    expect(ofOrigin?.lastTs).toBeGreaterThan(ofOrigin?.ts ?? Infinity)
  })

  it('keeps what came before it is cut off, and ends with the reason', async () => {
    const controller = new AbortController()
    const reason = new Error('enough')
    const given = options(
      [
        route('client', 'one', function* () {
          yield step(keys('origin', 'a'), ANN)
          controller.abort(reason)
          yield step(keys('copy', 'b'))
        }),
      ],
      {signal: controller.signal},
    )
    await expect(gatherDevices(given)).rejects.toBe(reason)
    expect(given.keeper.users()).toContain(ANN)
    const waiting = new AbortController()
    const both = [
      route('client', 'one', () => [step(keys('copy', 'x'))]),
      route('database', 'db', () => [step(keys('origin', 'y'))]),
    ]
    const stopped = gatherDevices(
      options(both, {
        signal: waiting.signal,
        settleMs: 60_000,
        onProgress: ({kind}) => {
          if (kind === 'waiting') waiting.abort(reason)
        },
      }),
    )
    await expect(stopped).rejects.toBe(reason)
  })

  it('counts what can be no text as not given', async () => {
    const odd = {...keys('origin', 'k'), devices: {D: {x: '\ud800'}}}
    const given = options([
      route('client', 'one', () => [
        {
          ...step(odd),
          facts: [
            {userId: BEN, fact: odd},
            {userId: ANN, fact: keys('origin', 'k')},
          ],
        },
      ]),
    ])
    await gatherDevices(given)
    expect(given.keeper.users()).toEqual([ANN])
    expect(given.keeper.refusals()).toEqual([expect.objectContaining({userId: BEN, outcome: 'failed'})])
  })
})

describe('routes to devices', () => {
  const context = {signal: new AbortController().signal, nowMs: () => 0}

  it('say what is lacking, and never the token', async () => {
    await expect(openDeviceRoutes({}, context)).rejects.toMatchObject({code: 'USAGE'})
    const bare = {homeserver: 'http://127.0.0.1:2'}
    await expect(openDeviceRoutes(bare, context)).rejects.toMatchObject({code: 'CREDENTIALS_ABSENT'})
    const error: unknown = await openDeviceRoutes({...bare, accessToken: 'syt_secret_token_here'}, context).catch(
      (thrown: unknown) => thrown,
    )
    expect(error).toMatchObject({code: 'SERVER_UNREACHABLE'})
    expect(JSON.stringify(error)).not.toContain('syt_secret')
  })

  it('plan without asking: what is asked, how often, and what it does to the server', async () => {
    const access = {
      homeserver: 'https://one',
      accessToken: 'a',
      adminToken: 'b',
      signingKeyFile: '/nowhere',
      serverName: 'one',
      databases: ['sqlite:/nowhere.db'],
      logs: ['/nowhere.log'],
    }
    const planned = await planDevices(access, 2000, ['one', 'two'])
    expect(planned.map(({name}) => name)).toEqual([
      'log /nowhere.log',
      'database sqlite:/nowhere.db',
      'federation one as one',
      'federation two as one',
      'admin https://one',
      'client https://one',
    ])
    const all = planned.flatMap(({requests}) => requests)
    expect(all.find(({request}) => request === 'POST /_matrix/client/v3/keys/query')).toMatchObject({
      times: expect.stringMatching(/^8,/u) as string,
      effect: expect.stringContaining('caches the list') as string,
    })
    expect(all.some(({request}) => /claim|upload|PUT|DELETE/u.test(request))).toBe(false)
  })
})
