import type {StateEntry} from '../investigate/room-report.ts'
import {canonicalJson} from '../matrix/canonical-json.ts'
import {count} from './printable.ts'
import {type Json, isObject, JsonError, own} from '../matrix/json.ts'
import {saidVersion} from '../matrix/room-version.ts'

/** The key of the content that says most, by event type. */
const TELLING: Readonly<Record<string, string>> = {
  'm.room.name': 'name',
  'm.room.topic': 'topic',
  'm.room.join_rules': 'join_rule',
  'm.room.history_visibility': 'history_visibility',
  'm.room.guest_access': 'guest_access',
  'm.room.encryption': 'algorithm',
  'm.room.canonical_alias': 'alias',
  'm.room.avatar': 'url',
  'm.room.tombstone': 'replacement_room',
}

/** What a state event says, in a few words. Not yet safe for a terminal. */
export function stateValue({type, content}: Pick<StateEntry, 'type' | 'content'>): string {
  if (type === 'm.room.member') return memberValue(content)
  if (type === 'm.room.create') return `version ${show(saidVersion(content))}`
  if (type === 'm.room.power_levels') {
    const users = own(content, 'users')
    return `${count(isObject(users) ? Object.keys(users).length : 0, 'user')} listed, see above`
  }
  if (type === 'm.room.server_acl') return aclValue(content)
  const key = Object.hasOwn(TELLING, type) ? TELLING[type] : undefined
  const value = key === undefined ? undefined : own(content, key)
  return value === undefined ? show(content) : show(value)
}

function memberValue(content: StateEntry['content']): string {
  const name = own(content, 'displayname')
  const reason = own(content, 'reason')
  const membership = show(own(content, 'membership') ?? '?')
  return [membership, typeof name === 'string' ? `“${name}”` : '', typeof reason === 'string' ? `(${reason})` : '']
    .filter((part) => part !== '')
    .join(' ')
}

function aclValue(content: StateEntry['content']): string {
  const length = (key: string): string => {
    const list = own(content, key)
    return Array.isArray(list) ? String(list.length) : '0'
  }
  return `${length('allow')} allowed, ${length('deny')} denied`
}

/** Events whose IDs are taken on trust may hold what no server could hash. */
function show(value: Json): string {
  if (typeof value === 'string') return value
  try {
    // As hashes are made from it: versions 1 to 5 keep fractions, exponents and minus zero apart from integers.
    return canonicalJson(value, 'python')
  } catch (error) {
    if (error instanceof JsonError) return `(not to be written: ${error.message})`
    throw error
  }
}
