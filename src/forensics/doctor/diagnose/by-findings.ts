import type {Finding, FindingId} from '../../../finding/finding.ts'
import {listed, slotsListed} from '../../../finding/slot-words.ts'
import type {SymptomId} from '../symptom.ts'
import type {Cause, Examined, RoomEvidence} from './evidence.ts'
import {asSentence, eventsOf, involved, tellsOf} from './words.ts'

/** Kinds of findings that explain a symptom by themselves; a name that ends with `/` stands for its family. */
const EXPLAINING: Readonly<
  Partial<Record<SymptomId, readonly (FindingId | 'device/' | 'megolm/' | 'account/' | 'baseline/')[]>>
> = {
  'state-reset': [
    'state/reset',
    'state/mass-leave',
    'state/divergence',
    'server/wrong-record',
    'server/disagrees-with-itself',
    'state/revoked-concurrently',
    'state/reading-dependent',
    'server/truncated-state',
    'server/misplaced-in-state',
    'room/encryption-lost',
  ],
  'forward-extremities': [
    'server/many-extremities',
    'server/old-extremity',
    'server/stale-extremity',
    'server/unknown-extremity',
    'server/other-extremities',
    'server/soft-failed-there',
    'dag/many-tips',
  ],
  'one-time-key-exists': [
    'device/otk-reused',
    'device/identity-changed',
    'device/id-reused',
    'device/otk-reissued',
    'device/otk-exhausted',
    'baseline/',
  ],
  'unable-to-decrypt': [
    'room/encryption-lost',
    'room/key-recipients-differ',
    'device/',
    'megolm/',
    'account/',
    'baseline/',
    'state/reset',
    'state/divergence',
  ],
}

/**
 * Kinds that can bring a symptom about, and need not have: who is taken for a member decides who gets keys, but that a key is missing shows
 * by no state.
 */
const MAY_EXPLAIN: Readonly<Partial<Record<SymptomId, readonly FindingId[]>>> = {
  'unable-to-decrypt': ['state/reset', 'state/divergence', 'device/without-keys', 'device/unverified'],
  'one-time-key-exists': ['device/id-reused', 'device/otk-reissued', 'device/otk-exhausted'],
}

const LACKING: Readonly<Partial<Record<SymptomId, string>>> = {
  'state-reset': 'No value of the state was lost, and no server that told its state has another one',
  'forward-extremities': 'Nothing is wrong with the newest events of the room, as far as the evidence tells of them',
  'one-time-key-exists': 'No device shows that a one-time key was used twice or that its store was rolled back',
  'unable-to-decrypt': 'Nothing in the evidence keeps a message from being decrypted',
}

/** Symptoms that findings explain: of one user, where one is named. */
export function diagnoseByFindings(evidence: RoomEvidence, symptom: SymptomId): Examined {
  const kinds = EXPLAINING[symptom] ?? []
  const fits = ({id}: Finding): boolean =>
    kinds.some((kind) => (kind.endsWith('/') ? id.startsWith(kind) : id === kind))
  const found = evidence.findings.filter((one) => fits(one) && isOf(one, evidence, symptom))
  const grave = found.filter(({severity}) => severity !== 'note')
  const shown = causesOf(
    evidence,
    grave.length > 0 ? grave : symptom === 'state-reset' || symptom === 'forward-extremities' ? found : [],
  )
  const causes = shown.map((cause) => ({...cause, certainty: certaintyOf(cause, symptom)}))
  const gather: string[] = []
  const isOfDevices = symptom === 'unable-to-decrypt' || symptom === 'one-time-key-exists'
  if (isOfDevices && !evidence.devices) {
    gather.push(
      'Nothing of devices is in the evidence: ask the servers for them (--homeserver with a token, --database, or --profile), or give a case file that has them (matrix-state devices … --case room.case).',
    )
  }
  if (symptom === 'forward-extremities' && Object.keys(evidence.extremities).length === 0) {
    gather.push(
      'No server told its forward extremities: give its database (--database), its admin API (--homeserver with an admin token), or what it answers (--reported).',
    )
  }
  const lacking = LACKING[symptom]
  const told = causes.length > 0 || lacking === undefined || (isOfDevices && !evidence.devices)
  return {causes, notShown: told ? [] : [asSentence(lacking)], gather}
}

/** How sure it is that this brought the symptom about, which is less than that it is so. */
function certaintyOf({certainty, findings}: Cause, symptom: SymptomId): Cause['certainty'] {
  const may = MAY_EXPLAIN[symptom] ?? []
  if (findings.every(({id}) => may.includes(id))) return 'hint'
  // One message that cannot be read has one cause, and which of several it is, nobody can see.
  return symptom === 'unable-to-decrypt' && certainty === 'proof' ? 'strong' : certainty
}

/** Of the user who complains, or of nobody in particular. */
function isOf({subject}: Finding, {concerned}: RoomEvidence, symptom: SymptomId): boolean {
  const {user} = concerned
  // Keys go to members, so that other slots have no say in them.
  if (symptom === 'unable-to-decrypt' && subject.kind === 'slot' && !KEYS_FOLLOW.has(subject.type)) return false
  if (user === null) return true
  if (subject.kind === 'slot' && symptom !== 'state-reset')
    return subject.type !== 'm.room.member' || subject.state_key === user
  if ('user_id' in subject) return subject.user_id === user
  return subject.kind !== 'session' || subject.sender === user
}

const KEYS_FOLLOW: ReadonlySet<string> = new Set(['m.room.member', 'm.room.encryption'])

/** One cause for what is the same trouble: of one kind, with one cause, remedy and teller. */
export function causesOf({replay}: Pick<RoomEvidence, 'replay'>, findings: readonly Finding[]): readonly Cause[] {
  const groups = Map.groupBy(findings, (one) => {
    const {id, cause, remedy} = one
    const root = one.evidence.find(({where}) => where.startsWith('root: '))?.value ?? null
    return JSON.stringify([id, cause, remedy, tellsOf(one), root])
  })
  return [...groups.values()].flatMap((group): readonly Cause[] => {
    const [first] = group
    if (first === undefined) return []
    return [
      {
        cause: causeOf(first, group),
        certainty: first.certainty,
        events: involved(replay.graph, group.flatMap(eventsOf), group),
        rule: null,
        findings: group,
        about: aboutOf(first),
      },
    ]
  })
}

const NAMED = 5

function causeOf(first: Finding, group: readonly Finding[]): string {
  if (group.length === 1) return asSentence(first.summary)
  const slots = group.flatMap(({subject}) =>
    subject.kind === 'slot' ? [{type: subject.type, stateKey: subject.state_key}] : [],
  )
  const others = group.slice(1)
  const names =
    slots.length === group.length
      ? slotsListed(slots.slice(1), NAMED)
      : `${listed(others.slice(0, NAMED).map(nameOf))}${others.length > NAMED ? ` and ${String(others.length - NAMED)} more` : ''}`
  return `${asSentence(first.summary)} ${asSentence(`the same is true of ${names}`)}`
}

function nameOf({subject}: Finding): string {
  switch (subject.kind) {
    case 'slot':
      return slotsListed([{type: subject.type, stateKey: subject.state_key}], 1)
    case 'event':
      return subject.event_id
    case 'room':
      return 'the room'
    case 'server':
      return subject.server
    case 'device':
      return `${subject.user_id} ${subject.device_id}`
    case 'session':
      return `session ${subject.session_id}`
    default:
      return subject.user_id
  }
}

function aboutOf(one: Finding): NonNullable<Cause['about']> {
  const {subject} = one
  const server = tellsOf(one)
  const user =
    'user_id' in subject
      ? subject.user_id
      : subject.kind === 'slot' && subject.type === 'm.room.member'
        ? subject.state_key
        : null
  const eventId = 'event_id' in subject ? (subject.event_id ?? null) : null
  return {
    ...(server === null ? {} : {server}),
    ...(user === null ? {} : {user}),
    ...(eventId === null ? {} : {eventId}),
  }
}
