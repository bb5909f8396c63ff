import {mkdtempSync, rmSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {afterAll, describe, expect, test} from 'vitest'
import {createCase} from '../../src/casefile/open-case.ts'
import type {CaseWriter} from '../../src/casefile/shapes.ts'
import {StateError} from '../../src/errors.ts'
import {gatherCase} from '../../src/investigate/gather-case.ts'
import type {GatherContext, GatherLimits, Route, RouteKind, Step} from '../../src/sources/evidence.ts'
import {linesOf} from '../cli/dumps.ts'
import {message, publicRoom, topic} from '../rules/build.ts'

const folder = mkdtempSync(join(tmpdir(), 'matrix-state-gather-'))
afterAll(() => {
  rmSync(folder, {recursive: true})
})
let made = 0

const room = publicRoom('10').add('topic', topic()).add('one', message()).add('two', message()).add('three', message())
const lines = linesOf(room)
const lineOf = (name: string): string => lines[room.names.indexOf(name)] ?? ''
const ids = room.names.map((name) => room.id(name))

function newCase(): CaseWriter {
  made += 1
  return createCase(join(folder, `${String(made)}.case`), {roomId: room.roomId, nowMs: 1})
}

/** A route that gives the steps, and single events of those that it has. */
function route(
  kind: RouteKind,
  name: string,
  steps: readonly (Step | StateError)[],
  has: readonly string[] | null,
  heard: string[],
): Route {
  return {
    identity: {kind, name, server: name, address: name, insecure: false},
    unknowable: [],
    plan: () => [],

    gather: async function* () {
      heard.push(`${name} gathers`)
      for (const step of steps) {
        if (step instanceof StateError) throw step
        yield step
      }
    },
    ...(has === null
      ? {}
      : {
          fetchEvents: async function* (wanted: readonly string[], context: GatherContext) {
            heard.push(`${name} is asked for ${wanted.map(nameOf).join(' ')}`)
            for (const id of wanted) {
              context.signal.throwIfAborted()
              const given = has.find((given) => room.id(given) === id)
              yield given === undefined
                ? {
                    how: '/event',
                    requests: 1,
                    refusals: [{what: '/event', eventId: id, outcome: 'absent', message: 'no'}],
                  }
                : {how: '/event', requests: 1, events: [{text: lineOf(given), eventId: null}]}
            }
          },
        }),
    close: () => Promise.resolve(),
  }
}

const nameOf = (id: string): string => room.names.find((name) => room.id(name) === id) ?? id
const events = (...names: readonly string[]): Step => ({
  how: '/messages',
  requests: 1,
  roomVersion: '10',
  events: names.map((name) => ({text: lineOf(name), eventId: null})),
})
const all = room.names

async function gather(caseFile: CaseWriter, routes: readonly Route[], limits: GatherLimits = {}) {
  return gatherCase(caseFile, routes, {limits, signal: new AbortController().signal, nowMs: () => 5})
}

describe('completion', () => {
  test('asks each route for what is missing, auth events first, and no route twice for the same', async () => {
    const heard: string[] = []
    const caseFile = newCase()
    const gapped = all.filter((name) => !['levels', 'two'].includes(name))
    const reports = await gather(caseFile, [
      route('client', 'client', [events(...gapped)], null, heard),
      route('admin', 'admin', [], ['two'], heard),
      route('federation', 'fed', [], ['levels', 'one'], heard),
    ])
    expect(heard).toEqual([
      'fed gathers',
      'admin gathers',
      'client gathers',
      'admin is asked for levels',
      'fed is asked for levels',
      'admin is asked for two',
    ])
    expect(caseFile.missing()).toEqual([])
    expect(caseFile.counts()).toMatchObject({events: ids.length, missing: 0})
    expect(reports.map(({name, newEvents, refusals}) => [name, newEvents, refusals])).toEqual([
      ['client', gapped.length, 0],
      ['admin', 1, 1],
      ['fed', 1, 0],
    ])
    caseFile.close()
  })

  test('goes on along a chain of missing events, and ends where nobody has the next one', async () => {
    const heard: string[] = []
    const caseFile = newCase()
    await gather(caseFile, [
      route('client', 'client', [events('create', 'three')], null, heard),
      route('federation', 'fed', [], ['levels', 'alice', 'two'], heard),
    ])
    expect(caseFile.missing('prev').map(nameOf)).toContain('one')
    expect(caseFile.refusals().map(({eventId}) => nameOf(eventId ?? ''))).toContain('one')
    expect(heard.filter((line) => / one(?: |$)/.test(line))).toHaveLength(1)
    caseFile.close()
  })

  test('asks for what is only named: in a state, as an extremity, or beside a text that is another event', async () => {
    const heard: string[] = []
    const caseFile = newCase()
    const without = all.filter((name) => !['three', 'topic', 'one'].includes(name))
    const step: Step = {
      ...events(...without),
      extremities: [{direction: 'forward', how: '/extremities', eventIds: [room.id('three')]}],
    }
    const lying: Step = {how: '/event', requests: 1, events: [{text: lineOf('mo'), eventId: '$nobody'}]}
    await gather(caseFile, [
      route('client', 'client', [step, lying], null, heard),
      route('federation', 'fed', [], ['three', 'topic', 'one'], heard),
    ])
    expect(heard.slice(2)).toEqual(['fed is asked for one', 'fed is asked for topic', 'fed is asked for three $nobody'])
    expect(caseFile.named()).toEqual(['$nobody'])
    expect(caseFile.missing()).toEqual([])
    caseFile.close()
  })

  test('leaves what limits cut off, but not auth events', async () => {
    const heard: string[] = []
    const caseFile = newCase()
    await gather(caseFile, [route('federation', 'fed', [events('three')], all, heard)], {depth: 1})
    expect(caseFile.missing('auth')).toEqual([])
    expect(caseFile.missing('prev').map(nameOf)).toContain('two')
    caseFile.close()
  })
})

test('a server that makes up another missing event for each that it gives is not asked for ever', async () => {
  const caseFile = newCase()
  let asked = 0
  const inventing: Route = {
    ...route('admin', 'admin', [events('create', 'alice')], null, []),
    fetchEvents: async function* (wanted) {
      for (const _id of wanted) {
        asked += 1
        const event = JSON.parse(lineOf('three')) as {prev_events: string[]; auth_events: string[]}
        event.prev_events = [`$before${String(asked)}`, `$beside${String(asked)}`]
        event.auth_events = [`$auth${String(asked)}`]
        yield await Promise.resolve({
          how: '/event',
          requests: 1,
          events: [{text: JSON.stringify(event), eventId: null}],
        })
      }
    },
  }
  const options = {limits: {}, signal: new AbortController().signal, nowMs: () => 5, mostAsked: 50}
  const three = route('client', 'client', [events('three')], null, [])
  const [report] = await gatherCase(caseFile, [inventing, three], options)
  expect(asked).toBe(50 + 3)
  expect(report?.unasked).toBeGreaterThan(0)
  caseFile.close()
})

describe('a route that fails', () => {
  const broken = new StateError('SERVER_UNREACHABLE', 'it is gone')

  test('keeps what it gave, is reported, and stops no other', async () => {
    const caseFile = newCase()
    const [first, second] = await gather(caseFile, [
      route('admin', 'admin', [events('create', 'alice'), broken], all, []),
      route('client', 'client', [events(...all)], null, []),
    ])
    expect([first?.error, first?.newEvents, second?.error]).toEqual([broken, 2, null])
    expect(caseFile.counts().events).toBe(ids.length)
    expect(caseFile.refusals()).toMatchObject([
      {what: 'the route as a whole', outcome: 'failed', message: 'it is gone'},
    ])
    caseFile.close()
  })

  test('is asked again when it lacked an event to start from and another route brought one', async () => {
    const heard: string[] = []
    const caseFile = newCase()
    await gather(caseFile, [
      route('federation', 'fed', [new StateError('EVENT_UNKNOWN', 'no start')], null, heard),
      route('client', 'client', [events(...all)], null, heard),
    ])
    expect(heard).toEqual(['fed gathers', 'client gathers', 'fed gathers'])
    caseFile.close()
  })

  test('a bug is not taken for a failure', async () => {
    const caseFile = newCase()
    const bug: Route = {
      ...route('client', 'client', [], null, []),
      gather: () => {
        throw new TypeError('bug')
      },
    }
    await expect(gather(caseFile, [bug])).rejects.toThrow(TypeError)
    caseFile.close()
  })
})

test('an interruption ends it with its reason, and what was kept stays', async () => {
  const caseFile = newCase()
  const controller = new AbortController()
  const cut: Route = {
    ...route('client', 'client', [], null, []),
    gather: async function* () {
      yield events('create', 'alice')
      controller.abort(new Error('Ctrl-C'))
      yield await Promise.resolve(events('mo'))
    },
  }
  const options = {limits: {}, signal: controller.signal, nowMs: () => 5}
  await expect(gatherCase(caseFile, [cut], options)).rejects.toThrow('Ctrl-C')
  expect(caseFile.knows(room.id('alice'))).toBe(true)
  caseFile.close()
})
