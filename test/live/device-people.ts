import {randomBytes, randomUUID} from 'node:crypto'
import type {JsonObject} from '../../src/matrix/json.ts'
import {signedText} from '../../src/matrix/signatures.ts'
import {CrossSigning, withSignature} from './device-signing.ts'
import type {IdentityKeys, Olm} from './olm.ts'
import type {TestRoom} from './rooms.ts'
import type {Account, Synapse} from './synapse.ts'

const ALGORITHMS = ['m.olm.v1.curve25519-aes-sha2', 'm.megolm.v1.aes-sha2']
const V3 = '/_matrix/client/v3'

let olmNames = 0

/** A person with devices whose keys are real, so that others could talk to them. */
export class Person {
  readonly server: Synapse
  readonly olm: Olm
  readonly userId: string
  readonly crossSigning: CrossSigning
  readonly #password: string

  private constructor(server: Synapse, olm: Olm, userId: string, password: string) {
    this.server = server
    this.olm = olm
    this.userId = userId
    this.#password = password
    this.crossSigning = new CrossSigning(userId)
  }

  /** Registers somebody with one device that has all keys, verified by cross-signing. */
  static async healthy(
    server: Synapse,
    olm: Olm,
    localpart: string,
    deviceId: string,
    {oneTimeKeys = 5, fallback = true}: {readonly oneTimeKeys?: number; readonly fallback?: boolean} = {},
  ): Promise<{person: Person; device: Device}> {
    const {person, device} = await Person.register(server, olm, localpart, deviceId)
    await device.uploadKeys()
    if (oneTimeKeys > 0) await device.uploadOneTimeKeys(oneTimeKeys)
    if (fallback) await device.uploadFallbackKey()
    await server.ask(device, 'POST', `${V3}/keys/device_signing/upload`, person.crossSigning.upload())
    await person.verify(device)
    return {person, device}
  }

  /** Registers somebody with a login, and nothing more. */
  static async register(
    server: Synapse,
    olm: Olm,
    localpart: string,
    deviceId: string,
    password: string = randomBytes(8).toString('hex'),
  ): Promise<{person: Person; device: Device}> {
    const account = await server.register(localpart, {password, deviceId})
    const person = new Person(server, olm, account.userId, password)
    return {person, device: await Device.of(person, deviceId, account.accessToken)}
  }

  /** Another login; with the ID of an earlier one as well. It has keys of its own, not uploaded yet. */
  async login(deviceId: string): Promise<Device> {
    const token = await this.loginOnly(deviceId)
    this.server.secrets.push(token)
    return Device.of(this, deviceId, token)
  }

  /** A login without any keys, that the program never hears of. @returns its token */
  async loginOnly(deviceId: string): Promise<string> {
    const {access_token: token} = await this.server.ask<{access_token: string}>(null, 'POST', `${V3}/login`, {
      type: 'm.login.password',
      identifier: {type: 'm.id.user', user: this.userId},
      password: this.#password,
      device_id: deviceId,
    })
    return token
  }

  /** Signs a device with the self-signing key. */
  async verify(device: Device): Promise<void> {
    const signed = this.crossSigning.selfSigning.signed(await device.deviceKeys(), this.userId)
    const answer = await this.server.ask<{failures: object}>(device, 'POST', `${V3}/keys/signatures/upload`, {
      [this.userId]: {[device.deviceId]: signed},
    })
    const failures = JSON.stringify(answer.failures)
    if (failures !== '{}') throw new Error(`signature of ${device.deviceId}: ${failures}`)
  }

  /** With the password where the server asks for it. */
  async uploadCrossSigning(device: Device, keys: JsonObject): Promise<void> {
    const address = `${V3}/keys/device_signing/upload`
    const response = await fetch(`${this.server.baseUrl}${address}`, {
      method: 'POST',
      headers: {authorization: `Bearer ${device.accessToken}`},
      body: JSON.stringify(keys),
    })
    if (response.ok) return
    const {session} = (await response.json()) as {session?: string}
    const identifier = {type: 'm.id.user', user: this.userId}
    const auth = {type: 'm.login.password', identifier, password: this.#password, session}
    await this.server.ask(device, 'POST', address, {...keys, auth})
  }
}

/** One login of a person, with an Olm account. */
export class Device implements Account {
  readonly person: Person
  readonly deviceId: string
  readonly accessToken: string
  /** Name of its Olm account. */
  readonly account: string
  keys: IdentityKeys

  private constructor(person: Person, deviceId: string, accessToken: string, account: string, keys: IdentityKeys) {
    this.person = person
    this.deviceId = deviceId
    this.accessToken = accessToken
    this.account = account
    this.keys = keys
  }

  static async of(person: Person, deviceId: string, accessToken: string): Promise<Device> {
    const name = `account ${String((olmNames += 1))}`
    return new Device(person, deviceId, accessToken, name, await person.olm.account(name))
  }

  get userId(): string {
    return this.person.userId
  }

  /** Throws its store away: another Olm account, with the same device ID and token. */
  async forget(): Promise<void> {
    this.keys = await this.person.olm.account(this.account)
  }

  async deviceKeys(more: JsonObject = {}): Promise<JsonObject> {
    const {userId, deviceId, keys} = this
    return this.#signed({
      user_id: userId,
      device_id: deviceId,
      algorithms: ALGORITHMS,
      keys: {[`ed25519:${deviceId}`]: keys.ed25519, [`curve25519:${deviceId}`]: keys.curve25519},
      ...more,
    })
  }

  async #signed<T extends JsonObject>(object: T): Promise<T> {
    const signature = await this.person.olm.sign(this.account, signedText(object))
    return withSignature(object, this.userId, `ed25519:${this.deviceId}`, signature)
  }

  async upload(body: object): Promise<void> {
    await this.person.server.ask(this, 'POST', `${V3}/keys/upload`, body)
  }

  async uploadKeys(): Promise<void> {
    await this.upload({device_keys: await this.deviceKeys()})
  }

  /** New ones, as `/keys/upload` takes them. */
  async makeOneTimeKeys(count: number): Promise<Record<string, JsonObject>> {
    const made = Object.entries(await this.person.olm.oneTimeKeys(this.account, count))
    const keys: Record<string, JsonObject> = {}
    for (const [name, key] of made) keys[`signed_curve25519:${name}`] = await this.#signed({key})
    return keys
  }

  async uploadOneTimeKeys(count: number): Promise<void> {
    await this.upload({one_time_keys: await this.makeOneTimeKeys(count)})
  }

  async fallbackKeys(): Promise<Record<string, JsonObject>> {
    const keys: Record<string, JsonObject> = {}
    for (const [name, key] of Object.entries(await this.person.olm.fallbackKey(this.account)))
      keys[`signed_curve25519:${name}`] = await this.#signed({key, fallback: true})
    return keys
  }

  async uploadFallbackKey(): Promise<void> {
    await this.upload({fallback_keys: await this.fallbackKeys()})
  }

  /** The login and all that the server keeps for it go. */
  async logout(): Promise<void> {
    await this.person.server.ask(this, 'POST', `${V3}/logout`, {})
  }

  /** What `/keys/claim` gives: the key, or `null` when nothing is left. */
  async claim(target: Device): Promise<string | null> {
    const answer = await this.person.server.ask<{
      one_time_keys: Record<string, Record<string, Record<string, {key: string}>>>
    }>(this, 'POST', `${V3}/keys/claim`, {one_time_keys: {[target.userId]: {[target.deviceId]: 'signed_curve25519'}}})
    const claimed = Object.values(answer.one_time_keys[target.userId]?.[target.deviceId] ?? {})
    return claimed[0]?.key ?? null
  }

  /** Claims a one-time key, or takes the one that is given, starts an Olm session with it and sends a message that shares nothing. */
  async startSession(target: Device, text = 'm.dummy', oneTimeKey?: string): Promise<void> {
    const key = oneTimeKey ?? (await this.claim(target))
    if (key === null) throw new Error(`no one-time key of ${target.userId} ${target.deviceId} is left`)
    const session = `session ${String((olmNames += 1))}`
    const {olm} = this.person
    await olm.session(session, this.account, {curve25519: target.keys.curve25519, oneTimeKey: key})
    await this.sendOlm(target, target.keys.curve25519, session, text)
  }

  /** Sends by an Olm session that is there. `curve25519`: whom it is addressed to. */
  async sendOlm(target: Device, curve25519: string, session: string, type: string): Promise<void> {
    const {olm} = this.person
    const plain = {type, content: {}, sender: this.userId, recipient: target.userId, keys: {ed25519: this.keys.ed25519}}
    const message = await olm.encrypt(session, JSON.stringify(plain))
    const content = {
      algorithm: ALGORITHMS[0],
      sender_key: this.keys.curve25519,
      ciphertext: {[curve25519]: message},
    }
    await this.sendToDevice('m.room.encrypted', target, content)
  }

  async sendToDevice(type: string, target: Device, content: object): Promise<void> {
    const body = {messages: {[target.userId]: {[target.deviceId]: content}}}
    await this.person.server.ask(this, 'PUT', `${V3}/sendToDevice/${type}/${randomUUID()}`, body)
  }

  /** A new Megolm session to send with. @returns its name */
  async group(): Promise<string> {
    const name = `group ${String((olmNames += 1))}`
    await this.person.olm.group(name)
    return name
  }

  /** Encrypts and sends a message. `alter` has the content before it goes. @returns the event ID */
  async say(
    room: TestRoom,
    group: string,
    body: string,
    alter: (content: EncryptedContent) => EncryptedContent = (content) => content,
  ): Promise<string> {
    const plain = {type: 'm.room.message', room_id: room.roomId, content: {msgtype: 'm.text', body}}
    const encrypted = await this.person.olm.groupEncrypt(group, JSON.stringify(plain))
    const content = alter({
      algorithm: 'm.megolm.v1.aes-sha2',
      ...encrypted,
      device_id: this.deviceId,
      sender_key: this.keys.curve25519,
    })
    const address = room.address(`send/m.room.encrypted/${randomUUID()}`)
    return (await this.person.server.ask<{event_id: string}>(this, 'PUT', address, content)).event_id
  }
}

export interface EncryptedContent {
  readonly algorithm: string
  readonly ciphertext: string
  readonly session_id: string
  readonly device_id: string
  readonly sender_key: string
}
