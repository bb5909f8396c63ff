import {Type} from '../../graph/room-graph.ts'
import {isUserId} from '../../matrix/ids.ts'
import {isObject, own} from '../../matrix/json.ts'
import {
  isMalformed,
  type LevelChange,
  type LevelChanges,
  NAMED_LEVELS,
  parseLevel,
  type PowerLevel,
} from '../../matrix/power-levels.ts'
import type {Judgement} from '../judgement.ts'
import {Decision, rejectIf, type Rule, type RuleGroup} from '../rule.ts'
import {Role} from '../view.ts'

const atLeast = (power: PowerLevel, level: PowerLevel): boolean => power >= level

type MapKey = 'users' | 'events' | 'notifications'

/** Whether the power levels event has a predecessor to be compared with: only the one with an empty state key can have. */
function predecessor(j: Judgement): number {
  return j.isState && j.stateKey === '' ? j.role(Role.Power) : -1
}

function changes(j: Judgement): LevelChanges {
  return j.graph.powerLevels(j.event).changesFrom(j.graph.powerLevels(predecessor(j)))
}

type FindChange = (j: Judgement) => LevelChange | undefined

const oldTooHigh =
  (key: keyof LevelChanges): FindChange =>
  (j) => {
    const power = j.powerOf(j.sender)
    return changes(j)[key].find(({before}) => before !== undefined && !atLeast(power, before))
  }
const newTooHigh =
  (key: keyof LevelChanges): FindChange =>
  (j) => {
    const power = j.powerOf(j.sender)
    return changes(j)[key].find(({after}) => after !== undefined && !atLeast(power, after))
  }

function changeRule(name: string, find: FindChange): Rule {
  return {
    name,
    decide: (j) => rejectIf(find(j) !== undefined),
    because: (j) => {
      const change = find(j)
      const show = (level: PowerLevel | undefined): string => (level === undefined ? 'none' : String(level))
      return (
        `it changes ${change?.what ?? ''} from ${show(change?.before)} to ${show(change?.after)}, ` +
        `which is beyond the power ${String(j.powerOf(j.sender))} of ${j.senderName}`
      )
    },
    culprit: (j) => j.role(Role.Power),
  }
}

function changeGroup(name: string, ...lines: readonly Rule[]): RuleGroup {
  return {name, applies: (j) => predecessor(j) >= 0, lines}
}

/** Same level counts as too high: nobody takes power from an equal. */
const equalOrHigher: FindChange = (j) => {
  const power = j.powerOf(j.sender)
  return changes(j).users.find(({what, before}) => what !== j.senderName && before !== undefined && !(before < power))
}

function badNamed(j: Judgement): string | undefined {
  return NAMED_LEVELS.find((name) => {
    const value = own(j.content, name)
    return value !== undefined && isMalformed(parseLevel(value, j.rules))
  })
}

function isLevelMap(j: Judgement, key: MapKey): boolean {
  const value = own(j.content, key)
  if (value === undefined) return true
  return isObject(value) && ![...j.graph.powerLevels(j.event).entries(key).values()].some(isMalformed)
}

function badUser(j: Judgement): boolean {
  return !isLevelMap(j, 'users') || ![...j.graph.powerLevels(j.event).entries('users').keys()].every(isUserId)
}

/** "If type is m.room.power_levels". https://spec.matrix.org/v1.19/rooms/v12/#authorisation-rules */
export const powerLevelsRules: RuleGroup = {
  name: 'power-levels',
  types: [Type.PowerLevels],
  lines: [
    {
      name: 'power-levels.not-integer',
      when: (rules) => rules.integerPowerLevels,
      decide: (j) => rejectIf(badNamed(j) !== undefined),
      because: (j) => `its ${badNamed(j) ?? ''} is not an integer`,
    },
    {
      name: 'power-levels.not-integers',
      when: (rules) => rules.integerPowerLevels,
      decide: (j) => rejectIf(!isLevelMap(j, 'events') || !isLevelMap(j, 'notifications')),
      because: () => 'its events or notifications do not map names to integers',
    },
    {
      name: 'power-levels.users',
      decide: (j) => rejectIf(badUser(j)),
      because: () => 'its users do not map user IDs to power levels',
    },
    {
      name: 'power-levels.lists-creator',
      when: (rules) => rules.creatorsOutrankAll,
      decide: (j) => rejectIf([...j.creatorsAboveAll].some((user) => isListed(j, user))),
      because: (j) =>
        `its users list ${[...j.creatorsAboveAll].find((user) => isListed(j, user)) ?? ''}, a creator, who is above all levels`,
      culprit: (j) => j.role(Role.Create),
    },
    {name: 'power-levels.first', decide: (j) => (predecessor(j) < 0 ? Decision.Allow : Decision.Pass)},
    changeGroup(
      'power-levels.named',
      changeRule('power-levels.named.old', oldTooHigh('named')),
      changeRule('power-levels.named.new', newTooHigh('named')),
    ),
    changeGroup('power-levels.events-old', changeRule('power-levels.events.old', oldTooHigh('events'))),
    changeGroup('power-levels.events-new', changeRule('power-levels.events.new', newTooHigh('events'))),
    changeGroup('power-levels.users-old', changeRule('power-levels.users.old', equalOrHigher)),
    changeGroup('power-levels.users-new', changeRule('power-levels.users.new', newTooHigh('users'))),
    {name: 'power-levels.allow', decide: () => Decision.Allow},
  ],
}

function isListed(j: Judgement, user: string): boolean {
  const listed = own(j.content, 'users')
  return isObject(listed) && Object.hasOwn(listed, user)
}
