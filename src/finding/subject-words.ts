import type {Subject} from './finding.ts'
import {slotWords} from './slot-words.ts'

/** What a finding is about, in words. Not yet safe for a terminal. */
export function subjectWords(subject: Subject): string {
  switch (subject.kind) {
    case 'slot':
      return slotWords(subject.type, subject.state_key)
    case 'event':
      return subject.event_id
    case 'room':
      return 'the room'
    case 'server':
      return subject.server
    case 'user':
    case 'account':
      return subject.user_id
    case 'device':
      return `${subject.user_id} ${subject.device_id}`
    case 'session':
      return `session ${subject.session_id}`
  }
}
