import {describe, expect, it} from 'vitest'
import {ExactNumber} from '../../src/matrix/json.ts'
import {openAdminDeviceRoute} from '../../src/sources/device-admin.ts'
import {openClientDeviceRoute} from '../../src/sources/device-client.ts'
import type {DeviceRoute} from '../../src/sources/device-evidence.ts'
import {
  ALICE,
  type Answers,
  BOB,
  factsOf,
  KEYS_QUERY,
  KEYS_QUERY_TEXT,
  recordingServer,
  stepsOf,
} from './device-gathered.ts'

const DEVICE = 'ALICEONE'
const ROOM = '!room:localhost'
const OLM = {
  sender: BOB,
  type: 'm.room.encrypted',
  content: {algorithm: 'm.olm.v1.curve25519-aes-sha2', sender_key: 'k', ciphertext: {target: {type: 0, body: 'b'}}},
}

const ORDINARY: Answers = ({path, query}) => {
  if (path.endsWith('/account/whoami')) return {user_id: ALICE, device_id: DEVICE}
  if (path.endsWith('/keys/query')) return KEYS_QUERY
  if (path.endsWith('/devices')) {
    return {
      devices: [
        {
          device_id: DEVICE,
          display_name: 'phone',
          last_seen_ts: 5,
          last_seen_ip: '192.0.2.7',
          user_agent: 'Agent/1',
          last_seen_user_agent: 'Agent/1',
          dehydrated: false,
        },
      ],
    }
  }
  if (path.endsWith('/sync')) {
    return {
      next_batch: 's1',
      device_one_time_keys_count: {signed_curve25519: 7},
      device_unused_fallback_key_types: ['signed_curve25519'],
      to_device: {
        events: [
          {...OLM, content: {...OLM.content, sender_key: 'old'}},
          {sender: BOB, type: 'm.room_key_request', content: {}},
          OLM,
        ],
      },
    }
  }
  if (path.endsWith('/account_data/m.secret_storage.default_key')) return {key: 'theKey'}
  if (path.endsWith('/account_data/m.secret_storage.key.theKey'))
    return {algorithm: 'm.secret_storage.v1.aes-hmac-sha2'}
  if (path.endsWith('/joined_rooms')) return {joined_rooms: [ROOM, '!plain:localhost']}
  if (path.endsWith('/joined_members')) return {joined: {[ALICE]: {}, [BOB]: {display_name: 'x'}}}
  if (path.endsWith(`${ROOM}/state/m.room.encryption/`)) return {algorithm: 'm.megolm.v1.aes-sha2'}
  if (path.endsWith('/members')) return {members: [BOB, ALICE], total: 2}
  if (path.endsWith(`${ROOM}/state`)) return {state: [{type: query['type'], state_key: '', content: {}}]}
  if (path.endsWith('/state')) return {state: []}
  return null
}

async function routes(answers: Answers = ORDINARY) {
  const server = await recordingServer(answers)
  const access = {homeserver: server.url, accessToken: 'syt_token_of_the_test', maxRetryMs: 300}
  return {
    ...server,
    client: (): Promise<DeviceRoute> => openClientDeviceRoute(access),
    admin: (withKeys = false): Promise<DeviceRoute> => openAdminDeviceRoute({...access, withKeys}),
  }
}

/** All that may ever be asked of a server, with the names of its parameters. */
const ALLOWED = [
  /^GET \/_matrix\/client\/v3\/account\/whoami $/u,
  /^POST \/_matrix\/client\/v3\/keys\/query $/u,
  /^GET \/_matrix\/client\/v3\/devices $/u,
  /^GET \/_matrix\/client\/v3\/sync filter,set_presence,timeout$/u,
  /^GET \/_matrix\/client\/v3\/user\/@[^/]+\/account_data\/(?:m\.secret_storage\.|m\.cross_signing\.|m\.megolm_backup\.v1|m\.org\.matrix\.custom\.backup_disabled)\S* $/u,
  /^GET \/_matrix\/client\/v3\/room_keys\/version $/u,
  /^GET \/_matrix\/client\/v3\/joined_rooms $/u,
  /^GET \/_matrix\/client\/v3\/rooms\/![^/]+\/joined_members $/u,
  /^GET \/_matrix\/client\/v3\/rooms\/![^/]+\/state\/m\.room\.encryption\/ $/u,
  /^GET \/_synapse\/admin\/v2\/users\/@[^/]+\/devices $/u,
  /^GET \/_synapse\/admin\/v1\/users\/@[^/]+\/joined_rooms $/u,
  /^GET \/_synapse\/admin\/v1\/rooms\/![^/]+\/members $/u,
  /^GET \/_synapse\/admin\/v1\/rooms\/![^/]+\/state type$/u,
]

describe('routes of tokens', () => {
  it('ask for nothing that changes anything: no since, no claim, no upload', async () => {
    const {client, admin, asked} = await routes()
    for (const route of [await client(), await admin(true)]) {
      await stepsOf(route, [ALICE])
      await stepsOf(route, [ALICE, BOB], {keysOnly: true})
    }
    const lines = asked.map(({method, path, query}) => `${method} ${path} ${Object.keys(query).sort().join()}`)
    expect(lines.filter((line) => !ALLOWED.some((allowed) => allowed.test(line)))).toEqual([])
    expect(ALLOWED.filter((allowed) => !lines.some((line) => allowed.test(line)))).toEqual([])
    const [sync] = asked.filter(({path}) => path.endsWith('/sync'))
    expect(sync?.query).toMatchObject({timeout: '0', set_presence: 'offline'})
    expect(JSON.parse(sync?.query['filter'] ?? '')).toMatchObject({
      presence: {types: []},
      account_data: {types: []},
      room: {rooms: []},
    })
    for (const {body} of asked.filter(({path}) => path.endsWith('/keys/query'))) {
      const {device_keys: users, timeout, ...rest} = JSON.parse(body) as {device_keys: object; timeout: number}
      expect({timeout, rest}).toEqual({timeout: 10_000, rest: {}})
      expect(Object.values(users).every((devices) => Array.isArray(devices) && devices.length === 0)).toBe(true)
    }
  })

  it('keep keys as they came, and say whose view they are', async () => {
    const odd = '{"$big":12345678901234567890,"$float":1.0}'
    const text = KEYS_QUERY_TEXT.replace('"unsigned": {}', `"unsigned": ${odd}`)
    const {client} = await routes((question) =>
      question.path.endsWith('/keys/query') ? [200, text] : ORDINARY(question),
    )
    const route = await client()
    expect(route.identity).toMatchObject({
      kind: 'client',
      name: `client ${ALICE}`,
      server: 'localhost:18448',
      account: {userId: ALICE, deviceId: DEVICE},
    })
    const steps = await stepsOf(route, [ALICE, BOB])
    const [own] = factsOf(steps, ALICE, 'keys')
    const [bob] = factsOf(steps, BOB, 'keys')
    expect(own).toMatchObject({view: 'origin', user_signing_key: KEYS_QUERY.user_signing_keys[ALICE]})
    expect(bob).toMatchObject({view: 'copy', master_key: KEYS_QUERY.master_keys[BOB]})
    expect(bob?.self_signing_key).toEqual(KEYS_QUERY.self_signing_keys[BOB])
    expect(bob?.devices['BOB2']).toEqual(KEYS_QUERY.device_keys[BOB]?.['BOB2'])
    expect(bob).not.toHaveProperty('user_signing_key')
    const unsigned = [...Object.values(own?.devices ?? {}), ...Object.values(bob?.devices ?? {})]
      .map((device) => device?.['unsigned'])
      .find((value) => Object.keys(value ?? {}).includes('$big'))
    expect(unsigned).toEqual({$big: new ExactNumber('12345678901234567890'), $float: new ExactNumber('1.0')})
  })

  it('tell what the own account is shown, and no address or user agent', async () => {
    const {client} = await routes()
    const steps = await stepsOf(await client(), [ALICE])
    const [sessions] = factsOf(steps, ALICE, 'sessions')
    expect(sessions?.devices).toEqual([{device_id: DEVICE, display_name: 'phone', last_seen_ts: 5, dehydrated: false}])
    expect(factsOf(steps, ALICE, 'one-time-keys')).toEqual([
      {
        kind: 'one-time-keys',
        devices: {
          [DEVICE]: {counts: {signed_curve25519: 7}, fallback: [{algorithm: 'signed_curve25519', used: false}]},
        },
        only: [DEVICE],
      },
    ])
    const [inbox] = factsOf(steps, ALICE, 'inbox')
    expect(inbox?.devices[DEVICE]?.count).toBeNull()
    expect(inbox?.devices[DEVICE]?.messages.map(({content}) => content['sender_key'])).toEqual(['k', 'old'])
    const [data] = factsOf(steps, ALICE, 'account-data')
    expect(data?.types).toMatchObject({'m.secret_storage.default_key': {key: 'theKey'}, 'm.megolm_backup.v1': null})
    expect(data?.types['m.secret_storage.key.theKey']).toBeTruthy()
    expect(factsOf(steps, ALICE, 'backup')).toEqual([{kind: 'backup', version: null}])
    expect(factsOf(steps, ALICE, 'rooms')[0]?.rooms).toEqual([
      {room_id: ROOM, encrypted: true, joined: [ALICE, BOB]},
      {room_id: '!plain:localhost', encrypted: false, joined: [ALICE, BOB]},
    ])
    const steps2 = await stepsOf(await (await routes()).admin(), [ALICE])
    expect(JSON.stringify([steps, steps2])).not.toMatch(/192\.0\.2|Agent/u)
  })

  it('never take silence for an empty list: failures, users that are not named, endpoints that are not there', async () => {
    const carol = '@carol:localhost:18448'
    const answer = {
      device_keys: {[ALICE]: {}},
      failures: {'localhost:28448': {status: 503, message: 'no\u001b[2J way'}},
    }
    const {client} = await routes((question) => {
      if (question.path.endsWith('/keys/query')) return answer
      if (question.path.endsWith('/room_keys/version')) return [404, {errcode: 'M_UNRECOGNIZED', error: 'no'}]
      return ORDINARY(question)
    })
    const steps = await stepsOf(await client(), [ALICE, BOB, carol])
    expect(factsOf(steps, ALICE, 'keys')).toEqual([{kind: 'keys', view: 'origin', devices: {}}])
    expect(factsOf(steps, BOB, 'keys')).toEqual([])
    expect(factsOf(steps, BOB, 'unreachable')).toEqual([
      {kind: 'unreachable', server: 'localhost:28448', message: 'no [2J way'},
    ])
    expect(factsOf(steps, carol, 'keys')).toEqual([])
    const refusals = steps.flatMap(({refusals: list = []}) => list)
    expect(refusals).toContainEqual(expect.objectContaining({outcome: 'absent', userIds: [carol]}))
    expect(factsOf(steps, ALICE, 'backup')).toEqual([])
    expect(refusals).toContainEqual(
      expect.objectContaining({what: 'GET /_matrix/client/v3/room_keys/version', userIds: [ALICE]}),
    )
  })

  it('ask for 2,000 users in eight requests, and for nobody’s rooms then', async () => {
    const users = Array.from({length: 1999}, (_, n) => `@u${String(n)}:other`)
    const {client, asked} = await routes(({path, body}) => {
      if (!path.endsWith('/keys/query')) return ORDINARY({path, body, method: '', query: {}})
      const {device_keys: named} = JSON.parse(body) as {device_keys: Record<string, unknown>}
      return {device_keys: Object.fromEntries(Object.keys(named).map((id) => [id, {}]))}
    })
    const steps = await stepsOf(await client(), [ALICE, ...users])
    expect(asked.filter(({path}) => path.endsWith('/keys/query'))).toHaveLength(8)
    expect(new Set(steps.flatMap(({facts}) => facts.map(({userId}) => userId))).size).toBe(2000)
    expect(asked.some(({path}) => path.includes('/rooms/'))).toBe(false)
    expect(steps.reduce((sum, {requests}) => sum + requests, 0)).toBe(asked.length)
  })

  it('of an administrator: local users only, a rate limit obeyed, and unknown users refused one by one', async () => {
    let limited = 0
    const {admin, asked} = await routes((question) => {
      if (!question.path.startsWith('/_synapse/admin/v2')) return ORDINARY(question)
      if (question.path.includes('nobody')) return [404, {errcode: 'M_NOT_FOUND', error: 'Unknown user'}]
      limited += 1
      if (limited === 1) return [429, {errcode: 'M_LIMIT_EXCEEDED', error: 'slow', retry_after_ms: 1}]
      return ORDINARY(question)
    })
    const nobody = '@nobody:localhost:18448'
    const steps = await stepsOf(await admin(), [ALICE, BOB, nobody])
    expect(factsOf(steps, ALICE, 'sessions')).toHaveLength(1)
    expect(asked.some(({path}) => path.includes('bob'))).toBe(false)
    expect(steps.flatMap(({refusals = []}) => refusals)).toEqual([
      expect.objectContaining({outcome: 'absent', status: 404, userIds: [nobody]}),
    ])
    expect(steps.reduce((sum, {requests}) => sum + requests, 0)).toBe(asked.length)
    const {admin: mere} = await routes((question) =>
      question.path.startsWith('/_synapse') ? [403, {errcode: 'M_FORBIDDEN', error: 'no'}] : ORDINARY(question),
    )
    await expect(stepsOf(await mere(), [ALICE])).rejects.toMatchObject({code: 'SERVER_REFUSED'})
  })
})
