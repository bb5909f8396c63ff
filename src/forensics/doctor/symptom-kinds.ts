import type {SymptomId, SymptomKind} from './symptom.ts'

const SPEC = 'https://spec.matrix.org/v1.19/'
const RULES = `${SPEC}rooms/v11/#authorisation-rules`
const SYNAPSE = 'element-hq/synapse 1.163.2: synapse/'

/** What each symptom is, whatever the room. */
export const SYMPTOMS: Readonly<Record<SymptomId, SymptomKind>> = {
  'duplicate-auth-events': {
    title: 'duplicate auth_events',
    meaning:
      'An event cites two events for one slot of the state among its auth_events, so that every server rejects it. The fault is in the state of the server that made the event, not in what the user did.',
    sources: [RULES, `${SYNAPSE}event_auth.py`, 'https://github.com/element-hq/synapse/issues/18621'],
  },
  'no-create-event': {
    title: 'no create event',
    meaning:
      'The state from which an event was made, or by which it was judged, lacks the m.room.create event. The server has no whole state of the room: it never joined, took leave of it, or lost it.',
    sources: [RULES, `${SYNAPSE}event_auth.py`, 'https://github.com/matrix-org/synapse/issues/7642'],
  },
  'not-invited': {
    title: 'not invited',
    meaning:
      'The join rule does not let everybody in, and in the state by which the server judges the user has no invite. That state can be another than the one in which the invite was sent.',
    sources: [RULES, `${SYNAPSE}event_auth.py`],
  },
  banned: {
    title: 'banned',
    meaning:
      'In the state by which the server judges, the membership of the user is "ban". Until somebody with the power to ban lifts it, the user can neither join nor be invited.',
    sources: [RULES, `${SYNAPSE}event_auth.py`],
  },
  'not-in-room': {
    title: 'not in the room',
    meaning:
      'In the state by which the server judges, the user who acts (or whose server asks) is not joined. If a client shows the user as joined, the two go by different states.',
    sources: [RULES, `${SYNAPSE}event_auth.py`, `${SYNAPSE}api/auth/base.py`],
  },
  'restricted-join': {
    title: 'restricted join not authorised',
    meaning:
      'Who is joined in certain other rooms may join without an invite, and a server in the room has to vouch for it. Either the user is in none of those rooms, or the server that was asked cannot see them or has no user who may invite.',
    sources: [
      `${SPEC}client-server-api/#restricted-rooms`,
      `${SPEC}server-server-api/#restricted-rooms`,
      `${SYNAPSE}handlers/event_auth.py`,
    ],
  },
  'forbidden-by-power': {
    title: 'power level too low',
    meaning:
      'In the state by which the server judges, the power level of the user is below the one that the act takes, or not above that of the user whom it is about.',
    sources: [RULES, `${SPEC}client-server-api/#permissions`, `${SYNAPSE}event_auth.py`],
  },
  forbidden: {
    title: 'forbidden',
    meaning:
      'The server refused, and the text alone does not say by which rule: an authorisation rule, a module or setting of the server, or a block of the room there.',
    sources: [`${SPEC}client-server-api/#common-error-codes`, `${SYNAPSE}handlers/message.py`],
  },
  'server-banned': {
    title: 'server shut out by the ACL',
    meaning:
      "The room's m.room.server_acl denies the server. Those that obey it take no events of the room from that server; what its users write is seen there only.",
    sources: [
      `${SPEC}client-server-api/#server-access-control-lists-acls-for-rooms`,
      `${SYNAPSE}federation/federation_server.py`,
    ],
  },
  'no-server-to-join-by': {
    title: 'no server to join by',
    meaning:
      'The server is not in the room, and knows no server that is and that lets it in: a room ID names none, and those that were given are unreachable, have left, or refused.',
    sources: [
      `${SPEC}client-server-api/#post_matrixclientv3joinroomidoralias`,
      `${SYNAPSE}handlers/room_member.py`,
      `${SYNAPSE}federation/federation_client.py`,
    ],
  },
  'auth-events-missing': {
    title: 'auth events missing or rejected',
    meaning:
      'The events that authorise an event cannot be had from the server that sent it, were rejected, or are of another room. The event is dropped or rejected, and so is what cites it.',
    sources: [RULES, `${SYNAPSE}handlers/federation_event.py`, `${SYNAPSE}event_auth.py`],
  },
  'unable-to-decrypt': {
    title: 'unable to decrypt',
    meaning:
      'The device has not got the key of the message, or does not trust who sent it. Keys travel from device to device outside the room: the server sees that they were sent, not what they are.',
    sources: [
      `${SPEC}client-server-api/#end-to-end-encryption`,
      'matrix-org/matrix-js-sdk 8fec0cb: src/crypto-api/index.ts',
      'matrix-org/matrix-rust-sdk 64b12e0: crates/matrix-sdk-crypto/src/error.rs',
    ],
  },
  'one-time-key-exists': {
    title: 'one-time key already exists',
    meaning:
      'The device uploads a one-time key under a name under which the server holds another one. Its store was lost, rolled back or copied: it no longer knows which keys it has published.',
    sources: [
      `${SPEC}client-server-api/#post_matrixclientv3keysupload`,
      `${SYNAPSE}handlers/e2e_keys.py`,
      'https://github.com/element-hq/element-web/issues/31842',
    ],
  },
  'forward-extremities': {
    title: 'forward extremities',
    meaning:
      'Forward extremities are the newest events of a room, which no later one follows. Many of them make each new event costly for the server, which has to resolve their states; the room itself is not damaged.',
    sources: [
      'https://github.com/matrix-org/synapse/issues/1760',
      'https://element-hq.github.io/synapse/latest/admin_api/rooms.html#forward-extremities-admin-api',
    ],
  },
  'state-reset': {
    title: 'state reset',
    meaning:
      'Members, power levels or settings are gone or old again, although nobody sent an event that says so. State resolution chose an older value when branches of the history were merged, or a server has another state than the others.',
    sources: [`${SPEC}rooms/v2/#state-resolution`, 'https://github.com/element-hq/synapse/issues/16629'],
  },
}
