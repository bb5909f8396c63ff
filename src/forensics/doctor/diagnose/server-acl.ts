import type {JsonObject} from '../../../matrix/json.ts'
import {own} from '../../../matrix/json.ts'

/** What an ACL says to a server. */
export interface AclVerdict {
  readonly allowed: boolean
  /** The entry that decided, or why none did; a clause. */
  readonly why: string
}

/**
 * Whether `m.room.server_acl` lets a server take part.
 *
 * @param server - with or without a port, which does not count
 * @see https://spec.matrix.org/v1.19/client-server-api/#mroomserver_acl
 */
export function aclVerdict(content: JsonObject, server: string): AclVerdict {
  const host = hostOf(server)
  if (own(content, 'allow_ip_literals') === false && isIpLiteral(host)) {
    return {allowed: false, why: 'it is an IP address, and allow_ip_literals is false'}
  }
  const denied = entries(content, 'deny').find((glob) => matches(glob, host))
  if (denied !== undefined) return {allowed: false, why: `the entry ${JSON.stringify(denied)} of deny`}
  const allowed = entries(content, 'allow').find((glob) => matches(glob, host))
  if (allowed !== undefined) return {allowed: true, why: `the entry ${JSON.stringify(allowed)} of allow`}
  return {allowed: false, why: 'no entry of allow is for it'}
}

function entries(content: JsonObject, key: string): readonly string[] {
  const list = own(content, key)
  return Array.isArray(list) ? (list as readonly unknown[]).filter((entry) => typeof entry === 'string') : []
}

function hostOf(server: string): string {
  return server.replace(/:\d{1,5}$/, '').toLowerCase()
}

function isIpLiteral(host: string): boolean {
  return host.startsWith('[') || /^\d{1,3}(?:\.\d{1,3}){3}$/.test(host)
}

/** `*` stands for any text, `?` for one character. In time of both lengths multiplied, whatever the entry. */
function matches(glob: string, text: string): boolean {
  const pattern = glob.toLowerCase()
  let [at, from, star, mark] = [0, 0, -1, 0]
  while (from < text.length) {
    if (at < pattern.length && (pattern[at] === '?' || (pattern[at] === text[from] && pattern[at] !== '*'))) {
      at += 1
      from += 1
    } else if (pattern[at] === '*') {
      star = at
      mark = from
      at += 1
    } else if (star >= 0) {
      at = star + 1
      mark += 1
      from = mark
    } else return false
  }
  while (pattern[at] === '*') at += 1
  return at === pattern.length
}
