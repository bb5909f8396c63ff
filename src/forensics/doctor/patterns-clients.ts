import {pattern, type Pattern} from './pattern.ts'

const JS = 'matrix-org/matrix-js-sdk 8fec0cb: src/'
const CODES = `${JS}crypto-api/index.ts`
const CRYPTO = `${JS}rust-crypto/rust-crypto.ts`
const RUST = 'matrix-org/matrix-rust-sdk 64b12e0: crates/matrix-sdk-crypto/src/error.rs'
const NIO = 'matrix-nio/matrix-nio 331c93e: src/nio/crypto/olm_machine.py'

const cannotRead = pattern('unable-to-decrypt', 'client', CODES)
const sentence = pattern('unable-to-decrypt', 'client', CRYPTO)
const rust = pattern('unable-to-decrypt', 'client', RUST)
const nio = pattern('unable-to-decrypt', 'client', NIO)
const reset = pattern('state-reset', null, 'https://spec.matrix.org/v1.19/rooms/v2/#state-resolution')

/** What clients show and log, and what people say. */
export const CLIENT_PATTERNS: readonly Pattern[] = [
  cannotRead('MEGOLM_UNKNOWN_INBOUND_SESSION_ID', 'DecryptionError[msg: …, code: MEGOLM_UNKNOWN_INBOUND_SESSION_ID]'),
  cannotRead('MEGOLM_KEY_WITHHELD(?:_FOR_UNVERIFIED_DEVICE)?', 'code: MEGOLM_KEY_WITHHELD_FOR_UNVERIFIED_DEVICE'),
  cannotRead('(?:OLM_)?UNKNOWN_MESSAGE_INDEX', 'OLM.UNKNOWN_MESSAGE_INDEX'),
  cannotRead(
    'HISTORICAL_MESSAGE_(?:NO_KEY_BACKUP|BACKUP_UNCONFIGURED|WORKING_BACKUP|USER_NOT_JOINED)',
    'code: HISTORICAL_MESSAGE_NO_KEY_BACKUP',
  ),
  cannotRead('SENDER_IDENTITY_PREVIOUSLY_VERIFIED', 'code: SENDER_IDENTITY_PREVIOUSLY_VERIFIED'),
  cannotRead('(?:UNSIGNED|UNKNOWN)_SENDER_DEVICE', 'code: UNSIGNED_SENDER_DEVICE'),
  sentence(
    "The sender's device has not sent us the keys for this message",
    "** Unable to decrypt: DecryptionError: The sender's device has not sent us the keys for this message. **",
  ),
  sentence(
    'This message was sent before this device logged in',
    'This message was sent before this device logged in, and key backup is not working.',
  ),
  sentence(
    'This message was sent when we were not a member of the room',
    'This message was sent when we were not a member of the room.',
  ),
  sentence(
    'The sender (?:device is not known|identity is (?:not cross-signed|unverified, but was previously verified))',
    'The sender identity is not cross-signed.',
  ),
  rust(
    "Can't find the room key to decrypt the event",
    "Can't find the room key to decrypt the event, withheld code: None",
  ),
  rust(
    'decryption failed (?:likely )?because',
    'decryption failed likely because an Olm session from @bob:example.org with sender key AAA was wedged',
  ),
  nio(
    'Error decrypting megolm event',
    'Error decrypting megolm event, no session found with session id AAA for room !id:example.org',
  ),
  nio(
    'Received an? undecryptable Megolm event',
    'Received a undecryptable Megolm event from a device that has a wedged Olm session: @bob:example.org ABC.',
  ),
  nio(
    'Duplicate message index, possible replay attack',
    'Duplicate message index, possible replay attack from @bob:example.org AAA BBB',
  ),
  pattern(
    'unable-to-decrypt',
    'client',
    'https://github.com/maubot/maubot/issues/248',
  )(
    'Failed to decrypt megolm event',
    'WARNING mau.client.crypto: Failed to decrypt $IsySgTC6HxGnK3TGS2ctjKaOzwjuyEEPCD9j8znbsUA: Failed to decrypt megolm event: no session with given ID AAA found',
  ),
  pattern(
    'unable-to-decrypt',
    'client',
    `${JS}models/event.ts`,
  )('Unable to decrypt(?: message)?', '** Unable to decrypt: unknown **'),
  reset(String.raw`\bstate(?: |-)resets?\b`, 'our room had a state reset yesterday'),
  reset(
    String.raw`\b(?:members?|memberships?|moderators?|admins?|power levels?|permissions|settings) (?:have |has |are |is |were |was |got |all ){1,3}(?:gone|vanished|disappeared|lost|reset|reverted)\b`,
    'half of the members have vanished from the room',
  ),
  pattern(
    'restricted-join',
    null,
    'https://spec.matrix.org/v1.19/server-server-api/#get_matrixfederationv1make_joinroomiduserid',
  )(String.raw`\bM_UNABLE_TO_(?:AUTHORI[SZ]E|GRANT)_JOIN`, '{"errcode":"M_UNABLE_TO_GRANT_JOIN","error":"No."}'),
  pattern(
    'restricted-join',
    null,
    'https://spec.matrix.org/v1.19/server-server-api/#get_matrixfederationv1make_joinroomiduserid',
  )('Unable to (?:authori[sz]e|grant) (?:the |this )?join', 'Unable to authorise join'),
  pattern(
    'forward-extremities',
    null,
    'https://github.com/matrix-org/synapse/issues/1760',
  )(
    String.raw`(?<!\bno )(?:too many|many|\d{2,9}) (?:extra |stale )?forward(?: |_)extremities`,
    'the room has 120 forward extremities',
  ),
  pattern(
    'forward-extremities',
    null,
    'https://github.com/matrix-org/synapse/issues/1760',
    true,
  )(String.raw`forward(?: |_)extremit(?:y|ies)`, 'what are forward extremities'),
  pattern(
    'duplicate-auth-events',
    null,
    'https://spec.matrix.org/v1.19/rooms/v11/#authorisation-rules',
    true,
  )('duplicate auth(?: |_)events?', 'duplicate auth_events'),
  pattern(
    'forbidden',
    null,
    'https://spec.matrix.org/v1.19/client-server-api/#common-error-codes',
    true,
  )(String.raw`\bM_FORBIDDEN\b`, '{"errcode":"M_FORBIDDEN","error":"No."}'),
  pattern(
    'forbidden',
    'synapse',
    'element-hq/synapse 1.163.2: synapse/http/site.py',
    true,
  )(
    String.raw`\b403 "(?:PUT|POST) /_matrix/client/\S{1,12}/(?:rooms|join|knock)/`,
    'Processed request: 0.003sec/0.000sec 97B 403 "PUT /_matrix/client/v3/rooms/%21id%3Aexample.org/send/m.room.message/1 HTTP/1.1"',
  ),
  pattern(
    'forbidden',
    null,
    'https://www.rfc-editor.org/rfc/rfc9110#section-15.5.4',
    true,
  )(
    String.raw`(?:\bHTTP(?:/[\d.]{1,3})?|\bstatus(?:(?: |_)code)?\b|Error:?) ?["=:]? ?\[?403\b|\b403:? Forbidden\b|\[403\]|^ ?403(?: on \w{1,20}| error)? ?$`,
    'HTTP 403',
  ),
]
