import {showLevel} from '../../../auth/trace.ts'
import {serverNameOf} from '../../../matrix/ids.ts'
import {PowerLevels} from '../../../matrix/power-levels.ts'
import {createOf} from '../../explain/hearing-of-row.ts'
import {POWER_SLOT, powerIn} from '../../explain/hearing.ts'
import type {Attempt, Cause, RoomEvidence} from './evidence.ts'
import {asSentence, eventWithTime, involved, sure} from './words.ts'

/**
 * From room version 3 on the rules let a redaction pass, and servers ask for the power where they make or apply one. `null`: they would apply
 * it, or the rules decide.
 */
export function redactionNotApplied({replay, states, complete}: RoomEvidence, attempt: Attempt): Cause | null {
  const {graph} = replay
  const {rules} = graph
  const {user, action, target} = attempt
  const state = states.find(({server}) => server === null)?.state ?? null
  if (action !== 'redact' || rules.redactionRule || state === null) return null
  const row = target === undefined ? -1 : graph.row(target)
  if (row >= 0 && serverNameOf(graph.senderName(row)) === serverNameOf(user)) return null
  const levels = state.get(POWER_SLOT)
  const needed = new PowerLevels(levels?.content ?? {}, rules).named('redact')
  const power = powerIn({rules, create: createOf(graph)}, levels, user)
  if (power >= needed) return null
  const set = levels === null ? -1 : graph.row(levels.eventId)
  return {
    cause: [
      `${user} cannot redact others' events: ${user} has power ${showLevel(power)}, redacting takes ${showLevel(needed)}. The rules of the room's version let such a redaction pass; servers refuse to make it, and do not apply it`,
      set < 0 ? '' : `That comes from ${eventWithTime(graph, set)}`,
    ]
      .filter((part) => part !== '')
      .map(asSentence)
      .join(' '),
    certainty: sure(complete),
    events: involved(graph, levels === null ? [] : [levels.eventId]),
    rule: null,
    findings: [],
    attempt,
    useless: complete ? ['compare-servers', 'wait-for-the-join'] : [],
    about: {user, server: serverNameOf(user)},
  }
}
