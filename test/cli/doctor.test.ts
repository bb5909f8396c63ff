import {writeFileSync} from 'node:fs'
import {describe, expect, test} from 'vitest'
import {EXIT} from '../../src/cli/exit-codes.ts'
import {displayWidth} from '../../src/report/width.ts'
import {reportedRoom, writeRoomCase} from '../scenarios/room-case.ts'
import {encryptedRoom, secret, writeCase} from '../investigate/encrypted-room.ts'
import {ALICE, CAROL, MO} from '../rules/build.ts'
import {complaints} from './complaints.ts'
import {Dumps, serverRoom} from './dumps.ts'
import {KeyServer, Person, TOKEN} from './key-server.ts'
import {type HowToRun, matrixState} from './program.ts'

const dumps = new Dumps()
const caseOf = (name: string): string => writeRoomCase(dumps.path(`${name}.case`), reportedRoom(name))
const creators = caseOf('creators-v12')
const conflict = caseOf('conflict-v10')
const healthy = caseOf('restricted-v10')
const rejected = dumps.write('rejected.ndjson', serverRoom('rejected-v6').lines)
const holed = dumps.write(
  'holed.ndjson',
  serverRoom('restricted-v10').lines.filter((_, index) => index !== 4),
)
const ERIN = '@erin:localhost:28448'
const NOT_INVITED = 'You are not invited to this room.'
const TOPIC = '$DDvfMFSZ2DBmw-hXVf5-VugzD2zQPMA2nROvK5NR81c'
const POST = "You don't have permission to post that to the room. user_level (0) < send_level (50)"

interface Document {
  readonly schema: string
  readonly room_id: string | null
  readonly subject: Readonly<Record<string, string | null>>
  readonly symptoms: readonly {readonly symptom: string; readonly times: number; readonly line: number}[]
  readonly rooms: readonly {readonly room_id: string}[]
  readonly diagnoses: readonly {
    readonly cause: string
    readonly certainty: string
    readonly remedies: readonly object[]
  }[]
  readonly not_shown: readonly object[]
  readonly remarks: readonly string[]
  readonly gather: readonly string[]
}

async function doctor(args: readonly string[], how: HowToRun = {}): Promise<{code: number | null; document: Document}> {
  const {code, stdout, stderr} = await matrixState(['doctor', ...args, '--json', '--quiet'], how)
  expect(stderr).toBe('')
  const document = JSON.parse(stdout) as Document
  const [, schema = ''] = document.schema.split('/')
  expect(complaints(schema, document)).toEqual([])
  return {code, document}
}

describe('doctor', () => {
  test.concurrent('from the message to the server whose state is wrong', async () => {
    const {code, document} = await doctor([NOT_INVITED, creators, '--user', ERIN])
    expect(code).toBe(EXIT.findings)
    expect(document.symptoms[0]?.symptom).toBe('not-invited')
    expect(document.diagnoses[0]?.cause).toMatch(/^localhost:18448 refuses what the room's events allow/)
    expect(document.diagnoses[0]?.remedies.length).toBeGreaterThan(2)
  })

  test.concurrent('words need no quotes, and the order does not matter', async () => {
    const {document} = await doctor([ERIN, 'You', 'are', 'not', 'invited', creators, 'to', 'this', 'room.'])
    expect(document.subject['user_id']).toBe(ERIN)
    expect(document.diagnoses[0]?.cause).toMatch(/^localhost:18448 refuses/)
  })

  test.concurrent.each<[string, readonly string[], number]>([
    ['a cause', ['duplicate auth_events', rejected], EXIT.findings],
    ['a cause, --fail-on never', ['duplicate auth_events', rejected, '--fail-on', 'never'], EXIT.done],
    ['a rejected event', ['403 Forbidden', rejected, TOPIC], EXIT.findings],
    ['a rejected event, of which nobody complained: a note', [rejected, TOPIC], EXIT.done],
    ['a rejected event, where notes count', [rejected, TOPIC, '--fail-on', 'note'], EXIT.findings],
    ['an event that is not here', [rejected, `$${'a'.repeat(43)}`], EXIT.inconclusive],
    ['levels that are those of the room', [POST, rejected, ERIN], EXIT.findings],
    ['nobody complained, and there are errors', [conflict], EXIT.findings],
    ['nobody complained, and nothing is wrong', [healthy], EXIT.done],
    ['nobody complained, with a hole', [holed, '--fail-on', 'error'], EXIT.inconclusive],
    ['hints only, in a room with an error', [NOT_INVITED, conflict], EXIT.findings],
    ['hints only', [NOT_INVITED, healthy], EXIT.inconclusive],
    ['not shown', ['duplicate auth_events', healthy], EXIT.inconclusive],
    ['not known', ['the cat sat on the mat', healthy], EXIT.inconclusive],
    ['a message without a room', [NOT_INVITED], EXIT.inconclusive],
    ['nothing', [], EXIT.usage],
    ['two rooms', [conflict, creators], EXIT.usage],
    ['two users', [conflict, ERIN, '--user', '@a:b'], EXIT.usage],
    ['a file that is not there', [NOT_INVITED, 'nowhere.case'], EXIT.failed],
    ['a log that is not there', ['--log', 'nowhere.log', conflict], EXIT.failed],
    ['a message of blanks', ['  ', healthy], EXIT.usage],
    ['a log and a message', ['--log', rejected, NOT_INVITED], EXIT.usage],
    ['a user without a server', [conflict, '--user', 'erin'], EXIT.usage],
    ['a room ID without its sigil', ['abc:example.org', NOT_INVITED], EXIT.failed],
    ['a room on a server, without a way to it', [NOT_INVITED, '!room:example.org'], EXIT.profileAbsent],
  ])('exit code: %s', async (_, args, code) => {
    const ended = await matrixState(['doctor', ...args, '--json', '--quiet'])
    expect([ended.code, ended.stderr]).toEqual([code, ''])
    const document = JSON.parse(ended.stdout) as Document
    expect(complaints(document.schema.split('/')[1] ?? '', document)).toEqual([])
  })

  const LINE = '2026-11-21 18:31:07,1 - synapse.http.server - 130 - INFO - <XForwardedForRequest> SynapseError: 403 - '

  test.concurrent('a log on standard input: what it says of this room counts, however often', async () => {
    const line = `${LINE}You are not invited to this room.`
    const input = `${['nothing', line, 'nothing', line].join('\n')}\n`
    const {code, document} = await doctor(['-', creators, ERIN], {input})
    expect(code).toBe(EXIT.findings)
    expect(document.symptoms).toMatchObject([{symptom: 'not-invited', line: 2, times: 2}])
    expect(document.diagnoses[0]?.cause).toMatch(/^localhost:18448 refuses/)
  })

  test.concurrent('of a log, the lines of this room count, also where the room is a file', async () => {
    const input = `${LINE}User ${ERIN} not in room !other:x.example\n`
    const {document} = await doctor(['-', creators], {input})
    expect(document.symptoms).toEqual([])
    expect(document.remarks.join()).toContain('names !other:x.example')
  })

  test.concurrent('a log in which nothing is known', async () => {
    const {code, stdout} = await matrixState(['doctor', '-', healthy, '--quiet'], {input: 'all is well\n'})
    expect(code).toBe(EXIT.inconclusive)
    expect(stdout).toContain('No line of the log is known here')
    expect(stdout).not.toContain('“”')
    expect(stdout).toContain('All checks of the room were done, and found nothing.')
  })

  test.concurrent('a log that names several rooms, and none is given: they are listed with the commands', async () => {
    const lines = ['!a:x.example', '!b:x.example', '!a:x.example'].map(
      (room) => `${LINE}User @u:x.example not in room ${room}`,
    )
    const {code, stdout} = await matrixState(['doctor', '-', '--quiet'], {input: `${lines.join('\n')}\n`})
    expect(code).toBe(EXIT.inconclusive)
    expect(stdout).toContain("matrix-state doctor - '!a:x.example'")
    const file = dumps.path('server.log')
    writeFileSync(file, `${lines.join('\n')}\n`)
    const {stdout: ofFile} = await matrixState(['doctor', '--log', file, '--quiet'])
    expect(ofFile).toContain(`matrix-state doctor --log ${file} '!a:x.example'`)
    expect(stdout.indexOf('!a:x.example: 2 lines')).toBeLessThan(stdout.indexOf('!b:x.example: 1 line'))
  })

  test.concurrent('a log that names one room, and none is given: it is told with its command', async () => {
    const input = `${LINE}User @u:x.example not in room !a:x.example (None)\n`
    const {code, stdout} = await matrixState(['doctor', '-', '--quiet'], {input})
    expect(code).toBe(EXIT.inconclusive)
    expect(stdout).toContain('!a:x.example: 1 line')
    expect(stdout).toContain("matrix-state doctor - '!a:x.example'")
    expect(stdout).not.toContain('No room was given')
    const {document} = await doctor(['-'], {input})
    expect(document.rooms).toEqual([{room_id: '!a:x.example', lines: 1}])
  })

  test.concurrent('a rejected event that is asked about is explained', async () => {
    const {document} = await doctor([rejected, TOPIC])
    expect(document.diagnoses[0]?.cause).toContain('is rejected: @erin:localhost:28448 has power 0')
  })

  test.concurrent.each([60, 80, 120])('in %i columns no line but a command is broken', async (columns) => {
    for (const args of [[NOT_INVITED, creators, ERIN], [conflict], ['duplicate auth_events', rejected, '--full']]) {
      const {stdout} = await matrixState(['doctor', ...args], {env: {COLUMNS: String(columns)}})
      expect(stdout.length).toBeGreaterThan(300)
      const wide = stdout
        .split('\n')
        .filter((line) => displayWidth(line) > columns && !/^ +(matrix-state|GET|POST|PUT|DELETE|!admin) /.test(line))
        .filter((line) => line.trim().includes(' '))
      expect(wide).toEqual([])
    }
  })

  test.concurrent('the answer comes first, then the meaning, the cause, what can be done', async () => {
    const {stdout} = await matrixState(['doctor', NOT_INVITED, creators, ERIN])
    const order = [
      'Found: 1 cause',
      '“You are not invited',
      'Cause (',
      'Rule v12:5.3.7',
      'Events',
      'What can be done',
      'What else',
    ]
    const places = order.map((words) => stdout.indexOf(words))
    expect(places.includes(-1)).toBe(false)
    expect(places).toEqual(places.toSorted((a, b) => a - b))
  })
})

const BOT = '@bot:example.org'

/** A homeserver with keys. */
async function withKeys(...people: readonly Person[]) {
  const server = await KeyServer.start(...people)
  const env = {MATRIX_STATE_TOKEN: TOKEN, XDG_CACHE_HOME: dumps.path(`cache-${server.url.split(':').at(-1) ?? ''}`)}
  return {how: {env}, route: ['--homeserver', server.url]}
}

describe('doctor, of encryption', () => {
  const unable = "Unable to decrypt: The sender's device has not sent us the keys for this message."

  test('a user alone: the devices are looked at, and the one that is wrong is the cause', async () => {
    const {how, route} = await withKeys(new Person(BOT).device('ONE').device('TWO', {verified: false}))
    const {code, document} = await doctor([unable, BOT, ...route], how)
    expect(code).toBe(EXIT.findings)
    expect(document.room_id).toBeNull()
    expect(document.symptoms[0]?.symptom).toBe('unable-to-decrypt')
    expect(document.diagnoses.map(({cause}) => cause).join()).toContain('TWO')
    expect(document.diagnoses[0]?.remedies.length).toBeGreaterThan(0)
    expect(JSON.stringify(document)).not.toContain(TOKEN)
  })

  test('a user with nothing wrong: that is said, and no cause is made up', async () => {
    const {how, route} = await withKeys(new Person(BOT).device('ONE'))
    const {document} = await doctor([unable, BOT, ...route], how)
    expect(document.diagnoses).toEqual([])
    expect(document.not_shown).toHaveLength(1)
  })

  test('a room as a file has nothing of devices: that is lacking, and what would tell is named', async () => {
    const room = encryptedRoom().add('hello', secret())
    const file = writeCase(dumps.path('encrypted.case'), room, [{server: 'a.example', at: 'hello'}])
    const {code, document} = await doctor([unable, file, MO])
    expect(code).toBe(EXIT.inconclusive)
    expect(document.diagnoses).toEqual([])
    expect(document.gather.join()).toContain('Nothing of devices is in the evidence')
  })

  test('a case with its devices, of one user: others are told below', async () => {
    const people = [
      new Person(ALICE).device('A'),
      new Person(MO).device('M', {verified: false}),
      new Person(CAROL).device('C', {verified: false}),
    ]
    const {how, route} = await withKeys(...people)
    const room = encryptedRoom().add('hello', secret())
    const file = writeCase(dumps.path('with-devices.case'), room, [{server: 'a.example', at: 'hello'}])
    const audit = await matrixState(['devices', file, ...route, '--settle', '0', '--quiet', '--json'], how)
    expect([EXIT.done, EXIT.findings, EXIT.inconclusive]).toContain(audit.code)
    const {code, document} = await doctor([unable, file, MO])
    expect(code).toBe(EXIT.findings)
    expect(document.diagnoses.map(({cause}) => cause).join()).toContain(MO)
    expect(document.diagnoses.map(({cause}) => cause).join()).not.toContain(CAROL)
  })
})
