import type {Finding} from '../../src/finding/finding.ts'
import {subjectText} from '../../src/investigate/check-subject.ts'

/** What a room is looked at by: both databases, one of them, the events alone, or these with the states that both servers tell. */
export type View = 'hs1 + hs2' | 'hs1' | 'hs2' | 'dump' | 'dump + states'
export const VIEWS: readonly View[] = ['hs1 + hs2', 'hs1', 'hs2', 'dump', 'dump + states']

/** Something that was done to a room, or that its servers did, and the finding that must tell it. */
export interface Fault {
  readonly room: string
  readonly what: string
  readonly view: View
  readonly id: Finding['id']
  /** How `subjectText` begins. */
  readonly about: string
}

/** Rooms in which nothing is wrong. What a server lacks is no error, and never clean. */
export const HEALTHY: readonly string[] = ['big-v11', 'restricted-v10', 'acl-v11', 'e2ee-v11', 'gap-v11']

/** What only part of the evidence leaves open. */
export const LACKING: readonly {readonly room: string; readonly view: View}[] = [
  ...['big-v11', 'gap-v11', 'rejected-v6'].map((room) => ({room, view: 'hs2'}) as const),
  ...['1', '3', '6', '10', '12'].map((version) => ({room: `conflict-v${version}`, view: 'hs2'}) as const),
]

const [HS1, HS2] = ['localhost:18448', 'localhost:28448']
const BOTH = 'hs1 + hs2'

/** Every fault that is told of the rooms of real servers, where they were made. */
export const FAULTS: readonly Fault[] = [
  ...['3', '6', '10', '12'].flatMap((version): readonly Fault[] =>
    ([BOTH, 'dump'] as const).map((view) => ({
      room: `conflict-v${version}`,
      what: 'a ban is lost in a merge, and the banned member with it',
      view,
      id: 'state/reset',
      about: `slot m.room.member @carol:${HS1}`,
    })),
  ),
  ...['1', '3', '6', '10', '12'].flatMap((version): readonly Fault[] => [
    {
      room: `conflict-v${version}`,
      what: 'join rules of somebody who was demoted meanwhile',
      view: BOTH,
      id: 'state/revoked-concurrently',
      about: 'slot m.room.join_rules',
    },
    {
      room: `conflict-v${version}`,
      what: 'a server soft-failed what it heard late',
      view: BOTH,
      id: 'server/soft-failed-there',
      about: `server ${HS1}`,
    },
  ]),
  {
    room: 'creators-v12',
    what: "a server's current state lacks a member",
    view: BOTH,
    id: 'state/divergence',
    about: `slot m.room.member @erin:${HS2} at $7f6E2mM9l3nPaSdIzYNNvgZw3iNA_0F5-Mqxa1R2NGw on ${HS1}`,
  },
  {
    room: 'creators-v12',
    what: 'its current state is not that of its one newest event',
    view: 'hs1',
    id: 'server/disagrees-with-itself',
    about: `server ${HS1}`,
  },
  {
    room: 'creators-v12',
    what: 'it had soft-failed the event before',
    view: 'hs1',
    id: 'server/soft-failed-there',
    about: `server ${HS1}`,
  },
  {
    room: 'creators-v12',
    what: 'the same, by what both servers told alone',
    view: 'dump + states',
    id: 'state/divergence',
    about: `slot m.room.member @erin:${HS2} at $7f6E2mM9l3nPaSdIzYNNvgZw3iNA_0F5-Mqxa1R2NGw on ${HS1}`,
  },
  ...(
    [
      ['a topic without the power for it', '$DDvfMFSZ2DBmw-hXVf5-VugzD2zQPMA2nROvK5NR81c'],
      ['a rejected event as an auth event', '$RFpLNgDLtduYyM6ZCj4UDcKxxhACsR5Q5tBsbGsipyE'],
      ['somebody raises himself', '$Zzx-SMzyrsa8tLstK2ZZxyNJpnklHOky7ZZX8zYl8VU'],
      ['two auth events for one slot', '$0ZS_FPLOONgiOk9_kKtAd1u1KsMwRDawUVliSNsVVEg'],
    ] as const
  ).map(([what, id]): Fault => ({
    room: 'rejected-v6',
    what,
    view: 'dump',
    id: 'dag/rejected-event',
    about: `event ${id}`,
  })),
  {
    room: 'rejected-v6',
    what: 'the server that sends auth events twice',
    view: 'dump',
    id: 'dag/duplicate-auth-events',
    about: `server ${HS2}`,
  },
  {
    room: 'rejected-v6',
    what: 'events from before a ban that came after it',
    view: 'hs1',
    id: 'server/soft-failed-there',
    about: `server ${HS1}`,
  },
  ...(['hs2', 'dump + states'] as const).flatMap((view): readonly Fault[] => [
    {
      room: 'split-sql-v11',
      what: 'an old topic was put into the database',
      view,
      id: 'state/divergence',
      about: `slot m.room.topic "" at $4i5B7wDvZtfeuYJXObnpBrva11U0FPEw1SHsz9ytYVA on ${HS2}`,
    },
    {
      room: 'split-sql-v11',
      what: 'a member was taken out in the database',
      view,
      id: 'state/divergence',
      about: `slot m.room.member @erin:${HS2} at $CM8E24GGwrmNCC_zZD4IBd08T2e2wYQzPUbpVqd8jL8 on ${HS2}`,
    },
    {
      room: 'split-reject-v10',
      what: 'power levels were rolled back in the database',
      view,
      id: 'state/divergence',
      about: `slot m.room.power_levels "" at $kuwUmdlO6k48j_v2KiCFJXPTurLKw_yw_Oe3ZP2ps-k on ${HS2}`,
    },
  ]),
  {
    room: 'split-sql-v11',
    what: 'the state group that was edited',
    view: 'hs2',
    id: 'server/wrong-record',
    about: `event $CM8E24GGwrmNCC_zZD4IBd08T2e2wYQzPUbpVqd8jL8 on ${HS2}`,
  },
  {
    room: 'split-reject-v10',
    what: 'the state group that was edited',
    view: 'hs2',
    id: 'server/wrong-record',
    about: `event $kuwUmdlO6k48j_v2KiCFJXPTurLKw_yw_Oe3ZP2ps-k on ${HS2}`,
  },
  {
    room: 'split-reject-v10',
    what: 'so it rejects a topic',
    view: 'hs2',
    id: 'server/rejected-there',
    about: `event $N2GvQgQx7fwWzO0UVl6pdWW3HrqRfYJga1ycKWUxDmA on ${HS2}`,
  },
  {
    room: 'split-reject-v10',
    what: 'and a membership',
    view: 'hs2',
    id: 'server/rejected-there',
    about: `event $1tWyC7N60bZ1AOaA8saQM0U7QGAjLohudGeUmMXs3tc on ${HS2}`,
  },
  {
    room: 'split-reject-v10',
    what: 'and accepts what nobody else does',
    view: 'hs2',
    id: 'server/accepted-there',
    about: `event $_xxdRTYWxPHLgjXAhh0uBUHire-H2beTijS1X_k_EVc on ${HS2}`,
  },
  {
    room: 'split-reject-v10',
    what: 'so that its topic is another',
    view: 'dump + states',
    id: 'state/divergence',
    about: `slot m.room.topic "" at $N2GvQgQx7fwWzO0UVl6pdWW3HrqRfYJga1ycKWUxDmA on ${HS2}`,
  },
  {
    room: 'split-reject-v10',
    what: 'and a member is another',
    view: 'dump + states',
    id: 'state/divergence',
    about: `slot m.room.member @erin:${HS2} at $1tWyC7N60bZ1AOaA8saQM0U7QGAjLohudGeUmMXs3tc on ${HS2}`,
  },
  {room: 'gap-v11', what: 'a server that missed a part', view: 'hs2', id: 'dag/missing-region', about: 'room '},
  {room: 'big-v11', what: 'a server that has only a part', view: 'hs2', id: 'dag/missing-region', about: 'room '},
]

/** Whether a finding tells a fault. */
export function tells(finding: Finding, {id, about}: Fault): boolean {
  const text = subjectText(finding)
  return finding.id === id && (text === about || text.startsWith(about.endsWith(' ') ? about : `${about} `))
}
