import {Flag, type RoomGraph, Type} from '../graph/room-graph.ts'

/** Roles that a state event can have in judging another: indices into a selection. */
export const Role = {Create: 0, Power: 1, Sender: 2, Target: 3, JoinRules: 4, ThirdParty: 5, Authoriser: 6} as const
export const ROLES = 7
/** The first of them are all that events other than memberships need. */
export const MESSAGE_ROLES = 3

/**
 * The state events that judge one event, by role: rows of a graph, or -1 for "none". This is all of a state that the rules may look
 * at; it is filled from the event's own auth events, from a state, or from both while a merge is resolved.
 */
export type AuthView = Int32Array

export function emptyView(): AuthView {
  return new Int32Array(ROLES).fill(-1)
}

/**
 * The slots of the auth events selection for an event: for each role its slot, or -1 where the role does not apply or where no event
 * of the dump stands in that slot. In rooms that are named by their create event, the create event is not among them.
 *
 * @param slots - filled in; length `ROLES`
 * @see https://spec.matrix.org/v1.19/server-server-api/#auth-events-selection
 * @remarks O(1). Knocks look at the join rules in every version, as in Synapse; where knocking is unknown they are rejected anyway.
 */
export function selectSlots(graph: RoomGraph, row: number, slots: Int32Array): void {
  slots.fill(-1)
  const type = graph.type[row] ?? -1
  if (type === Type.Create) return
  if (!graph.rules.roomIdIsCreateHash) slots[Role.Create] = graph.createSlot
  slots[Role.Power] = graph.powerSlot
  slots[Role.Sender] = graph.memberSlot[graph.sender[row] ?? -1] ?? -1
  if (type !== Type.Member) return
  const target = graph.target[row] ?? -1
  if (target >= 0) slots[Role.Target] = graph.memberSlot[target] ?? -1
  const membership = graph.membership[row] ?? 0
  if (JOIN_RULES_MATTER[membership] === true) slots[Role.JoinRules] = graph.joinRulesSlot
  slots[Role.ThirdParty] = graph.columns.thirdPartySlot.get(row) ?? -1
  const authoriser = graph.columns.authoriser.get(row)
  if (authoriser !== undefined) slots[Role.Authoriser] = graph.memberSlot[authoriser] ?? -1
}

/** By membership code: join, invite and knock. */
const JOIN_RULES_MATTER = [false, true, true, false, false, true, false]

/** Fills the view from the event's own auth events; the last of several in one slot counts. */
export function viewOfOwn(graph: RoomGraph, row: number, slots: Int32Array, view: AuthView): void {
  view.fill(-1)
  for (let k = graph.auth.starts[row] ?? 0, end = graph.auth.starts[row + 1] ?? 0; k < end; k += 1) {
    const event = graph.auth.edges[k] ?? -1
    const slot = graph.slot[event] ?? -1
    if (slot < 0 || graph.has(event, Flag.Missing | Flag.Foreign)) continue
    for (let role = 0; role < ROLES; role += 1) if (slots[role] === slot) view[role] = event
  }
  implyCreate(graph, view)
}

/** Where the room ID names the create event, it need not be cited to count. MSC4291 */
export function implyCreate(graph: RoomGraph, view: AuthView): void {
  if (graph.rules.roomIdIsCreateHash) view[Role.Create] = graph.create
}
