import {pattern, type Pattern} from './pattern.ts'

const GMSL = 'matrix-org/gomatrixserverlib ffcbbd3: '
const DENDRITE = 'element-hq/dendrite 08cac1c: '
const CONTINUWUITY = 'continuwuity/continuwuity 0907323: '
const TUWUNEL = 'matrix-construct/tuwunel 5b36691: '
/** The authorisation rules that conduit-like servers share or took over. */
const RUMA = 'ruma/ruma 0908aaa: crates/ruma-state-res/src/'

const rule = `${GMSL}eventauth.go`
const ruma = `${RUMA}event_auth.rs`
const rumaMember = `${RUMA}event_auth/room_member.rs`

/** What Dendrite sends and logs; the rules are those of its library. */
const DENDRITE_PATTERNS: readonly Pattern[] = [
  pattern(
    'not-invited',
    'dendrite',
    rule,
  )(
    'is not allowed to change their membership from … as join rule .{0,4}(?:invite|knock|private).{0,4} forbids it',
    '"@bob:example.org" is not allowed to change their membership from "leave" to "join" as join rule "invite" forbids it',
  ),
  pattern(
    'restricted-join',
    'dendrite',
    rule,
  )(
    "the (?:nominated )?'join_authorised_via_users_server' (?:contains an invalid value|user)",
    'the nominated \'join_authorised_via_users_server\' user "@al:example.org" is not joined to the room',
  ),
  pattern(
    'restricted-join',
    'dendrite',
    rule,
  )(
    "failed to find the membership (?:event|status) for 'join_authorised_via_users_server'",
    'failed to find the membership event for \'join_authorised_via_users_server\' user "@al:example.org"',
  ),
  pattern(
    'restricted-join',
    'dendrite',
    `${GMSL}handlejoin.go`,
  )(
    'This server cannot authorise the join',
    '{"errcode":"M_UNABLE_TO_AUTHORISE_JOIN","error":"This server cannot authorise the join."}',
  ),
  pattern(
    'restricted-join',
    'dendrite',
    `${GMSL}handlejoin.go`,
  )(
    'You are not joined to any matching rooms',
    '{"errcode":"M_FORBIDDEN","error":"You are not joined to any matching rooms."}',
  ),
  pattern(
    'banned',
    'dendrite',
    rule,
  )(
    'is not allowed to change their membership from .{0,4}ban',
    String.raw`"@bob:example.org" is not allowed to change their membership from "ban" to "join" as sender cannot set their own membership to "join"`,
  ),
  pattern(
    'banned',
    'dendrite',
    `${GMSL}handlejoin.go`,
  )(String.raw`(?<![\w@:.-] )user is banned(?! from)`, '{"errcode":"M_FORBIDDEN","error":"user is banned"}'),
  pattern(
    'not-in-room',
    'dendrite',
    rule,
  )(String.raw`sender \\?"[^"\n]{1,300}" (?:is )?not in (?:the )?room`, 'sender "@bob:example.org" not in room'),
  pattern(
    'not-in-room',
    'dendrite',
    `${DENDRITE}clientapi/routing/membership.go`,
  )('user does not belong to room', '{"errcode":"M_FORBIDDEN","error":"user does not belong to room"}'),
  pattern(
    'not-in-room',
    'dendrite',
    `${DENDRITE}roomserver/internal/perform/perform_leave.go`,
  )(
    String.raw`user \\?"[^"\n]{1,300}" is not (?:a member of room|joined to the room)`,
    'user "@bob:example.org" is not joined to the room (membership is "leave")',
  ),
  pattern(
    'forbidden-by-power',
    'dendrite',
    rule,
  )(
    'sender has insufficient power to (?:ban|unban|kick|invite)',
    '"@bob:example.org" is not allowed to change the membership of "@al:example.org" from "join" to "leave" as sender has insufficient power to kick (sender level 0, target level 0, kick level 50)',
  ),
  pattern(
    'forbidden-by-power',
    'dendrite',
    rule,
  )(
    String.raw`sender \S{1,300} is not allowed to send event\. -?\d{1,20} < -?\d{1,20}`,
    'sender "@bob:example.org" is not allowed to send event. 0 < 50',
  ),
  pattern(
    'forbidden-by-power',
    'dendrite',
    rule,
  )(
    'is not allowed to redact message from',
    '"@bob:example.org" is not allowed to redact message from "@al:example.org". 0 < 50',
  ),
  pattern(
    'forbidden-by-power',
    'dendrite',
    rule,
  )(
    'is not allowed (?:to )?change (?:user ·|notification|event) level',
    'sender "@bob:example.org" with level 50 is not allowed change user "@al:example.org" level from 0 to 100 because the new level is above the level of the sender',
  ),
  pattern(
    'forbidden-by-power',
    'dendrite',
    `${DENDRITE}clientapi/routing/membership.go`,
  )(
    "You don't have permission to …power level too low",
    `{"errcode":"M_FORBIDDEN","error":"You don't have permission to ban this user, power level too low."}`,
  ),
  pattern(
    'server-banned',
    'dendrite',
    `${DENDRITE}federationapi/routing/routing.go`,
  )('Forbidden by server ACLs', '{"errcode":"M_FORBIDDEN","error":"Forbidden by server ACLs"}'),
  pattern(
    'no-server-to-join-by',
    'dendrite',
    `${DENDRITE}federationapi/internal/perform.go`,
  )(
    String.raw`failed to join user …through \d{1,9} server\(s\)`,
    'failed to join user "@bob:example.org" to room "!id:example.org" through 2 server(s): last error 403',
  ),
  pattern(
    'no-create-event',
    'dendrite',
    `${GMSL}eventcontent.go`,
  )('eventauth: missing create event', 'eventauth: missing create event'),
  pattern(
    'auth-events-missing',
    'dendrite',
    `${DENDRITE}roomserver/internal/input/input_missing.go`,
  )(
    String.raw`missing auth event \$`,
    'missing auth event $IsySgTC6HxGnK3TGS2ctjKaOzwjuyEEPCD9j8znbsUA and failed to look it up: 404',
  ),
  pattern(
    'auth-events-missing',
    'dendrite',
    `${DENDRITE}roomserver/internal/input/input_events.go`,
  )(
    String.raw`Event \$\S{1,255} not allowed by auth events`,
    'Event $IsySgTC6HxGnK3TGS2ctjKaOzwjuyEEPCD9j8znbsUA not allowed by auth events',
  ),
  pattern(
    'auth-events-missing',
    'dendrite',
    rule,
  )('authEvents contains events from different rooms', 'eventauth: authEvents contains events from different rooms'),
  pattern(
    'one-time-key-exists',
    'dendrite',
    `${DENDRITE}userapi/internal/key_api.go`,
  )(
    'algorithm / key ID · one-time key already exists',
    '@bob:example.org device ABC: algorithm / key ID signed_curve25519:AAAAAg one-time key already exists',
  ),
]

/** What Conduit and its children say, and the rules of ruma, which some of them use. */
const CONDUIT_PATTERNS: readonly Pattern[] = [
  pattern(
    'duplicate-auth-events',
    'conduit',
    ruma,
  )(
    String.raw`duplicate auth event \$\S{1,255} for \(`,
    'duplicate auth event $mVJI9uOzN6o9CL7D6fF4NQSQit93zh8ls-x_nzS3wcU for (m.room.member, @bob:example.org) pair',
  ),
  pattern(
    'duplicate-auth-events',
    'conduit',
    `${CONTINUWUITY}src/service/rooms/event_handler/handle_outlier_pdu.rs`,
  )(
    "Auth event's type and state_key combination exists multiple times",
    "Auth event's type and state_key combination exists multiple times: m.room.member, @bob:example.org",
  ),
  pattern(
    'no-create-event',
    'conduit',
    ruma,
  )('no `?m.room.create`? event in auth events', 'no `m.room.create` event in auth events'),
  pattern(
    'no-create-event',
    'conduit',
    ruma,
  )('failed to find `?m.room.create`? event', 'failed to find `m.room.create` event $Isy'),
  pattern(
    'no-create-event',
    'conduit',
    `${TUWUNEL}src/service/rooms/alias/mod.rs`,
  )('(?:Room has no|Found room without) m.room.create event', 'Found room without m.room.create event.'),
  pattern(
    'banned',
    'conduit',
    `${CONTINUWUITY}src/service/rooms/membership/mod.rs; ${TUWUNEL}src/service/membership/join.rs`,
  )('You are banned from the room', '{"errcode":"M_FORBIDDEN","error":"You are banned from the room."}'),
  pattern(
    'banned',
    'conduit',
    `${TUWUNEL}src/api/client/membership/invite.rs`,
  )('User is banned from this room', '{"errcode":"M_FORBIDDEN","error":"User is banned from this room."}'),
  pattern(
    'banned',
    'conduit',
    rumaMember,
  )('banned user cannot join room', 'Auth check failed: banned user cannot join room'),
  pattern(
    'not-invited',
    'conduit',
    rumaMember,
  )('cannot join a room that is not `?public', 'cannot join a room that is not `public`'),
  pattern('not-in-room', 'conduit', ruma)("sender's membership is not `?join", "sender's membership is not `join`"),
  pattern(
    'not-in-room',
    'conduit',
    rumaMember,
  )('cannot (?:kick|ban|invite user) if sender is not joined', 'cannot kick if sender is not joined'),
  pattern(
    'not-in-room',
    'conduit',
    `${TUWUNEL}src/api/client/typing.rs`,
  )('You are not in this room', '{"errcode":"M_FORBIDDEN","error":"You are not in this room."}'),
  pattern(
    'restricted-join',
    'conduit',
    `${CONTINUWUITY}src/api/server/make_join.rs; ${TUWUNEL}src/api/server/make_join.rs`,
  )(
    'No user on this server is able to assist in joining',
    '{"errcode":"M_UNABLE_TO_GRANT_JOIN","error":"No user on this server is able to assist in joining."}',
  ),
  pattern(
    'restricted-join',
    'conduit',
    rumaMember,
  )(
    '`?join_authorised_via_users_server`? (?:is not joined|does not have enough power)',
    '`join_authorised_via_users_server` is not joined',
  ),
  pattern(
    'forbidden-by-power',
    'conduit',
    `${rumaMember}; ${ruma}`,
  )('sender does not have enough power to(?: [a-z]{1,20})?', 'sender does not have enough power to kick target user'),
  pattern(
    'server-banned',
    'conduit',
    `${CONTINUWUITY}src/service/rooms/event_handler/acl_check.rs; ${TUWUNEL}src/service/rooms/event_handler/acl_check.rs`,
  )('was denied by room ACL', '{"errcode":"M_FORBIDDEN","error":"Server was denied by room ACL"}'),
  pattern(
    'no-server-to-join-by',
    'conduit',
    `${CONTINUWUITY}src/service/rooms/membership/mod.rs; ${TUWUNEL}src/service/membership/join.rs`,
  )('No server available to assist in joining', 'No server available to assist in joining.'),
  pattern(
    'auth-events-missing',
    'conduit',
    ruma,
  )(String.raw`failed to find auth event \$`, 'failed to find auth event $mVJI9uOzN6o9CL7D6fF4NQSQit93zh8ls-x_nzS3wcU'),
  pattern(
    'auth-events-missing',
    'conduit',
    ruma,
  )(String.raw`rejected auth event:? \$`, 'rejected auth event $mVJI9uOzN6o9CL7D6fF4NQSQit93zh8ls-x_nzS3wcU'),
  pattern(
    'auth-events-missing',
    'conduit',
    ruma,
  )(String.raw`auth event \$\S{1,255} not in the same room`, 'auth event $mVJ not in the same room'),
  pattern(
    'auth-events-missing',
    'conduit',
    `${CONTINUWUITY}src/service/rooms/event_handler/handle_outlier_pdu.rs`,
  )(
    "Remote server is not divulging incoming event's auth events",
    "Remote server is not divulging incoming event's auth events (missing: $mVJ)",
  ),
  pattern(
    'auth-events-missing',
    'conduit',
    `${CONTINUWUITY}src/service/rooms/event_handler/handle_outlier_pdu.rs`,
  )('Could not find auth event · for outlier event', 'Could not find auth event $mVJ for outlier event $Isy locally'),
  pattern(
    'forward-extremities',
    'conduit',
    `${TUWUNEL}src/service/rooms/timeline/create.rs`,
  )(
    'cannot create a non-create event in a room with no forward extremities',
    'cannot create a non-create event in a room with no forward extremities',
  ),
  pattern(
    'forbidden',
    'conduit',
    `${CONTINUWUITY}src/service/rooms/event_handler/upgrade_outlier_pdu.rs`,
  )(
    "Event authorisation fails based on (?:the state before the event|event's claimed auth events)",
    'Event authorisation fails based on the state before the event',
  ),
]

export const OTHER_PATTERNS: readonly Pattern[] = [...DENDRITE_PATTERNS, ...CONDUIT_PATTERNS]
