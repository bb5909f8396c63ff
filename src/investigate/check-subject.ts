import type {Finding, Subject} from '../finding/finding.ts'

/** What one server does or says, told about an event or a slot: another server may have the same against it. */
const PER_SERVER: ReadonlySet<string> = new Set<Finding['id']>([
  'state/divergence',
  'state/reading-dependent',
  'server/wrong-record',
  'server/rejected-there',
  'server/accepted-there',
])

/**
 * What a finding is about, as one line by which it is found again: `slot m.room.topic "" at $event on example.org`, `event $id`,
 * `device @user:example.org DEVICE`. It depends neither on when the room was gathered nor on the route by which.
 */
export function subjectText({id, subject, evidence}: Pick<Finding, 'id' | 'subject' | 'evidence'>): string {
  const words = wordsOf(subject)
  const server = PER_SERVER.has(id) ? evidence.find(({source}) => source !== 'replay')?.source : undefined
  return [...words, ...(server === undefined ? [] : ['on', word(server)])].join(' ')
}

function wordsOf(subject: Subject): readonly string[] {
  switch (subject.kind) {
    case 'slot': {
      const at = subject.event_id === undefined ? [] : ['at', word(subject.event_id)]
      return ['slot', word(subject.type), word(subject.state_key), ...at]
    }
    case 'event':
      return ['event', word(subject.event_id)]
    case 'room':
      return ['room', word(subject.room_id)]
    case 'server':
      return ['server', word(subject.server)]
    case 'user':
    case 'account':
      return [subject.kind, word(subject.user_id)]
    case 'device':
      return ['device', word(subject.user_id), word(subject.device_id)]
    case 'session':
      // The device is what the sender says of itself.
      return ['session', word(subject.session_id), 'of', word(subject.sender)]
  }
}

/** As it is where nobody can mistake it; else in quotes, as JSON. */
function word(text: string): string {
  return /^[!#-~]+$/.test(text) ? text : JSON.stringify(text)
}

/**
 * The server on whose word a finding rests, by its text; `null` where only events were needed. A finding of this kind is not gone because
 * the server was not asked.
 */
export function restsOnServer(id: string, subject: string): string | null {
  const [, named] = / on (\S+|".*")$/.exec(PER_SERVER.has(id) ? subject : '') ?? []
  if (named !== undefined) return unquoted(named)
  if (!id.startsWith('server/') && id !== 'dag/missing-event') return null
  const [, server] = /^server (.+)$/.exec(subject) ?? []
  return server === undefined || FROM_EVENTS.has(id) ? null : unquoted(server)
}

/** What events tell of a server, without asking it. */
const FROM_EVENTS: ReadonlySet<string> = new Set<Finding['id']>(['server/clock-skew', 'server/vanished'])

/** What of a server's word a kind of finding needs, beside a state that it told. */
export type ServerEvidence = 'states' | 'records' | 'marks' | 'extremities'

/** Without that, a finding of this kind could not have been made, so that its absence says nothing. */
export function evidenceFor(id: string): ServerEvidence {
  if (id === 'server/wrong-record') return 'records'
  if (id === 'server/rejected-there' || id === 'server/accepted-there' || id === 'server/soft-failed-there')
    return 'marks'
  return id.endsWith('-extremity') || id.endsWith('-extremities') ? 'extremities' : 'states'
}

function unquoted(text: string): string {
  if (!text.startsWith('"')) return text
  try {
    return String(JSON.parse(text))
  } catch {
    return text
  }
}
