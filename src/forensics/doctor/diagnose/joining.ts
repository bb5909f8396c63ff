import {listed} from '../../../finding/slot-words.ts'
import {own} from '../../../matrix/json.ts'
import {serverNameOf} from '../../../matrix/ids.ts'
import {JOIN_RULES_SLOT, memberSlot, POWER_SLOT} from '../../explain/hearing.ts'
import type {Recognised, SymptomId} from '../symptom.ts'
import {causesOf} from './by-findings.ts'
import type {Cause, Examined, RoomEvidence} from './evidence.ts'
import {asSentence, eventWithTime, involved, sure} from './words.ts'

const MOST = 5

/** Somebody was refused, and nobody said who: what holds for everybody, and whom it may be. */
export function diagnoseUnnamed(evidence: RoomEvidence, recognised: Recognised): Examined {
  const {symptom} = recognised
  const {states, replay, findings} = evidence
  const state = states.find(({server}) => server === null)?.state ?? null
  const causes: Cause[] = []
  const rules = state?.get(JOIN_RULES_SLOT) ?? null
  const rule = rules === null ? 'invite' : own(rules.content, 'join_rule')
  if (state !== null && (symptom === 'not-invited' || symptom === 'restricted-join') && rule !== 'public') {
    const row = rules === null ? -1 : replay.graph.row(rules.eventId)
    causes.push({
      cause: [
        `The join rule is ${typeof rule === 'string' ? rule : 'unreadable'}: whoever is neither invited nor joined${rule === 'restricted' || rule === 'knock_restricted' ? ', nor in a room that it names,' : ''} is told so`,
        row < 0 ? 'No event sets it, and then it is invite' : `It comes from ${eventWithTime(replay.graph, row)}`,
      ]
        .map(asSentence)
        .join(' '),
      certainty: 'hint',
      events: involved(replay.graph, row < 0 ? [] : [replay.graph.id(row)]),
      rule: null,
      findings: [],
    })
  }
  if (symptom === 'banned') causes.push(...[bannedHere(evidence)].filter((one) => one !== null))
  if (symptom === 'forbidden-by-power') causes.push(...[levelsHere(evidence)].filter((one) => one !== null))
  const ofMembers = findings.filter(
    ({id, subject, severity}) =>
      severity !== 'note' &&
      (id === 'state/reset' || id === 'state/divergence' || id === 'room/wedged-member' || id === 'state/mass-leave') &&
      (subject.kind !== 'slot' ||
        subject.type === 'm.room.member' ||
        subject.type === 'm.room.join_rules' ||
        subject.type === 'm.room.power_levels'),
  )
  // Nobody said that it is one of these.
  causes.push(...causesOf(evidence, ofMembers).map((cause): Cause => ({...cause, certainty: 'hint'})))
  return {
    causes,
    notShown:
      causes.length > 0
        ? []
        : [NOTHING_FOR_ALL[symptom] ?? 'Nothing in this room holds for everybody, and nobody lost a membership.'],
    gather: ['Whom it was said to decides: give the user, --user @name:server.'],
  }
}

const NOTHING_FOR_ALL: Readonly<Partial<Record<SymptomId, string>>> = {
  banned: 'Nobody is banned by the state that the events give, nor by what a server told.',
  'not-invited': 'The room is open to everybody by its join rule, and nobody lost a membership.',
  'not-in-room': 'Nobody lost a membership where branches of the history were merged.',
}

/** Who is banned, by the events or by what a server told; `null`: nobody. */
export function bannedHere({states, replay}: RoomEvidence): Cause | null {
  const {graph} = replay
  const members = graph.slots.filter(({type}) => type === 'm.room.member').map(({stateKey}) => stateKey)
  const bans = new Map<string, string>()
  for (const {state} of states) {
    if (state === null) continue
    for (const user of members) {
      const member = state.get(memberSlot(user))
      if (member !== null && own(member.content, 'membership') === 'ban') bans.set(user, member.eventId)
    }
  }
  if (bans.size === 0) return null
  const rows = [...bans.values()].map((id) => graph.row(id)).sort((a, b) => b - a)
  const newest = rows.slice(0, MOST).map((row) => eventWithTime(graph, row))
  const only = [...bans.keys()][0]
  return {
    cause: [
      `${bans.size === 1 ? 'One user is banned here, who may be meant' : `${String(bans.size)} users are banned here, of whom one may be meant`}: ${listed(newest)}${bans.size > MOST ? ` and ${String(bans.size - MOST)} more` : ''}`,
    ]
      .map(asSentence)
      .join(' '),
    certainty: 'hint',
    events: involved(
      graph,
      rows.slice(0, MOST).map((row) => graph.id(row)),
    ),
    rule: null,
    findings: [],
    useless: ['compare-servers'],
    ...(bans.size === 1 && only !== undefined ? {about: {user: only}} : {about: {user: null}}),
  }
}

/** What acts take, by the power levels. */
function levelsHere({states, replay}: RoomEvidence): Cause | null {
  const {graph} = replay
  const levels = states.find(({server}) => server === null)?.state?.get(POWER_SLOT) ?? null
  if (levels === null) return null
  const level = (name: string, otherwise: number): string => {
    const value = own(levels.content, name)
    return `${name} ${typeof value === 'number' || typeof value === 'string' ? String(value) : String(otherwise)}`
  }
  const taken = [
    level('events_default', 0),
    level('state_default', 50),
    level('invite', 0),
    level('kick', 50),
    level('ban', 50),
    level('redact', 50),
    level('users_default', 0),
  ]
  return {
    cause: [
      `Whoever has less power than an act takes is told so. These are the levels: ${listed(taken)}; types of events can have others`,
      `They come from ${eventWithTime(graph, graph.row(levels.eventId))}`,
    ]
      .map(asSentence)
      .join(' '),
    certainty: 'hint',
    events: involved(graph, [levels.eventId]),
    rule: null,
    findings: [],
  }
}

/** A join that named no server to go by, or none that is in the room. */
export function diagnoseNoServer(evidence: RoomEvidence): Examined {
  const {states, concerned, replay, findings, complete} = evidence
  const state = states.find(({server}) => server === null)?.state ?? null
  if (state === null) return {causes: [], notShown: ['Who is in the room is not known.'], gather: []}
  const users = new Map<string, number>()
  for (const user of state.joined()) users.set(serverNameOf(user), (users.get(serverNameOf(user)) ?? 0) + 1)
  const vanished = new Set(
    findings.flatMap(({id, subject}) =>
      id === 'server/vanished' && subject.kind === 'server' ? [subject.server] : [],
    ),
  )
  const ranked = [...users].filter(([server]) => !vanished.has(server)).sort((a, b) => b[1] - a[1])
  const from = concerned.server ?? (concerned.user === null ? null : serverNameOf(concerned.user))
  const alive = ranked.map(([server]) => server).filter((server) => server !== from)
  const gone = findings.filter(({id}) => id === 'server/vanished')
  if (users.size === 0) {
    return {
      causes: [
        {
          cause: 'Nobody is joined any more, so that there is no server by which anybody could join.',
          certainty: sure(complete),
          events: [],
          rule: null,
          findings: gone,
        },
      ],
      notShown: [],
      gather: [],
    }
  }
  const isIn = from !== null && users.has(from)
  return {
    causes: [
      {
        cause: [
          'The request named no server that is in the room, and a room ID does not tell one',
          from === null
            ? ''
            : isIn
              ? `${from} has joined users by the events, so that it would not have had to ask anybody: its own state is another one`
              : `${from} has nobody in the room, so that it has to go by another server`,
          alive.length === 0
            ? 'No other server has a joined user'
            : `These have joined users: ${listed(alive.slice(0, MOST))}${alive.length > MOST ? ` and ${String(alive.length - MOST)} more` : ''}`,
          gone.length === 0 ? '' : `${listed([...vanished].slice(0, MOST))} may be gone`,
        ]
          .filter((part) => part !== '')
          .map(asSentence)
          .join(' '),
        certainty: from === null ? 'strong' : sure(complete),
        events: involved(replay.graph, []),
        rule: null,
        findings: gone,
        about: {...(alive[0] === undefined ? {} : {server: alive[0]})},
      },
    ],
    notShown: [],
    gather: from === null ? ['Whose server it was is not known: --user @name:server tells.'] : [],
  }
}
