/** A thread that verifies batches of copies; `verify-pool.ts` starts it and talks to it. */
import {parentPort, workerData} from 'node:worker_threads'
import {KeyRing, type SigningKey} from '../matrix/key-ring.ts'
import {rulesFor} from '../matrix/room-version.ts'
import {type BatchResult, type CopyToVerify, verifyBatch} from './verify-batch.ts'

/** What the thread is told when it starts. */
export interface VerifySetUp {
  readonly roomVersion: string
  readonly roomId: string
  readonly keys: readonly SigningKey[]
}

export interface VerifyRequest {
  readonly number: number
  readonly batch: readonly CopyToVerify[]
}

export interface VerifyAnswer {
  readonly number: number
  readonly result: BatchResult
}

const {roomVersion, roomId, keys} = workerData as VerifySetUp
const rules = rulesFor(roomVersion)
if (rules === undefined || parentPort === null) throw new Error('verify-worker is a thread of verify-pool')
const ring = new KeyRing(keys)
const port = parentPort
port.on('message', ({number, batch}: VerifyRequest) => {
  const answer: VerifyAnswer = {number, result: verifyBatch(batch, rules, ring, roomId)}
  port.postMessage(answer)
})
