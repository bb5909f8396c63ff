import {randomBytes} from 'node:crypto'
import {mkdtemp, rm, writeFile} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import path from 'node:path'
import {equal} from './checking.ts'
import type {Running} from './checking.ts'
import {audit, byDatabases} from './device-audits.ts'
import type {Audit} from './device-audits.ts'
import {CrossSigning, SigningKey} from './device-signing.ts'
import {measuring, peakMb, requestsOf} from './measure.ts'
import {findPostgres, startCluster} from './postgres.ts'
import {TestRoom} from './rooms.ts'
import {spread} from './stage.ts'
import {Synapse} from './synapse.ts'
import type {Account} from './synapse.ts'

const [MEMBERS, QUICK_MEMBERS] = [2000, 200]
const DEVICES = 3
const MOST_MEGABYTES = 600
const MOST_QUERIES = 60
const V3 = '/_matrix/client/v3'

/** A room of thousands of devices, audited in one run: in how many requests, how long, and with how much memory. */
export async function checkCrowd(running: Running): Promise<void> {
  const {check, say, quick, keepSecret, program, python} = running
  const count = Number(process.env.MATRIX_STATE_TEST_CROWD ?? (quick ? QUICK_MEMBERS : MEMBERS))
  const folder = await mkdtemp(path.join(tmpdir(), 'matrix-state-bridge-'))
  const postgres = findPostgres()
  const cluster = 'skip' in postgres ? null : await startCluster()
  let server: Synapse | null = null
  try {
    const token = randomBytes(16).toString('hex')
    const registration = path.join(folder, 'bridge.yaml')
    await writeFile(registration, JSON.stringify(bridge(token)))
    const extra = {app_service_config_files: [registration]}
    const launched = await Synapse.launch(python, {extra, ...(cluster === null ? {} : {cluster})})
    server = launched
    launched.secrets.push(token)
    const root = await launched.register('root', {admin: true})
    const watcher = await launched.register('watcher')
    const made: TestRoom[] = []
    await check(`crowd: ${String(count)} members with ${String(DEVICES)} devices each`, async () => {
      const start = performance.now()
      made.push(await gatherCrowd(launched, watcher, token, count))
      const seconds = Math.round((performance.now() - start) / 1000)
      say(`      the crowd is there after ${String(seconds)} s`)
    })
    const [room] = made
    if (room === undefined) return
    const {roomId} = room
    const rows: string[] = []
    for (const route of ['api', 'database'] as const) {
      await check(`crowd: audited in one run, by ${route}`, async () => {
        const way = route === 'database' ? byDatabases([launched]) : byClient(launched, watcher, root)
        const file = path.join(folder, `${route}.rss`)
        const env = {...way.env, ...measuring(file)}
        const before = await requestsOf(launched)
        const audited = await audit(program, roomId, {args: way.args, env})
        const after = await requestsOf(launched)
        const megabytes = await peakMb(file)
        const [all, queries] = [after.all - before.all, after.queries - before.queries]
        expectCrowd(audited, count)
        if (queries > MOST_QUERIES) throw new Error(`${String(queries)} requests to /keys/query: not in batches`)
        if (megabytes > MOST_MEGABYTES) throw new Error(`${megabytes.toFixed(0)} MB`)
        const line = `${String(count)} members, ${String(count * DEVICES)} devices, by ${route}: ${String(all)} requests (${String(queries)} to /keys/query), ${audited.run.seconds.toFixed(1)} s, ${megabytes.toFixed(0)} MB at most`
        rows.push(line)
        return line
      })
    }
    running.publish(`## A crowd\n\n${rows.join('\n')}`)
  } finally {
    if (server !== null) keepSecret(server.secrets)
    await server?.dispose()
    await cluster?.stop()
    await rm(folder, {recursive: true, force: true})
  }
}

/** An application service may act as its users and their devices. */
function bridge(token: string): object {
  return {
    id: 'crowd',
    url: null,
    as_token: token,
    hs_token: randomBytes(16).toString('hex'),
    sender_localpart: 'bridge',
    rate_limited: false,
    namespaces: {users: [{exclusive: false, regex: '@crowd.*'}], rooms: [], aliases: []},
    'io.element.msc4190': true,
  }
}

function byClient(server: Synapse, account: Account, admin: Account): ReturnType<typeof byDatabases> {
  return {
    args: ['--from', 'client,admin', '--homeserver', server.baseUrl],
    env: {MATRIX_STATE_TOKEN: account.accessToken, MATRIX_STATE_ADMIN_TOKEN: admin.accessToken},
  }
}

async function gatherCrowd(server: Synapse, watcher: Account, token: string, count: number): Promise<TestRoom> {
  const room = await TestRoom.create(server, watcher, '11', {
    initial_state: [{type: 'm.room.encryption', state_key: '', content: {algorithm: 'm.megolm.v1.aes-sha2'}}],
  })
  const as: Account = {userId: 'the bridge', accessToken: token}
  await spread([...Array(count).keys()], 12, async (n) => {
    const localpart = `crowd${String(n)}`
    const userId = `@${localpart}:${server.name}`
    const me = `user_id=${encodeURIComponent(userId)}`
    const type = 'm.login.application_service'
    await server.ask(as, 'POST', `${V3}/register`, {type, username: localpart, inhibit_login: true})
    const crossSigning = new CrossSigning(userId)
    await server.ask(as, 'POST', `${V3}/keys/device_signing/upload?${me}`, crossSigning.upload())
    for (let d = 0; d < DEVICES; d += 1) {
      const deviceId = `CROWD${String(n)}X${String(d)}`
      await server.ask(as, 'PUT', `${V3}/devices/${deviceId}?${me}`, {})
      const body = deviceKeys(userId, deviceId, crossSigning)
      await server.ask(as, 'POST', `${V3}/keys/upload?${me}&device_id=${deviceId}`, body)
    }
    await server.ask(as, 'POST', `${V3}/join/${encodeURIComponent(room.roomId)}?${me}`, {})
  })
  return room
}

/** Keys with all their signatures, and a fallback key, so that nothing is wrong with the device. */
function deviceKeys(userId: string, deviceId: string, crossSigning: CrossSigning): object {
  const [ed25519, curve25519] = [new SigningKey(), randomBytes(32).toString('base64').replaceAll('=', '')]
  const keys = {
    user_id: userId,
    device_id: deviceId,
    algorithms: ['m.olm.v1.curve25519-aes-sha2', 'm.megolm.v1.aes-sha2'],
    keys: {[`ed25519:${deviceId}`]: ed25519.public, [`curve25519:${deviceId}`]: curve25519},
  }
  const fallback = {key: randomBytes(32).toString('base64').replaceAll('=', ''), fallback: true}
  return {
    device_keys: crossSigning.selfSigning.signed(ed25519.signed(keys, userId, deviceId), userId),
    fallback_keys: {'signed_curve25519:AAAAAQ': ed25519.signed(fallback, userId, deviceId)},
  }
}

/** Everybody is healthy but the watcher, who has no keys. */
function expectCrowd({findings, document}: Audit, count: number): void {
  const bad = findings.filter(({severity}) => severity !== 'note')
  equal('errors and warnings', [...new Set(bad.map(({id, summary}) => `${id}: ${summary}`))].slice(0, 5).join('\n'), '')
  const text = JSON.stringify(document)
  const devices = new Set(text.match(/CROWD\d+X\d/gu) ?? [])
  const told = (document as {summary?: {devices?: number}}).summary?.devices ?? devices.size
  if (told < count * DEVICES)
    throw new Error(`${String(told)} devices of ${String(count * DEVICES)}: ${text.slice(0, 600)}`)
}
