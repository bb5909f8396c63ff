import {createHash} from 'node:crypto'
import {markdownTable} from './checking.ts'
import type {Checking} from './checking.ts'
import {readTruth} from './database.ts'
import type {HeldEvent, ServerTruth} from './database.ts'
import type {Union} from './fetch-checks.ts'
import type {ReplayLine} from './program.ts'

type Slots = ReadonlyMap<string, string>

/** A digest as `replay` prints it: SHA-256 of the lines `type NUL state_key NUL event_id LF`, sorted by their bytes. */
export function stateDigest(slots: Slots): string {
  const lines = [...slots]
    .map(([slot, id]) => Buffer.from(`${slot}\0${id}\n`, 'utf8'))
    .sort((a, b) => Buffer.compare(a, b))
  return createHash('sha256').update(Buffer.concat(lines)).digest('hex')
}

/** An event around which the server's own state is not what the replay says, though they agree on all that comes before it. */
interface Origin {
  readonly eventId: string
  readonly side: 'before' | 'after'
  /** Why the server has another state, or `null`: nothing explains it. */
  readonly why: string | null
  readonly slots: string
}

/**
 * The server's state groups, read by SQL of the checks' own, against the replay of both databases: before and after each event. Where they
 * differ, the first difference on each line of descent must have a reason that the database itself tells.
 */
export async function checkStates(checking: Checking, unions: readonly Union[]): Promise<void> {
  const {stage, check, publish} = checking
  const rows: (string | number)[][] = []
  const reasons: string[][] = []
  for (const union of unions) {
    for (const [where, server] of [
      ['here', stage.here],
      ['there', stage.there],
    ] as const) {
      if (where === 'there' && union.live.there === null) continue
      await check(`states of the database ${where}: ${union.live.title}`, async () => {
        const truth = await readTruth(server, union.live.room.roomId)
        const result = compare(truth, union.lines)
        const origins: Origin[] = []
        for (const {event, side} of result.origins.slice(0, 20)) {
          origins.push(await explain(checking, union, truth, event, side))
        }
        rows.push([
          union.live.title,
          where,
          truth.events.size,
          result.compared,
          result.differing,
          result.origins.length,
        ])
        for (const {eventId, side, why, slots} of origins) {
          reasons.push([union.live.title, where, eventId.slice(0, 12), side, why ?? 'UNEXPLAINED', slots])
        }
        if (result.compared === 0) throw new Error('no state could be compared')
        const unexplained = origins.filter(({why}) => why === null)
        if (unexplained.length > 0) {
          throw new Error(unexplained.map(({eventId, side, slots}) => `${eventId} ${side}: ${slots}`).join('\n'))
        }
        return `${String(result.compared)} states, ${String(result.differing)} differ, from ${String(result.origins.length)} events on`
      })
    }
  }
  const heads = ['room', 'server', 'events', 'states compared', 'differing', 'events where it begins']
  publish(`## The databases' states before and after each event against the replay\n\n${markdownTable(heads, rows)}`)
  if (reasons.length > 0) {
    publish(
      `Where differences begin:\n\n${markdownTable(['room', 'server', 'event', 'side', 'why', 'slots'], reasons)}`,
    )
  }
}

interface Comparison {
  readonly compared: number
  readonly differing: number
  readonly origins: readonly {readonly event: HeldEvent; readonly side: 'before' | 'after'}[]
}

export function compare(truth: ServerTruth, lines: ReadonlyMap<string, ReplayLine>): Comparison {
  let compared = 0
  const differing = {before: new Set<string>(), after: new Set<string>()}
  for (const {eventId} of truth.events.values()) {
    const line = lines.get(eventId)
    for (const side of ['before', 'after'] as const) {
      const slots = side === 'before' ? truth.stateBefore(eventId) : truth.stateAfter(eventId)
      const digest = line?.[side]?.sha256
      if (slots === null || digest === undefined) continue
      compared += 1
      if (stateDigest(slots) !== digest) differing[side].add(eventId)
    }
  }
  const origins: {event: HeldEvent; side: 'before' | 'after'}[] = []
  for (const event of truth.events.values()) {
    // A state before that is wrong because a state after a predecessor was, and a state after because the state before was, begin elsewhere.
    if (differing.before.has(event.eventId)) {
      if (!event.prevEvents.some((id) => differing.after.has(id))) origins.push({event, side: 'before'})
    } else if (differing.after.has(event.eventId)) {
      origins.push({event, side: 'after'})
    }
  }
  return {compared, differing: differing.before.size + differing.after.size, origins}
}

async function explain(
  {program}: Checking,
  {file, lines}: Union,
  truth: ServerTruth,
  event: HeldEvent,
  side: 'before' | 'after',
): Promise<Origin> {
  const own = (side === 'before' ? truth.stateBefore(event.eventId) : truth.stateAfter(event.eventId)) ?? new Map()
  const replayed = await program.stateAt(file, side === 'before' ? 'before' : 'at', event.eventId)
  return {eventId: event.eventId, side, why: reason(truth, lines, event), slots: showSlots(own, replayed)}
}

/** What the database tells about an event that makes its state something else than the merge of the states before it. */
function reason(truth: ServerTruth, lines: ReadonlyMap<string, ReplayLine>, event: HeldEvent): string | null {
  const line = lines.get(event.eventId)
  const rejectedHere = event.rejected !== null
  if (line !== undefined && line.verdict !== 'undetermined' && rejectedHere !== (line.verdict === 'rejected')) {
    return rejectedHere
      ? 'the server rejected it by the state that it had then'
      : `the server accepted it, ${line.rule ?? ''}`
  }
  const before = event.prevEvents.map((id) => truth.events.get(id))
  if (before.includes(undefined)) return 'the server lacks an event before it and asked others for the state'
  if (before.some((one) => one?.groupAfter === null))
    return 'an event before it is an outlier, so that others were asked for the state'
  if (event.backfilled) return 'it came by backfill, with a state that others told'
  if (before.some((one) => one?.backfilled === true)) return 'an event before it came by backfill, after this one'
  return null
}

function showSlots(own: Slots, replayed: Slots): string {
  const slots = [...new Set([...own.keys(), ...replayed.keys()])].filter((slot) => own.get(slot) !== replayed.get(slot))
  const show = (id: string | undefined): string => (id === undefined ? 'none' : id.slice(0, 8))
  return slots
    .slice(0, 4)
    .map((slot) => `${slot.replace('\0', ' ').trim()}: ${show(own.get(slot))} instead of ${show(replayed.get(slot))}`)
    .join('; ')
}
