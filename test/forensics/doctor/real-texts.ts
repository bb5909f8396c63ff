import type {Recognised, SymptomId} from '../../../src/forensics/doctor/symptom.ts'

/** A text as somebody met it, with names made neutral and keys shortened, and where it was reported. */
export interface RealText {
  readonly from: string
  readonly text: string
  readonly symptom: SymptomId
  readonly software: Recognised['software']
  readonly quote: string
}

const EVENT = '$IsySgTC6HxGnK3TGS2ctjKaOzwjuyEEPCD9j8znbsUA'
const OTHER = '$mVJI9uOzN6o9CL7D6fF4NQSQit93zh8ls-x_nzS3wcU'

export const REAL_TEXTS: readonly RealText[] = [
  {
    from: 'https://github.com/element-hq/element-web/issues/31154',
    text: `Failed to reject invite\nMatrixError: [403] Event ${EVENT} has duplicate auth_events for ('m.room.member', '@bob:a.example.com'): $5IG-0QsSoCXNPxiImJ8nn1Rv_qJTjRmX2FmA3acdGDc and ${OTHER} (https://matrix.a.example.com/_matrix/client/v3/rooms/!XOoTWLiukCeZEYxrUf%3Achat.b.example.com/leave)`,
    symptom: 'duplicate-auth-events',
    software: 'synapse',
    quote: 'has duplicate auth_events for',
  },
  {
    from: 'https://github.com/element-hq/element-web/issues/31151',
    text: `{"errcode":"M_FORBIDDEN","error":"Event $175976630413XLEta:mozilla.example has duplicate auth_events for ('m.room.member', '@bob:mozilla.example'): $174889514163mIRNs:mozilla.example and $175943391318pcGeM:party.example"}`,
    symptom: 'duplicate-auth-events',
    software: 'synapse',
    quote: 'has duplicate auth_events for',
  },
  {
    from: 'https://github.com/matrix-org/synapse/issues/7834',
    text: "2020-07-09 09:21:24,923 - synapse.handlers.message - 829 - WARNING - POST-125 - Denying new event <FrozenEventV3 event_id='$It51s0T01y0gj9QnUhghGAfoC5H762-I0Dn-q9fm59w', type='m.room.member', state_key='@anon-20:localhost:8800'> because 403: No create event in auth events",
    symptom: 'no-create-event',
    software: 'synapse',
    quote: 'No create event in auth events',
  },
  {
    from: 'https://github.com/matrix-org/synapse/issues/16676',
    text: 'MatrixError: [403] No create event in auth events',
    symptom: 'no-create-event',
    software: 'synapse',
    quote: 'No create event in auth events',
  },
  {
    from: 'https://github.com/matrix-org/synapse/issues/7139',
    text: "2020-03-25 07:43:28,084 - synapse.http.server - 81 - INFO - POST-86449 - <XForwardedForRequest at 0x7f73764e6a58 method='POST' uri='/_matrix/client/r0/join/!RoOmId%3Ahome.example' clientproto='HTTP/1.0' site=8008> SynapseError: 404 - No known servers",
    symptom: 'no-server-to-join-by',
    software: 'synapse',
    quote: 'No known servers',
  },
  {
    from: 'https://github.com/matrix-org/synapse/issues/11908',
    text: `Feb 04 08:49:30 host matrix-synapse[161411]: 2022-02-04 08:49:30,864 - synapse.handlers.federation_event - 1304 - WARNING - POST-24224-$l-yzSW_1jBJfXZ2tn7SJEELHOFA50wI-pVHIbqTTKnc - Dropping event <FrozenEventV3 event_id=$l-yzSW_1jBJfXZ2tn7SJEELHOFA50wI-pVHIbqTTKnc, type=m.room.member, state_key=@boris:chat.example.org, outlier=False>, which relies on auth_event $6IiO8Ocdzck5-F09zVxqRMbtBMeOFvR7UmhxgO2dljc, which could not be found`,
    symptom: 'auth-events-missing',
    software: 'synapse',
    quote:
      'Dropping event <FrozenEventV3 event_id=$l-yzSW_1jBJfXZ2tn7SJEELHOFA50wI-pVHIbqTTKnc, type=m.room.member, state_key=@boris:chat.example.org, outlier=False>, which relies on auth_event $6IiO8Ocdzck5-F09zVxqRMbtBMeOFvR7UmhxgO2dljc, which could not be found',
  },
  {
    from: 'https://github.com/element-hq/synapse/issues/17742',
    text: `403: During auth for event ${EVENT}: found rejected event ${OTHER} in the state`,
    symptom: 'auth-events-missing',
    software: 'synapse',
    quote: `found rejected event ${OTHER} in the state`,
  },
  {
    from: 'https://github.com/matrix-org/matrix-hookshot/issues/1052',
    text: `ERROR 19:46:04:190 [Appservice] Failed to set up crypto on intent @hookshot:example.org MatrixError: M_UNKNOWN: One time key signed_curve25519:AAAAAAAAAA0 already exists. Old key: {"key":"Un4O","signatures":{"@hookshot:example.org":{"ed25519:TIQEPXSIRL":"wden"}}}; new key: {'key': 'eZge3Y', 'signatures': {'@hookshot:example.org': {'ed25519:TIQEPXSIRL': 'Jz66'}}}`,
    symptom: 'one-time-key-exists',
    software: 'synapse',
    quote: 'One time key signed_curve25519:AAAAAAAAAA0 already exists',
  },
  {
    from: 'https://github.com/8go/matrix-commander-rs/issues/249',
    text: String.raw`2026-08-08T15:00:24.214661Z ERROR matrix_sdk::http_client: Error while sending request: Api(Server(MatrixError(Error { status_code: 400, body: Standard(StandardErrorBody { kind: Unknown, message: "One time key signed_curve25519:AAAAAAAAADI already exists. Old key: {\"key\":\"ewdo\"}" }) })))`,
    symptom: 'one-time-key-exists',
    software: 'synapse',
    quote: 'One time key signed_curve25519:AAAAAAAAADI already exists',
  },
  {
    from: 'https://github.com/maubot/maubot/issues/248',
    text: '[2024-08-09 11:57:11,431] [WARNING@maubot.client.@bot:example.org.crypto] Failed to decrypt $67bY: Failed to decrypt megolm event: no session with given ID 1Ekgh16BRKI found',
    symptom: 'unable-to-decrypt',
    software: 'client',
    quote: 'Failed to decrypt megolm event',
  },
  {
    from: 'https://github.com/commetchat/commet/issues/690 (matrix-js-sdk wording)',
    text: '** Unable to decrypt: DecryptionError: The sender’s device has not sent us the keys for this message. **',
    symptom: 'unable-to-decrypt',
    software: 'client',
    quote: 'The sender’s device has not sent us the keys for this message',
  },
  {
    from: 'https://github.com/matrix-org/synapse/issues/8094',
    text: "AssertionError: 'Attempting to create an event with no prev_events'",
    symptom: 'no-create-event',
    software: 'synapse',
    quote: 'Attempting to create an event with no prev_events',
  },
  {
    from: 'a real Synapse 1.163.2, measured: join of an invite-only room',
    text: '{"errcode":"M_FORBIDDEN","error":"You are not invited to this room."}',
    symptom: 'not-invited',
    software: null,
    quote: 'You are not invited to this room',
  },
  {
    from: 'a real Synapse 1.163.2, measured: federation API with an ACL against the caller',
    text: '403 {"errcode":"M_FORBIDDEN","error":"Server is banned from room"}',
    symptom: 'server-banned',
    software: 'synapse',
    quote: 'Server is banned from room',
  },
  {
    from: 'a real Synapse 1.163.2, measured: federation API of a room without local users',
    text: '{"errcode":"M_FORBIDDEN","error":"Host not in room."}',
    symptom: 'not-in-room',
    software: 'synapse',
    quote: 'Host not in room',
  },
  {
    from: 'element-hq/synapse 1.163.2: synapse/handlers/federation_event.py, synapse/event_auth.py',
    text: `2026-01-01 00:00:00,000 - synapse.handlers.federation_event - 1979 - WARNING - PUT-7 - While checking auth of <FrozenEventV3 event_id=${EVENT}, type=m.room.topic, state_key=, outlier=False> against room state before the event: 403: You don't have permission to post that to the room. user_level (0) < send_level (50)`,
    symptom: 'forbidden-by-power',
    software: 'synapse',
    quote: "You don't have permission to post that to the room",
  },
]

/** Texts that resemble a symptom and are none. */
export const NEAR_MISSES: readonly string[] = [
  'You are not invited to this party.',
  'You are now invited to this room.',
  'Processed request: 0.403sec/0.000sec 403B 200 "GET /_matrix/client/v3/sync HTTP/1.1"',
  'GET-403 - Got 403 events',
  'PUT-403- Processed request: 97B 200 "PUT /_matrix/client/v3/rooms/%21id%3Aexample.org/send/m.room.message/1 HTTP/1.1"',
  'device_one_time_keys_count: {"signed_curve25519": 50}',
  'Claimed one-time-keys: OTK1 for @bob:example.org',
  'backfill: backward extremities of !id:example.org',
  'Room alias #a:example.org already exists.',
  'The alias already exists; one time only.',
  'Banned from the pub. The room is nice.',
  'user is banned from the game',
  'The members are online.',
  'Auth events: 4',
  'create event sent',
  'Unable to decide which server to join',
  'state group 719 resolved',
  'M_LIMIT_EXCEEDED: Too Many Requests',
  'M_NOT_FOUND: Event not found.',
  'port 8403 listening, version 4.0.3',
  'Decrypted 403 of 500 messages',
  '',
]
