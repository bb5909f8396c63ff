export type Severity = 'error' | 'warning' | 'note'
/** How sure a finding is: established, nearly so, or worth a look. */
export type Certainty = 'proof' | 'strong' | 'hint'

/** What a finding is about. */
export type Subject =
  | {readonly kind: 'slot'; readonly type: string; readonly state_key: string; readonly event_id?: string}
  | {readonly kind: 'event'; readonly event_id: string}
  | {readonly kind: 'room'; readonly room_id: string}
  | {readonly kind: 'server'; readonly server: string}

/** Where something was read, so that another person can check it. */
export interface Evidence {
  /** A file, an endpoint, a table, or `replay`. */
  readonly source: string
  /** A line, an event, a row. */
  readonly where: string
  readonly value: string | number | boolean | null
}

/** One thing that is wrong or worth knowing, as every command reports it. Field names are those of the JSON contract. */
export interface Finding {
  readonly id: FindingId
  readonly severity: Severity
  readonly certainty: Certainty
  readonly cause?: string
  readonly subject: Subject
  /** One sentence for people. */
  readonly summary: string
  readonly evidence: readonly Evidence[]
  /** What can be done about it. */
  readonly remedy: string
}

/** Meaning of a kind of finding, whatever the room. */
export interface FindingKind {
  readonly severity: Severity
  readonly certainty: Certainty
  readonly meaning: string
  readonly remedy: string
}

/** Every kind of finding. IDs are stable: scripts and baselines name them. */
export const CATALOGUE = {
  'dag/missing-event': {
    severity: 'warning',
    certainty: 'proof',
    meaning: 'An event that others cite is not in the evidence, so that what depends on it cannot be determined.',
    remedy: 'Gather the room from a server that has the event, or by a route that shows more (database, federation).',
  },
  'dag/refused-event': {
    severity: 'error',
    certainty: 'proof',
    meaning: 'The event has a form that servers refuse, so that they do not have it as it stands here.',
    remedy: 'Fetch the event again from a server that has it; a server would treat this copy as never received.',
  },
  'dag/rejected-event': {
    severity: 'note',
    certainty: 'proof',
    meaning:
      'The authorisation rules reject the event: servers keep it in the DAG, but it changes nothing and is not shown.',
    remedy: 'None needed: rejecting it is what servers should do.',
  },
  'dag/wrong-event-id': {
    severity: 'error',
    certainty: 'proof',
    meaning:
      'The hash of the event is not the event ID that it came with: its protected part was changed, or the room version is wrong.',
    remedy: 'Fetch the event again; if the server sends the same, its copy is damaged.',
  },
  'dag/two-contents': {
    severity: 'error',
    certainty: 'proof',
    meaning: 'Two different events came under one event ID.',
    remedy:
      'Find out which copy the servers have; only one can be right, unless the ID is one that a server made up (versions 1 and 2).',
  },
  'dag/cycle': {
    severity: 'error',
    certainty: 'proof',
    meaning:
      'The event is its own ancestor. That is only possible with event IDs that servers make up (room versions 1 and 2).',
    remedy: 'No server can have accepted all events of the cycle in this form: fetch them again from several servers.',
  },
  'dag/content-hash': {
    severity: 'note',
    certainty: 'proof',
    meaning:
      'The content is not what its server hashed: the event was redacted, or changed on the way. It counts in its redacted form.',
    remedy: 'None needed if it was redacted; otherwise compare the copies of several servers.',
  },
  'dag/bad-signature': {
    severity: 'error',
    certainty: 'proof',
    meaning:
      'A server that must sign the event did not, or its signature is wrong under a key of its own that was valid then: this copy was changed or made up.',
    remedy:
      'Fetch the event from a server that has a good copy; a server that sends this one holds damaged or forged data.',
  },
  'dag/hash-mismatch': {
    severity: 'error',
    certainty: 'proof',
    meaning:
      'The signatures are not broken, but the content is not what was hashed, and it is more than a redaction leaves: it was changed. Servers use such an event in its redacted form.',
    remedy: 'Compare the copies of several servers; the one whose content fits its hash is what was sent.',
  },
  'dag/foreign-room': {
    severity: 'warning',
    certainty: 'proof',
    meaning: 'The event is of another room. The rules reject events that cite it, and it changes nothing in this one.',
    remedy: 'None needed if another event cites it, which is what the rules punish; otherwise gather the room again.',
  },
  'dag/unverifiable': {
    severity: 'note',
    certainty: 'proof',
    meaning:
      "Signatures could not be checked: the server's key is not known, or what is known of it does not reach to the time of the event.",
    remedy: 'Fetch the keys (from the server, or from a notary if it is gone), or give them with --keys.',
  },
  'state/reset': {
    severity: 'error',
    certainty: 'proof',
    meaning:
      'When branches were merged, a slot of the state went back to an older value or vanished, although no event that knew of the newer one revoked it.',
    remedy: 'Send the state again as it should be; `blame` tells how it was lost.',
  },
  'state/revoked-concurrently': {
    severity: 'note',
    certainty: 'proof',
    meaning:
      'When branches were merged, a newer value lost its slot to a revocation (a demotion, kick, ban, changed join rule) that was sent at the same time on another branch.',
    remedy:
      'None needed: that is how resolution is meant to work. Send the event again if it is still wanted and allowed.',
  },
  'state/reading-dependent': {
    severity: 'note',
    certainty: 'proof',
    meaning:
      'The letter of the spec and what Synapse computes give different values here, so that servers of different kinds may disagree.',
    remedy: 'Send a new state event for the slot: both readings agree on what comes after the merge.',
  },
  'state/divergence': {
    severity: 'warning',
    certainty: 'strong',
    meaning: 'The server reports another value than the replay of the events gives.',
    remedy:
      'Compare with other servers; if only this one differs, its stored state is wrong and it has to recalculate it.',
  },
  'server/behind': {
    severity: 'note',
    certainty: 'proof',
    meaning:
      'The server has not come to the newest events that are known here: what it reports is what the replay gives at the events up to which it has come.',
    remedy: 'None needed if it catches up; if it does not, look whether other servers can reach it.',
  },
  'server/disagrees-with-itself': {
    severity: 'warning',
    certainty: 'proof',
    meaning:
      'The current state that the server goes by is not the state that it has at its own newest event: it did not recalculate it.',
    remedy:
      'Send a state event from that server (the topic as it is) and compare again: a server makes its current state anew then. Until it is right, what it lets its own users do follows the wrong one.',
  },
  'server/rejected-there': {
    severity: 'error',
    certainty: 'proof',
    meaning:
      'The server rejected an event that the authorisation rules accept: the state by which it judged was wrong.',
    remedy:
      'Find the first event at which its state was wrong; a server does not judge a rejected event again, so that what it set has to be sent anew.',
  },
  'server/accepted-there': {
    severity: 'error',
    certainty: 'proof',
    meaning:
      'The server accepted an event that the authorisation rules reject: the state by which it judged was wrong.',
    remedy: 'Find the first event at which its state was wrong; other servers do not show what it accepted.',
  },
  'server/soft-failed-there': {
    severity: 'note',
    certainty: 'proof',
    meaning:
      'The server accepted the event into the DAG, but did not show it, since its current state forbade it when it came. Servers may differ in that.',
    remedy: 'None needed: it takes part in state resolution all the same once later events build on it.',
  },
  'server/wrong-record': {
    severity: 'error',
    certainty: 'proof',
    meaning:
      'The state that the server recorded at an event is not what the events give: it was changed afterwards, came wrong from another server, or was computed wrongly.',
    remedy:
      'Every later state that is made from it is in doubt. Compare with other servers; what is wrong can be set anew by a state event, or the server leaves the room, purges it and joins again through one whose states are right.',
  },
} as const satisfies Readonly<Record<string, FindingKind>>

export type FindingId = keyof typeof CATALOGUE

/** A finding with the severity, certainty and remedy that its kind has, unless told otherwise. */
export function finding(
  id: FindingId,
  subject: Subject,
  summary: string,
  evidence: readonly Evidence[],
  more: Partial<Pick<Finding, 'severity' | 'certainty' | 'cause' | 'remedy'>> = {},
): Finding {
  const {severity, certainty, remedy}: FindingKind = CATALOGUE[id]
  return {id, severity, certainty, subject, summary, evidence, remedy, ...more}
}
