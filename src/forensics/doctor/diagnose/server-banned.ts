import {listed} from '../../../finding/slot-words.ts'
import {serverNameOf} from '../../../matrix/ids.ts'
import type {Cause, Examined, RoomEvidence, StateOf} from './evidence.ts'
import {aclVerdict} from './server-acl.ts'
import {asSentence, eventWithTime, involved, onSlot, sure} from './words.ts'

const ACL = {type: 'm.room.server_acl', stateKey: ''}
const MOST = 5
const SOURCE = 'https://spec.matrix.org/v1.19/client-server-api/#mroomserver_acl'

/** Which servers the room's access control list shuts out, by each state that is known. */
export function diagnoseServerBanned(evidence: RoomEvidence): Examined {
  const {states, concerned, replay, findings, complete} = evidence
  const causes: Cause[] = []
  const open: string[] = []
  for (const {server: teller, what, state} of states) {
    const acl = state?.get(ACL) ?? null
    const row = acl === null ? -1 : replay.graph.row(acl.eventId)
    const shut =
      acl === null
        ? []
        : asked(evidence, states).flatMap((server) => {
            const {allowed, why} = aclVerdict(acl.content, server)
            return allowed ? [] : [{server, why}]
          })
    const [first] = shut
    if (
      acl === null ||
      first === undefined ||
      causes.some(({events}) => events.some(({eventId}) => eventId === acl.eventId))
    ) {
      continue
    }
    const who = listed(shut.slice(0, MOST).map(({server}) => server))
    const others = shut.length > MOST ? ` and ${String(shut.length - MOST)} more` : ''
    causes.push({
      cause: [
        `The room's server ACL shuts out ${who}${others}: ${first.why}`,
        row < 0 ? '' : `It is ${eventWithTime(replay.graph, row)}`,
        teller === null ? '' : `That is by what ${teller} told (${what}); the events give another one`,
      ]
        .filter((part) => part !== '')
        .map(asSentence)
        .join(' '),
      certainty: teller === null ? sure(complete) : 'strong',
      events: involved(replay.graph, [acl.eventId]),
      rule: {
        number: 'm.room.server_acl',
        text: 'servers refuse requests of servers that the ACL denies',
        source: SOURCE,
      },
      findings: onSlot(findings, ACL.type, ACL.stateKey),
      about: {server: first.server},
    })
  }
  if (states.every(({state}) => state === null))
    open.push('The state of the room is not known, so that its ACL is not.')
  if (causes.length > 0) return {causes, notShown: [], gather: open}
  const whom = concerned.server ?? (concerned.user === null ? null : serverNameOf(concerned.user))
  const acl = states[0]?.state?.get(ACL) ?? null
  return {
    causes,
    notShown: [
      acl === null
        ? 'This room has no server ACL: the message was said at another time, or about another room.'
        : `The ACL of this room lets ${whom ?? 'all servers with joined users'} in: the message was said at another time, about another server, or about another room.`,
    ],
    gather: [...open, ...(whom === null ? ['Name the server that was refused: --server example.org.'] : [])],
  }
}

/** The server that is asked about; without one, all that have somebody in the room. */
function asked({concerned, replay}: RoomEvidence, states: readonly StateOf[]): readonly string[] {
  if (concerned.server !== null) return [concerned.server]
  if (concerned.user !== null) return [serverNameOf(concerned.user)]
  const joined = states.flatMap(({state}) => state?.joined() ?? [])
  // Who was shut out may have lost its members since: everybody who ever sent something is asked about.
  return [...new Set([...joined, ...replay.graph.columns.users.strings].map(serverNameOf))].filter(
    (name) => name !== '',
  )
}
