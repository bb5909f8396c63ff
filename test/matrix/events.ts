import {contentHash} from '../../src/matrix/hashes.ts'
import type {Json, JsonObject} from '../../src/matrix/json.ts'
import {parsePdu, type PduOptions} from '../../src/matrix/pdu.ts'
import {rulesFor} from '../../src/matrix/room-version.ts'

export const rules = (version: string) => rulesFor(version)!
export const REF = `$${'r'.repeat(43)}`

/** A good event of the version, with the changes; its content hash is right. */
export function event(version: string, changes: JsonObject = {}): JsonObject {
  const old = rules(version).refsCarryHashes
  const refs: Json = old ? [['$r:domain', {sha256: 'x'}]] : [REF]
  const whole: JsonObject = {
    type: 'm.room.topic',
    state_key: '',
    sender: '@a:domain',
    room_id: version === '12' ? `!${'r'.repeat(43)}` : '!r:domain',
    content: {topic: 't'},
    origin_server_ts: 1,
    depth: 2,
    prev_events: refs,
    auth_events: refs,
    signatures: {domain: {'ed25519:1': 'x'}},
    ...(old ? {event_id: '$e:domain'} : {}),
    ...changes,
  }
  return {
    ...whole,
    hashes:
      'hashes' in changes ? changes['hashes'] : {sha256: contentHash(JSON.parse(JSON.stringify(whole)) as JsonObject)},
  }
}

export const parse = (version: string, given: JsonObject | string, options: PduOptions = {}) =>
  parsePdu(typeof given === 'string' ? given : JSON.stringify(given), rules(version), options)
export const faultOf = (version: string, given: JsonObject | string, options: PduOptions = {}): string | null =>
  parse(version, given, options).fault?.what ?? null

/** One of each kind of event format. */
export const VERSIONS = ['1', '2', '3', '6', '11', '12']
