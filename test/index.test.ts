import {spawnSync} from 'node:child_process'
import {mkdtempSync, rmSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {pathToFileURL} from 'node:url'
import {afterAll, describe, expect, test} from 'vitest'
import {
  CATALOGUE,
  explainEvent,
  listRules,
  loadRoomFrom,
  openRoom,
  replay,
  replayDocument,
  replayFindings,
  resolveRoom,
  resolveStates,
  rulesFor,
  StateError,
  stateEntries,
  tipsOf,
  VERDICT_NAMES,
} from '../src/index.ts'

const folder = mkdtempSync(join(tmpdir(), 'matrix-state-'))
afterAll(() => {
  rmSync(folder, {recursive: true})
})

/** Alice makes a room and is in it; Bob, who is not, sets a topic, which is rejected; so does Alice. */
const EVENTS = [
  {
    event_id: '$create',
    type: 'm.room.create',
    state_key: '',
    sender: '@alice:a',
    content: {room_version: '11'},
    prev_events: [],
    auth_events: [],
  },
  {
    event_id: '$alice',
    type: 'm.room.member',
    state_key: '@alice:a',
    sender: '@alice:a',
    content: {membership: 'join'},
    prev_events: ['$create'],
    auth_events: ['$create'],
  },
  {
    event_id: '$bad',
    type: 'm.room.topic',
    state_key: '',
    sender: '@bob:b',
    content: {topic: 'mine'},
    prev_events: ['$alice'],
    auth_events: ['$create'],
  },
  {
    event_id: '$topic',
    type: 'm.room.topic',
    state_key: '',
    sender: '@alice:a',
    content: {topic: 'ours'},
    prev_events: ['$bad'],
    auth_events: ['$create', '$alice'],
  },
]
const lines = EVENTS.map((event) => JSON.stringify(event))
const pdus = lines.map((text, index) => ({text, line: index + 1}))
const opened = loadRoomFrom('a room', pdus, {trustIds: true})

async function failure(work: () => unknown): Promise<StateError> {
  try {
    await work()
  } catch (error) {
    if (error instanceof StateError) return error
    throw error
  }
  throw new Error('nothing was thrown')
}

describe('a stranger who reads src/index.ts', () => {
  test('opens a dump and resolves it', async () => {
    const file = join(folder, 'room.ndjson')
    writeFileSync(file, lines.join('\n'))
    const {room} = await openRoom(file, {trustIds: true})
    const report = resolveRoom(room)
    expect(report.state?.map(({type, stateKey, eventId}) => [type, stateKey, eventId])).toEqual([
      ['m.room.create', '', '$create'],
      ['m.room.member', '@alice:a', '$alice'],
      ['m.room.topic', '', '$topic'],
    ])
    expect(report).toMatchObject({roomVersion: '11', complete: true, at: ['$topic'], counts: {events: 4, rejected: 1}})
    expect(report.findings.map(({id}) => id)).toEqual(['dag/rejected-event'])
  })

  test('replays, and asks why', async () => {
    const result = replay(opened.graph)
    const verdicts = Array.from(result.verdicts, (verdict, row) => [
      opened.graph.id(row),
      VERDICT_NAMES[verdict as 0 | 1 | 2],
    ])
    expect(Object.fromEntries(verdicts)).toEqual({
      $create: 'accepted',
      $alice: 'accepted',
      $bad: 'rejected',
      $topic: 'accepted',
    })
    expect(await explainEvent({room: opened}, '$bad')).toMatchObject({
      verdict: 'rejected',
      rejection: {rule: 'v11:5@auth'},
      event: {sender: '@bob:b', line: 3},
      missing: [],
      complete: true,
    })
    expect(await explainEvent({room: opened}, '$topic')).toMatchObject({verdict: 'accepted', rejection: null})
    expect(replayFindings(opened, result).map(({subject}) => subject)).toEqual([{kind: 'event', event_id: '$bad'}])
    expect(tipsOf(result).map((row) => opened.graph.id(row))).toEqual(['$topic'])
  })

  test('looks at the state at any event', () => {
    const result = replay(opened.graph)
    const before = result.before[opened.graph.row('$topic')] ?? -1
    expect(stateEntries(opened.graph, result.trie, before).map(({eventId}) => eventId)).toEqual(['$create', '$alice'])
    expect(resolveRoom(opened, {before: '$topic'}).state).toHaveLength(2)
    expect(resolveRoom(opened, {at: '$topic', type: 'm.room.topic'}).state).toMatchObject([{eventId: '$topic'}])
  })

  test('resolves states of other makes', () => {
    const {resolver, root, missing} = resolveStates(opened.graph, [
      ['$create', '$alice', '$topic'],
      ['$create', '$alice'],
    ])
    expect(missing).toEqual([])
    expect(stateEntries(opened.graph, resolver.trie, root).map(({eventId}) => eventId)).toEqual([
      '$create',
      '$alice',
      '$topic',
    ])
  })

  test('streams the replay as the command does', () => {
    const document = replayDocument(opened, replay(opened.graph), {digests: false})
    const printed = [...document.lines].map((line) => JSON.parse(line) as Record<string, unknown>)
    expect(printed).toHaveLength(6)
    expect(printed[0]).toMatchObject({schema: 'matrix-state/replay/1'})
    expect(printed.at(-1)).toMatchObject({end: true, complete: true})
    expect(document.complete()).toBe(true)
  })

  test('asks what is missing of a room that is not whole', async () => {
    const part = loadRoomFrom(
      'a part',
      pdus.filter(({line}) => line !== 2),
      {trustIds: true},
    )
    expect(await explainEvent({room: part}, '$topic')).toMatchObject({
      verdict: 'undetermined',
      missing: ['$alice'],
      complete: false,
    })
    expect(resolveRoom(part)).toMatchObject({complete: false, missing: [{eventId: '$alice', citedBy: '$bad'}]})
  })

  test('gets errors with a code and a hint', async () => {
    expect(await failure(() => openRoom(join(folder, 'nowhere')))).toMatchObject({code: 'INPUT_NOT_FOUND'})
    expect(await failure(() => resolveRoom(opened, {at: '$nope'}))).toMatchObject({
      code: 'EVENT_UNKNOWN',
      hint: expect.any(String) as string,
    })
    expect(await failure(() => explainEvent({room: opened}, '$nope'))).toMatchObject({code: 'EVENT_UNKNOWN'})
    expect(await failure(() => resolveStates(opened.graph, [['$nope']]))).toMatchObject({code: 'STATES_MALFORMED'})
    expect(await failure(() => loadRoomFrom('x', []))).toMatchObject({code: 'CREATE_MISSING'})
    expect(await failure(() => openRoom('!room:example.org'))).toMatchObject({code: 'USAGE'})
  })

  test('finds the rules and the kinds of findings listed', () => {
    expect(listRules(rulesFor('10')!).length).toBeGreaterThan(20)
    for (const {meaning, remedy} of Object.values(CATALOGUE)) expect([meaning, remedy]).not.toContain('')
  })
})

/** What a process loads, when it imports or does this. */
function loads(script: string): readonly string[] {
  const source = `
    import {registerHooks} from 'node:module'
    const seen = []
    registerHooks({load(url, context, next) { seen.push(url); return next(url, context) }})
    ${script}
    process.stdout.write(JSON.stringify(seen))`
  const {stdout, stderr, status} = spawnSync(process.execPath, ['--input-type=module', '-e', source], {
    encoding: 'utf8',
  })
  if (status !== 0) throw new Error(stderr)
  return JSON.parse(stdout) as readonly string[]
}

describe('start-up is part of every command', () => {
  const index = JSON.stringify(pathToFileURL(join(import.meta.dirname, '../src/index.ts')).href)

  test('the library loads no package at all before it needs one', () => {
    const seen = loads(`await import(${index})`)
    expect(seen.some((url) => url.endsWith('/src/index.ts'))).toBe(true)
    expect(seen.filter((url) => url.includes('node_modules'))).toEqual([])
    expect(seen.filter((url) => /\/src\/(?:cli|report)\//.test(url))).toEqual([])
  })

  test('nor when it reads and resolves a dump', () => {
    const file = join(folder, 'again.ndjson')
    writeFileSync(file, lines.join('\n'))
    const seen = loads(`
      const {openRoom, resolveRoom} = await import(${index})
      resolveRoom((await openRoom(${JSON.stringify(file)}, {trustIds: true})).room)`)
    expect(seen.filter((url) => url.includes('node_modules'))).toEqual([])
  })

  test('this test would notice', () => {
    expect(loads("await import('chalk')").some((url) => url.includes('node_modules/chalk'))).toBe(true)
  })
})
