import type {StoredCopy} from '../casefile/shapes.ts'
import {type Evidence, type Finding, finding} from '../finding/finding.ts'
import type {KeyRing} from '../matrix/key-ring.ts'
import type {RoomVersionRules} from '../matrix/room-version.ts'
import {type CopyVerdict, verifyCopy} from '../matrix/verify-copy.ts'
import type {UnverifiableTally} from './verify-batch.ts'

/** What findings on a copy are told with. */
export interface CopyContext {
  /** Of sources, by number. */
  readonly names: ReadonlyMap<number, string>
  readonly roomId: string
  /** Other copies of the event. */
  readonly others: readonly StoredCopy[]
  readonly rules: RoomVersionRules
  readonly ring: KeyRing
}

/** What is wrong with one copy, and who has a better one. */
export function copyFindings(copy: StoredCopy, verdict: CopyVerdict, context: CopyContext): readonly Finding[] {
  const subject = {kind: 'event', event_id: copy.eventId} as const
  const seen = sightings(copy, context.names, copy.eventId)
  const good = goodCopies(context)
  const elsewhere = good.length === 0 ? '' : `; a good copy came from ${namesOf(good, context.names)}`
  const told = good.flatMap((other) => sightings(other, context.names, 'a good copy'))
  const by = namesOf([copy], context.names)
  const found: Finding[] = []
  if (verdict.fault !== null) {
    const what = `a copy of ${copy.eventId} from ${by} has a form that servers refuse: ${verdict.fault.message}${elsewhere}`
    found.push(finding('dag/refused-event', subject, what, [...seen, ...told], {cause: `format:${verdict.fault.what}`}))
  }
  if (!verdict.eventIdOk) {
    const what = `a copy that came as ${copy.eventId} from ${by} is ${verdict.eventId} by its hash${elsewhere}`
    const hash = {source: 'hash', where: 'of the redacted event', value: verdict.eventId}
    found.push(finding('dag/wrong-event-id', subject, what, [...seen, hash, ...told]))
  }
  const signature = signatureFinding(copy, verdict, context)
  if (signature !== null) {
    const {summary, evidence} = signature
    found.push(finding('dag/bad-signature', subject, `${summary}${elsewhere}`, [...seen, ...evidence, ...told]))
  } else if (verdict.contentHash === 'mismatch' && verdict.fault?.what !== 'json') {
    // Under a bad signature the hash itself may have been changed, and says nothing.
    const what = `the content of a copy of ${copy.eventId} from ${by} is not what its server hashed, and was not just redacted${elsewhere}`
    found.push(
      finding('dag/hash-mismatch', subject, what, [...seen, ...told], good.length > 0 ? {severity: 'warning'} : {}),
    )
  }
  if (!verdict.roomOk) {
    const what = `${copy.eventId} from ${by} is an event of ${JSON.stringify(verdict.roomId)}, not of ${context.roomId}`
    found.push(
      finding('dag/foreign-room', subject, what, [...seen, {source: by, where: 'room_id', value: verdict.roomId}]),
    )
  }
  return found
}

function signatureFinding(
  copy: StoredCopy,
  {signatures, missing}: CopyVerdict,
  {names}: CopyContext,
): {readonly summary: string; readonly evidence: readonly Evidence[]} | null {
  const bad = signatures.filter(({verdict, required}) => required && verdict === 'bad')
  if (bad.length === 0 && missing.length === 0) return null
  const wrong = bad.map(({server, keyId}) => `the signature of ${server} by ${keyId} is wrong`)
  const absent = missing.map(({server, duty}) => `it is not signed by ${server}, ${DUTIES[duty]}`)
  return {
    summary: `a copy of ${copy.eventId} from ${namesOf([copy], names)}: ${[...wrong, ...absent].join('; ')}`,
    evidence: [
      ...bad.map(({server, keyId, via}) => ({
        source: `key of ${server} (${via ?? ''})`,
        where: keyId,
        value: 'wrong signature',
      })),
      ...missing.map(({server}) => ({source: 'signatures', where: server, value: null})),
    ],
  }
}

const DUTIES = {
  sender: "the sender's server",
  'event-id': 'the server in its ID',
  authoriser: 'the server of the user who let its sender in',
}

function goodCopies({others, rules, ring, roomId}: CopyContext): readonly StoredCopy[] {
  return others.filter(({text, eventId}) => {
    const {overall, contentHash} = verifyCopy(text, rules, ring, {eventId, roomId})
    return overall === 'verified' && contentHash === 'ok'
  })
}

function namesOf(copies: readonly StoredCopy[], names: ReadonlyMap<number, string>): string {
  const all = copies.flatMap((copy) => copy.sightings.map(({source}) => nameOf(source, names)))
  return [...new Set(all)].join(', ') || 'no known source'
}

function nameOf(source: number, names: ReadonlyMap<number, string>): string {
  return names.get(source) ?? `source ${String(source)}`
}

function sightings(copy: StoredCopy, names: ReadonlyMap<number, string>, value: string): readonly Evidence[] {
  return copy.sightings.map(({source, how}) => ({source: nameOf(source, names), where: how, value}))
}

/** One finding a server. */
export function unverifiableFindings(tallies: readonly UnverifiableTally[]): readonly Finding[] {
  const servers = [...new Set(tallies.map(({server}) => server))].sort()
  return servers.map((server) => {
    const ofServer = tallies.filter((tally) => tally.server === server)
    const copies = ofServer.reduce((sum, tally) => sum + tally.copies, 0)
    const what = `${copies.toLocaleString('en-US')} ${copies === 1 ? 'copy' : 'copies'} of events`
    return finding(
      'dag/unverifiable',
      {kind: 'server', server},
      `${what}${server === '' ? '' : ` signed by ${server}`} could not be verified: ${ofServer.map(reason).join('; ')}`,
      ofServer.flatMap((tally) => evidenceOf(tally)),
    )
  })
}

function reason({keyId, verdict, copies, fitting}: UnverifiableTally): string {
  switch (verdict) {
    case 'key-unknown':
      return `its key ${keyId} is not known`
    case 'key-not-valid-then': {
      const misfits = copies - fitting
      const rest = misfits === 0 ? 'though all fit it' : `and ${misfits.toLocaleString('en-US')} do not even fit it`
      return `its key ${keyId} is not known to have been valid then (${copies.toLocaleString('en-US')} signatures, ${rest})`
    }
    case 'algorithm-unknown':
      return `the algorithm of its key ${keyId} is not known`
    case 'absent':
      return "a signature of the sender's server is absent, which would be in order if they were invites by a third party before they were redacted"
  }
}

function evidenceOf({server, keyId, verdict, firstTs, lastTs, examples}: UnverifiableTally): readonly Evidence[] {
  const source = server === '' ? 'signatures' : `keys of ${server}`
  const span = `${isoTime(firstTs)} to ${isoTime(lastTs)}`
  return [
    {source, where: `${keyId === '' ? 'signature' : keyId}, ${span}`, value: verdict},
    ...examples.map((eventId) => ({source: 'event', where: keyId, value: eventId})),
  ]
}

/** Times are what servers claim, and may be anything. */
function isoTime(ts: number): string {
  const date = new Date(ts)
  return Number.isNaN(date.getTime()) ? `time ${String(ts)}` : date.toISOString()
}
