import {Flag} from '../../graph/room-graph.ts'
import type {Judgement} from '../judgement.ts'
import {rejectIf, type RuleGroup} from '../rule.ts'
import {Role, selectSlots, ROLES} from '../view.ts'

/** "Considering the event's auth_events". Entries that are not here are not judged: the caller knows of them. */
export const authEventsRules: RuleGroup = {
  name: 'auth-events',
  lines: [
    {
      name: 'auth-events.duplicate',
      onReceipt: true,
      decide: (j) => rejectIf(duplicate(j) >= 0),
      because: (j) => `its auth_events cite two events for ${slotName(j, duplicate(j))}`,
      culprit: duplicate,
    },
    {
      name: 'auth-events.unexpected',
      onReceipt: true,
      decide: (j) => rejectIf(unexpected(j) >= 0),
      because: (j) => `its auth_events cite ${slotName(j, unexpected(j))}, which has no part in authorising it`,
      culprit: unexpected,
    },
    {
      name: 'auth-events.rejected',
      onReceipt: true,
      decide: (j) => rejectIf(rejected(j) >= 0),
      because: (j) => `its auth_events cite ${slotName(j, rejected(j))}, an event that was rejected itself`,
      culprit: rejected,
    },
    {
      // Asked of states, too: a state without a create event allows nothing.
      name: 'auth-events.no-create',
      when: (rules) => !rules.roomIdIsCreateHash,
      decide: (j) => rejectIf(j.role(Role.Create) < 0),
      because: () => 'there is no create event among the events that judge it',
    },
    {
      name: 'auth-events.other-room',
      onReceipt: true,
      decide: (j) => rejectIf(foreign(j) >= 0),
      because: () => 'its auth_events cite an event of another room',
      culprit: foreign,
    },
  ],
}

function slotName(j: Judgement, row: number): string {
  const slot = j.graph.slot[row] ?? -1
  if (slot < 0) return `the message event ${j.graph.id(row)}`
  const {type, stateKey} = j.graph.slotAt(slot)
  return stateKey === '' ? type : `${type} of ${stateKey}`
}

function find(j: Judgement, isCulprit: (row: number, index: number, all: Int32Array) => boolean): number {
  const all = j.graph.authOf(j.event)
  const index = all.findIndex((row, k) => !j.graph.has(row, Flag.Missing) && isCulprit(row, k, all))
  return index < 0 ? -1 : (all[index] ?? -1)
}

/** The second of two entries for one slot; the same event twice is also two entries. */
export function duplicate(j: Judgement): number {
  const slotOf = (row: number): number => j.graph.slot[row] ?? -1
  return find(j, (row, index, all) => {
    const first = all.findIndex((other) => other === row || (slotOf(row) >= 0 && slotOf(other) === slotOf(row)))
    return first < index
  })
}

const expected = new Int32Array(ROLES)

function unexpected(j: Judgement): number {
  selectSlots(j.graph, j.event, expected)
  return find(j, (row) => {
    const slot = j.graph.slot[row] ?? -1
    return slot < 0 || !expected.includes(slot)
  })
}

function rejected(j: Judgement): number {
  return find(j, (row) => !j.graph.has(row, Flag.Foreign) && j.isRejected(row))
}

function foreign(j: Judgement): number {
  return find(j, (row) => j.graph.has(row, Flag.Foreign))
}
