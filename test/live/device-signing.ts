import {generateKeyPairSync, sign} from 'node:crypto'
import type {KeyObject} from 'node:crypto'
import type {JsonObject} from '../../src/matrix/json.ts'
import {signedText} from '../../src/matrix/signatures.ts'

/** An ed25519 key of its own: for cross-signing, or for a device that needs no Olm. */
export class SigningKey {
  /** Unpadded base64. */
  readonly public: string
  readonly #key: KeyObject

  constructor() {
    const {publicKey, privateKey} = generateKeyPairSync('ed25519')
    this.#key = privateKey
    this.public = unpadded(publicKey.export({format: 'der', type: 'spki'}).subarray(-32))
  }

  sign(text: string): string {
    return unpadded(sign(null, Buffer.from(text, 'utf8'), this.#key))
  }

  /** The object with a signature more. `as` is the part of the key ID after the algorithm; absent: the public key. */
  signed<T extends JsonObject>(object: T, entity: string, as: string = this.public): T {
    return withSignature(object, entity, `ed25519:${as}`, this.sign(signedText(object)))
  }
}

export function withSignature<T extends JsonObject>(object: T, entity: string, keyId: string, signature: string): T {
  const signatures = (object['signatures'] ?? {}) as Record<string, Record<string, string>>
  return {...object, signatures: {...signatures, [entity]: {...signatures[entity], [keyId]: signature}}}
}

export function unpadded(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64').replaceAll('=', '')
}

/** A user's three cross-signing keys. https://spec.matrix.org/v1.19/client-server-api/#cross-signing */
export class CrossSigning {
  readonly userId: string
  readonly master = new SigningKey()
  readonly selfSigning = new SigningKey()
  readonly userSigning = new SigningKey()

  constructor(userId: string) {
    this.userId = userId
  }

  masterKey(): JsonObject {
    return this.#unsigned('master', this.master)
  }

  /** What `/keys/device_signing/upload` takes. */
  upload(): JsonObject {
    return {
      master_key: this.masterKey(),
      self_signing_key: this.master.signed(this.#unsigned('self_signing', this.selfSigning), this.userId),
      user_signing_key: this.master.signed(this.#unsigned('user_signing', this.userSigning), this.userId),
    }
  }

  #unsigned(usage: string, key: SigningKey): JsonObject {
    return {user_id: this.userId, usage: [usage], keys: {[`ed25519:${key.public}`]: key.public}}
  }
}
