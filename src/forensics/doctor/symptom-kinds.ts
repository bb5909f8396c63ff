import type {SymptomId, SymptomKind} from './symptom.ts'

const kind = (title: string): SymptomKind => ({title, meaning: title, sources: ['placeholder']})

export const SYMPTOMS: Readonly<Record<SymptomId, SymptomKind>> = {
  'duplicate-auth-events': kind('duplicate auth events'),
  'no-create-event': kind('no create event'),
  'not-invited': kind('not invited'),
  banned: kind('banned'),
  'not-in-room': kind('not in the room'),
  'restricted-join': kind('restricted join'),
  'forbidden-by-power': kind('not enough power'),
  forbidden: kind('forbidden'),
  'server-banned': kind('server banned'),
  'no-server-to-join-by': kind('no server to join by'),
  'auth-events-missing': kind('auth events missing'),
  'unable-to-decrypt': kind('unable to decrypt'),
  'one-time-key-exists': kind('one-time key exists'),
  'forward-extremities': kind('forward extremities'),
  'state-reset': kind('state reset'),
}
