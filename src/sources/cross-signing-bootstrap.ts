import {createPrivateKey, createPublicKey} from 'node:crypto'
import type {AuthDict} from 'matrix-js-sdk'
import {StateError} from '../errors.ts'
import {isObject, own, type JsonObject} from '../matrix/json.ts'
import {type Login, logIn, logOut} from './account-login.ts'
import {BootstrapError, hasCrossSigning, inSentence, notSigned, withLogin} from './bootstrap-errors.ts'
import {printable} from './client-failures.ts'
import {openClientHttp, type ClientHttp} from './client-http.ts'
import {KEYS_QUERY, objectAt, objectIn} from './device-keys.ts'
import {DEFAULT_KEY} from './device-own.ts'
import {openSdkClient, type SdkClient} from './sdk-client.ts'

/** The device that is to be signed, with the keys that it has been seen with. */
export interface DeviceToSign {
  readonly deviceId: string
  /** Unpadded base64. */
  readonly ed25519: string
  readonly curve25519: string
}

export interface BootstrapOptions {
  /** As `logIn` takes it. */
  readonly baseUrl: string
  readonly insecure: boolean
  readonly userId: string
  readonly password: string
  readonly device: DeviceToSign
  /** Under which the temporary device stands in the account's list while it works. */
  readonly temporaryName: string
  /**
   * Keeps the recovery key for the operator: called once, when nothing is uploaded yet; what it throws ends all. The key opens something only if
   * this returns, or throws with `left` other than `nothing`.
   */
  readonly keepRecoveryKey: (recoveryKey: string) => Promise<void>
  /** Is heard until the recovery key is kept. From then on everything is done to its end. */
  readonly signal: AbortSignal
}

/** What was made. Public keys, in unpadded base64. */
export interface Bootstrapped {
  readonly masterKey: string
  /** The temporary device, if it could not be logged out: why. */
  readonly temporary: {readonly deviceId: string; readonly stays: string | null}
}

const PRIVATE_KEYS = ['m.cross_signing.master', 'm.cross_signing.self_signing', 'm.cross_signing.user_signing'] as const
const SIGNATURES_UPLOAD = '/_matrix/client/v3/keys/signatures/upload'

/**
 * Gives an account that has none cross-signing keys and secret storage, and signs one of its devices, which itself takes no part: that is done
 * from a temporary device, which is logged out again however it ends. No keys are uploaded but the temporary device's own, and those of
 * cross-signing; the bot's device gets a signature.
 *
 * The order is such that no private key is lost: secret storage first, the private keys into it, a look whether the recovery key opens them,
 * then the public keys, then the signature. What fails before the public keys are there is taken back.
 *
 * @throws StateError of `logIn`; the signal's reason; BootstrapError from the login on, with the server's or the network's code;
 * OTHER_IDENTITY where the account has cross-signing or secret storage already. No error holds a secret.
 * @remarks Some 25 requests. Connections that break and servers that fail are tried again for half a minute.
 * @see https://spec.matrix.org/v1.19/client-server-api/#cross-signing
 */
export async function bootstrapCrossSigning(options: BootstrapOptions): Promise<Bootstrapped> {
  const {baseUrl, insecure, userId, password, temporaryName, signal} = options
  const login = await logIn({baseUrl, insecure, user: userId, password, deviceName: temporaryName, signal})
  const ended = await Promise.allSettled([new Bootstrap(options, login).run()])
  const stays = await logOut({baseUrl, insecure, accessToken: login.accessToken}).then(
    () => null,
    (error: unknown) => (error instanceof StateError ? error.message : 'its logout failed'),
  )
  const [outcome] = ended
  if (outcome.status === 'fulfilled') {
    return {masterKey: outcome.value, temporary: {deviceId: login.deviceId, stays}}
  }
  if (stays === null) throw outcome.reason
  throw withLogin(outcome.reason, temporaryName, stays)
}

class Bootstrap {
  readonly #options: BootstrapOptions
  readonly #login: Login
  /** Key of secret storage by its ID, once it is there. */
  readonly #storageKeys = new Map<string, Uint8Array<ArrayBuffer>>()
  /** Types of account data that were written, or may have been; and what stood there before. */
  readonly #written = new Set<string>()
  readonly #before = new Map<string, JsonObject>()
  /** The public master key, once its private one has been read back from secret storage. */
  #masterKey: string | null = null
  /** What `/keys/signatures/upload` refused although it answered 200. */
  #refusedSignature: string | null = null

  constructor(options: BootstrapOptions, login: Login) {
    this.#options = options
    this.#login = login
  }

  /** @returns the public master key */
  async run(): Promise<string> {
    const {baseUrl, insecure, userId, password, signal} = this.#options
    const {accessToken, deviceId} = this.#login
    if (this.#login.userId !== userId) {
      throw new StateError('OTHER_IDENTITY', `The password is of ${this.#login.userId}, not of ${userId}.`)
    }
    // Not ended by the signal: what has begun is done to its end, or taken back.
    const http = await openClientHttp({baseUrl, insecure, accessToken, timeoutMs: 60_000, maxRetryMs: 30_000})
    const sdk = await openSdkClient({
      baseUrl,
      insecure,
      userId,
      deviceId,
      accessToken,
      secrets: [password],
      onRequest: ({method, path}) => {
        const [, type] = /\/account_data\/([^/]+)$/u.exec(path) ?? []
        if (method === 'PUT' && type !== undefined) this.#written.add(decodeURIComponent(type))
      },
      onAnswer: ({path, text}) => {
        if (path.endsWith(SIGNATURES_UPLOAD)) this.#refusedSignature = this.#refusalIn(path, text)
      },
      cryptoCallbacks: {
        cacheSecretStorageKey: (id, _info, key) => void this.#storageKeys.set(id, key),
        getSecretStorageKey: ({keys}) => {
          const id = Object.keys(keys).find((one) => this.#storageKeys.has(one))
          const key = id === undefined ? undefined : this.#storageKeys.get(id)
          return Promise.resolve(id === undefined || key === undefined ? null : [id, key])
        },
      },
    }).catch(async (error: unknown) => {
      await http.close()
      throw error
    })
    try {
      await this.#mustBeNew(http)
      signal.throwIfAborted()
      const masterKey = await this.#create(sdk, http)
      await this.#sign(sdk, masterKey)
      return masterKey
    } finally {
      await sdk.close()
      await http.close()
    }
  }

  /** Refuses an account that has what would be made, and notes what stands where it would be written. */
  async #mustBeNew(http: ClientHttp): Promise<void> {
    const {userId} = this.#options
    if ((await this.#publishedMaster(http)) !== null) throw hasCrossSigning(userId)
    for (const type of [DEFAULT_KEY, ...PRIVATE_KEYS]) {
      const content = await this.#accountData(http, type)
      if (content !== null) this.#before.set(type, content)
    }
    const key = this.#before.get(DEFAULT_KEY)?.['key']
    if (typeof key !== 'string' || key === '') return
    throw new StateError(
      'OTHER_IDENTITY',
      `${userId} has no cross-signing, and has secret storage already, which a bootstrap would replace.`,
      {
        hint: 'Log in to this account with another client (Element: Settings, Encryption), enter its recovery key, set up cross-signing there, and verify the bot’s device; then repeat this without --bootstrap.',
      },
    )
  }

  /** Secret storage, private keys into it, public keys. What fails is taken back. @returns the public master key */
  async #create(sdk: SdkClient, http: ClientHttp): Promise<string> {
    const {keepRecoveryKey} = this.#options
    const {client} = sdk
    const crypto = client.getCrypto()
    if (crypto === undefined) throw new Error('the SDK has no cryptography')
    const made = await crypto.createRecoveryKeyFromPassphrase()
    if (made.encodedPrivateKey === undefined) throw new Error('the SDK made no recovery key')
    await keepRecoveryKey(made.encodedPrivateKey)
    try {
      await crypto.bootstrapSecretStorage({createSecretStorageKey: () => Promise.resolve(made)})
      await crypto.bootstrapCrossSigning({
        setupNewCrossSigning: true,
        // Called when the private keys are in secret storage, and the public keys are about to be sent.
        authUploadDeviceSigningKeys: async (send) => {
          this.#masterKey = await this.#storedMaster(sdk)
          if ((await this.#publishedMaster(http)) !== null) throw hasCrossSigning(this.#options.userId)
          await this.#authenticated((auth) => send(auth))
        },
      })
    } catch (error) {
      await this.#afterFailure(sdk, http, error)
    }
    if (this.#masterKey === null) throw new Error('the SDK sent no cross-signing keys')
    return this.#masterKey
  }

  /** Returns if cross-signing is there nevertheless; takes back what is there otherwise. */
  async #afterFailure(sdk: SdkClient, http: ClientHttp, error: unknown): Promise<void> {
    const {userId} = this.#options
    const why = this.#reasonOf(sdk, error)
    const masterKey = this.#masterKey
    // Nothing can have been published before the private keys were read back.
    const published = masterKey === null ? null : await this.#publishedMaster(http).catch(() => 'not told' as const)
    if (published !== null && published === masterKey) return
    if (published === 'not told') {
      throw new BootstrapError(
        why.code,
        `Whether ${userId} has cross-signing now is not known: the keys were sent, and then ${inSentence(why)}`,
        'unknown',
        {
          cause: error,
          hint: 'Keep the recovery key: if they arrived, it opens their private keys. When the server answers again, repeat this: it says what is there.',
        },
      )
    }
    const left = await this.#takeBack(http)
    if (left.length === 0) {
      throw new BootstrapError(why.code, `No cross-signing was created for ${userId}: ${inSentence(why)}`, 'nothing', {
        cause: error,
        hint: `${why.hint === undefined ? '' : `${why.hint} `}Nothing of it is left; the recovery key opens nothing.`,
      })
    }
    throw new BootstrapError(
      why.code,
      `No cross-signing was created for ${userId}: ${inSentence(why)} Of the secret storage that was made for it, this could not be taken back: ${left.join(', ')}.`,
      'storage',
      {
        cause: error,
        hint: 'Nothing of worth is in it, and the recovery key opens nothing else. Set up cross-signing in another client (Element: Settings, Encryption), resetting secret storage there.',
      },
    )
  }

  /** @returns what stays, with nothing before what could not be taken back */
  async #takeBack(http: ClientHttp): Promise<readonly string[]> {
    const left: string[] = []
    // The default key last: while it names the storage, what is in it can be found.
    const types = [...this.#written].sort((a, b) => Number(a === DEFAULT_KEY) - Number(b === DEFAULT_KEY))
    for (const type of types) {
      // Account data cannot be deleted: an empty object is what clients take for nothing.
      const body = this.#before.get(type) ?? {}
      await http
        .send({method: 'PUT', path: this.#accountDataPath(type), body, idempotent: true})
        .catch((error: unknown) => {
          if (!(error instanceof StateError)) throw error
          left.push(type)
        })
    }
    return left
  }

  async #sign(sdk: SdkClient, masterKey: string): Promise<void> {
    const {userId, device} = this.#options
    const crypto = sdk.client.getCrypto()
    try {
      // Asks the server for the account's devices.
      await crypto?.userHasCrossSigningKeys()
      const seen = (await crypto?.getUserDeviceInfo([userId]))?.get(userId)?.get(device.deviceId)
      if (seen === undefined) throw new StateError('SERVER_REFUSED', 'the server lists it no more.')
      if (seen.getFingerprint() !== device.ed25519 || seen.getIdentityKey() !== device.curve25519) {
        throw new StateError('OTHER_IDENTITY', 'it has other keys now than a moment ago.')
      }
      await crypto?.crossSignDevice(device.deviceId)
      if (this.#refusedSignature !== null) {
        throw new StateError('SERVER_REFUSED', `the server refused the signature (${this.#refusedSignature}).`)
      }
    } catch (error) {
      const why = this.#reasonOf(sdk, error)
      throw notSigned(userId, device.deviceId, masterKey, why.code, inSentence(why), error)
    }
  }

  #reasonOf(sdk: SdkClient, error: unknown): StateError {
    const known = sdk.failureOf(error)
    if (known !== null) return known
    const said = error instanceof Error ? error.message : String(error)
    const {password} = this.#options
    const hidden = printable(said.replaceAll(password, '<password>'))
    return new StateError('SERVER_ANSWER_MALFORMED', `the cryptography of the SDK stopped: ${hidden}`, {cause: error})
  }

  /** Sends with what the server asks for: nothing, or the password. https://spec.matrix.org/v1.19/client-server-api/#user-interactive-authentication-api */
  async #authenticated(send: (auth: AuthDict | null) => Promise<unknown>): Promise<void> {
    const {userId, password} = this.#options
    const asked = await send(null).then(
      () => null,
      (error: unknown) => {
        const {httpStatus, data} = error as {httpStatus?: number; data?: unknown}
        if (httpStatus !== 401 || !isObject(data) || !Array.isArray(own(data, 'flows'))) throw error
        return data
      },
    )
    if (asked === null) return
    const flows = own(asked, 'flows') as readonly unknown[]
    const byPassword = flows.some((flow) => {
      const stages = isObject(flow) ? own(flow, 'stages') : undefined
      return Array.isArray(stages) && stages.length === 1 && stages[0] === 'm.login.password'
    })
    if (!byPassword) {
      throw new StateError(
        'SERVER_REFUSED',
        'the homeserver asks for more than the password to create cross-signing.',
        {
          hint: 'Set up cross-signing in a client (Element: Settings, Encryption), and verify the bot’s device there; then repeat this without --bootstrap.',
        },
      )
    }
    const session = own(asked, 'session')
    await send({
      type: 'm.login.password',
      identifier: {type: 'm.id.user', user: userId},
      password,
      ...(typeof session === 'string' ? {session} : {}),
    })
  }

  /** Reads the private keys back as anybody with the recovery key would. @returns the public master key */
  async #storedMaster({client}: SdkClient): Promise<string> {
    const publicKeys: string[] = []
    for (const name of PRIVATE_KEYS) {
      const seed = await client.secretStorage.get(name)
      const key = seed === undefined ? null : publicKeyOf(seed)
      if (key === null) throw new StateError('SERVER_ANSWER_MALFORMED', `secret storage does not give ${name} back.`)
      publicKeys.push(key)
    }
    const [master] = publicKeys
    if (master === undefined) throw new Error('there is a first key')
    return master
  }

  /** The key that others see now, whatever it is worth; `null`: there is none. */
  async #publishedMaster(http: ClientHttp): Promise<string | null> {
    const {userId} = this.#options
    const answer = await http.post(KEYS_QUERY.slice('POST '.length), {device_keys: {[userId]: []}})
    const json = objectIn(answer)
    const master = objectAt(json, 'master_keys', userId)
    if (master === null) return null
    return Object.keys(objectAt(master, 'keys') ?? {})[0]?.replace(/^ed25519:/u, '') ?? ''
  }

  async #accountData(http: ClientHttp, type: string): Promise<JsonObject | null> {
    let absent = false
    const answer = await http
      .get(this.#accountDataPath(type), {}, (status, errcode) => {
        absent = status === 404 && errcode === 'M_NOT_FOUND'
        return null
      })
      .catch((error: unknown) => {
        if (absent) return null
        throw error
      })
    return answer === null ? null : objectIn(answer)
  }

  #accountDataPath(type: string): string {
    const [user, name] = [encodeURIComponent(this.#options.userId), encodeURIComponent(type)]
    return `/_matrix/client/v3/user/${user}/account_data/${name}`
  }

  /** Synapse answers 200, and says of each signature that it did not take why. */
  #refusalIn(url: string, text: string): string | null {
    const {userId, device} = this.#options
    const failure = objectAt(objectIn({url, text}), 'failures', userId, device.deviceId)
    if (failure === null) return null
    const said = ['errcode', 'error'].map((field) => own(failure, field)).filter((word) => typeof word === 'string')
    return printable(said.join(': '))
  }
}

/** The public key of a private one as secret storage has it: 32 bytes in base64. */
function publicKeyOf(seed: string): string | null {
  const bytes = Buffer.from(seed, 'base64')
  if (bytes.length !== 32) return null
  // PKCS #8 of an ed25519 key: RFC 8410.
  const pkcs8 = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), bytes])
  const key = createPublicKey(createPrivateKey({key: pkcs8, format: 'der', type: 'pkcs8'}))
  return Buffer.from(key.export({format: 'der', type: 'spki'}).subarray(-32))
    .toString('base64')
    .replace(/=+$/u, '')
}
