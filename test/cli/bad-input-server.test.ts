import {createServer, type AddressInfo} from 'node:net'
import {describe, expect, test} from 'vitest'
import {
  cutInTheBody,
  hangUp,
  html,
  page,
  refusal,
  type Reply,
  ROOM,
  state,
  StubHomeserver,
  sync,
  TOKEN,
} from '../sources/client-stub.ts'
import {publicRoom, topic} from '../rules/build.ts'
import {Dumps, linesOf} from './dumps.ts'
import {type Ended, matrixState} from './program.ts'

const dumps = new Dumps()
const SOON = {'retry-after': '0'}

/** Answers of a homeserver, and what its user is told. */
async function ask(
  server: StubHomeserver,
  args: readonly string[] = [],
  env: Record<string, string> = {},
): Promise<Ended> {
  const ended = await matrixState(['resolve', ROOM, '--homeserver', server.url, ...args], {
    env: {MATRIX_STATE_TOKEN: TOKEN, ...env},
  })
  expect(ended.stdout + ended.stderr).not.toContain(TOKEN)
  return ended
}

/** A room of version 1, where IDs do not depend on names; hashes of contents do, and are wrong now. */
const lines = linesOf(publicRoom('1').add('topic', topic())).map((line) => line.replaceAll('a.example', 'example.org'))
const slots = lines.map((line) => {
  const {type, state_key, event_id} = JSON.parse(line) as Record<'type' | 'state_key' | 'event_id', string>
  return [type, state_key, event_id] as const
})

/** A homeserver that has the room, once it has given the other replies. */
async function serverWithRoom(first: readonly Reply[] = []): Promise<StubHomeserver> {
  const server = await StubHomeserver.start()
  const often = (reply: Reply): Reply[] => Array.from({length: 9}, () => reply)
  server.next('sync', ...often(sync(lines, [])))
  server.next('state', ...often(state(...slots)))
  return server.next('messages', ...first, ...often(page(lines.toReversed())))
}

function expectOneMessage({code, stdout, stderr}: Ended, message: RegExp): void {
  expect({code, stdout}).toEqual({code: 4, stdout: ''})
  expect(stderr).toMatch(/^error: [^\n]+\nhint: [^\n]+\n$/)
  expect(stderr).toMatch(message)
}

describe('a server that does not give the room', () => {
  test.each<[string, 'whoami' | 'state' | 'sync', Reply, RegExp]>([
    [
      'a wrong token',
      'whoami',
      refusal(401, 'M_UNKNOWN_TOKEN', 'Invalid access token'),
      /does not accept the access token.*M_UNKNOWN_TOKEN.*\nhint: It may be mistyped/,
    ],
    [
      'a room the user is not in',
      'state',
      refusal(403, 'M_FORBIDDEN', 'User not in room'),
      /^error: @alice:example\.org may not read !room:example\.org: most likely it is not in the room .*\nhint: Join with/,
    ],
    [
      'a server that answers HTML',
      'whoami',
      html(200),
      /text\/html, not as the Matrix client API does.*\nhint: Check --homeserver/,
    ],
    ['a proxy that answers HTML', 'whoami', html(404), /answered 404 with text\/html/],
  ])('%s', async (_, endpoint, reply, message) => {
    const server = await StubHomeserver.start()
    server.next(endpoint, ...Array.from({length: 20}, () => reply))
    expectOneMessage(await ask(server), message)
  })

  test('its words obey nobody', async () => {
    const server = await StubHomeserver.start()
    server.next('whoami', refusal(403, 'M_FORBIDDEN', 'a\u001b[31mb\u202ec\n\nd'))
    const {code, stderr} = await ask(server)
    expect(code).toBe(4)
    expect(stderr).not.toMatch(/[\u001b\u202e]/)
    expect(stderr.trimEnd().split('\n')).toHaveLength(2)
  })

  test('nobody listens', async () => {
    const gone = createServer()
    await new Promise<void>((resolve) => gone.listen(0, 'localhost', resolve))
    const {port} = gone.address() as AddressInfo
    await new Promise((resolve) => gone.close(resolve))
    const args = ['resolve', ROOM, '--homeserver', `http://localhost:${String(port)}`]
    const ended = await matrixState(args, {env: {MATRIX_STATE_TOKEN: TOKEN}})
    expectOneMessage(ended, /^error: Nothing accepts connections at localhost:\d+\. .*\nhint: Check the port/)
    expect(ended.stderr).not.toContain(TOKEN)
  })
})

describe('a server that hesitates', () => {
  test('429 with Retry-After: it is waited, then all is well', async () => {
    const server = await serverWithRoom()
    server.next('whoami', refusal(429, 'M_LIMIT_EXCEEDED', 'Too many', SOON))
    const {code, stdout} = await ask(server)
    expect(server.count('whoami')).toBe(2)
    expect(code).toBe(0)
    expect(stdout).toMatch(/example\.org reports the same current state/)
  })

  test('a connection that is cut in the middle, or closed: it asks again', async () => {
    const server = await serverWithRoom([cutInTheBody, hangUp])
    const {code} = await ask(server)
    expect(server.count('messages')).toBeGreaterThanOrEqual(3)
    expect(code).toBe(0)
  })
})

describe('credentials', () => {
  test('none: it says where one is looked for, and asks nobody', async () => {
    const server = await StubHomeserver.start()
    expectOneMessage(
      await ask(server, [], {MATRIX_STATE_TOKEN: ''}),
      /can be asked only with an access token\nhint: Set MATRIX_STATE_TOKEN .*, or name files/,
    )
    expect(server.asked).toEqual([])
  })

  test('a token file that is absent, or empty', async () => {
    const server = await StubHomeserver.start()
    expectOneMessage(
      await ask(server, ['--token-file', dumps.path('nowhere')]),
      /token file ".*nowhere" cannot be read: there is no such file/,
    )
    expectOneMessage(
      await ask(server, ['--token-file', dumps.write('empty', ' \n')]),
      /token file ".*empty" is empty\nhint: Put the access token into it/,
    )
    expect(server.asked).toEqual([])
  })

  test('a token file is read without its line feed, and shown nowhere', async () => {
    const server = await StubHomeserver.start()
    await ask(server, ['--token-file', dumps.write('token', `${TOKEN}\n`), '--json'], {MATRIX_STATE_TOKEN: 'wrong'})
    expect(server.asked.find(({path}) => path.endsWith('/whoami'))?.authorization).toBe(`Bearer ${TOKEN}`)
  })

  test('a password in the address is refused before any token is asked for', async () => {
    const ended = await matrixState(['resolve', ROOM, '--homeserver', 'http://me:hunter2@localhost:9'], {
      env: {MATRIX_STATE_TOKEN: ''},
    })
    expect(ended.code).toBe(2)
    expect(ended.stderr).toMatch(/^error: The homeserver URL for localhost:9 holds a user name or a password/)
    expect(ended.stderr).not.toContain('hunter2')
  })
})

describe('a server that gives the room', () => {
  test('what it cannot show is named, and is no gap', async () => {
    const {code, stdout} = await ask(await serverWithRoom(), ['--json'])
    expect(code).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({
      complete: true,
      unknowable: expect.arrayContaining([expect.stringContaining('soft-failed')]) as string[],
      summary: {divergences: {'example.org': 0}},
    })
  })

  test('another state than its events give is a divergence', async () => {
    const server = await serverWithRoom()
    server.next('state', ...Array.from({length: 9}, () => state(...slots.slice(0, -1))))
    const {code, stdout} = await ask(server, ['--json', '--fail-on', 'warning'])
    const {findings} = JSON.parse(stdout) as {findings: readonly {id: string; subject: object; certainty: string}[]}
    expect(code).toBe(1)
    expect(findings.filter(({id}) => id === 'state/divergence')).toMatchObject([
      {certainty: 'strong', subject: {kind: 'slot', type: 'm.room.topic', state_key: ''}},
    ])
  })

  test('a hole in what it shows makes the answer inconclusive', async () => {
    const server = await serverWithRoom()
    server.next(
      'messages',
      ...Array.from({length: 9}, () => page(lines.toReversed().filter((_, index) => index !== 1))),
    )
    server.next('sync', ...Array.from({length: 9}, () => sync(lines.slice(0, 2), [])))
    const {code, stdout} = await ask(server, ['--json'])
    expect(code).toBe(3)
    expect(JSON.parse(stdout)).toMatchObject({complete: false, summary: {missing: 1}})
  })
})
