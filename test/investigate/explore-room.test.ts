/** What the page holds of rooms with known answers, what it leaves out, and what that says. */
import {readFileSync} from 'node:fs'
import {join} from 'node:path'
import {gunzipSync} from 'node:zlib'
import {describe, expect, test} from 'vitest'
import {explorerPage} from '../../src/cli/explore-page.ts'
import {unpackGraph} from '../../src/graph/packed-graph.ts'
import {checkRoom} from '../../src/investigate/check-room.ts'
import {diffRoom} from '../../src/investigate/diff-room.ts'
import {exploreRoom} from '../../src/investigate/explore-room.ts'
import {loadRoomFrom} from '../../src/investigate/load-room.ts'
import {type OpenedRoom, openRoom} from '../../src/investigate/open-room.ts'
import {withoutFolders} from '../../src/investigate/page-names.ts'
import type {PageData} from '../../src/report/explorer/page-data.ts'
import {type PackedPage, packPage, unpackPage} from '../../src/report/explorer/page-pack.ts'
import {replay} from '../../src/resolve/replay.ts'
import {generateRoom} from '../bench/generate.ts'
import {Dumps, linesOf} from '../cli/dumps.ts'
import {BOB, message, publicRoom, type Room, topic} from '../rules/build.ts'
import {REPORTED_ROOMS, reportedRoom, writeRoomCase} from '../scenarios/room-case.ts'

const dumps = new Dumps()
const OPTIONS = {program: 'matrix-state (a test)', nowMs: Date.UTC(2026, 10, 22)}
const cases = new Map(
  REPORTED_ROOMS.map((name) => [name, writeRoomCase(dumps.path(`${name}.case`), reportedRoom(name))]),
)
const caseOf = (name: string): string => cases.get(name) ?? name

/** As the page gets it: through the file. */
function unpacked(html: string): PageData {
  const [, data = ''] = /id="data">([^<]*)</.exec(html) ?? []
  return unpackPage(JSON.parse(gunzipSync(Buffer.from(data, 'base64')).toString('utf8')) as PackedPage)
}
/** All that a reader of the file could ever find in it. */
function textOf(html: string): string {
  const [, data = ''] = /id="data">([^<]*)</.exec(html) ?? []
  return html.replace(data, '') + gunzipSync(Buffer.from(data, 'base64')).toString('utf8')
}
const pageOf = async (opened: OpenedRoom): Promise<string> => explorerPage((await exploreRoom(opened, OPTIONS)).data)

describe('rooms of two real servers', () => {
  test.each(REPORTED_ROOMS)(
    '%s: it replays in the page to the same, and has what check and diff find',
    async (name) => {
      const opened = await openRoom(caseOf(name))
      const {data, events} = await exploreRoom(opened, OPTIONS)
      const through = unpacked(await explorerPage(data))
      const sorted = ({sides, ...rest}: PageData): object => ({
        ...rest,
        sides: sides.map((side) => ({...side, slots: side.slots.toSorted()})),
      })
      expect(sorted(through)).toEqual(JSON.parse(JSON.stringify(sorted(data))))
      expect(events).toBe(reportedRoom(name).ids.length)
      const [ours, theirs] = [replay(opened.room.graph), replay(unpackGraph(through.graph))]
      expect(theirs.verdicts).toEqual(ours.verdicts)
      expect(theirs.after).toEqual(ours.after)
      const outcome = await checkRoom(
        {room: caseOf(name)},
        {
          ...OPTIONS,
          access: {},
          place: {kind: 'cache', use: 'update'},
          devices: false,
          reading: 'synapse',
          trustIds: false,
          signal: new AbortController().signal,
          nowMs: () => OPTIONS.nowMs,
        },
      )
      const named = JSON.stringify(outcome.findings).replaceAll(caseOf(name), `${name}.case`)
      expect(through.findings).toEqual(JSON.parse(named))
      expect([through.room.name, through.room.open]).toEqual([outcome.name, outcome.open])
      const compared = await diffRoom(opened)
      expect(through.differences).toEqual(JSON.parse(JSON.stringify(compared.differences)))
      expect(through.sides.slice(0, compared.sides.length - 1).map(({id, server, what}) => [id, server, what])).toEqual(
        compared.sides.slice(1).map(({id, server, what}) => [id, server, what]),
      )
    },
  )

  test.each(REPORTED_ROOMS)('%s: states and marks are those that the servers told', async (name) => {
    const opened = await openRoom(caseOf(name))
    const {data} = await exploreRoom(opened, OPTIONS)
    const room = reportedRoom(name)
    for (const {name: server, current, events, extremities} of Object.values(room.servers)) {
      const side = data.sides.find((one) => one.server === server && one.what === 'current')
      expect(side?.slots.map(([, , eventId]) => eventId).toSorted()).toEqual(current.toSorted())
      const marks = data.marks.find((one) => one.server === server)
      const rows = (which: (marks: {rejected?: string | null; softFailed?: boolean; outlier?: boolean}) => boolean) =>
        [...events].filter(([, one]) => which(one.marks)).map(([eventId]) => eventId)
      const ids = (list: readonly number[] = []): readonly string[] => list.map((row) => data.graph.ids[row] ?? '')
      expect(marks?.extremities).toEqual(extremities.toSorted())
      expect(ids(marks?.softFailed).toSorted()).toEqual(rows(({softFailed}) => softFailed === true).toSorted())
      expect(ids(marks?.outliers).toSorted()).toEqual(rows(({outlier}) => outlier === true).toSorted())
      expect(ids(marks?.accepted).toSorted()).toEqual(rows(({rejected}) => rejected === null).toSorted())
      expect(marks?.rejected.map(([row]) => data.graph.ids[row]).toSorted()).toEqual(
        rows(({rejected}) => typeof rejected === 'string').toSorted(),
      )
    }
  })

  test('of each server, which events it lacks, and when it received the others', async () => {
    const room = reportedRoom('gap-v11')
    const at = new Map(room.ids.map((id, index) => [id, 1_700_000_000_000 + index * index]))
    const {hs1, hs2} = room.servers
    const events = new Map(
      [...hs1.events].map(([id, {group, marks}]) => [id, {group, marks: {...marks, receivedTs: at.get(id) ?? 0}}]),
    )
    const timed = {...room, servers: {hs1: {...hs1, events}, hs2}}
    const {data} = await exploreRoom(await openRoom(writeRoomCase(dumps.path('timed.case'), timed)), OPTIONS)
    const {marks, graph, contents} = unpacked(await explorerPage(data))
    expect(contents.says.join(' ')).toMatch(
      /What servers told is in it: .*which events they lack.*when they received them/,
    )
    const [first, second] = marks
    expect(new Map(first?.received.map(([row, ts]) => [graph.ids[row], ts]))).toEqual(at)
    expect([first?.lacks, second?.received]).toEqual([[], []])
    const lacked = room.ids.filter((id) => !hs2.events.has(id))
    expect(second?.lacks?.map((row) => graph.ids[row]).toSorted()).toEqual(lacked.toSorted())
    expect(lacked.length).toBeGreaterThan(10)
  })

  test('a reset is told in words, with what was lost and the slot', async () => {
    const {data} = await exploreRoom(await openRoom(caseOf('conflict-v10')), OPTIONS)
    const lost = data.resets.filter(({expected}) => !expected)
    expect(lost.length).toBeGreaterThan(0)
    for (const {slot, lost: row, says, cause} of lost) {
      expect(data.graph.slots[slot]?.[0]).toBe('m.room.member')
      expect(data.graph.slot[row]).toBe(slot)
      expect(says.join(' ')).toContain(data.graph.ids[row])
      expect(cause).toMatch(/^[A-Za-z0-9-]+$/)
    }
  })
})

const SECRET = 'what-was-whispered'
/** A room in which whatever is no state says the same in all places where an event can say something. */
function talking(): Room {
  const secret = {body: SECRET, 'm.relates_to': {event_id: '$x', key: SECRET}, 'm.mentions': [SECRET]}
  return publicRoom('10')
    .add('topic', {...topic(), content: {topic: 'for all to see'}})
    .add('text', {...message(), content: secret})
    .add('reaction', {type: 'm.reaction', content: secret})
    .add('ciphertext', {type: 'm.room.encrypted', content: {ciphertext: SECRET}})
    .add('redaction', {type: 'm.room.redaction', redacts: '$x', content: {reason: SECRET}})
    .add('no member', {type: 'm.room.member', content: {displayname: SECRET, reason: SECRET}})
    .add('no power', {type: 'm.room.power_levels', content: {users: {}, note: SECRET}})
    .add('rejected', {...message(BOB), content: secret})
}
const talkingLines = (): readonly string[] =>
  linesOf(talking()).map((line) => line.replace(/}$/, `,"unsigned":{"x":"unsigned ${SECRET}"}}`))

describe('contents', () => {
  test('of messages are left out, wherever they stand; those of state are there', async () => {
    const opened = await openRoom(dumps.write('talking.ndjson', talkingLines()))
    const html = await pageOf(opened)
    expect(textOf(html)).not.toContain(SECRET)
    expect(textOf(html)).toContain('for all to see')
    const {contents, graph} = unpacked(html)
    expect([contents.kept, contents.messages]).toEqual(['state', []])
    expect(contents.says.join(' ')).toMatch(/Of 7 events that are no state \(messages\) the contents are left out/)
    const [ours, theirs] = [replay(opened.room.graph), replay(unpackGraph(graph))]
    expect(theirs.verdicts).toEqual(ours.verdicts)
    expect(theirs.rejections).toEqual(ours.rejections)
  })

  test('of messages are there when they are asked for; `unsigned` never is', async () => {
    const path = dumps.write('talking.ndjson', talkingLines())
    const room = talking()
    const html = await pageOf(await openRoom(path, {messages: true}))
    const {contents, graph} = unpacked(html)
    expect(textOf(html)).not.toContain(`unsigned ${SECRET}`)
    expect(contents.kept).toBe('all')
    expect(contents.says.join(' ')).toContain('of 7 of 7 events that are no state')
    const found = new Map(contents.messages.map(([row, content]) => [graph.ids[row], content]))
    for (const name of ['text', 'reaction', 'ciphertext', 'redaction', 'no member', 'no power', 'rejected']) {
      const pdu = room.pdus[room.names.indexOf(name)]
      expect(found.get(room.id(name)), name).toEqual(pdu?.['content'])
    }
    expect(found.size).toBe(7)
  })

  test('of several copies, the one whose content was hashed is kept, wherever it stands', () => {
    const lines = linesOf(talking())
    const at = talking().names.indexOf('text')
    const gone = JSON.stringify({...(JSON.parse(lines[at] ?? '') as object), content: {}})
    const forged = JSON.stringify({...(JSON.parse(lines[at] ?? '') as object), content: {body: 'never said'}})
    for (const copies of [
      [gone, lines[at] ?? '', forged],
      [lines[at] ?? '', forged, gone],
    ]) {
      const all = [...lines.slice(0, at), ...copies, ...lines.slice(at + 1)]
      const {messages} = loadRoomFrom(
        'copies',
        all.map((text, index) => ({text, line: index + 1})),
        {messages: true},
      )
      expect(messages?.get(talking().id('text') as never)).toMatchObject({body: SECRET})
    }
  })
})

describe('signatures', () => {
  const {servers} = JSON.parse(readFileSync(join(import.meta.dirname, '../matrix/room-keys.json'), 'utf8')) as {
    readonly servers: Readonly<Record<string, unknown>>
  }
  const dump = dumps.write('signed.ndjson', reportedRoom('conflict-v6').lines)

  test.each([
    ['no keys', [], 'not-checked'],
    ['the keys of one server', Object.keys(servers).slice(0, 1), 'partly'],
    ['the keys of both', Object.keys(servers), 'checked'],
  ] as const)('with %s the page says so', async (name, known, expected) => {
    const keys = dumps.write(
      `${name}.json`,
      JSON.stringify(Object.fromEntries(known.map((one) => [one, servers[one]]))),
    )
    const opened = await openRoom(dump, known.length === 0 ? {} : {access: {keyFiles: [keys]}})
    expect(unpacked(await pageOf(opened)).room.signatures).toBe(expected)
  })
})

describe('names', () => {
  test('where files lie on a disk is in no part of the page', async () => {
    const dump = dumps.write('events of a room.ndjson', linesOf(publicRoom('10').add('bad', topic(BOB))))
    const lines = linesOf(publicRoom('10'))
    const told = dumps.write('told.json', `[${lines.slice(0, 2).join(',')}]`)
    const opened = await openRoom(dump, {access: {reported: [`b.example=${told}`]}})
    const {data} = await exploreRoom(opened, {...OPTIONS, source: dump})
    expect(data.room.source).toBe('events of a room.ndjson')
    expect(data.sides.map(({how}) => how)).toEqual(['/state in told.json'])
    expect(JSON.stringify(data)).not.toContain(dumps.folder)
    expect(JSON.stringify(data)).not.toContain('/tmp/')
  })

  test.each([
    ['could not read "/home/erin/my files/x.json": gone', 'could not read "x.json": gone'],
    ['could not read ../kept/x.json', 'could not read x.json'],
    ['hs1: /_matrix/client/v3/rooms/{roomId}/state was refused', null],
    ['https://hs1.example/_matrix/x failed', null],
    ['what a server thinks and/or says', null],
  ])('%s', (sentence, expected) => {
    expect(withoutFolders(sentence)).toBe(expected ?? sentence)
  })
})

describe('size', () => {
  test('the page of 50,000 events has less than 12 MB', async () => {
    const lines = [...generateRoom({events: 50_000, members: 5000, forkRate: 0.05, seed: 3})]
    const room = loadRoomFrom(
      'big',
      lines.map((text, index) => ({text, line: index + 1})),
    )
    const opened: OpenedRoom = {
      room,
      unknowable: [],
      reported: [],
      reportedExtremities: {},
      findings: [],
      notes: [],
    }
    const html = await pageOf(opened)
    process.stdout.write(`a page of 50,000 events: ${(html.length / 1e6).toFixed(1)} MB\n`)
    expect(html.length).toBeLessThan(12_000_000)
  }, 120_000)

  test('what stands where it does not belong comes back as it was told', async () => {
    const {data} = await exploreRoom(await openRoom(caseOf('split-sql-v11')), OPTIONS)
    const {ids, slot} = data.graph
    const message = ids[slot.indexOf(-1)] ?? ''
    const create = ids[0] ?? ''
    const slots = [
      ['m.room.topic', '', create],
      ['m.room.member', '@a:b', message],
      ['__proto__', 'constructor', '$elsewhere'],
      ['m.room.create', '', create],
    ] as const
    const side = {id: 's1', server: 'x', what: 'current', how: 'x', eventId: null, ts: 0, slots} as const
    const [again] = unpacked(await explorerPage({...data, sides: [side]})).sides
    expect(again?.slots.toSorted()).toEqual(slots.toSorted())
  })

  test('a state that is told once more costs little', async () => {
    const {data} = await exploreRoom(await openRoom(caseOf('split-sql-v11')), OPTIONS)
    const [side] = data.sides
    if (side === undefined) throw new Error('no side')
    const packed = JSON.stringify(packPage({...data, sides: [side]})).length
    const none = JSON.stringify(packPage({...data, sides: []})).length
    expect(packed - none).toBeLessThan(200 + 8 * side.slots.length)
    expect(JSON.stringify(side.slots).length).toBeGreaterThan(60 * side.slots.length)
  })
})

test('a room whose name is blank is called by its ID', async () => {
  const room = publicRoom('10').add('blank', {...topic(), type: 'm.room.name', content: {name: ' \n '}})
  const {data} = await exploreRoom(await openRoom(dumps.write('blank.ndjson', linesOf(room))), OPTIONS)
  expect(data.room.name).toBe(null)
  expect(await explorerPage(data)).toContain(`<title>${data.graph.roomId}`)
})
