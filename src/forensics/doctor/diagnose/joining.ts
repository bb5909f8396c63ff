import {listed} from '../../../finding/slot-words.ts'
import {own} from '../../../matrix/json.ts'
import {serverNameOf} from '../../../matrix/ids.ts'
import {JOIN_RULES_SLOT} from '../../explain/hearing.ts'
import type {SymptomId} from '../symptom.ts'
import {causesOf} from './by-findings.ts'
import type {Cause, Examined, RoomEvidence} from './evidence.ts'
import {asSentence, eventWithTime, involved, sure} from './words.ts'

const MOST = 5

/** Somebody was refused, and nobody said who: what holds for everybody, and whom it may be. */
export function diagnoseUnnamed(evidence: RoomEvidence, symptom: SymptomId): Examined {
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
    notShown: causes.length > 0 ? [] : ['Nothing in this room keeps everybody out, and nobody lost a membership.'],
    gather: ['Whom it was said to decides: give the user, --user @name:server.'],
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
