import {createHash} from 'node:crypto'
import {join} from 'node:path'
import {RoomGraph} from '../../src/graph/room-graph.ts'
import type * as Digest from '../../src/resolve/digest.ts'
import type * as Replaying from '../../src/resolve/replay.ts'
import type * as Tips from '../../src/resolve/tips.ts'
import type * as Compare from '../conformance/compare.ts'
import {
  DATA,
  type ExpectedFinal,
  expectedFor,
  type Fixture,
  type OracleRoom,
  ROOT,
  type ServerRoom,
} from '../conformance/fixtures.ts'
import {readPacks} from '../conformance/packed.ts'
import {reasonMismatch} from '../conformance/reasons.ts'
import type * as Cases from '../rules/cases/all.ts'
import {expectedRule, type Pair, versionsOf} from '../rules/pair.ts'
import type {Reloader} from './reload.ts'

type Engine = typeof Digest & typeof Replaying & typeof Tips
type Replay = Replaying.Replay

/** One question whose answer is known. Resolves to what is wrong, or `null`. */
export interface Case {
  readonly name: string
  readonly check: (reloader: Reloader) => Promise<string | null>
}

const source = (path: string): string => join(ROOT, 'src', path)

async function engineOf(reloader: Reloader): Promise<Engine> {
  const paths = ['resolve/digest.ts', 'resolve/replay.ts', 'resolve/tips.ts']
  const parts = await Promise.all(paths.map((path) => reloader.load(source(path))))
  return Object.assign({}, ...parts) as Engine
}

/** Graphs are made once for all mutants that they do not depend on; what an engine keeps in them must not reach the next. */
class Graphs {
  readonly #known = new Map<string, RoomGraph>()

  static areAffected(reloader: Reloader): boolean {
    return reloader.isAffected(source('graph/room-graph.ts')) || reloader.isAffected(source('matrix/pdu.ts'))
  }

  fresh(reloader: Reloader, name: string, make: () => RoomGraph): RoomGraph {
    if (Graphs.areAffected(reloader)) return make()
    const known = this.#known.get(name) ?? make()
    this.#known.set(name, known)
    return new RoomGraph(known.columns)
  }
}
const graphs = new Graphs()

async function graphOf(reloader: Reloader, room: Fixture): Promise<RoomGraph> {
  const {load} = (await reloader.load(join(ROOT, 'test/conformance/compare.ts'))) as typeof Compare
  return graphs.fresh(reloader, room.name, () => load(room.name, room.lines).graph)
}

function oracleCase(room: OracleRoom, reading: 'synapse' | 'spec'): Case {
  const expected = expectedFor(room, reading)
  const check = async (reloader: Reloader): Promise<string | null> => {
    const engine = await engineOf(reloader)
    const graph = await graphOf(reloader, room)
    const result = engine.replay(graph, {reading})
    const digests = new engine.StateDigests(graph, result.trie)
    const differs = (root: number, {size, sha256}: {size: number; sha256: string}): boolean => {
      if (root < 0) return true
      const digest = digests.digest(root)
      return digest.size !== size || digest.sha256 !== sha256 || digests.size(root) !== size
    }
    for (const {eventId, reason, before, after} of expected.events) {
      const row = graph.row(eventId)
      const rejection = result.rejections.get(row)
      if (engine.VERDICT_NAMES[result.verdicts[row] ?? 0] !== (reason === null ? 'accepted' : 'rejected'))
        return `verdict ${eventId}`
      if ((rejection === undefined) !== (reason === null)) return `rejection ${eventId}`
      if (differs(result.before[row] ?? -1, before)) return `before ${eventId}`
      if (differs(result.after[row] ?? -1, after)) return `after ${eventId}`
      if (reason !== null && reasonMismatch(reason, rejection) !== null) return `reason ${eventId}`
    }
    const endDiffers = (rows: readonly number[], end: ExpectedFinal): boolean =>
      [...end.events].sort().join(' ') !==
        rows
          .map((row) => graph.id(row))
          .sort()
          .join(' ') || differs(result.resolver.resolve(rows.map((row) => result.after[row] ?? -1)).root, end)
    if (endDiffers(engine.tipsOf(result), expected.tips)) return 'tips'
    return expected.leaves !== null && endDiffers(leavesOf(graph), expected.leaves) ? 'leaves' : null
  }
  return {name: `${room.name}, reading ${reading}`, check}
}

/** The room without some of its events: what is still said must be what the oracle says of the whole room. */
function partialCase(room: OracleRoom, round: number): Case {
  const expected = new Map(room.synapse.events.map((event) => [event.eventId, event]))
  const name = `${room.name} without some events, ${String(round)}`
  const rank = (index: number): string =>
    createHash('sha256')
      .update(`${name} ${String(index)}`)
      .digest('hex')
  const removable = room.lines.flatMap((line, index) => (line.includes('"m.room.create"') ? [] : [index]))
  const count = round % 2 === 0 ? 1 + (round % 3) : 10 + round
  const gone = new Set(removable.sort((a, b) => (rank(a) < rank(b) ? -1 : 1)).slice(0, count))
  const lines = room.lines.filter((_, index) => !gone.has(index))
  const check = async (reloader: Reloader): Promise<string | null> => {
    const engine = await engineOf(reloader)
    const {load} = (await reloader.load(join(ROOT, 'test/conformance/compare.ts'))) as typeof Compare
    const graph = graphs.fresh(reloader, name, () => load(name, lines).graph)
    const result = engine.replay(graph)
    const digests = new engine.StateDigests(graph, result.trie)
    const complete = new Uint8Array(graph.size)
    for (let row = 0; row < graph.size; row += 1) {
      const parents = [...graph.prevOf(row), ...graph.authOf(row)]
      const id = graph.id(row)
      const isGiven = graph.columns.line[row] !== 0
      complete[row] = Number(isGiven && parents.every((parent) => complete[parent] === 1))
      const verdict = engine.VERDICT_NAMES[result.verdicts[row] ?? 0]
      const roots = {before: result.before[row] ?? -1, after: result.after[row] ?? -1}
      const known = [verdict !== 'undetermined', roots.before >= 0, roots.after >= 0]
      if (!isGiven && known.includes(true)) return `judged ${id}`
      if (complete[row] === 1 && known.includes(false)) return `left open ${id}`
      const whole = expected.get(id)
      if (!isGiven || whole === undefined) continue
      if (known[0] === true && verdict !== (whole.reason === null ? 'accepted' : 'rejected')) return `verdict ${id}`
      for (const at of ['before', 'after'] as const) {
        if (roots[at] >= 0 && digests.digest(roots[at]).sha256 !== whole[at].sha256) return `${at} ${id}`
      }
    }
    return null
  }
  return {name, check}
}

function leavesOf(graph: RoomGraph): readonly number[] {
  const continued = new Set(graph.prev.edges)
  return Array.from({length: graph.size}, (_, row) => row).filter((row) => !continued.has(row))
}

function serverCase(room: ServerRoom): Case {
  const check = async (reloader: Reloader): Promise<string | null> => {
    const engine = await engineOf(reloader)
    const graph = await graphOf(reloader, room)
    const result = engine.replay(graph)
    const known = new Map<number, string>()
    for (const [id, expected] of Object.entries(room.after.hs1)) {
      const root = result.after[graph.row(id)] ?? -1
      const ids = known.get(root) ?? idsOf(result, root)
      known.set(root, ids)
      if (ids !== [...expected].sort().join()) return `after ${id}`
    }
    const wrong = room.ids.find((id) => (result.verdicts[graph.row(id)] === 2) !== room.rejected.includes(id))
    return wrong === undefined ? null : `verdict ${wrong}`
  }
  return {name: room.name, check}
}

function idsOf({graph, trie}: Replay, root: number): string {
  const ids: string[] = []
  if (root >= 0) trie.forEach(root, (_, row) => ids.push(graph.id(row)))
  return ids.sort().join()
}

async function pairsOf(reloader: Reloader): Promise<readonly Pair[]> {
  return ((await reloader.load(join(ROOT, 'test/rules/cases/all.ts'))) as typeof Cases).PAIRS
}

/** The events of test/rules/cases: each fails at one rule, with a twin that passes. */
function pairCase(shared: Pair, index: number): Case {
  const check = async (reloader: Reloader): Promise<string | null> => {
    const engine = await engineOf(reloader)
    const pair = Graphs.areAffected(reloader) ? (await pairsOf(reloader))[index] : shared
    if (pair === undefined) return 'gone'
    for (const version of versionsOf(pair)) {
      for (const kind of ['passes', 'fails', 'failsBefore'] as const) {
        const wanted = kind === 'passes' ? null : expectedRule(pair, version, kind === 'fails' ? 'auth' : 'before')
        const given = judged(reloader, engine, pair, version, kind)
        if (given !== undefined && given !== wanted) return `${kind} in version ${version}: ${String(given)}`
      }
    }
    return null
  }
  return {name: `pair ${shared.rule}: ${shared.what}`, check}
}

const lastIds = new Map<string, string>()

/** The rule that rejects the last event of the pair's room; `null` when it is accepted, `undefined` when there is no such room. */
function judged(
  reloader: Reloader,
  engine: Engine,
  pair: Pair,
  version: string,
  kind: 'passes' | 'fails' | 'failsBefore',
): string | null | undefined {
  const make = pair[kind]
  if (make === undefined) return undefined
  const name = `${pair.rule}: ${pair.what}, ${kind} in ${version}`
  const graph = graphs.fresh(reloader, name, () => {
    const room = make(version)
    lastIds.set(name, room.id(room.last))
    return room.graph()
  })
  const {verdicts, rejections} = engine.replay(graph)
  const row = graph.row(lastIds.get(name) ?? '')
  const verdict = engine.VERDICT_NAMES[verdicts[row] ?? 0]
  return verdict === 'accepted' ? null : (rejections.get(row)?.rule ?? verdict)
}

/** All cases; small ones first, rooms and rules mixed, since what the one does not notice the other may. */
export async function allCases(reloader: Reloader): Promise<readonly Case[]> {
  const rooms = [...readPacks(DATA)].sort((a, b) => a.lines.length - b.lines.length)
  const pairs = (await pairsOf(reloader)).map(pairCase)
  const replays = rooms.flatMap((room) =>
    room.kind === 'server' ? [serverCase(room)] : [oracleCase(room, 'synapse'), oracleCase(room, 'spec')],
  )
  const generated = rooms.filter((room): room is OracleRoom => room.kind === 'oracle' && room.lines.length < 1000)
  const partial = [...Map.groupBy(generated, ({version}) => version).values()].flatMap((group) =>
    group.slice(0, 2).flatMap((room) => Array.from({length: 6}, (_, round) => partialCase(room, round))),
  )
  return [...replays.slice(0, 12), ...pairs, ...partial, ...replays.slice(12)]
}
