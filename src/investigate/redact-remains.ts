import type {CaseReader} from '../casefile/shapes.ts'
import {isUserId, serverNameOf} from '../matrix/ids.ts'
import {isObject, own, type JsonObject} from '../matrix/json.ts'
import type {RedactedCopy} from './redact-copy.ts'

/** Personal and other telling data that stay in a redacted case. */
export interface Remains {
  /** Distinct user IDs: senders, members, and who has power. */
  readonly userIds: number
  /** Distinct names of servers. */
  readonly servers: number
  /** In memberships that stay whole: names, pictures and reasons that people gave. */
  readonly displayNames: number
  readonly avatars: number
  readonly reasons: number
  /** Invites by e-mail address or the like that stay whole: their shortened address is in them. */
  readonly thirdPartyInvites: number
  readonly roomAliases: number
  /** Of events, as their servers claim, milliseconds since 1970; `null` without events. */
  readonly times: {readonly firstTs: number; readonly lastTs: number} | null
  /** The above for people, and what has no number: each a sentence. */
  readonly sentences: readonly string[]
}

/** Counts what remains, copy by copy. */
export class RemainsCount {
  readonly #users = new Set<string>()
  readonly #servers = new Set<string>()
  readonly #counts = {displayNames: 0, avatars: 0, reasons: 0, thirdPartyInvites: 0}
  #firstTs = Infinity
  #lastTs = -Infinity

  addServer(server: string): void {
    if (server !== '') this.#servers.add(server)
  }

  #addUser(user: unknown): void {
    if (!isUserId(user)) return
    this.#users.add(user)
    this.addServer(serverNameOf(user))
  }

  add({pdu, whole}: RedactedCopy): void {
    const {content} = pdu
    this.#addUser(pdu.sender)
    this.#addUser(pdu.stateKey)
    this.#addUser(own(content, 'join_authorised_via_users_server'))
    this.#addUser(own(content, 'creator'))
    const levels = pdu.type === 'm.room.power_levels' ? own(content, 'users') : undefined
    if (isObject(levels)) for (const user of Object.keys(levels)) this.#addUser(user)
    for (const signer of pdu.signers ?? []) this.addServer(signer)
    this.#firstTs = Math.min(this.#firstTs, pdu.originServerTs)
    this.#lastTs = Math.max(this.#lastTs, pdu.originServerTs)
    if (whole) this.#addWhole(pdu.type, content)
  }

  #addWhole(type: string, content: JsonObject): void {
    if (typeof own(content, 'displayname') === 'string') this.#counts.displayNames += 1
    if (typeof own(content, 'avatar_url') === 'string') this.#counts.avatars += 1
    if (typeof own(content, 'reason') === 'string') this.#counts.reasons += 1
    const isInvite = type === 'm.room.third_party_invite' || own(content, 'third_party_invite') !== undefined
    if (isInvite) this.#counts.thirdPartyInvites += 1
  }

  finish(from: CaseReader): Remains {
    for (const {server} of from.sources()) this.addServer(server)
    const counts = {...this.#counts, roomAliases: from.aliases().length}
    const times = this.#firstTs <= this.#lastTs ? {firstTs: this.#firstTs, lastTs: this.#lastTs} : null
    const {displayNames, avatars, reasons, thirdPartyInvites, roomAliases} = counts
    const some = (count: number, what: string): readonly string[] =>
      count === 0 ? [] : [`${count.toLocaleString('en-US')} ${what}`]
    return {
      userIds: this.#users.size,
      servers: this.#servers.size,
      ...counts,
      times,
      sentences: [
        ...some(this.#users.size, 'user IDs, who was in the room when, and who had which power'),
        ...some(this.#servers.size, 'server names, with public keys and signatures'),
        ...some(displayNames, 'display names, in memberships that stay whole'),
        ...some(avatars, 'addresses of avatars, in memberships that stay whole'),
        ...some(reasons, 'reasons that people gave, in events that stay whole'),
        ...some(thirdPartyInvites, 'invites by e-mail address or the like, with the shortened address'),
        ...some(roomAliases, 'room aliases'),
        'when each event was sent, and when and how it was gathered: names of routes, addresses of servers, what servers answered when they refused',
        'event types and state keys, in which clients and bots may have put anything',
      ],
    }
  }
}
