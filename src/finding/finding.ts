import {BASELINE_KINDS} from './baseline-kinds.ts'
import {DEVICE_KINDS} from './device-kinds.ts'
import {type Certainty, type FindingKind, SEVERITIES, type Severity} from './kind.ts'

export {type Certainty, type FindingKind, SEVERITIES, type Severity}

/** What a finding is about. */
export type Subject =
  | {readonly kind: 'slot'; readonly type: string; readonly state_key: string; readonly event_id?: string}
  | {readonly kind: 'event'; readonly event_id: string}
  | {readonly kind: 'room'; readonly room_id: string}
  | {readonly kind: 'server'; readonly server: string}
  | {readonly kind: 'user'; readonly user_id: string}
  | {readonly kind: 'device'; readonly user_id: string; readonly device_id: string}
  /** A Megolm session of a sender. `device_id` is what the sender says, and may be absent. */
  | {readonly kind: 'session'; readonly session_id: string; readonly sender: string; readonly device_id?: string}
  /** What belongs to a user as a whole and to no device: cross-signing, secret storage, backup. */
  | {readonly kind: 'account'; readonly user_id: string}

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
  'dag/duplicate-auth-events': {
    severity: 'note',
    certainty: 'proof',
    meaning:
      'A server sent events that cite two events for one slot among their auth_events. All servers reject such events: what their senders did with them (leave, join, rename, kick) never happened.',
    remedy:
      "Its admin should look at the server's stored state for the two events that are named: one of them should not be there. Updating the server is the first step.",
  },
  'dag/no-create-in-auth-events': {
    severity: 'note',
    certainty: 'proof',
    meaning:
      "A server sent events that do not cite the room's create event, so that all servers reject them: the state that it took them from lacks the create event, or it drops events that it should keep.",
    remedy:
      "Its admin should check that the server still has the create event and that history retention did not delete state; if the state is damaged, the server's users have to leave and join again.",
  },
  'dag/foreign-auth-events': {
    severity: 'note',
    certainty: 'proof',
    meaning:
      "A server sent events that cite events of another room among their auth_events. All servers reject them: the sending server's state mixes two rooms, or somebody tries something.",
    remedy: "Its admin should look for events of other rooms in the server's stored state of this room.",
  },
  'dag/rejected-auth-events': {
    severity: 'note',
    certainty: 'proof',
    meaning:
      'A server sent events that cite a rejected event among their auth_events, so that they are rejected as well. It accepted what other servers reject: its view of the room is another one.',
    remedy: 'Compare its state with that of other servers; the rejected event that is cited shows where they parted.',
  },
  'dag/missing-region': {
    severity: 'note',
    certainty: 'proof',
    meaning: 'Many events that belong together are not in the evidence: a gap in the history.',
    remedy:
      'Gather the room from a server that was there at the time, or by a route that shows more (database, federation). A server with a gap of its own is whole again when it has fetched the events.',
  },
  'dag/wrong-depth': {
    severity: 'note',
    certainty: 'proof',
    meaning:
      'The depth of an event is not one more than that of the events that it follows. It orders what people see; only in room version 1 can it decide a conflict.',
    remedy:
      'None needed from room version 2 on. In version 1, upgrade the room: whoever makes up depths can win conflicts.',
  },
  'dag/many-tips': {
    severity: 'note',
    certainty: 'proof',
    meaning:
      'Many events have no successor here. They are what servers know as forward extremities, or events that servers do not build on (soft-failed).',
    remedy:
      'Compare with what servers list as their forward extremities. A message from a server that has all of them joins up to 20.',
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
      'Run `diff` on it: it tells which servers have what the events give, whether this one is only behind, and what its admin can do.',
  },
  'server/behind': {
    severity: 'note',
    certainty: 'proof',
    meaning:
      'The server has not come to the newest events that are known here: what it reports is what the replay gives at the events up to which it has come.',
    remedy:
      'Nothing is wrong: wait. An event that another server sends it makes it fetch what it lacks; if it does not catch up then, look whether the servers reach each other.',
  },
  'server/disagrees-with-itself': {
    severity: 'warning',
    certainty: 'proof',
    meaning:
      'The current state that the server goes by is not the state that it has at its own newest event: it did not recalculate it.',
    remedy:
      "Let a user of that server send a state event (the topic as it is), and compare again: by Synapse's code it makes its current state anew then. Until it is right, what it lets its own users do follows the wrong one.",
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
  'state/mass-leave': {
    severity: 'error',
    certainty: 'proof',
    meaning:
      'Where parts of the history came together, many members lost their membership at once, and no event says that they left or were removed.',
    remedy:
      'Look at what became of join rules and power levels at this merge: mend those first. Then the members have to join, or be invited, again.',
  },
  'server/rejected-in-state': {
    severity: 'error',
    certainty: 'proof',
    meaning:
      'The state of the server holds an event that the rules reject. New events that cite it are rejected everywhere, so that the users of this server may be unable to do anything in the room.',
    remedy:
      'The server has to recalculate its state: update it, and if that does not help, let its users leave and purge the room there before they join again.',
  },
  'server/misplaced-in-state': {
    severity: 'error',
    certainty: 'proof',
    meaning:
      "The server's state holds an event in a slot that is not its own, or two events for one slot. Events that are built on it cite the wrong events and are refused (duplicate auth_events).",
    remedy:
      "The server's stored state is damaged and has to be recalculated: update the server, and if that does not help, purge the room there and join again.",
  },
  'server/truncated-state': {
    severity: 'error',
    certainty: 'strong',
    meaning:
      'The server has a small part of the state only, where the events give far more. If it goes into a resolution, members and settings vanish from the room on every server that asked for it.',
    remedy:
      'If the server is still joining the room, wait until it has the whole state. Otherwise do not let other servers take state from it (as the first server of a join), and let it recalculate: purge the room there and join again.',
  },
  'server/many-extremities': {
    severity: 'warning',
    certainty: 'proof',
    meaning:
      'The server has many forward extremities: newest events that no later one joins. Each makes everything in the room slower there; the room itself is not damaged.',
    remedy:
      'Send messages in the room from this server: each joins up to ten of them or more. Synapse does so by itself unless no local user may send. Deleting extremities by hand can change the state of the room.',
  },
  'server/old-extremity': {
    severity: 'warning',
    certainty: 'strong',
    meaning:
      'The server still counts an old event as one of the newest, so that each resolution of the state reaches back to it, and what was revoked since may come up again.',
    remedy:
      'Send a message in the room from this server, which joins the ends. If the old one stays, the server did not accept what follows it: look for gaps and soft-failed events there.',
  },
  'server/unknown-extremity': {
    severity: 'warning',
    certainty: 'proof',
    meaning:
      'The server builds on an event that is not in the evidence, so that what it knows cannot be judged in full.',
    remedy: 'Fetch the room again from this server: the event may have come since, or the route does not show it.',
  },
  'server/stale-extremity': {
    severity: 'warning',
    certainty: 'strong',
    meaning:
      'The server lists an event as one of its newest although it has a successor of it. Such an entry never goes away by itself, and makes the room slower there.',
    remedy:
      'Send a message in the room from this server, which joins the ends; if the entry stays, update the server and tell its developers.',
  },
  'server/other-extremities': {
    severity: 'note',
    certainty: 'proof',
    meaning:
      'The newest events of the room are others by the server than by the events here: it lacks some of them, judged them otherwise (soft-failed), or the evidence is older or newer than its answer.',
    remedy: 'None needed if it was only behind: fetch again and see whether it has caught up.',
  },
  'server/clock-skew': {
    severity: 'note',
    certainty: 'hint',
    meaning:
      "The dates of a server's events contradict those of others: its clock is off, or it dates events as it likes (bridges do, for imported history). Dates break ties when states are resolved.",
    remedy: 'Its admin should check the clock of the server (NTP). What was sent cannot be dated anew.',
  },
  'server/vanished': {
    severity: 'note',
    certainty: 'hint',
    meaning:
      'A server that took part has sent nothing for a long part of the history, though users of it are still joined: it may be gone, or cut off.',
    remedy:
      'Ask its admin. If it is gone for good, its members can be kicked, which spares the other servers from trying to reach it.',
  },
  'room/wedged-member': {
    severity: 'warning',
    certainty: 'strong',
    meaning:
      "A user's newest membership events are all rejected for what they cite, though the state allows what the user wanted: the user can no longer leave, join, rename or be kicked.",
    remedy:
      'The fault is in the state of the server that sends these events: update it and let it recalculate its state of the room. Until then a user of a server whose events are accepted can kick or ban the user.',
  },
  ...DEVICE_KINDS,
  ...BASELINE_KINDS,
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
