import type {KeyRing} from '../matrix/key-ring.ts'
import type {RoomVersionRules} from '../matrix/room-version.ts'
import {type CheckedSignature, type CopyVerdict, type SignatureVerdict, verifyCopy} from '../matrix/verify-copy.ts'

/** A copy to be checked. */
export interface CopyToVerify {
  readonly text: string
  /** ID that the case keeps it under. */
  readonly eventId: string
}

/** Why signatures of a server that had to sign could not be checked. */
export interface UnverifiableTally {
  readonly server: string
  /** Empty for a signature whose absence may be in order, as of an invite by a third party that has been redacted. */
  readonly keyId: string
  readonly verdict: Exclude<SignatureVerdict, 'good' | 'bad'> | 'absent'
  copies: number
  /** Of those with a key that was not valid then: signatures that fit it all the same. */
  fitting: number
  /** `origin_server_ts` of the first and last such event. */
  firstTs: number
  lastTs: number
  /** Some of the events. */
  readonly examples: string[]
}

/** What became of many copies; adds up. */
export interface Tally {
  copies: number
  verified: number
  unverifiable: number
  bad: number
  /** Copies whose content is gone; they can be verified all the same. */
  redacted: number
  /** Signatures looked at, by what they are. */
  readonly signatures: Record<SignatureVerdict, number>
  readonly unverifiableBy: Map<string, UnverifiableTally>
}

export interface BatchResult {
  readonly tally: Tally
  /** Copies with which something is wrong, or which are of another room, by their place in the batch. */
  readonly odd: readonly {readonly index: number; readonly verdict: CopyVerdict}[]
}

export function emptyTally(): Tally {
  const signatures = {good: 0, bad: 0, 'key-unknown': 0, 'key-not-valid-then': 0, 'algorithm-unknown': 0}
  return {copies: 0, verified: 0, unverifiable: 0, bad: 0, redacted: 0, signatures, unverifiableBy: new Map()}
}

/** Verifies copies one after the other. */
export function verifyBatch(
  batch: readonly CopyToVerify[],
  rules: RoomVersionRules,
  ring: KeyRing,
  roomId: string,
): BatchResult {
  const tally = emptyTally()
  const odd: {index: number; verdict: CopyVerdict}[] = []
  batch.forEach(({text, eventId}, index) => {
    const verdict = verifyCopy(text, rules, ring, {eventId, roomId})
    tally.copies += 1
    tally[verdict.overall] += 1
    if (verdict.contentHash === 'redacted') tally.redacted += 1
    for (const signature of verdict.signatures) tally.signatures[signature.verdict] += 1
    if (verdict.overall === 'unverifiable') countUnverifiable(tally, verdict)
    if (verdict.overall === 'bad' || !verdict.roomOk) odd.push({index, verdict})
  })
  return {tally, odd}
}

function countUnverifiable(tally: Tally, {signatures, eventId, originServerTs}: CopyVerdict): void {
  const servers = new Set(signatures.filter(({required}) => required).map(({server}) => server))
  const open = [...servers].filter((server) => !signatures.some((s) => s.server === server && s.verdict === 'good'))
  const add = (server: string, keyId: string, verdict: UnverifiableTally['verdict'], fits: boolean): void => {
    const one = {server, keyId, verdict, copies: 1, fitting: Number(fits)}
    addUnverifiable(tally, {...one, firstTs: originServerTs, lastTs: originServerTs, examples: [eventId]})
  }
  if (open.length === 0) add('', '', 'absent', false)
  for (const server of open) {
    const [first] = signatures.filter((signature): signature is OpenSignature => isOpen(signature, server))
    if (first === undefined) add(server, '', 'absent', false)
    else add(server, first.keyId, first.verdict, first.fits === true)
  }
}

type OpenSignature = CheckedSignature & {readonly verdict: Exclude<SignatureVerdict, 'good' | 'bad'>}

function isOpen(signature: CheckedSignature, server: string): signature is OpenSignature {
  return signature.server === server && signature.verdict !== 'good' && signature.verdict !== 'bad'
}

const MAX_EXAMPLES = 3

function addUnverifiable(tally: Tally, more: UnverifiableTally): void {
  const name = JSON.stringify([more.server, more.keyId, more.verdict])
  const known = tally.unverifiableBy.get(name)
  if (known === undefined) {
    tally.unverifiableBy.set(name, more)
    return
  }
  known.copies += more.copies
  known.fitting += more.fitting
  known.firstTs = Math.min(known.firstTs, more.firstTs)
  known.lastTs = Math.max(known.lastTs, more.lastTs)
  known.examples.push(...more.examples.slice(0, MAX_EXAMPLES - known.examples.length))
}

export function addTally(to: Tally, more: Tally): void {
  for (const count of ['copies', 'verified', 'unverifiable', 'bad', 'redacted'] as const) to[count] += more[count]
  for (const verdict of Object.keys(more.signatures) as SignatureVerdict[]) {
    to.signatures[verdict] += more.signatures[verdict]
  }
  for (const tally of more.unverifiableBy.values()) addUnverifiable(to, tally)
}
