import {describe, expect, test} from 'vitest'
import {canonicalJson} from '../../src/matrix/canonical-json.ts'
import {contentHash, contentHashMatches, eventIdOf} from '../../src/matrix/hashes.ts'
import type {JsonObject} from '../../src/matrix/json.ts'
import {parsePdu} from '../../src/matrix/pdu.ts'
import {redact} from '../../src/matrix/redaction.ts'
import {rulesFor} from '../../src/matrix/room-version.ts'
import {signedText, signers, verifyEd25519, verifyEvent, verifyJson} from '../../src/matrix/signatures.ts'
import {parseObject, signText, vectors, versionsIn} from './vectors.ts'

const {server_name: server, key_id: keyId, seed_unpadded_b64: seed, public_key_unpadded_b64: publicKey} = vectors.key
const rules = (version: string) => rulesFor(version)!
const again = (event: JsonObject): JsonObject => parseObject(JSON.stringify(event))

/** With its content hash, and signed over its redacted form. */
function complete(event: JsonObject, version: string): {readonly event: JsonObject; readonly signature: string} {
  const hashed = {...event, hashes: {sha256: contentHash(event)}}
  const signature = signText(signedText(redact(hashed, rules(version))), seed)
  return {event: {...hashed, signatures: {[server]: {[keyId]: signature}}}, signature}
}

describe('published vectors', () => {
  const of = (kind: string) => vectors.published.filter((vector) => vector.kind === kind)

  test('are all of a kind that is tested here', () => {
    expect(of('json_signing').length + of('event_hash_and_sign').length + of('reference_hash').length).toBe(
      vectors.published.length,
    )
  })

  test.each(of('json_signing').map((vector) => [vector.id, vector] as const))(
    '%s: signature made and verified',
    (_id, vector) => {
      const input = again(vector.input)
      expect(signText(signedText(input), seed)).toBe(vector.signature)
      const signed = {...input, signatures: {[server]: {[keyId]: vector.signature!}}, unsigned: {age: 1}}
      expect(verifyJson(signed, server, keyId, publicKey)).toBe(true)
      expect(verifyJson({...signed, three: 3}, server, keyId, publicKey)).toBe(false)
      expect(verifyJson(signed, 'other', keyId, publicKey)).toBe(false)
      expect(verifyJson(signed, server, 'ed25519:2', publicKey)).toBe(false)
    },
  )

  const events = of('event_hash_and_sign').flatMap((vector) =>
    versionsIn(vector.redaction_versions!).map((version) => [vector.id, version, vector] as const),
  )
  test.each(events)('%s, version %s: content hash, signature', (_id, version, vector) => {
    const input = again(vector.input)
    const {event, signature} = complete(input, version)
    expect(contentHash(input)).toBe(vector.content_sha256)
    expect(signature).toBe(vector.signature)
    expect(contentHashMatches(event)).toBe(true)
    expect(verifyEvent(event, rules(version), server, keyId, publicKey)).toBe(true)
    // The signature covers the redacted form, so that it outlives a redaction; the content hash does not.
    const emptied = {...event, content: {}}
    expect(verifyEvent(emptied, rules(version), server, keyId, publicKey)).toBe(true)
    expect(contentHashMatches({...event, content: {changed: true}})).toBe(false)
    expect(verifyEvent({...event, origin_server_ts: 1}, rules(version), server, keyId, publicKey)).toBe(false)
  })

  const references = of('reference_hash').flatMap((vector) =>
    Object.entries(vector.event_id!).flatMap(([range, id]) =>
      versionsIn(range).map((version) => [vector.id, version, id, vector] as const),
    ),
  )
  test.each(references)('%s, version %s: event ID %s', (_id, version, id, vector) => {
    expect(eventIdOf(again(vector.input), rules(version))).toBe(id)
    expect(parsePdu(JSON.stringify(vector.input), rules(version))).toMatchObject({
      eventId: id,
      contentHashOk: null,
      fault: null,
    })
    expect(contentHashMatches(again(vector.input))).toBe(true)
  })
})

describe('published canonical JSON', () => {
  test.each(vectors.canonical_json_published.map(({input_json, canonical}) => [input_json, canonical] as const))(
    '%s is %s',
    (input, canonical) => {
      expect(canonicalJson(parseObject(input))).toBe(canonical)
    },
  )
})

describe('vectors made with Synapse', () => {
  const cases = Object.entries(vectors.derived.events).flatMap(([name, event]) =>
    Object.entries(event.by_version).map(([version, wanted]) => [name, version, event, wanted] as const),
  )

  test.each(cases)('%s, version %s: content hash, event ID, signature', (_name, version, derived, wanted) => {
    const inHashedRoom = rules(version).roomIdIsCreateHash
    const input = again(
      inHashedRoom ? {...derived.input_unsigned, room_id: derived.v12_room_id_used} : derived.input_unsigned,
    )
    const {event, signature} = complete(input, version)
    expect(contentHash(input)).toBe(inHashedRoom ? derived.v12_content_sha256 : derived.content_sha256)
    expect(signature).toBe(wanted.signature)
    expect(verifyEvent(event, rules(version), server, keyId, publicKey)).toBe(true)
    expect(eventIdOf(event, rules(version))).toBe(wanted.event_id)
    const pdu = parsePdu(JSON.stringify(event), rules(version), {allContentHashes: true})
    expect(pdu).toMatchObject({eventId: wanted.event_id, contentHashOk: true, wrongId: null, signers: [server]})
  })

  test('the create event of a version 12 room names the room', () => {
    const {event, event_id, room_id} = vectors.derived.create_v12
    const pdu = parsePdu(JSON.stringify(event), rules('12'))
    expect(pdu).toMatchObject({eventId: event_id, roomId: room_id, contentHashOk: true, fault: null})
    expect(verifyEvent(again(event), rules('12'), server, keyId, publicKey)).toBe(true)
    // Client and admin APIs add both IDs.
    const decorated = parsePdu(JSON.stringify({...event, room_id, event_id}), rules('12'))
    expect(decorated).toMatchObject({eventId: event_id, roomId: room_id, wrongId: null, fault: null})
  })
})

describe('signatures that cannot be good', () => {
  const good = signText('text', seed)
  test('a good one is', () => {
    expect(verifyEd25519('text', publicKey, good)).toBe(true)
    expect(verifyEd25519('text', `${publicKey}=`, `${good}==`)).toBe(true)
  })
  test.each([
    ['another text', 'texts', publicKey, good],
    ['a short key', 'text', publicKey.slice(4), good],
    ['a short signature', 'text', publicKey, good.slice(4)],
    ['no key', 'text', '', good],
    ['no signature', 'text', publicKey, ''],
    ['not base64', 'text', publicKey, '!'.repeat(86)],
    ['a key that is no point of the curve', 'text', Buffer.alloc(32, 0xff).toString('base64'), good],
  ])('%s', (_what, text, key, signature) => {
    expect(verifyEd25519(text, key, signature)).toBe(false)
  })

  test.each([[{}], [{signatures: null}], [{signatures: {[server]: 'x'}}], [{signatures: {[server]: {[keyId]: 1}}}]])(
    '%j',
    (object) => {
      expect(verifyJson(object, server, keyId, publicKey)).toBe(false)
    },
  )

  test('signers are listed', () => {
    expect(signers({signatures: {a: {}, b: {}}})).toEqual(['a', 'b'])
    expect(signers({signatures: []})).toEqual([])
    expect(signers({})).toEqual([])
  })
})
