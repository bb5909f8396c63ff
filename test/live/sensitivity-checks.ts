import {rmSync} from 'node:fs'
import {mkdtemp, rm} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import path from 'node:path'
import type {Finding} from '../../src/finding/finding.ts'
import {diffRoom} from '../../src/investigate/diff-room.ts'
import type {DiffReport} from '../../src/investigate/diff-report.ts'
import {fetchRoom} from '../../src/investigate/fetch-room.ts'
import {openCaseRoom} from '../../src/investigate/open-case.ts'
import {markdownTable} from './checking.ts'
import type {Checking} from './checking.ts'
import {readTruthBy, withFile} from './database.ts'
import type {ServerTruth} from './database.ts'
import {EDIT_KINDS, EditedCopy, keyOf, seeded} from './edits.ts'
import type {Edit, EditKind} from './edits.ts'

const SEED = 20_261_122

/** The room of a copy as one reads it: the truth by SQL of the checks' own, and what `diff` makes of it. */
export interface CopyRoom {
  readonly title: string
  readonly roomId: string
}

/** What an edit did, by SQL before and after it. */
export interface Effect {
  /** Slots of the current state. */
  readonly current: readonly string[]
  /** Slots of the states at the forward extremities. */
  readonly atTips: readonly string[]
  /** Events around which a state changed, and which no other such event comes before. */
  readonly earliest: ReadonlyMap<string, {readonly position: 'before' | 'after'; readonly slots: readonly string[]}>
  /** For each of these: the server has a state after all events before it, so that it can be proven that they are right. */
  readonly provable: ReadonlySet<string>
  readonly events: number
}

interface Tally {
  hits: number
  readonly misses: string[]
  readonly falseAlarms: string[]
  invisible: number
}

/** Changes slots of a copy of the SQLite server's database, one at a time, and holds what `diff` says of it against what was changed. */
export async function checkSensitivity(checking: Checking): Promise<void> {
  const {stage, check, quick} = checking
  const rooms = stage.rooms.map(({title, room}) => ({title, roomId: room.roomId}))
  await check('sensitivity: what was changed in copies of a database is named, and nothing else', async () => {
    // Not where the program's outputs are searched for secrets: a copy of a database is full of them.
    const folder = await mkdtemp(path.join(tmpdir(), 'matrix-state-edited-'))
    process.once('exit', () => rmSync(folder, {recursive: true, force: true}))
    const file = path.join(folder, 'edited.db')
    const random = seeded(SEED)
    const copy = new EditedCopy(path.join(stage.here.folder, 'homeserver.db'), file, random)
    try {
      const measured = await measure({copy, rooms, server: stage.here.name, times: quick ? 48 : 200, say: checking.say})
      checking.publish(measured.markdown)
      if (measured.wrong.length > 0) throw new Error(measured.wrong.slice(0, 20).join('\n'))
      return measured.summary
    } finally {
      copy.close()
      await rm(folder, {recursive: true, force: true})
    }
  })
}

export interface Measuring {
  readonly copy: EditedCopy
  readonly rooms: readonly CopyRoom[]
  readonly server: string
  readonly times: number
  readonly say: (line: string) => void
}

/** A room whose history is not all there cannot be replayed as far as its newest state: what is changed there is not named, but nor is it clean. */
const OPEN_TIMES = 6

export async function measure({copy, rooms: all, server, times, say}: Measuring) {
  const open: CopyRoom[] = []
  const rooms: CopyRoom[] = []
  const untouched = new Map<string, Baseline>()
  const wrong: string[] = []
  for (const room of all) {
    const report = await diffOf(copy.file, room.roomId)
    const kept = report.complete ? rooms : open
    kept.push(room)
    const errors = errorsOf(report).map(({id, summary}) => `untouched ${room.title}: ${id}: ${summary}`)
    wrong.push(...errors)
    const [first] = report.divergencePoints
    if (first !== undefined) say(`note  untouched ${room.title}: recorded states part at ${first.eventId} already`)
    const sides = report.sides.map((side) => side.server).filter((name) => name !== '')
    if (sides.length === 0 || sides.some((name) => name !== server)) {
      wrong.push(`untouched ${room.title}: sides ${sides.join()} instead of ${server}`)
    }
    untouched.set(room.roomId, {errors: new Set(errorsOf(report).map(keyOfFinding)), truth: await truthOf(copy, room)})
  }
  const tallies = new Map<EditKind, Tally>(
    EDIT_KINDS.map((kind) => [kind, {hits: 0, misses: [], falseAlarms: [], invisible: 0}]),
  )
  const provable = {proven: 0, not: 0}
  for (let done = 0, drawn = 0; done < times; drawn += 1) {
    if (drawn > times * 20) throw new Error(`only ${String(done)} edits of ${String(times)} could be drawn`)
    const kind = EDIT_KINDS[done % EDIT_KINDS.length]!
    const room = copy.pick(rooms)!
    const edit = copy.draw(kind, room.roomId)
    if (edit === null) continue
    const tally = tallies.get(kind)!
    const before = untouched.get(room.roomId)!
    copy.apply(edit)
    try {
      const effect = effectOf(before.truth, await truthOf(copy, room))
      if (effect.current.length === 0 && effect.events === 0) {
        tally.invisible += 1
        continue
      }
      done += 1
      const report = await diffOf(copy.file, room.roomId)
      const {misses, falseAlarms, proven} = judge(report, {edit, effect, server, before})
      const told = `${kind} in ${room.title}, ${keyOf(edit).replace('\0', ' ')}${edit.group === null ? '' : `, group ${String(edit.group)}`}`
      tally.misses.push(...misses.slice(0, 1).map((what) => `miss: ${told}: ${what}`))
      tally.falseAlarms.push(...falseAlarms.map((what) => `false alarm: ${told}: ${what}`))
      if (misses.length === 0) tally.hits += 1
      if (proven !== null) provable[proven ? 'proven' : 'not'] += 1
    } finally {
      copy.revert(edit)
    }
  }
  const byKind = [...tallies.values()]
  let left = 0
  for (let drawn = 0; open.length > 0 && left < OPEN_TIMES && drawn < OPEN_TIMES * 50; drawn += 1) {
    const room = copy.pick(open)!
    const edit = copy.draw(EDIT_KINDS[drawn % EDIT_KINDS.length]!, room.roomId)
    if (edit === null) continue
    left += 1
    copy.apply(edit)
    const report = await diffOf(copy.file, room.roomId)
    copy.revert(edit)
    if (report.complete) wrong.push(`${edit.kind} in ${room.title}, whose history is not all there: called complete`)
  }
  wrong.push(...byKind.flatMap(({misses, falseAlarms}) => [...misses, ...falseAlarms]))
  const sum = (of: (tally: Tally) => number): number => byKind.reduce((total, tally) => total + of(tally), 0)
  const rows = [...tallies].map(([kind, {hits, misses, falseAlarms, invisible}]) => [
    ...[kind, hits, misses.length, falseAlarms.length, invisible],
  ])
  const heads = ['edit', 'hits', 'misses', 'false alarms', 'without effect, drawn again']
  const hits = sum((tally) => tally.hits)
  const summary = `${String(times)} edits in ${String(rooms.length)} rooms: ${String(hits)} hits, ${String(sum(({misses}) => misses.length))} misses, ${String(sum(({falseAlarms}) => falseAlarms.length))} false alarms`
  const note = `${summary}; seed ${String(SEED)}. First events of state groups: ${String(provable.proven)} proven to be the earliest, ${String(provable.not)} that the server has too few states to prove. ${String(left)} more edits in ${String(open.length)} rooms whose history is not all there (${open.map(({title}) => title).join(', ')}): left open, never called clean.`
  const markdown = `## Slots changed in copies of a database\n\n${note}\n\n${markdownTable(heads, rows)}`
  return {wrong, markdown, summary}
}

interface Baseline {
  readonly errors: ReadonlySet<string>
  readonly truth: CopyTruth
}

interface CopyTruth {
  readonly truth: ServerTruth
  readonly current: ReadonlyMap<string, string>
  readonly tips: readonly string[]
}

async function truthOf({file}: EditedCopy, {roomId}: CopyRoom): Promise<CopyTruth> {
  const room = `'${roomId.replaceAll("'", "''")}'`
  return withFile(file, async (query) => {
    const rows = await query(`SELECT type, state_key, event_id FROM current_state_events WHERE room_id = ${room}`)
    const tips = await query(`SELECT event_id FROM event_forward_extremities WHERE room_id = ${room}`)
    return {
      truth: await readTruthBy(query, roomId),
      current: new Map(
        rows.map((row) => [`${String(row['type'])}\0${String(row['state_key'])}`, String(row['event_id'])]),
      ),
      tips: tips.map((row) => String(row['event_id'])),
    }
  })
}

const NO_STATE: ReadonlyMap<string, string> = new Map()

function differing(one: ReadonlyMap<string, string> | null, other: ReadonlyMap<string, string> | null): string[] {
  const [a, b] = [one ?? NO_STATE, other ?? NO_STATE]
  return [...new Set([...a.keys(), ...b.keys()])].filter((slot) => a.get(slot) !== b.get(slot)).sort()
}

function effectOf(before: CopyTruth, after: CopyTruth): Effect {
  const {events} = before.truth
  const changed = new Map<string, {position: 'before' | 'after'; slots: string[]}>()
  for (const id of events.keys()) {
    const slots = {
      before: differing(before.truth.stateBefore(id), after.truth.stateBefore(id)),
      after: differing(before.truth.stateAfter(id), after.truth.stateAfter(id)),
    }
    const position = slots.before.length > 0 ? 'before' : 'after'
    if (slots[position].length > 0) changed.set(id, {position, slots: slots[position]})
  }
  const below = new Map<string, boolean>()
  const comesAfterChange = (start: string): boolean => {
    const stack = [start]
    while (stack.length > 0) {
      const id = stack.at(-1)!
      const prevs = (events.get(id)?.prevEvents ?? []).filter((prev) => events.has(prev))
      const open = prevs.filter((prev) => !below.has(prev))
      if (open.length > 0) {
        stack.push(...open)
        continue
      }
      below.set(
        id,
        prevs.some((prev) => changed.has(prev) || below.get(prev) === true),
      )
      stack.pop()
    }
    return below.get(start)!
  }
  const earliest = new Map([...changed].filter(([id]) => !comesAfterChange(id)))
  const isProvable = (id: string): boolean =>
    events.get(id)!.prevEvents.every((prev) => before.truth.stateAfter(prev) !== null)
  return {
    current: differing(before.current, after.current),
    atTips: [
      ...new Set(before.tips.flatMap((id) => differing(before.truth.stateAfter(id), after.truth.stateAfter(id)))),
    ],
    earliest,
    provable: new Set([...earliest.keys()].filter(isProvable)),
    events: changed.size,
  }
}

async function diffOf(file: string, roomId: string): Promise<DiffReport> {
  const casePath = `${file}.case`
  await rm(casePath, {force: true})
  const signal = new AbortController().signal
  const access = {databases: [`sqlite:${file}`]}
  await fetchRoom(roomId, {access, limits: {}, casePath, signal, nowMs: Date.now, verify: false})
  const report = await diffRoom(await openCaseRoom(casePath, {}))
  await rm(casePath, {force: true})
  return report
}

const errorsOf = ({findings}: DiffReport): readonly Finding[] => findings.filter(({severity}) => severity === 'error')

const keyOfFinding = ({id, subject}: Finding): string => `${id} ${JSON.stringify(subject)}`

interface Expected {
  readonly edit: Edit
  readonly effect: Effect
  readonly server: string
  readonly before: Baseline
}

/** What the report lacks of what was done, and what it names as an error beside. */
function judge(report: DiffReport, {edit, effect, server, before}: Expected) {
  const misses: string[] = []
  const slot = keyOf(edit)
  const errors = errorsOf(report).filter((finding) => !before.errors.has(keyOfFinding(finding)))
  const slots = new Set([...effect.current, ...effect.atTips])
  for (const changed of slots) {
    const named = errors.find(
      ({id, subject, evidence}) =>
        id === 'state/divergence' &&
        subject.kind === 'slot' &&
        keyOf({type: subject.type, stateKey: subject.state_key}) === changed &&
        evidence.some(({source}) => source === server),
    )
    if (named === undefined) misses.push(`no error about ${changed.replace('\0', ' ')} of ${server}`)
  }
  let proven: boolean | null = null
  const points = report.divergencePoints.filter((point) => point.server === server)
  if (effect.events > 0) {
    const [point] = points
    const first = point === undefined ? undefined : effect.earliest.get(point.eventId)
    const record = errors.find(
      ({id, subject}) =>
        id === 'server/wrong-record' && subject.kind === 'event' && subject.event_id === point?.eventId,
    )
    if (point === undefined) misses.push('no first event')
    else if (first === undefined) {
      misses.push(`${point.eventId} instead of ${[...effect.earliest.keys()].join(' or ')}`)
    } else {
      proven = point.provenEarliest
      const told = point.slots.map(keyOf).sort().join()
      if (told !== first.slots.join()) misses.push(`at ${point.eventId} slots ${told} instead of ${first.slots.join()}`)
      if (point.position !== first.position) misses.push(`${point.position} ${point.eventId}, not ${first.position}`)
      if (!point.provenEarliest && effect.provable.has(point.eventId)) misses.push(`${point.eventId} is not proven`)
      if (record === undefined) misses.push(`no error about ${point.eventId}`)
    }
  }
  const falseAlarms = errors
    .filter(({id, subject}) => {
      if (id === 'state/divergence' && subject.kind === 'slot') {
        return !slots.has(keyOf({type: subject.type, stateKey: subject.state_key}))
      }
      if (id === 'server/wrong-record' && subject.kind === 'event') return !effect.earliest.has(subject.event_id)
      // The current state and the one at the newest event are of one server, and one of them was changed.
      if (id === 'server/disagrees-with-itself') return slots.size === 0
      return true
    })
    .map(({id, summary}) => `${id}: ${summary}`)
  const others = report.differences.filter((one) => one.grade === 'diverged' && keyOf(one) !== slot)
  falseAlarms.push(...others.map((one) => `${one.type} ${one.stateKey} is graded ${one.grade}`))
  return {misses, falseAlarms, proven}
}
