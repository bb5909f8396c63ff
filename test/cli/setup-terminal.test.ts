import {spawnSync} from 'node:child_process'
import {existsSync, readFileSync} from 'node:fs'
import {join} from 'node:path'
import {describe, expect, test} from 'vitest'
import {silence} from '../sources/client-stub.ts'
import {ADMIN_TOKEN, ALICE, ALICE_TOKEN, LoginServer, PASSWORD} from '../sources/login-server.ts'
import {holdsSecret, left, profilesFolder, setupLine, start, startInShell, startInTerminal} from './setup-server.ts'

/** A terminal of its own: `script` of util-linux. */
const canTest = process.platform === 'linux' && spawnSync('script', ['--version'], {encoding: 'utf8'}).status === 0
const ENTER = '\r'
const CTRL_C = '\u0003'
const CTRL_D = '\u0004'
const DOWN = '\u001B[B'

/** A line that says how setup ended, and whether the terminal shows what is typed again. */
const thenTell = (args: string): string =>
  `${setupLine(args)}; echo "ended with $?"; stty -a | grep -wo -e echo -e -echo`

describe.skipIf(!canTest)('at a terminal', () => {
  test('asks for everything; what is secret is not shown while it is typed, nor afterwards', async () => {
    const [server, folder] = [await LoginServer.start(), profilesFolder()]
    const run = startInTerminal(folder, thenTell(''))
    await run.shows('Homeserver')
    run.type(`${server.url}${ENTER}`)
    await run.shows('An account at')
    run.type(ENTER)
    await run.shows(/\? User/)
    run.type(`alice${ENTER}`)
    await run.shows('Password of alice')
    // By pieces, as it is typed: each is drawn.
    for (const piece of [PASSWORD.slice(0, 10), PASSWORD.slice(10)]) {
      run.type(piece)
      await new Promise((resolve) => setTimeout(resolve, 200))
    }
    // Shows what is typed in other programs' prompts.
    run.type('\u0014')
    await new Promise((resolve) => setTimeout(resolve, 200))
    run.type(ENTER)
    await run.shows("admin's access token")
    run.type(`${ADMIN_TOKEN}${ENTER}`)
    await run.shows('signing key')
    run.type(ENTER)
    await run.shows('database')
    run.type(ENTER)
    await run.shows('ended with 0')
    await run.ended
    expect(run.output()).toContain('Made the profile default.')
    expect(holdsSecret(run.output())).toBe(false)
    expect(run.output()).toMatch(/ended with 0\s+echo/)
    const profile = JSON.parse(readFileSync(join(folder, 'default.json'), 'utf8')) as object
    expect(profile).toMatchObject({account: {user_id: ALICE, own_login: true}, admin_token: ADMIN_TOKEN})
  })

  test('asks again after a wrong password', async () => {
    const [server, folder] = [await LoginServer.start(), profilesFolder()]
    const run = startInTerminal(folder, thenTell(`--homeserver ${server.url} --user alice`))
    await run.shows('Password of alice')
    run.type(`wrong${ENTER}`)
    await run.shows(/does not accept this user[^]*Password of alice \[/)
    run.type(`${PASSWORD}${ENTER}`)
    await run.shows('ended with 0')
    expect(server.loggedIn).toHaveLength(1)
  })

  test.each([
    ['Ctrl-C', CTRL_C],
    ['Ctrl-D', CTRL_D],
  ])('%s in a prompt ends with 130, leaves no file, and a terminal that shows what is typed', async (_name, key) => {
    const [server, folder] = [await LoginServer.start(), profilesFolder()]
    const run = startInTerminal(folder, thenTell(`--homeserver ${server.url} --user alice`))
    await run.shows('Password of alice')
    run.type(key)
    await run.shows(/ended with 130\s+echo/)
    expect(run.output()).toContain('interrupted: nothing was written')
    // The cursor is shown again.
    expect(run.output().lastIndexOf('\u001B[?25h')).toBeGreaterThan(run.output().lastIndexOf('\u001B[?25l'))
    expect(existsSync(folder)).toBe(false)
    expect(server.words).not.toContain('POST /login')
  })

  test('Ctrl-C while the server is silent after the login takes the login back', async () => {
    const [server, folder] = [await LoginServer.start(), profilesFolder()]
    server.fault('GET /account/whoami', silence)
    const asked = server.askedFor('GET /account/whoami')
    const run = startInTerminal(folder, `exec ${setupLine(`--homeserver ${server.url} --user alice`)}`)
    await run.shows('Password of alice')
    run.type(`${PASSWORD}${ENTER}`)
    await asked
    expect(left(folder)).toHaveLength(1)
    run.type(CTRL_C)
    expect(await run.ended).toBe(130)
    expect(run.output()).toContain('interrupted: nothing was written')
    expect(server.loggedIn).toEqual([])
    expect(existsSync(folder)).toBe(false)
  })

  test.each([
    ['in a prompt', "admin's access token", null],
    ['while the server is silent', 'the server is silent', 'GET /account/whoami'],
  ])('a terminal that goes away %s takes the login back, and leaves no file', async (_name, shown, silentAt) => {
    const [server, folder] = [await LoginServer.start(), profilesFolder()]
    if (silentAt !== null) server.fault(silentAt, silence)
    const asked = silentAt === null ? null : server.askedFor(silentAt)
    const run = startInTerminal(folder, `exec ${setupLine('')}`)
    await run.shows('Homeserver')
    run.type(`${server.url}${ENTER}`)
    await run.shows('An account at')
    run.type(ENTER)
    await run.shows(/\? User/)
    run.type(`alice${ENTER}`)
    await run.shows('Password of alice')
    run.type(`${PASSWORD}${ENTER}`)
    await (asked ?? run.shows(shown))
    expect(server.words).toContain('POST /login')
    expect(left(folder)).toHaveLength(1)
    // The terminal itself: whoever was in it hears SIGHUP, and can neither read, write nor set it any more.
    run.signal('SIGKILL')
    await expect.poll(() => left(folder), {timeout: 10_000}).toEqual([])
    expect(server.loggedIn).toEqual([])
    expect(existsSync(folder)).toBe(false)
  })

  test('--modify without more asks what is to change', async () => {
    const [server, folder] = [await LoginServer.start(), profilesFolder()]
    await start(folder, ['--homeserver', server.url], {env: {MATRIX_STATE_TOKEN: ALICE_TOKEN}}).ended
    const newer = 'syt_given_newer_token_of_alice'
    server.devices.set(newer, {userId: ALICE, deviceId: 'GIVEN', name: ''})
    const run = startInTerminal(folder, thenTell('--modify'))
    await run.shows('What is to change?')
    run.type(DOWN)
    await run.shows(/❯ access token/)
    run.type(ENTER)
    await run.shows('Access token')
    run.type(`${newer}${ENTER}`)
    await run.shows(/access token +set +replaced[^]*ended with 0/)
    expect(holdsSecret(run.output())).toBe(false)
  })

  test('standard input that is the terminal is not read for a password: it would be shown', async () => {
    const folder = profilesFolder()
    const run = startInTerminal(folder, thenTell('--homeserver http://localhost:1 --user alice --password-file -'))
    await run.shows('ended with 2')
    expect(run.output()).toContain('it would be shown')
  })
})

test.skipIf(process.platform === 'win32')('a full disk shows before anything is asked', async () => {
  const [server, folder] = [await LoginServer.start(), profilesFolder()]
  // Files may have 8 blocks of 512 or 1,024 bytes: less than is reserved for a profile.
  const line = `ulimit -f 8; exec ${setupLine(`--homeserver ${server.url} --user ${ALICE} --password-file -`)}`
  const run = startInShell(folder, line, PASSWORD)
  expect(await run.ended).toBe(4)
  expect(run.output()).toMatch(/^error: could not write .*\n/)
  expect(server.asked).toEqual([])
  expect(existsSync(folder)).toBe(false)
})
