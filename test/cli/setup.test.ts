import {existsSync, readdirSync, readFileSync, statSync, writeFileSync} from 'node:fs'
import {dirname, join} from 'node:path'
import {describe, expect, test} from 'vitest'
import {html, json, type Reply, silence} from '../sources/client-stub.ts'
import {ADMIN_TOKEN, ALICE, ALICE_TOKEN, LoginServer, PASSWORD} from '../sources/login-server.ts'
import {complaints} from './complaints.ts'
import {holdsSecret, left, profilesFolder, type Running, start} from './setup-server.ts'

const WHOAMI = 'GET /account/whoami'

async function ended(run: Running) {
  return {code: await run.ended, output: run.output()}
}

const profileOf = (folder: string, name = 'default') =>
  JSON.parse(readFileSync(join(folder, `${name}.json`), 'utf8')) as {account: {own_login: boolean; device_id: string}}

describe('in a script', () => {
  test('a password by standard input, everything else by flags and environment; nothing secret is printed', async () => {
    const [server, folder] = [await LoginServer.start(), profilesFolder()]
    const env = {MATRIX_STATE_HOMESERVER: server.url, MATRIX_STATE_ADMIN_TOKEN: ADMIN_TOKEN}
    const run = start(folder, ['--user', ALICE, '--password-file', '-', '--json'], {env, input: `${PASSWORD}\n`})
    const {code, output} = await ended(run)
    expect(code).toBe(0)
    const document = JSON.parse(output) as object
    expect(complaints('setup', document)).toEqual([])
    expect(document).toMatchObject({
      created: true,
      path: join(folder, 'default.json'),
      account: {user_id: ALICE, device_id: 'MADE1', own_login: true},
      admin_token: 'set',
      routes: ['admin', 'client'],
    })
    expect(holdsSecret(output)).toBe(false)
    expect(statSync(join(folder, 'default.json')).mode & 0o777).toBe(0o600)
    expect(server.loggedIn[0]?.name).toMatch(/^matrix-state on \S+ \(profile default\)$/)
  })

  test.each([
    ['a file', ['--token-file', 'token.txt'], {}],
    ['the environment', [], {MATRIX_STATE_TOKEN: ALICE_TOKEN}],
  ])('an access token by %s; the text says what comes next', async (_name, args, env) => {
    const [server, folder] = [await LoginServer.start(), profilesFolder()]
    writeFileSync(join(dirname(folder), 'token.txt'), `${ALICE_TOKEN}\n`)
    const files = args.map((arg) => arg.replace('token.txt', join(dirname(folder), 'token.txt')))
    const {code, output} = await ended(
      start(folder, ['--homeserver', server.url, '--profile', 'work', ...files], {env}),
    )
    expect(code).toBe(0)
    expect(output).toContain(`file        ${join(folder, 'work.json')}, for its owner only (mode 0600)`)
    expect(output).toContain(`${ALICE}, device GIVEN: by the access token that was given`)
    expect(output).toContain("Next: matrix-state resolve '!room:example.org' --profile work\n")
    expect(output).not.toContain('profile remove')
    expect(holdsSecret(output)).toBe(false)
    expect(profileOf(folder, 'work').account.own_login).toBe(false)
  })

  test('--modify shows before and after, and nothing secret', async () => {
    const [server, folder] = [await LoginServer.start(), profilesFolder()]
    const env = {MATRIX_STATE_TOKEN: ALICE_TOKEN}
    await ended(start(folder, ['--homeserver', server.url], {env}))
    const newer = 'syt_given_newer_token_of_alice'
    server.devices.set(newer, {userId: ALICE, deviceId: 'GIVEN', name: ''})
    const token = start(folder, ['--modify', '--token-file', '-'], {input: newer})
    expect(await ended(token)).toEqual({
      code: 0,
      output: expect.stringMatching(/Changed the profile default\.\n\n.*before +now\n +access token +set +replaced\n/),
    })
    const changed = await ended(start(folder, ['--modify', '--json'], {env: {MATRIX_STATE_ADMIN_TOKEN: ADMIN_TOKEN}}))
    expect(complaints('setup', JSON.parse(changed.output))).toEqual([])
    expect(JSON.parse(changed.output)).toMatchObject({
      created: false,
      changes: [{field: 'admin_token', before: 'not set', after: 'set'}],
    })
    server.devices.set(newer, {userId: ALICE, deviceId: 'OTHER', name: ''})
    const other = await ended(start(folder, ['--modify', '--token-file', '-'], {input: newer}))
    expect(other.code).toBe(6)
    expect(other.output).toMatch(
      /^error: what was given is of @alice:example\.org, device OTHER; the profile default is of/,
    )
    for (const {output} of [await ended(token), changed, other]) expect(holdsSecret(output)).toBe(false)
  })

  test('--modify: an address in the environment moves no profile', async () => {
    const [server, other, folder] = [await LoginServer.start(), await LoginServer.start(), profilesFolder()]
    await ended(start(folder, ['--homeserver', server.url], {env: {MATRIX_STATE_TOKEN: ALICE_TOKEN}}))
    const env = {MATRIX_STATE_HOMESERVER: other.url}
    const {code, output} = await ended(start(folder, ['--modify', '--no-admin'], {env}))
    expect(code).toBe(2)
    expect(output).toMatch(/^error: MATRIX_STATE_HOMESERVER is another address than that of the profile default/)
    expect(other.asked).toEqual([])
  })

  test.each([
    ['device ID', {user_id: ALICE, device_id: 'A\u001b[31mB\n'}, 'account.device_id'],
    ['user ID', {user_id: `@${'a'.repeat(10_000)}:example.org`, device_id: 'A'}, 'account.user_id'],
  ])('a server that tells a %s that no profile can hold is at fault, not this program', async (_name, told, field) => {
    const [server, folder] = [await LoginServer.start(), profilesFolder()]
    server.fault(WHOAMI, json(told))
    const env = {MATRIX_STATE_TOKEN: ALICE_TOKEN}
    const {code, output} = await ended(start(folder, ['--homeserver', server.url], {env}))
    expect(code).toBe(4)
    expect(output).toContain(`its field ${field} must be a text of 1 to 8192 characters`)
    expect(output).not.toContain('\u001b')
    expect(left(folder)).toEqual([])
  })

  test('a profile that is there ends with 6, and nothing is asked', async () => {
    const [server, folder] = [await LoginServer.start(), profilesFolder()]
    const env = {MATRIX_STATE_TOKEN: ALICE_TOKEN}
    await ended(start(folder, ['--homeserver', server.url], {env}))
    const asked = server.asked.length
    const {code, output} = await ended(start(folder, ['--homeserver', server.url], {env}))
    expect(code).toBe(6)
    expect(output).toMatch(/there is a profile named default already.*\nhint: .*--modify/)
    expect(server.asked).toHaveLength(asked)
  })

  test('what is missing is named in one error, nothing is asked and nothing left', async () => {
    const folder = profilesFolder()
    const {code, output} = await ended(start(folder, ['--json']))
    expect(code).toBe(2)
    expect(complaints('error', JSON.parse(output))).toEqual([])
    expect(output).toMatch(/--homeserver.*MATRIX_STATE_TOKEN.*--password-file/)
    expect(existsSync(folder)).toBe(false)
  })

  test.each([
    ['that is empty', '', /^error: the admin's token file "-" is empty\nhint: Put the server admin's access token/],
    [
      'of nobody',
      'syt_given_admin_of_nobody',
      /^error: the admin's access token is of no use: .*\nhint: .*--admin-token-file/,
    ],
  ])("an admin's token %s is named as the admin's", async (_name, input, words) => {
    const [server, folder] = [await LoginServer.start(), profilesFolder()]
    const args = ['--homeserver', server.url, '--admin-token-file', '-']
    const {output} = await ended(start(folder, args, {input, env: {MATRIX_STATE_TOKEN: ALICE_TOKEN}}))
    expect(output).toMatch(words)
    expect(holdsSecret(output)).toBe(false)
  })

  test('an empty flag that is no event says nothing of events', async () => {
    const {code, output} = await ended(start(profilesFolder(), ['--profile', '']))
    expect([code, output]).toEqual([2, 'error: --profile is empty\nhint: Was a variable of the shell not set?\n'])
  })

  test('the help says in three lines what goes together', async () => {
    const {output} = await ended(start(profilesFolder(), ['--help']))
    const usage = /USAGE\n([^]*?)\n\n/.exec(output)?.[1] ?? ''
    expect(usage).toContain('$ matrix-state setup --bot [--profile NAME]')
    expect(usage).toContain('$ matrix-state setup --modify [--profile NAME]')
    expect(usage).not.toMatch(/ \]|--no-admin --modify/)
  })

  test.each([
    ['--password', [`--password`, PASSWORD]],
    ['--password=', [`--password=${PASSWORD}`]],
    ['--token', ['--token', ALICE_TOKEN, '--json']],
    ['--access-token', [`--access-token=${ALICE_TOKEN}`]],
    ['--admin-token', ['--admin-token', ADMIN_TOKEN]],
    ['a flag that is not known', [`--pasword=${PASSWORD}`]],
    ['a short flag that is not known', [`-p${PASSWORD}`]],
    ['an argument', [PASSWORD]],
    ['an argument after flags', ['--homeserver', 'example.org', PASSWORD]],
    ['the homeserver', ['--homeserver', `https://alice:${ALICE_TOKEN}@example.org`, '--token-file', '-']],
    ['the database', ['--database', `postgres://synapse:${ALICE_TOKEN}@localhost/synapse`]],
  ])('a secret as the value of %s is refused with 2, and not repeated', async (name, args) => {
    const folder = profilesFolder()
    const {code, output} = await ended(start(folder, args, {input: ALICE_TOKEN}))
    expect(code).toBe(2)
    expect(holdsSecret(output)).toBe(false)
    if (/^--(?:password|token)$/.test(name)) expect(output).toMatch(/is refused: other users see command lines.*-file/s)
    expect(existsSync(folder)).toBe(false)
  })

  test('both a token and a password: what was typed counts; otherwise one must be given', async () => {
    const [server, folder] = [await LoginServer.start(), profilesFolder()]
    const both = {MATRIX_STATE_TOKEN: ALICE_TOKEN, MATRIX_STATE_PASSWORD: PASSWORD}
    const args = ['--homeserver', server.url, '--user', ALICE]
    const neither = await ended(start(folder, args, {env: both}))
    expect(neither.code).toBe(2)
    expect(neither.output).toContain('MATRIX_STATE_TOKEN) and a password (MATRIX_STATE_PASSWORD)')
    const typed = await ended(start(folder, [...args, '--password-file', '-'], {env: both, input: PASSWORD}))
    expect(typed.code).toBe(0)
    expect(profileOf(folder).account.own_login).toBe(true)
    const twice = await ended(start(folder, [...args, '--password-file', '-', '--token-file', '-']))
    expect(twice).toMatchObject({code: 2, output: expect.stringContaining('standard input can be only one of')})
  })

  test.each([
    ['is empty', '', 'is empty'],
    ['has two lines', 'a\nb\n', 'has more than one line'],
  ])('a password file that %s is refused', async (_name, input, words) => {
    const folder = profilesFolder()
    const args = ['--homeserver', 'http://localhost:1', '--user', ALICE, '--password-file', '-']
    expect(await ended(start(folder, args, {input}))).toMatchObject({code: 4, output: expect.stringContaining(words)})
  })

  test('blanks of a password count, the end of its line does not', async () => {
    const [server, folder] = [await LoginServer.start(), profilesFolder()]
    server.passwords.set(ALICE, '  with blanks ')
    const args = ['--homeserver', server.url, '--user', ALICE, '--password-file', '-']
    expect((await ended(start(folder, args, {input: '  with blanks \r\n'}))).code).toBe(0)
  })

  test('a wrong password is tried once, and fails with 4', async () => {
    const [server, folder] = [await LoginServer.start(), profilesFolder()]
    const run = start(folder, ['--homeserver', server.url, '--user', ALICE, '--password-file', '-'], {input: 'no'})
    expect((await ended(run)).code).toBe(4)
    expect(server.words.filter((what) => what === 'POST /login')).toHaveLength(1)
    expect(existsSync(folder)).toBe(false)
  })
})

describe('whatever ends it after the login', () => {
  const args = (server: LoginServer) => ['--homeserver', server.url, '--user', ALICE, '--password-file', '-']

  test.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)(
    '%s while the server is silent: the login is taken back, exit 130, no file, no draft',
    async (signal) => {
      const [server, folder] = [await LoginServer.start(), profilesFolder()]
      server.fault(WHOAMI, silence)
      const asked = server.askedFor(WHOAMI)
      const run = start(folder, args(server), {input: PASSWORD})
      await asked
      expect(server.loggedIn).toHaveLength(1)
      expect(left(folder)).toEqual([expect.stringMatching(/^\.default\..*\.draft$/)])
      expect(holdsSecret(readFileSync(join(folder, left(folder)[0] ?? ''), 'latin1'))).toBe(false)
      run.signal(signal)
      expect(await ended(run)).toEqual({code: 130, output: 'interrupted: nothing was written, and no login is left\n'})
      expect(server.loggedIn).toEqual([])
      expect(existsSync(folder)).toBe(false)
    },
  )

  test('Ctrl-C that comes twice at once, as from a terminal by way of another process, is one', async () => {
    const [server, folder] = [await LoginServer.start(), profilesFolder()]
    server.fault(WHOAMI, silence)
    // The logout takes a moment.
    server.fault('POST /logout', (request, response) => {
      setTimeout(() => {
        server.devices.clear()
        json({})(request, response)
      }, 300)
    })
    const asked = server.askedFor(WHOAMI)
    const run = start(folder, args(server), {input: PASSWORD})
    await asked
    run.signal('SIGINT')
    setTimeout(() => {
      run.signal('SIGINT')
    }, 50)
    expect((await ended(run)).code).toBe(130)
    expect(server.loggedIn).toEqual([])
    expect(existsSync(folder)).toBe(false)
  })

  test('Ctrl-C while the login is on its way: its answer is waited for', async () => {
    const [server, folder] = [await LoginServer.start(), profilesFolder()]
    const asked = new Promise<void>((resolve) => {
      server.fault('POST /login', (request, response) => {
        resolve()
        setTimeout(() => {
          server.logIn(server.asked.at(-1)?.body ?? {})(request, response)
        }, 500)
      })
    })
    const run = start(folder, args(server), {input: PASSWORD})
    await asked
    run.signal('SIGINT')
    expect((await ended(run)).code).toBe(130)
    expect(server.words.at(-1)).toBe('POST /logout')
    expect(server.loggedIn).toEqual([])
  })

  test('Ctrl-C, and the logout is refused: says which device stays, with --quiet, too', async () => {
    const [server, folder] = [await LoginServer.start(), profilesFolder()]
    server.fault(WHOAMI, silence)
    server.fault('POST /logout', html(403))
    const asked = server.askedFor(WHOAMI)
    const run = start(folder, [...args(server), '--quiet'], {input: PASSWORD})
    await asked
    run.signal('SIGINT')
    const {code, output} = await ended(run)
    expect(code).toBe(130)
    expect(output).toMatch(
      /^interrupted: The device MADE1 of @alice:example\.org.*could not be logged out.*\nhint: Log out MADE1/,
    )
    expect(holdsSecret(output)).toBe(false)
  })

  test('of two at once one wins; the other ends with 6 and takes its login back', async () => {
    const [server, folder] = [await LoginServer.start(), profilesFolder()]
    let waiting: (() => void)[] = []
    const together: Reply = (request, response) => {
      waiting.push(() => {
        const device = server.devices.get(request.headers.authorization?.replace('Bearer ', '') ?? '')
        json({user_id: device?.userId, device_id: device?.deviceId})(request, response)
      })
      if (waiting.length < 2) return
      for (const go of waiting) go()
      waiting = []
    }
    server.fault(WHOAMI, together, together)
    const runs = [1, 2].map(() => start(folder, args(server), {input: PASSWORD}))
    const codes = await Promise.all(runs.map((run) => run.ended))
    expect(codes.toSorted()).toEqual([0, 6])
    expect(server.loggedIn.map(({deviceId}) => deviceId)).toEqual([profileOf(folder).account.device_id])
    expect(left(folder)).toEqual(['default.json'])
  })
})

test('while it runs, no process shows anything secret in its command line', async ({skip}) => {
  if (!existsSync('/proc/self/cmdline')) return skip('no /proc')
  const [server, folder] = [await LoginServer.start(), profilesFolder()]
  server.fault(WHOAMI, silence)
  const asked = server.askedFor(WHOAMI)
  const run = start(folder, ['--homeserver', server.url, '--user', ALICE], {env: {MATRIX_STATE_PASSWORD: PASSWORD}})
  await asked
  const lines = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        return [readFileSync(`/proc/${pid}/cmdline`, 'utf8')]
      } catch {
        return []
      }
    })
  expect(lines.some((line) => line.includes(server.url))).toBe(true)
  expect(lines.filter((line) => line.includes(PASSWORD) || line.includes('syt_made'))).toEqual([])
  run.signal('SIGTERM')
  expect(await run.ended).toBe(130)
})
