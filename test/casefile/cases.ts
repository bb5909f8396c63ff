import {mkdtempSync, readFileSync, rmSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {afterAll} from 'vitest'
import type {ReadableCase, WritableCase} from '../../src/casefile/case-file.ts'
import {createCase} from '../../src/casefile/open-case.ts'
import type {EventCopy, RouteIdentity, Step} from '../../src/sources/evidence.ts'
import {DATA, type Fixture} from '../conformance/fixtures.ts'
import {unpack} from '../conformance/packed.ts'

/** A folder for the cases of one test file. */
export function folder(): string {
  const made = mkdtempSync(join(tmpdir(), 'case-'))
  afterAll(() => rmSync(made, {recursive: true, force: true}))
  return made
}

export const room = (name: string): Fixture => unpack(readFileSync(join(DATA, `${name}.json.gz`)))

/** The create event first, all else as it was. */
export function createFirst({lines}: Pick<Fixture, 'lines'>): readonly string[] {
  const isCreate = (line: string): boolean => (JSON.parse(line) as {type: string}).type === 'm.room.create'
  return [...lines.filter((line) => isCreate(line)), ...lines.filter((line) => !isCreate(line))]
}

export function roomIdOf({lines}: Pick<Fixture, 'lines'>): string {
  for (const line of lines) {
    const {room_id: roomId} = JSON.parse(line) as {room_id?: string}
    if (roomId !== undefined) return roomId
  }
  throw new Error('no room ID')
}

export const identity = (name: string, more: Partial<RouteIdentity> = {}): RouteIdentity => ({
  kind: 'client',
  name,
  server: 'hs1',
  address: 'https://hs1',
  insecure: false,
  ...more,
})

export const copiesFrom = (texts: readonly string[]): readonly EventCopy[] =>
  texts.map((text) => ({text, eventId: null}))
export const stepOf = (texts: readonly string[], more: Partial<Step> = {}): Step => ({
  how: '/messages',
  requests: 1,
  events: copiesFrom(texts),
  ...more,
})

let made = 0
export function newCase(where: string, roomId: string, nowMs = 1000): WritableCase {
  made += 1
  return createCase(join(where, `${made}.case`), {roomId, nowMs})
}

/** The event as an API of Synapse gives it. */
export function asApi(text: string, eventId: string, version: string, age = 1): string {
  const event = JSON.parse(text) as Record<string, unknown>
  const content = event['content'] as Record<string, unknown>
  const added: Record<string, unknown> = {event_id: eventId, unsigned: {age, membership: 'join'}}
  if (version === '12' && event['type'] === 'm.room.create') added['room_id'] = `!${eventId.slice(1)}`
  if (event['type'] === 'm.room.redaction') {
    if (Number(version) < 11) added['content'] = {...content, redacts: event['redacts']}
    else added['redacts'] = content['redacts']
  }
  return JSON.stringify({...event, ...added})
}

/** What the laws of merging speak of; sources by name, since their numbers differ from file to file. */
export function evidenceOf(reader: ReadableCase): unknown {
  const names = new Map(reader.sources().map(({id, name}) => [id, name]))
  const named = (row: {readonly source: number}): unknown => ({...row, source: names.get(row.source)})
  const sorted = (rows: Iterable<unknown>): readonly string[] => [...rows].map((row) => JSON.stringify(row)).sort()
  const bySource = (read: (source: number) => Iterable<object>): unknown =>
    [...names].map(([id, name]) => [name, sorted(read(id))] as const).sort(([a], [b]) => (a < b ? -1 : 1))
  return {
    version: reader.roomVersion,
    copies: sorted(
      [...reader.copies()].map(({eventId, text, sightings, stray}) => ({
        eventId,
        text,
        stray,
        sightings: sorted(sightings.map(named)),
      })),
    ),
    missing: [...reader.missing()].sort(),
    nameless: sorted([...reader.unnamed(), ...reader.unreadable()].map(named)),
    states: sorted([...reader.states()].map(named)),
    extremities: sorted(reader.extremities().map(named)),
    refusals: sorted(reader.refusals().map(named)),
    notes: sorted(reader.notes().map(named)),
    keys: reader.keys(),
    aliases: reader.aliases(),
    limits: reader.limits(),
    groups: bySource((id) => reader.stateGroups(id)),
    eventGroups: bySource((id) => reader.eventStateGroups(id)),
    changes: bySource((id) => reader.currentStateChanges(id)),
  }
}
