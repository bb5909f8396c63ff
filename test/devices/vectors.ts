/** Shape of `data/olm-vectors.json`; `data/make-olm-vectors.py` says how it was made. */
export interface Vectors {
  readonly megolm: readonly {
    readonly session_id: string
    readonly messages: readonly {readonly index: number; readonly ciphertext: string; readonly signature: string}[]
  }[]
  readonly copied_store: {readonly session_id: string; readonly a: string; readonly b: string}
  readonly olm: {
    readonly curve25519: string
    readonly fallback: string
    readonly one_time_keys: readonly string[]
    readonly first: PreKeyVector
    readonly second_of_first: {readonly type: number; readonly body: string}
    readonly other_sessions_of_alice: readonly PreKeyVector[]
    readonly reissued_to_carol: PreKeyVector
    readonly on_fallback: readonly PreKeyVector[]
    readonly reply: {readonly type: number; readonly body: string}
  }
}

export interface PreKeyVector {
  readonly type: number
  readonly body: string
  readonly sender_key: string
  readonly one_time_key: string
}
