import {pattern, type Pattern} from './pattern.ts'

/** The version that the texts were read in. Older ones say the same, unless a row tells. */
const IN = 'element-hq/synapse 1.163.2: synapse/'
const AUTH = `${IN}event_auth.py`
const MEMBER = `${IN}handlers/room_member.py`
const EVENTS = `${IN}handlers/federation_event.py`
const MESSAGE = `${IN}handlers/message.py`

const duplicate = pattern('duplicate-auth-events', 'synapse', AUTH)
const noCreate = pattern('no-create-event', 'synapse', AUTH)
const notInvited = pattern('not-invited', null, `${AUTH}; continuwuity: src/api/server/make_join.rs`)
const cannotJoin = pattern('not-invited', 'synapse', AUTH)
const banned = pattern('banned', 'synapse', AUTH)
const notIn = pattern('not-in-room', 'synapse', AUTH)
const restricted = pattern('restricted-join', 'synapse', `${IN}handlers/event_auth.py`)
const restrictedRule = pattern('restricted-join', 'synapse', AUTH)
const power = pattern('forbidden-by-power', 'synapse', AUTH)
const forbidden = pattern('forbidden', 'synapse', AUTH)
const missing = pattern('auth-events-missing', 'synapse', EVENTS)
const rejected = pattern('auth-events-missing', 'synapse', AUTH)

/** What Synapse sends to clients and servers, and writes into its log. */
export const SYNAPSE_PATTERNS: readonly Pattern[] = [
  duplicate(
    'has duplicate auth_events for',
    "MatrixError: [403] Event $IsySgTC6HxGnK3TGS2ctjKaOzwjuyEEPCD9j8znbsUA has duplicate auth_events for ('m.room.member', '@bob:example.org'): $5IG-0QsSoCXNPxiImJ8nn1Rv_qJTjRmX2FmA3acdGDc and $mVJI9uOzN6o9CL7D6fF4NQSQit93zh8ls-x_nzS3wcU",
  ),
  noCreate('No create event in auth events', '{"errcode":"M_FORBIDDEN","error":"No create event in auth events"}'),
  noCreate(
    'is missing a create event in auth_events',
    '403: Event $IsySgTC6HxGnK3TGS2ctjKaOzwjuyEEPCD9j8znbsUA is missing a create event in auth_events.',
  ),
  noCreate('Create event missing from auth_events', '403: Create event missing from auth_events'),
  pattern(
    'no-create-event',
    'synapse',
    EVENTS,
  )('No create event in state', 'SynapseError: 400 - No create event in state'),
  pattern(
    'no-create-event',
    'synapse',
    MESSAGE,
  )(
    'Attempting to create an event with no prev_events',
    "AssertionError: 'Attempting to create an event with no prev_events'",
  ),
  notInvited(
    'You are not invited to this room',
    '{"errcode":"M_FORBIDDEN","error":"You are not invited to this room."}',
  ),
  cannotJoin('You are not allowed to join this room', '403: You are not allowed to join this room'),
  banned('You are banned from this room', '{"errcode":"M_FORBIDDEN","error":"You are banned from this room"}'),
  banned(String.raw`@\S{1,255} is banned from the room`, '403: @bob:example.org is banned from the room'),
  pattern(
    'banned',
    'synapse',
    MEMBER,
  )('Cannot · user who was banned', 'SynapseError: 403 - Cannot invite user who was banned'),
  notIn(String.raw`User '?@\S{1,255} not in room`, '403: User @bob:example.org not in room !id:example.org (None)'),
  notIn(
    String.raw`(?<!User )(?<!User ')@\S{1,255} not in room [!\w]`,
    '{"errcode":"M_FORBIDDEN","error":"@bob:example.org not in room !id:example.org."}',
  ),
  pattern(
    'not-in-room',
    'synapse',
    MESSAGE,
  )('(?<!Host )(?:User|Appservice) not in room', '{"errcode":"M_FORBIDDEN","error":"User not in room"}'),
  pattern(
    'not-in-room',
    'synapse',
    MEMBER,
  )(
    String.raw`User \S{1,300} has no membership in room`,
    'AuthError: 403 - User @bob:example.org has no membership in room !id:example.org',
  ),
  pattern(
    'not-in-room',
    'synapse',
    MEMBER,
  )('The target user is not in the room', '403: The target user is not in the room'),
  pattern(
    'not-in-room',
    'synapse',
    `${IN}handlers/event_auth.py`,
  )('Host not in room', '{"errcode":"M_FORBIDDEN","error":"Host not in room."}'),
  restricted(
    'You do not belong to any of the required rooms/spaces to join this room',
    '{"errcode":"M_FORBIDDEN","error":"You do not belong to any of the required rooms/spaces to join this room."}',
  ),
  restricted(
    'Unable to check if · is in allowed rooms',
    '{"errcode":"M_UNABLE_TO_AUTHORISE_JOIN","error":"Unable to check if @bob:example.org is in allowed rooms."}',
  ),
  restricted(
    'Unrecognized restricted join rules found',
    '{"errcode":"M_UNABLE_TO_AUTHORISE_JOIN","error":"Unrecognized restricted join rules found."}',
  ),
  restricted(
    'Unable to find a user which could issue an invite',
    '{"errcode":"M_UNABLE_TO_GRANT_JOIN","error":"Unable to find a user which could issue an invite"}',
  ),
  restrictedRule('Join event is missing authorising user', '403: Join event is missing authorising user.'),
  restrictedRule('Join event authorised by invalid server', '403: Join event authorised by invalid server.'),
  restrictedRule('Event not signed by authorising server', '403: Event not signed by authorising server'),
  pattern(
    'restricted-join',
    'synapse',
    `${IN}federation/federation_server.py`,
  )(
    'Cannot authorise membership event for',
    'Cannot authorise membership event for other.example. We can only authorise requests from our own homeserver',
  ),
  power(
    "You don't have permission to post that to the room",
    `{"errcode":"M_FORBIDDEN","error":"You don't have permission to post that to the room. user_level (0) < send_level (50)"}`,
  ),
  power(
    "You don't have permission to (?:invite users|ban(?: this user(?!,)|(?! this user))|knock)",
    "403: You don't have permission to invite users",
  ),
  power('You cannot (?:kick|unban) user', '403: You cannot kick user @bob:example.org.'),
  power("You don't have permission to redact events", "403: You don't have permission to redact events"),
  power(
    "You don't have permission to (?:add|remove) ops level",
    "403: You don't have permission to add ops level greater than your own",
  ),
  pattern(
    'server-banned',
    'synapse',
    `${IN}federation/federation_server.py`,
  )('Server is banned from room', '{"errcode":"M_FORBIDDEN","error":"Server is banned from room"}'),
  pattern(
    'server-banned',
    'synapse',
    `${IN}federation/federation_server.py`,
  )('Ignoring PDUs for room · from banned server', 'Ignoring PDUs for room !id:example.org from banned server'),
  pattern(
    'server-banned',
    'synapse',
    `${IN}federation/federation_server.py`,
  )(
    'from banned server(?: ·)? because of ACL',
    "Ignoring typing EDU for room !id:example.org from banned server because of ACL's",
  ),
  pattern(
    'no-server-to-join-by',
    'synapse',
    MEMBER,
  )(
    "Can't join remote room because no servers that are in the room have been provided",
    `{"errcode":"M_UNKNOWN","error":"Can't join remote room because no servers that are in the room have been provided."}`,
  ),
  pattern('no-server-to-join-by', 'synapse', MEMBER)('No known servers', 'SynapseError: 404 - No known servers'),
  pattern(
    'no-server-to-join-by',
    'synapse',
    `${IN}federation/federation_client.py`,
  )(
    'Failed to (?:make|send)_(?:join|knock|leave) via any server',
    'SynapseError: 502 - Failed to make_join via any server',
  ),
  missing('Auth events could not be found', 'AuthError: 403 - Auth events could not be found'),
  missing('Missing auth events for .{1,300}?:', 'Missing auth events for <FrozenEventV3 event_id=$Isy>: {$mVJ}'),
  missing(
    'Dropping event .{1,300}? which relies on auth_event · which could not be found',
    'Dropping event <FrozenEventV3 event_id=$IsySgTC6HxGnK3TGS2ctjKaOzwjuyEEPCD9j8znbsUA, type=m.room.member, state_key=@bob:example.org, outlier=False>, which relies on auth_event $mVJI9uOzN6o9CL7D6fF4NQSQit93zh8ls-x_nzS3wcU, which could not be found',
  ),
  missing('Failed to get auth chain for', 'Failed to get auth chain for <FrozenEventV3 event_id=$Isy>: 404: Not found'),
  rejected(
    'found rejected event · in the state',
    '403: During auth for event $IsySgTC6HxGnK3TGS2ctjKaOzwjuyEEPCD9j8znbsUA: found rejected event $mVJI9uOzN6o9CL7D6fF4NQSQit93zh8ls-x_nzS3wcU in the state',
  ),
  rejected(
    'found event · in the state which is in room',
    '403: During auth for event $IsySgTC6HxGnK3TGS2ctjKaOzwjuyEEPCD9j8znbsUA in room !id:example.org, found event $mVJI9uOzN6o9CL7D6fF4NQSQit93zh8ls-x_nzS3wcU in the state which is in room !other:example.org',
  ),
  rejected('has unexpected auth_event for', "403: Event $Isy has unexpected auth_event for ('m.room.topic', ''): $mVJ"),
  pattern(
    'one-time-key-exists',
    'synapse',
    `${IN}handlers/e2e_keys.py`,
  )(
    'One(?: |-)time key · already exists',
    'M_UNKNOWN: One time key signed_curve25519:AAAAAg already exists. Old key: {"key":"…"}; new key: {\'key\': \'…\'}',
  ),
  pattern(
    'forward-extremities',
    'synapse',
    `${IN}storage/controllers/persist_events.py`,
  )(
    'Pruning forward extremities in room',
    "Pruning forward extremities in room !id:example.org: from {'$a', '$b'} -> {'$b'}",
  ),
  pattern(
    'forward-extremities',
    'synapse',
    `${IN}storage/controllers/persist_events.py`,
  )('No forward extremities left', 'AssertionError: No forward extremities left!'),
  pattern(
    'forward-extremities',
    'synapse',
    `${IN}federation/federation_server.py`,
  )('Room has no forward extremities', 'SynapseError: 500 - Room has no forward extremities'),
  pattern(
    'forward-extremities',
    'synapse',
    `${IN}storage/databases/main/events_forward_extremities.py`,
  )(
    String.raw`Deleted \d{1,9} extra forward extremities for room`,
    'Deleted 12 extra forward extremities for room !id:example.org',
  ),
  pattern(
    'forward-extremities',
    'synapse',
    `${IN}storage/databases/main/events_forward_extremities.py`,
  )('No forward extremity event found for room', 'No forward extremity event found for room !id:example.org'),
  forbidden('This room has been marked as unfederatable', '403: This room has been marked as unfederatable.'),
  forbidden('You are not allowed to set others state', '403: You are not allowed to set others state'),
  forbidden("Event not signed by send(?:er's|ing) server", "403: Event not signed by sender's server"),
  forbidden('Cannot force another user to join', '403: Cannot force another user to join.'),
  pattern(
    'forbidden',
    'synapse',
    MESSAGE,
  )(
    'This event is not allowed in this context',
    '{"errcode":"M_FORBIDDEN","error":"This event is not allowed in this context"}',
  ),
  pattern(
    'forbidden',
    'synapse',
    MEMBER,
  )('This room has been blocked on this server', 'SynapseError: 403 - This room has been blocked on this server'),
  pattern('forbidden', null, MEMBER)('Guest access (?:is )?(?:not allowed|forbidden)', '403: Guest access not allowed'),
]
