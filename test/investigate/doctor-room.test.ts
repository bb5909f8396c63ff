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
  return doctorRoom(opened, heard.of('room.case', opened.room.graph.roomId), {
    reading: 'synapse',
    isLive: false,
    nowMs: 0,
    devices: null,
  })
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

  test('rejected-v6: one event twice comes from no state: nothing destructive; about another event it is a hint', async () => {
    const opened = await real('rejected-v6')
    const report = await ask(opened, 'duplicate auth_events')
    expect(report.diagnoses[0]?.remedies.map(({id}) => id)).toEqual(['update-server'])
    const other = await ask(opened, 'duplicate auth_events', {eventId: `$${'a'.repeat(43)}`})
    expect(causes(other).map(([certainty]) => certainty)).toEqual(['hint'])
  })

  const TOPIC = '$DDvfMFSZ2DBmw-hXVf5-VugzD2zQPMA2nROvK5NR81c'
  const post = (had: number, takes: number): string =>
    `You don't have permission to post that to the room. user_level (${String(had)}) < send_level (${String(takes)})`

  test.each<[string, string | null, {user?: string; eventId?: string}]>([
    ['as it is told', post(0, 50), {user: ERIN, eventId: TOPIC}],
    ['by a message that says little, of nobody', '403 Forbidden', {eventId: TOPIC}],
    ['named by the message', `403 Forbidden: ${TOPIC}`, {user: ERIN}],
    ['among others that it names', `403 Forbidden: $IFSi-${'a'.repeat(38)} ${TOPIC}`, {user: ERIN}],
    ['whatever was said', '** Unable to decrypt: the keys are missing **', {eventId: TOPIC}],
    ['of which nobody said anything', null, {eventId: TOPIC}],
    ['by the beginning of its ID', null, {eventId: TOPIC.slice(0, 11)}],
    ['of which something unknown was said', 'the cat sat on the mat', {eventId: TOPIC}],
  ])('rejected-v6: an event that is rejected is the cause: %s', async (_, message, who) => {
    const report = await ask(await real('rejected-v6'), message, who)
    const [first] = report.diagnoses
    expect(first?.cause).toMatch(
      /^The event in question, the topic .* is rejected: @erin.* has power 0, sending m\.room\.topic takes 50/,
    )
    expect(first?.certainty).toBe('proof')
    expect(first?.rule?.number).toBe('v6:7')
    expect(first?.events.map(({eventId}) => eventId)).toContain(TOPIC)
    expect(first?.findings.map(({id}) => id)).toEqual(['dag/rejected-event'])
    expect(JSON.stringify(first?.remedies)).toContain(`--can ${ERIN} send m.room.topic`)
    expect(JSON.stringify(report.diagnoses)).not.toContain('m.room.message')
    expect(report.notShown).toEqual([])
  })

  test('rejected-v6: the event of somebody else is a hint, and what they can send of its type is looked at', async () => {
    const report = await ask(await real('rejected-v6'), '403 Forbidden', {
      user: '@alice:localhost:18448',
      eventId: TOPIC,
    })
    expect(causes(report)).toEqual([['hint', expect.stringContaining('It is not of @alice:localhost:18448')]])
    expect(report.notShown[0]?.says[0]).toContain('@alice:localhost:18448 can send m.room.topic')
  })

  test('rejected-v6: an event that lists an auth event twice: nothing destructive helps', async () => {
    const eventId = '$0ZS_FPLOONgiOk9_kKtAd1u1KsMwRDawUVliSNsVVEg'
    const report = await ask(await real('rejected-v6'), null, {eventId})
    expect(report.diagnoses[0]?.rule?.number).toBe('v6:2.1')
    expect(report.diagnoses[0]?.remedies.map(({id}) => id)).toContain('update-server')
    expect(report.diagnoses[0]?.remedies.map(({invasiveness}) => invasiveness)).not.toContain('destructive')
  })

  test('rejected-v6: an event that is accepted is said to be, and its type is what is asked', async () => {
    const eventId = '$RWf-fFcd3wPyVp4Icam4HL4VFJdba7aTV63f7bruAQ8'
    const report = await ask(await real('rejected-v6'), '403 Forbidden', {eventId})
    expect(report.diagnoses).toEqual([])
    expect(report.notShown[0]?.says[0]).toMatch(/^The event in question, the power levels .* is accepted by the rules/)
    expect(report.notShown[0]?.says[1]).toContain('@alice:localhost:18448 can send m.room.power_levels')
    const silent = await ask(await real('rejected-v6'), null, {eventId})
    expect(silent.remarks.join()).toContain('is accepted by the rules')
  })

  test('rejected-v6: an event that is not here is lacking', async () => {
    const eventId = `$${'a'.repeat(43)}`
    const report = await ask(await real('rejected-v6'), null, {eventId})
    expect(report.gather.join()).toContain(`${eventId}, is not in this evidence`)
  })

  test('rejected-v6: of levels without an event, what takes so much may have been tried', async () => {
    const opened = await real('rejected-v6')
    const report = await ask(opened, post(0, 50), {user: ERIN})
    expect(causes(report)).toEqual([
      [
        'proof',
        expect.stringContaining(
          '50 is what it takes to send state events without a level of their own, such as m.room.topic',
        ),
      ],
    ])
    expect(report.diagnoses[0]?.rule?.number).toBe('v6:7')
    const ofDendrite = await ask(opened, `sender "${ERIN}" is not allowed to send event. 0 < 90`)
    expect(causes(ofDendrite)).toEqual([['proof', expect.stringContaining('takes to send m.room.power_levels.')]])
  })

  test('rejected-v6: levels that the room does not have prove nothing', async () => {
    const opened = await real('rejected-v6')
    const other = await ask(opened, post(10, 50), {user: ERIN})
    expect(causes(other)).toEqual([['hint', expect.stringContaining(`tells of power 10, and ${ERIN} has 0`)]])
    const none = await ask(opened, post(0, 77), {user: ERIN})
    expect(none.diagnoses).toEqual([])
    expect(none.notShown[0]?.says[0]).toContain(`nothing takes power 77 to send, and ${ERIN} has power 0`)
    const able = await ask(opened, post(0, 50), {user: '@alice:localhost:18448'})
    expect(able.diagnoses).toEqual([])
    expect(able.notShown[0]?.says[0]).toContain('has power 100, and can send what takes 50')
  })

  test.each([
    ["You don't have permission to invite users", 'cannot invite another user', 'inviting takes 50', 'v6:4.3.5'],
    ["You don't have permission to ban", 'cannot ban another user', 'takes power 50', 'v6:4.5.3'],
    ['sender does not have enough power to kick target user', 'cannot kick another user', 'takes power 50', 'v6:4.4.5'],
    ["You don't have permission to redact events", "cannot redact others' events", 'redacting takes 50', undefined],
  ])('rejected-v6: %s, of nobody in particular', async (message, what, why, rule) => {
    const opened = await real('rejected-v6')
    const report = await ask(opened, message, {user: ERIN})
    expect(causes(report)).toEqual([['proof', expect.stringContaining(what)]])
    expect(report.diagnoses[0]?.cause).toContain(why)
    expect(report.diagnoses[0]?.cause).not.toContain('@somebody')
    expect(report.diagnoses[0]?.rule?.number).toBe(rule)
    const able = await ask(opened, message, {user: '@alice:localhost:18448'})
    expect(able.diagnoses).toEqual([])
    expect(able.notShown[0]?.says[0]).toContain(what.replace('cannot', 'can'))
  })

  test('creators-v12: no creator can be kicked, and no level would help', async () => {
    const report = await ask(await real('creators-v12'), 'You cannot kick user @bob:localhost:28448.', {
      user: '@alice:localhost:18448',
    })
    expect(causes(report)[0]?.[1]).toContain("is in nobody's power: they created the room")
    expect(report.diagnoses[0]?.remedies.map(({id}) => id)).not.toContain('raise-power')
  })

  test('split-sql-v11: both states are here, so that nobody is sent to fetch them, or to wait', async () => {
    const report = await ask(await real('split-sql-v11'), `User ${ERIN} not in room`)
    const ids = report.diagnoses[0]?.remedies.map(({id}) => id) ?? []
    expect(ids[0]).toBe('join-again')
    expect(ids).not.toContain('compare-servers')
    expect(ids).not.toContain('wait-for-the-join')
  })

  test('split-sql-v11: one server alone is held against another one before it is mended', async () => {
    const report = await ask(await real('split-sql-v11', {servers: ['hs2']}), `User ${ERIN} not in room`)
    expect(report.diagnoses[0]?.remedies[0]?.id).toBe('compare-servers')
  })

  test('e2ee-v11: without a cause, what harms nothing is told', async () => {
    const report = await ask(await real('e2ee-v11'), '** Unable to decrypt: the keys are missing **')
    const [told] = report.generally
    expect(told?.symptom).toBe('unable-to-decrypt')
    expect(told?.remedies[0]?.id).toBe('audit-devices')
    expect(told?.remedies.map(({invasiveness}) => invasiveness)).not.toContain('destructive')
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

  const remedyIds = ({diagnoses}: DoctorReport): readonly string[] =>
    diagnoses.flatMap(({remedies}) => remedies.map(({id}) => id))

  test('"Cannot join user who was banned" names nobody: who is banned is told, and that it may be they', async () => {
    const report = await ask(made(banned), 'M_BAD_STATE: Cannot join user who was banned')
    expect(causes(report)).toEqual([['hint', expect.stringContaining(`the ban of ${DAVE} by ${ALICE}`)]])
    expect(remedyIds(report)).toContain('unban')
    const inviting = await ask(made(banned), 'Cannot invite user who was banned', {user: CAROL})
    expect(causes(inviting)).toEqual([['hint', expect.stringContaining(`the ban of ${DAVE} by ${ALICE}`)]])
    expect(inviting.notShown).toEqual([])
  })

  test('"banned" of who only has no invite: no ban to lift, and no proof', async () => {
    const closed = publicRoom('10').add('closed', {
      type: 'm.room.join_rules',
      sender: ALICE,
      state_key: '',
      content: {join_rule: 'invite'},
    })
    const report = await ask(made(closed), 'You are banned from this room', {user: DAVE})
    expect(causes(report).map(([certainty]) => certainty)).toEqual(['hint'])
    expect(remedyIds(report)).toContain('invite-again')
    expect(remedyIds(report)).not.toContain('unban')
  })

  test('"not in room" of who is banned: the ban is what has to be lifted, and no server is suspected', async () => {
    const report = await ask(made(banned), `User ${DAVE} not in room`)
    expect(remedyIds(report)[0]).toBe('unban')
    expect(remedyIds(report)).not.toContain('compare-servers')
  })

  test('who is named as kicked is not who was refused', async () => {
    const report = await ask(made(publicRoom('10')), `You cannot kick user ${ALICE}.`)
    expect(causes(report)).toEqual([['hint', expect.stringMatching(/^Whoever has less power .* kick 30/)]])
  })

  test('steps ask for what was tried, and go by the file that was given; what is looked at afterwards does not', async () => {
    const report = await ask(made(publicRoom('10')), `You cannot kick user ${ALICE}.`, {user: CAROL})
    const raise = report.diagnoses[0]?.remedies.find(({id}) => id === 'raise-power')
    expect(raise?.steps[0]).toContain(`matrix-state explain room.case --can ${CAROL} kick ${ALICE}`)
    expect(raise?.check).toContain(`--can ${CAROL} kick ${ALICE} --refresh`)
    expect(raise?.check).not.toContain('room.case')
  })

  test('a message that names another room proves nothing in this one', async () => {
    const report = await ask(made(banned), `${DAVE} is banned from the room !elsewhere:b.example`)
    expect(report.remarks).toEqual([expect.stringContaining('names !elsewhere:b.example')])
    expect(causes(report).map(([certainty]) => certainty)).toEqual(['hint'])
  })

  test('a user of whom the room has no event, beside one of the same name: that is told', async () => {
    const report = await ask(made(banned), NOT_INVITED, {user: `${DAVE.split(':')[0]!}:other.example`})
    expect(report.remarks).toEqual([expect.stringContaining(`there is ${DAVE}`)])
  })

  test('each line of a text is asked of the user whom it names', async () => {
    const report = await ask(made(banned), `User ${CAROL} not in room\n${DAVE} is banned from the room`)
    expect(causes(report)).toEqual([['proof', expect.stringContaining(`${DAVE} cannot join`)]])
    expect(report.notShown.map(({symptom, says}) => [symptom, says[0]])).toEqual([
      ['not-in-room', expect.stringContaining(`${CAROL} can send`)],
    ])
  })

  test('what somebody can do by a room with a hole is not told as the room', async () => {
    const holed = made(publicRoom('10').add('hello', member(DAVE, 'join')), (lines) =>
      lines.filter((_, index) => index !== lines.length - 2),
    )
    const report = await ask(holed, NOT_INVITED, {user: '@new:x.example'})
    expect(report.notShown.flatMap(({says}) => says).join()).not.toContain("In this room's state")
    expect(report.open.length).toBeGreaterThan(0)
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
