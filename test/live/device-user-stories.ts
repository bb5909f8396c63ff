import {setTimeout as sleep} from 'node:timers/promises'
import path from 'node:path'
import {withDatabase} from './database.ts'
import {Device} from './device-people.ts'
import {CrossSigning, SigningKey, unpadded, withSignature} from './device-signing.ts'
import {somebody} from './device-world.ts'
import type {DeviceStory, DeviceWorld} from './device-world.ts'
import {spread} from './stage.ts'
import {ApiError} from './synapse.ts'
import type {Account, Synapse} from './synapse.ts'

const BOTH = ['api', 'database'] as const
const V3 = '/_matrix/client/v3'

/** What goes wrong with one user's devices while both servers run. Everybody is made here, healthy. */
export async function userStories(world: DeviceWorld): Promise<DeviceStory[]> {
  const {here, there} = world
  const makers: ((server: Synapse) => Promise<DeviceStory>)[] = [
    (server) => reusedKey(world, server),
    (server) => changedIdentity(world, server, false),
    (server) => changedIdentity(world, server, true),
    (server) => badSignature(world, server),
    (server) => recreated(world, server),
    (server) => unverified(world, server),
    (server) => brokenCrossSigning(world, server),
    (server) => withoutKeys(world, server),
    (server) => exhausted(world, server),
    (server) => addressedToOldKeys(world, server),
    (server) => restarting(world, server),
    (server) => withheld(world, server),
    (server) => untrustedBackup(world, server),
    (server) => inconsistentSecrets(world, server),
    (server) => dehydrated(world, server),
    (server) => tooMany(world, server),
  ]
  return spread([...makers.entries()], 4, ([n, make]) => make(n % 2 === 0 ? here : there))
}

/** What all stories of one device have in common. */
function about(device: () => Device): Pick<DeviceStory, 'device' | 'phase' | 'subject' | 'server' | 'about'> {
  const {userId, person} = device()
  return {
    device,
    phase: 'both',
    subject: userId,
    server: person.server,
    about: () => ({user_id: userId, device_id: device().deviceId}),
  }
}

async function reusedKey(world: DeviceWorld, server: Synapse): Promise<DeviceStory> {
  const {device} = await somebody(world, server, 'rollback', {oneTimeKeys: 0})
  const pickle = await world.olm.pickleAccount(device.account)
  await device.uploadOneTimeKeys(5)
  return {
    ...about(() => device),
    finding: 'device/otk-reused',
    done: 'restored the device’s store from before it uploaded one-time keys, and uploaded again',
    seenBy: BOTH,
    logs: [path.join(server.folder, 'homeserver.log')],
    act: async () => {
      await world.olm.unpickleAccount(device.account, pickle)
      const refused = await device.uploadOneTimeKeys(5).then(
        () => null,
        (error: unknown) => error,
      )
      if (!(refused instanceof ApiError) || !refused.message.includes('already exists'))
        throw new Error(`the server did not refuse the upload: ${String(refused)}`)
    },
  }
}

async function changedIdentity(world: DeviceWorld, server: Synapse, forgetful: boolean): Promise<DeviceStory> {
  const {device} = await somebody(world, server, forgetful ? 'newstore-unseen' : 'newstore')
  return {
    ...about(() => device),
    finding: 'device/identity-changed',
    done: forgetful
      ? 'the same, with no earlier audit: by one-time keys that the dead key signed'
      : 'lost the store and uploaded other identity keys with the same token',
    seenBy: forgetful ? ['database'] : BOTH,
    forgetful,
    ...(forgetful ? {otherwise: {database: {severity: 'error', certainty: 'strong'}}} : {}),
    act: async () => {
      await device.forget()
      await device.uploadKeys()
    },
  }
}

async function badSignature(world: DeviceWorld, server: Synapse): Promise<DeviceStory> {
  const {device} = await somebody(world, server, 'unsigned')
  return {
    ...about(() => device),
    finding: 'device/self-signature-bad',
    done: 'uploaded device keys with a signature of zeros, which Synapse takes',
    seenBy: BOTH,
    act: async () => {
      const keys = await device.deviceKeys()
      const zeros = unpadded(Buffer.alloc(64))
      await device.upload({device_keys: withSignature(keys, device.userId, `ed25519:${device.deviceId}`, zeros)})
    },
  }
}

async function recreated(world: DeviceWorld, server: Synapse): Promise<DeviceStory> {
  const {person, device} = await somebody(world, server, 'reborn')
  let now = device
  return {
    ...about(() => now),
    finding: 'device/id-reused',
    done: 'logged a verified device out and in again under the same device ID',
    seenBy: BOTH,
    act: async () => {
      await device.logout()
      now = await person.login(device.deviceId)
      await now.uploadKeys()
      await now.uploadOneTimeKeys(5)
      await now.uploadFallbackKey()
    },
  }
}

async function unverified(world: DeviceWorld, server: Synapse): Promise<DeviceStory> {
  const {person, device} = await somebody(world, server, 'second')
  return {
    ...about(() => device),
    finding: 'device/unverified',
    done: 'logged in a second time, uploaded keys and verified nothing',
    seenBy: BOTH,
    about: () => ({user_id: person.userId, device_id: 'NOTVERIFIED'}),
    act: async () => {
      const second = await person.login('NOTVERIFIED')
      await second.uploadKeys()
      await second.uploadOneTimeKeys(5)
      await second.uploadFallbackKey()
    },
  }
}

async function brokenCrossSigning(world: DeviceWorld, server: Synapse): Promise<DeviceStory> {
  const {person, device} = await somebody(world, server, 'halfreset')
  return {
    ...about(() => device),
    finding: 'device/cross-signing-broken',
    done: 'uploaded a new master key alone: the self-signing key stays signed by the old one',
    seenBy: BOTH,
    about: () => ({user_id: person.userId}),
    act: async () => {
      await person.uploadCrossSigning(device, {master_key: new CrossSigning(person.userId).masterKey()})
    },
  }
}

async function withoutKeys(world: DeviceWorld, server: Synapse): Promise<DeviceStory> {
  const {person, device} = await somebody(world, server, 'keyless')
  return {
    ...about(() => device),
    finding: 'device/without-keys',
    done: 'logged in and uploaded no keys',
    seenBy: BOTH,
    about: () => ({user_id: person.userId, device_id: 'WITHOUTKEYS'}),
    act: async () => {
      await person.login('WITHOUTKEYS')
    },
  }
}

async function exhausted(world: DeviceWorld, server: Synapse): Promise<DeviceStory> {
  const {device} = await somebody(world, server, 'exhausted', {oneTimeKeys: 2, fallback: false})
  const {device: sender} = await somebody(world, server, 'claimer')
  return {
    ...about(() => device),
    finding: 'device/otk-exhausted',
    done: 'another user claimed all one-time keys; there is no fallback key',
    seenBy: BOTH,
    // The own device is told of unused fallback keys only, and a used one still serves.
    otherwise: {api: {severity: 'note', certainty: 'hint'}},
    act: async () => {
      let left = true
      for (let n = 0; left && n < 10; n += 1) left = (await sender.claim(device)) !== null
      if (left) throw new Error('one-time keys are still left')
    },
  }
}

async function addressedToOldKeys(world: DeviceWorld, server: Synapse): Promise<DeviceStory> {
  const {person, device} = await somebody(world, server, 'moved')
  const {device: sender} = await somebody(world, server === world.here ? world.there : world.here, 'oldfriend')
  let now = device
  return {
    ...about(() => now),
    finding: 'device/stale-sender-key',
    done: 'recreated the device; a sender on the other server goes on with the Olm session to its old key',
    seenBy: BOTH,
    act: async () => {
      const old = device.keys.curve25519
      const key = await sender.claim(device)
      if (key === null) throw new Error('no one-time key')
      await world.olm.session('to the old key', sender.account, {curve25519: old, oneTimeKey: key})
      await device.logout()
      now = await person.login(device.deviceId)
      await now.uploadKeys()
      await now.uploadOneTimeKeys(5)
      await now.uploadFallbackKey()
      await sender.sendOlm(now, old, 'to the old key', 'm.room_key')
      await arrived(now, 1)
    },
  }
}

async function restarting(world: DeviceWorld, server: Synapse): Promise<DeviceStory> {
  const {device} = await somebody(world, server, 'restarter')
  const {device: sender} = await somebody(world, server, 'retrier')
  return {
    ...about(() => device),
    finding: 'device/olm-restarting',
    done: 'one sender started three Olm sessions in a row',
    seenBy: BOTH,
    act: async () => {
      for (let n = 0; n < 3; n += 1) await sender.startSession(device)
      await arrived(device, 3)
    },
  }
}

async function withheld(world: DeviceWorld, server: Synapse): Promise<DeviceStory> {
  const {device} = await somebody(world, server, 'distrusted')
  const {device: sender} = await somebody(world, server === world.here ? world.there : world.here, 'careful')
  return {
    ...about(() => device),
    finding: 'device/keys-withheld',
    done: 'a sender on the other server sent m.room_key.withheld',
    seenBy: BOTH,
    act: async () => {
      await sender.sendToDevice('m.room_key.withheld', device, {
        algorithm: 'm.megolm.v1.aes-sha2',
        code: 'm.unverified',
        reason: 'The sender has disabled encrypting to unverified devices.',
        room_id: `!somewhere:${server.name}`,
        sender_key: sender.keys.curve25519,
        session_id: await world.olm.group('withheld'),
      })
      await arrived(device, 1)
    },
  }
}

async function untrustedBackup(world: DeviceWorld, server: Synapse): Promise<DeviceStory> {
  const {person, device} = await somebody(world, server, 'backup')
  const {curve25519} = await world.olm.account(`backup of ${device.userId}`)
  const good = person.crossSigning.master.signed({public_key: curve25519}, device.userId)
  const algorithm = 'm.megolm_backup.v1.curve25519-aes-sha2'
  const address = `${V3}/room_keys/version`
  await server.ask(device, 'POST', address, {algorithm, auth_data: good})
  return {
    ...about(() => device),
    finding: 'account/backup-untrusted',
    done: 'made a new backup whose signature by the master key is of another backup',
    seenBy: BOTH,
    about: () => ({user_id: person.userId}),
    act: async () => {
      const other = await world.olm.account(`other backup of ${device.userId}`)
      await server.ask(device, 'POST', address, {algorithm, auth_data: {...good, public_key: other.curve25519}})
    },
  }
}

async function inconsistentSecrets(world: DeviceWorld, server: Synapse): Promise<DeviceStory> {
  const {person, device} = await somebody(world, server, 'secrets')
  const put = async (type: string, content: object): Promise<void> => {
    const address = `${V3}/user/${encodeURIComponent(device.userId)}/account_data/${type}`
    await server.ask(device, 'PUT', address, content)
  }
  const secret = {
    iv: unpadded(Buffer.alloc(16, 1)),
    ciphertext: unpadded(Buffer.alloc(43, 2)),
    mac: unpadded(Buffer.alloc(32, 3)),
  }
  const key = {algorithm: 'm.secret_storage.v1.aes-hmac-sha2', iv: secret.iv, mac: secret.mac}
  const secrets = ['m.cross_signing.master', 'm.cross_signing.self_signing', 'm.cross_signing.user_signing']
  await put('m.secret_storage.key.first', key)
  await put('m.secret_storage.default_key', {key: 'first'})
  for (const type of secrets) await put(type, {encrypted: {first: secret}})
  return {
    ...about(() => device),
    finding: 'account/secrets-inconsistent',
    done: 'made another key the default one, and stored one of three secrets under it',
    seenBy: BOTH,
    about: () => ({user_id: person.userId}),
    act: async () => {
      await put('m.secret_storage.key.second', key)
      await put('m.secret_storage.default_key', {key: 'second'})
      await put(secrets[0]!, {encrypted: {second: secret}})
    },
  }
}

async function dehydrated(world: DeviceWorld, server: Synapse): Promise<DeviceStory> {
  const {person, device} = await somebody(world, server, 'dry')
  return {
    ...about(() => device),
    finding: 'device/dehydrated',
    done: 'made a dehydrated device (MSC3814, enabled in the configuration)',
    seenBy: BOTH,
    about: () => ({user_id: person.userId, device_id: 'DEHYDRATED'}),
    act: async () => {
      const dry = await Device.of(person, 'DEHYDRATED', device.accessToken)
      await server.ask(device, 'PUT', '/_matrix/client/unstable/org.matrix.msc3814.v1/dehydrated_device', {
        device_id: dry.deviceId,
        initial_device_display_name: 'Dehydrated device',
        device_data: {algorithm: 'org.matrix.msc3814.v2', device_pickle: 'not read by anybody', nonce: 'none'},
        device_keys: person.crossSigning.selfSigning.signed(await dry.deviceKeys({dehydrated: true}), person.userId),
        one_time_keys: await dry.makeOneTimeKeys(5),
        fallback_keys: await dry.fallbackKeys(),
      })
    },
  }
}

async function tooMany(world: DeviceWorld, server: Synapse): Promise<DeviceStory> {
  const {person, device} = await somebody(world, server, 'hoarder')
  return {
    ...about(() => device),
    finding: 'device/list-too-long',
    done: 'logged in a thousand times more, with keys',
    seenBy: BOTH,
    about: () => ({user_id: person.userId}),
    act: async () => {
      const ids = Array.from({length: 1000}, (_, n) => `MANY${String(n)}`)
      await spread(ids, 6, async (id) => {
        const login: Account = {userId: person.userId, accessToken: await person.loginOnly(id)}
        // Other servers are told of devices with keys only. One key does for both here: nobody talks to them.
        const key = new SigningKey()
        const keys = {[`ed25519:${id}`]: key.public, [`curve25519:${id}`]: key.public}
        const object = {user_id: person.userId, device_id: id, algorithms: [], keys}
        const device_keys = person.crossSigning.selfSigning.signed(key.signed(object, person.userId, id), person.userId)
        await server.ask(login, 'POST', `${V3}/keys/upload`, {device_keys})
      })
    },
  }
}

/** Waits until messages of others wait for a device: what comes by federation takes its time. */
export async function arrived(device: Device, count: number): Promise<void> {
  const sql = `SELECT 1 FROM device_inbox WHERE user_id = '${device.userId}' AND device_id = '${device.deviceId}'`
  for (let tries = 0; tries < 50; tries += 1) {
    // Not by `/sync`: Synapse answers the same request with the same words for two minutes.
    if ((await withDatabase(device.person.server, (query) => query(sql))).length >= count) return
    await sleep(200)
  }
  throw new Error(`no message came for ${device.userId} ${device.deviceId}`)
}
