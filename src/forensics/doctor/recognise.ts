import type {Mentions, Recognised, SymptomId} from './symptom.ts'

const PATTERNS: readonly (readonly [SymptomId, RegExp])[] = [
  ['duplicate-auth-events', /duplicate auth[_ ]events?|multiple auth_events for/i],
  ['no-create-event', /no create event in auth events/i],
  ['not-invited', /you are not invited to this room/i],
  ['banned', /you are banned from (this|the) room/i],
  ['not-in-room', /user \S+ not in room|not a member of the room/i],
  ['restricted-join', /do not belong to any of the required rooms|unable to authorise join/i],
  ['forbidden-by-power', /don't have permission to|user_level \(\S+\) < send_level|cannot (kick|ban) user/i],
  ['server-banned', /server is banned from room/i],
  ['no-server-to-join-by', /no servers that are in the room have been provided/i],
  ['auth-events-missing', /missing auth events|rejected auth event/i],
  ['unable-to-decrypt', /unable to decrypt/i],
  ['one-time-key-exists', /one time key \S+ already exists/i],
  ['forward-extremities', /forward extremities/i],
  ['state-reset', /state reset/i],
]

export function mentionsOf(text: string): Mentions {
  const all = (pattern: RegExp): readonly string[] => [...new Set(text.match(pattern) ?? [])]
  return {
    eventIds: all(/\$[A-Za-z0-9_+/-]{43}/g),
    userIds: all(/@[a-z0-9._=/+-]+:[A-Za-z0-9.-]+(?::\d+)?/g),
    roomIds: all(/![A-Za-z0-9._=+-]+(?::[A-Za-z0-9.-]+(?::\d+)?)?/g),
    aliases: all(/#[A-Za-z0-9._=+-]+:[A-Za-z0-9.-]+(?::\d+)?/g),
    servers: [],
    eventTypes: all(/\bm\.[a-z_.]+[a-z_]/g),
    status: null,
    errcode: null,
  }
}

export class Recogniser {
  readonly #found = new Map<SymptomId, Recognised>()
  #line = 0

  add(line: string): void {
    this.#line += 1
    for (const [symptom, pattern] of PATTERNS) {
      const quote = pattern.exec(line)?.[0]
      if (quote === undefined) continue
      const known = this.#found.get(symptom)
      const made = {symptom, quote, software: null, line: this.#line, times: 1, mentions: mentionsOf(line)}
      this.#found.set(symptom, known === undefined ? made : {...known, times: known.times + 1})
    }
  }

  found(): readonly Recognised[] {
    return [...this.#found.values()]
  }
}

export function recognise(text: string): readonly Recognised[] {
  const recogniser = new Recogniser()
  for (const line of text.split('\n')) recogniser.add(line)
  return recogniser.found()
}
