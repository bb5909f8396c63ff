import {gzipSync} from 'node:zlib'
import {describe, expect, test} from 'vitest'
import {digestOf, Dumps, oracleRoom, shuffled} from './dumps.ts'
import {digest, rejectedOf, resolve} from './resolved.ts'

const dumps = new Dumps()

describe('whatever the dump looks like, the answer is the same', () => {
  const room = oracleRoom('11-fuzz-13')
  const {lines} = room
  const list = lines.join(',')
  const half = Math.floor(lines.length / 2)
  const [some, others] = [lines.slice(0, half).join(','), lines.slice(half).join(',')]

  test.concurrent.each<[string, string | Buffer]>([
    ['shuffled', shuffled(lines).join('\n')],
    ['reversed', lines.toReversed().join('\n')],
    ['with every line twice', [...lines, ...shuffled(lines)].join('\n')],
    ['in gzip', gzipSync(lines.join('\n'))],
    ['as a JSON array', `[${list}]`],
    [
      'as a JSON array in many lines',
      JSON.stringify(
        lines.map((line) => JSON.parse(line) as unknown),
        null,
        2,
      ),
    ],
    ['as /messages', `{"start":"a","end":"b","chunk":[${shuffled(lines).join(',')}]}`],
    ['as /state', `{"pdus":[${some}],"auth_chain":[${others},${lines[0] ?? ''}]}`],
    [
      'as /event_auth and /backfill',
      `{"auth_chain":[${some}]}\n{"origin":"a","origin_server_ts":1,"pdus":[${others}]}`,
    ],
    ['as a transaction in gzip', gzipSync(`{"origin":"a","pdus":[${list}],"edus":[{"type":"x","sender":"y"}]}`)],
  ])('%s', async (name, content) => {
    const file = dumps.write(`same ${name}`.replaceAll(/[ /]/g, '_'), content)
    const {code, document} = await resolve([file])
    expect(code).toBe(0)
    expect(digestOf(document.state)).toEqual(digest(room.synapse.tips))
    expect(document.summary).toMatchObject({events: lines.length, rejected: rejectedOf(room)})
  })

  test.concurrent.each<[string, string | Buffer]>([
    ['lines', lines.join('\n')],
    ['gzip', gzipSync(lines.join('\n'))],
  ])('from standard input: %s', async (_, input) => {
    const {document} = await resolve(['-'], {input})
    expect(digestOf(document.state)).toEqual(digest(room.synapse.tips))
  })
})

/** Alice bans Bob while Bob, a moderator, sets a topic: state resolution v2 puts the ban first, so that the topic fails. */
function bannedMeanwhile(full: boolean): string[] {
  const base = {sender: '@alice:a', room_id: '!r:a'}
  const events: Record<string, unknown>[] = [
    {
      event_id: '$create',
      type: 'm.room.create',
      state_key: '',
      content: {creator: '@alice:a', room_version: '10'},
      prev_events: [],
      auth_events: [],
    },
    {
      event_id: '$alice',
      type: 'm.room.member',
      state_key: '@alice:a',
      content: {membership: 'join'},
      prev_events: ['$create'],
      auth_events: ['$create'],
    },
    {
      event_id: '$power',
      type: 'm.room.power_levels',
      state_key: '',
      content: {users: {'@alice:a': 100, '@bob:b': 50}},
      prev_events: ['$alice'],
      auth_events: ['$create', '$alice'],
    },
    {
      event_id: '$rules',
      type: 'm.room.join_rules',
      state_key: '',
      content: {join_rule: 'public'},
      prev_events: ['$power'],
      auth_events: ['$create', '$alice', '$power'],
    },
    {
      event_id: '$bob',
      type: 'm.room.member',
      sender: '@bob:b',
      state_key: '@bob:b',
      content: {membership: 'join'},
      prev_events: ['$rules'],
      auth_events: ['$create', '$power', '$rules'],
    },
    {
      event_id: '$ban',
      type: 'm.room.member',
      state_key: '@bob:b',
      content: {membership: 'ban'},
      prev_events: ['$bob'],
      auth_events: ['$create', '$alice', '$power', '$bob'],
    },
    {
      event_id: '$topic',
      type: 'm.room.topic',
      sender: '@bob:b',
      state_key: '',
      content: {topic: 'mine'},
      prev_events: ['$bob'],
      auth_events: ['$create', '$power', '$bob'],
    },
    {
      event_id: '$end',
      type: 'm.room.message',
      content: {body: 'x'},
      prev_events: ['$ban', '$topic'],
      auth_events: ['$create', '$alice', '$power'],
    },
  ]
  return events.map((event, index) =>
    JSON.stringify({
      ...(full ? base : {sender: base.sender}),
      ...event,
      ...(full ? {depth: index + 1, origin_server_ts: 1000 * index} : {}),
    }),
  )
}

describe('test data of other projects', () => {
  const expected = ['$create', '$rules', '$alice', '$ban', '$power']

  test.concurrent.each<[string, readonly string[]]>([
    ['lines with made-up IDs', bannedMeanwhile(true)],
    ['that leave out rooms, depths and times', bannedMeanwhile(false)],
    ['in any order', bannedMeanwhile(false).toReversed()],
  ])('--trust-ids takes %s', async (name, lines) => {
    const {code, document} = await resolve([dumps.write(`${name}.ndjson`, lines), '--trust-ids'])
    expect(code).toBe(0)
    expect(document).toMatchObject({trust_ids: true, at: ['$end'], complete: true})
    expect(document.state.map(({event_id}) => event_id)).toEqual(expected)
    expect(
      (await resolve([dumps.path(`${name}.ndjson`), '--trust-ids', '--at', '$topic'])).document.state,
    ).toContainEqual({type: 'm.room.topic', state_key: '', event_id: '$topic'})
  })

  test.concurrent('a scenario of TARDIS needs no flag, JSON5 and all', async () => {
    const events = bannedMeanwhile(false).map((line) => line.replaceAll(/"(\w+)":/g, '$1:'))
    const text = `// a comment\n{\n  tardis_version: 1,\n  room_version: '10',\n  room_id: '!r:a',\n  events: [\n${events.join(',\n')},\n  ],\n}\n`
    const {code, document} = await resolve([dumps.write('scenario.json5', text)])
    expect(code).toBe(0)
    expect(document).toMatchObject({room_id: '!r:a', trust_ids: true})
    expect(document.state.map(({event_id}) => event_id)).toEqual(expected)
  })

  test.concurrent('without --trust-ids such lines are refused, not believed', async () => {
    const {code, document} = await resolve([dumps.write('untrusted.ndjson', bannedMeanwhile(true))])
    expect(code).toBe(3)
    expect(document).toMatchObject({complete: false, summary: {rejected: 8}})
    expect(document.findings.map(({id}) => id)).toContain('dag/refused-event')
  })
})
