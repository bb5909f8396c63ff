import {describe, expect, test} from 'vitest'
import {doctorRoom, hearComplaint} from '../../src/investigate/doctor.ts'
import type {DoctorReport} from '../../src/investigate/doctor-report.ts'
import {loadRoomFrom} from '../../src/investigate/load-room.ts'
import {openRoom} from '../../src/investigate/open-room.ts'
import type {OpenedRoom} from '../../src/investigate/opened-room.ts'
import {doctorText} from '../../src/report/doctor-text.ts'
import {Dumps, linesOf} from '../cli/dumps.ts'
import {ALICE, BOB, CAROL, DAVE, member, publicRoom, type Room} from '../rules/build.ts'
import {reportedRoom, type RoomCaseOptions, writeRoomCase} from '../scenarios/room-case.ts'

const dumps = new Dumps()
let files = 0

const real = (name: string, options?: RoomCaseOptions): Promise<OpenedRoom> =>
  openRoom(writeRoomCase(dumps.path(`${name}-${String((files += 1))}.case`), reportedRoom(name), options))

function made(room: Room, change: (lines: string[]) => readonly string[] = (lines) => lines): OpenedRoom {
  const lines = change(linesOf(room)).map((text, index) => ({text, line: index + 1}))
  return {
    room: loadRoomFrom('room', lines),
    unknowable: [],
    reported: [],
    reportedExtremities: {},
    findings: [],
    notes: [],
  }
}

async function ask(
  opened: OpenedRoom,
  message: string | null,
  who: {readonly user?: string; readonly server?: string; readonly eventId?: string} = {},
): Promise<DoctorReport> {
  const {user = null, server = null, eventId = null} = who
  const given = {room: null, user, server, eventId}
  const heard = await hearComplaint({given, message, log: null, signal: new AbortController().signal})
  return doctorRoom(opened, heard.of('room.case'), {reading: 'synapse', isLive: false, nowMs: 0, devices: null})
}

const causes = ({diagnoses}: DoctorReport): readonly (readonly [certainty: string, cause: string])[] =>
  diagnoses.map(({certainty, cause}) => [certainty, cause])
const NOT_INVITED = 'You are not invited to this room.'
const ERIN = '@erin:localhost:28448'

describe('rooms of two real servers', () => {
  test('creators-v12: hs1 refuses what the events allow, since its state lacks the join', async () => {
    const report = await ask(await real('creators-v12'), NOT_INVITED, {user: ERIN})
    expect(report.diagnoses).toHaveLength(1)
    const [{cause, certainty, rule, events, findings}] = report.diagnoses as [DoctorReport['diagnoses'][number]]
    expect(cause).toMatch(
      /^localhost:18448 refuses what the room's events allow: by its current state, the join rule is invite and @erin/,
    )
    expect(cause).toContain('localhost:18448 has no membership')
    expect(certainty).not.toBe('hint')
    expect(rule?.number).toBe('v12:5.3.7')
    expect(rule?.source).toContain('/rooms/v12/')
    expect(events.map(({eventId}) => eventId)).toContain('$7f6E2mM9l3nPaSdIzYNNvgZw3iNA_0F5-Mqxa1R2NGw')
    expect(findings.map(({id}) => id)).toContain('state/divergence')
    // The server in trouble is never the one to take state from.
    const steps = report.diagnoses.flatMap(({remedies}) => remedies.flatMap((one) => one.steps))
    expect(steps.filter((step) => /via=localhost|force-set\S* \S+ localhost/.test(step))).toEqual([])
  })

  test('creators-v12: by what hs2 alone told, nothing keeps the user out, and that is said', async () => {
    const report = await ask(await real('creators-v12', {servers: ['hs2']}), NOT_INVITED, {user: ERIN})
    expect(causes(report).filter(([certainty]) => certainty !== 'hint')).toEqual([])
    expect(report.notShown[0]?.says[0]).toBe(
      `In this room's state ${ERIN} can join, and by what localhost:28448 told: the message was said at another time, by another server, or about another room or user.`,
    )
  })

  test('creators-v12: one server is asked whose state is not known', async () => {
    const opened = await real('creators-v12', {servers: ['hs2']})
    const report = await ask(opened, NOT_INVITED, {user: ERIN, server: 'localhost:18448'})
    expect(report.gather.join()).toContain("What localhost:18448 has for the room's state is not known")
  })

  test('conflict-v10: a membership that was lost at a merge, and who can mend it', async () => {
    const report = await ask(await real('conflict-v10'), NOT_INVITED, {user: '@carol:localhost:18448'})
    const [first] = report.diagnoses
    expect(first?.certainty).toBe('proof')
    expect(first?.cause).toContain('The membership of @carol:localhost:18448 had been lost')
    expect(first?.rule?.number).toBe('v10:4.3.7')
    expect(first?.events.map(({part}) => part)).toContain(
      '2026-11-21 18:16:25 UTC: the join of @carol:localhost:18448, which was lost',
    )
    expect(first?.wouldPass?.[0]?.by[0]).toBe('@alice:localhost:18448 (power 100)')
    expect(first?.remedies.length).toBeGreaterThan(0)
  })

  test('conflict-v10: nobody said who was refused, so that all are hints', async () => {
    const report = await ask(await real('conflict-v10'), NOT_INVITED)
    expect(new Set(causes(report).map(([certainty]) => certainty))).toEqual(new Set(['hint']))
    expect(
      causes(report)
        .map(([, cause]) => cause)
        .join(),
    ).toContain('@carol:localhost:18448 was left with no membership')
    expect(report.gather).toContain('Whom it was said to decides: give the user, --user @name:server.')
  })

  test('split-sql-v11: "not in room" of a user who is, but not by the state of the server that says it', async () => {
    const report = await ask(
      await real('split-sql-v11'),
      `User ${ERIN} not in room !iEXnRuHXUsMctzLsEq:localhost:18448`,
    )
    expect(report.subject.user).toBe(ERIN)
    expect(causes(report)[0]?.[1]).toMatch(/^localhost:28448 refuses .* its sender @erin:localhost:28448 is not joined/)
    expect(report.others.map(({subject}) => 'type' in subject && subject.type)).toContain('m.room.topic')
  })

  test('rejected-v6: duplicate auth_events, of which it is one event listed twice', async () => {
    const report = await ask(await real('rejected-v6'), 'duplicate auth_events')
    const [first] = report.diagnoses
    expect(first?.certainty).toBe('proof')
    expect(first?.cause).toMatch(/^localhost:28448 sent 1 event that cites two events for one slot/)
    expect(first?.cause).toContain('It is the same event twice')
    expect(first?.rule?.number).toBe('v6:2.1')
    expect(first?.events.map(({eventId}) => eventId)).toEqual([
      '$RWf-fFcd3wPyVp4Icam4HL4VFJdba7aTV63f7bruAQ8',
      '$0ZS_FPLOONgiOk9_kKtAd1u1KsMwRDawUVliSNsVVEg',
    ])
  })

  test('conflict-v10: duplicate auth_events that the room does not show', async () => {
    const report = await ask(await real('conflict-v10'), 'duplicate auth_events')
    expect(report.diagnoses).toEqual([])
    expect(report.notShown[0]?.says[0]).toContain('No event here is rejected for that')
    expect(report.gather.join()).toContain('--database')
  })

  test('conflict-v10: a reset may be why a message cannot be read, and is no more than a hint; of other slots not even that', async () => {
    const report = await ask(await real('conflict-v10'), '** Unable to decrypt: the keys are missing **')
    expect(causes(report)).toEqual([
      ['hint', expect.stringContaining('@carol:localhost:18448 was left with no membership')],
    ])
    expect(report.gather.join()).toContain('Nothing of devices is in the evidence')
    const other = await ask(await real('split-sql-v11'), '** Unable to decrypt: the keys are missing **')
    expect(
      causes(other)
        .map(([, cause]) => cause)
        .join(),
    ).not.toContain('topic')
  })

  test('acl-v11: the ACL shuts a server out, by name and without its port', async () => {
    const opened = await real('acl-v11')
    const report = await ask(opened, 'Server is banned from room', {server: 'localhost:28448'})
    expect(causes(report)[0]?.[1]).toContain(
      'The room\'s server ACL shuts out localhost:28448: the entry "localhost" of deny.',
    )
    const other = await ask(opened, 'Server is banned from room', {server: 'good.example'})
    expect(other.diagnoses).toEqual([])
    expect(other.notShown[0]?.says[0]).toContain('lets good.example in')
  })

  test('restricted-v10: who has to vouch, and which room decides', async () => {
    const report = await ask(
      await real('restricted-v10'),
      'You do not belong to any of the required rooms/spaces to join this room.',
      {user: '@new:elsewhere.example'},
    )
    const [first] = report.diagnoses
    expect(first?.certainty).toBe('strong')
    expect(first?.cause).toContain('Members of !EdunmUldvikpjZFakm:localhost:18448 may join')
    expect(first?.cause).toMatch(/localhost:\d+ can: a user there who may invite is joined/)
  })

  test.each(['creators-v12', 'split-reject-v10', 'split-sql-v11', 'conflict-v10', 'conflict-v12'])(
    '%s, of which nobody complained: the worst is explained first, and nothing is told twice',
    async (name) => {
      const report = await ask(await real(name), null)
      expect(report.diagnoses.length).toBeGreaterThan(0)
      const [first] = report.diagnoses
      expect(first?.findings[0]?.severity).toBe('error')
      expect(first?.symptom).toBeNull()
      const told = report.diagnoses.flatMap(({findings}) => findings)
      expect(report.others.filter((one) => told.includes(one))).toEqual([])
    },
  )

  test.each(['e2ee-v11', 'restricted-v10', 'acl-v11'])('%s is healthy: nothing is made up', async (name) => {
    const report = await ask(await real(name), null)
    expect(causes(report)).toEqual([])
  })
})

describe('rooms that were made', () => {
  const banned = publicRoom('10')
    .add('dave', member(DAVE, 'join'))
    .add('ban', member(DAVE, 'ban', ALICE))

  test('a ban: who, when, and that it is not the one of the message', async () => {
    const told = await ask(made(banned), 'You are banned from this room', {user: DAVE})
    expect(causes(told)).toEqual([['proof', expect.stringContaining(`the ban of ${DAVE} by ${ALICE}`)]])
    const other = await ask(made(banned), NOT_INVITED, {user: DAVE})
    expect(causes(other)).toEqual([['hint', expect.stringContaining('A server would say something else to that')]])
  })

  test('a room with a hole proves nothing', async () => {
    const holed = made(banned, (lines) => lines.filter((_, index) => index !== 3))
    const report = await ask(holed, 'You are banned from this room', {user: DAVE})
    expect(causes(report).filter(([certainty]) => certainty === 'proof')).toEqual([])
    expect(report.open.length).toBeGreaterThan(0)
  })

  test('a kick that takes more power than there is, asked as the kick that it was', async () => {
    const report = await ask(made(publicRoom('10')), `You cannot kick user ${ALICE}.`, {user: CAROL})
    expect(causes(report)[0]).toEqual(['proof', expect.stringContaining(`${CAROL} cannot kick ${ALICE}`)])
  })

  test('a message that nobody knows: the nearest, and all checks', async () => {
    const report = await ask(await real('conflict-v10'), 'state of the room was reset somehow, members gone')
    expect(report.symptoms).toEqual([])
    expect(report.unrecognised?.nearest.map(({symptom}) => symptom)).toContain('state-reset')
    expect(report.diagnoses[0]?.findings[0]?.id).toBe('state/reset')
  })

  test('a token in a message is not told again', async () => {
    const report = await ask(made(banned), 'GET /sync?access_token=syt_secret_abcdefgh failed: Bearer abc.def', {
      user: BOB,
    })
    expect(JSON.stringify(report)).not.toMatch(/syt_secret|abc\.def/)
  })

  test('hostile text comes out harmless, and fits 80 columns', async () => {
    const message = `You are not invited to this room.\u001b[2J\u202e\nsecond ${ERIN}`
    const report = await ask(made(banned), message, {user: `@d\u202eave:b.example`})
    const text = doctorText(report, {color: false, columns: 80})
    expect(text).not.toMatch(/[\u001b\u202e]/)
    expect(JSON.stringify(report.message)).toContain('u001b')
  })
})
