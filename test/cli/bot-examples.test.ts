import {mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, statSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import path from 'node:path'
import {afterAll, beforeAll, describe, expect, it} from 'vitest'
import {parse} from 'yaml'
import {BASELINE_KINDS} from '../../src/finding/baseline-kinds.ts'
import {Compose, complaints} from '../examples/compose.ts'
import type {Ended} from '../examples/ended.ts'
import {PASSWORD, stubServer, TOKEN} from '../examples/stub-server.ts'
import type {StubServer} from '../examples/stub-server.ts'
import {matrixState, ROOT} from './program.ts'

const EXAMPLES = path.join(ROOT, 'examples/bot')
const COMPOSE_FILE = path.join(EXAMPLES, 'docker-compose.yml')
const GUIDE = readFileSync(path.join(ROOT, 'docs/bots.md'), 'utf8')
const USER = '@bot:example.org'

const example = (name: string): string => readFileSync(path.join(EXAMPLES, name), 'utf8')
/** The bodies of the guide's blocks in one language. */
const blocks = (language: string): string[] =>
  [...GUIDE.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gmu)].flatMap(([, name, body]) => (name === language ? [body!] : []))
const shellLines = (): string[] => blocks('sh').flatMap((block) => block.replaceAll(/\\\n\s*/gu, '').split('\n'))

describe('docs/bots.md', () => {
  it.each([
    ['docker-compose.yml', 'yaml'],
    ['github-preflight.yml', 'yaml'],
    ['matrix-bot.service', 'ini'],
    ['Dockerfile', 'dockerfile'],
  ])('shows examples/bot/%s as it is', (name, language) => {
    expect(blocks(language)).toContain(example(name))
  })

  it('says of every finding on a baseline what it means', () => {
    for (const id of Object.keys(BASELINE_KINDS)) expect(GUIDE).toContain(`\`${id}\``)
  })
})

describe('the compose file', () => {
  it('has the structure that Compose asks for', () => {
    expect(complaints(example('docker-compose.yml'))).toEqual([])
  })

  it.each([
    ['service_completed_successfully', 'service_ok', 'bot: depends_on has another form'],
    ['- data:/data:ro', '- store:/data:ro', 'matrix-state: a volume that is not declared: store:/data:ro'],
    ['      matrix-state:\n', '      preflight:\n', 'bot depends on no service: preflight'],
    ['secrets: [bot_password]', 'secrets: [password]', 'bot: a secret that is not declared: password'],
    ['interval: 15m', 'interval: often', 'bot: healthcheck has another form'],
    ['restart: unless-stopped', 'restarts: always', 'bot: unknown: restarts'],
  ])('would be found wrong with %j instead of %j', (right, wrong, complaint) => {
    const text = example('docker-compose.yml')
    expect(text).toContain(right)
    expect(complaints(text.replaceAll(right, wrong))).toContain(complaint)
  })
})

describe('the commands of the compose file, one after the other', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'matrix-state-compose-'))
  const volumes = new Map<string, string>()
  let server: StubServer
  let compose: Compose
  const said: string[] = []

  beforeAll(async () => {
    server = await stubServer(USER, 'BOTDEVICE')
    writeFileSync(path.join(folder, 'bot-password'), `${PASSWORD}\n`, {mode: 0o600})
    compose = new Compose(COMPOSE_FILE, {
      programs: {
        'matrix-state': [process.execPath, path.join(ROOT, 'bin/run.js')],
        python: [process.execPath],
      },
      files: {'/opt/bot/bot.py': path.join(ROOT, 'test/examples/stub-bot.ts')},
      volumes,
      env: {BOT_HOMESERVER: server.url, BOT_USER: USER},
      folder,
    })
  })
  afterAll(async () => {
    await server.close()
    rmSync(folder, {recursive: true, force: true})
  })

  const note = (ended: Ended): Ended => {
    said.push(ended.stdout, ended.stderr)
    return ended
  }
  /** A line of the guide, as the shell would do it. */
  const obey = async (line: string): Promise<Ended> => {
    const words = line.replaceAll('https://matrix.example.org', server.url).split(' ').slice(2)
    const [what, ...rest] = words
    if (what === 'up') return note(await compose.up('bot'))
    if (what !== 'run' || rest.shift() !== '--rm') throw new Error(`not done here: ${line}`)
    const deps = rest[0] !== '--no-deps'
    if (!deps) rest.shift()
    const [service = '', ...args] = rest
    return note(await compose.run(service, args, {deps}))
  }
  const guideLine = (start: string): string => {
    const line = shellLines().find((one) => one.startsWith(start))
    if (line === undefined) throw new Error(`docs/bots.md has no line ${start}`)
    return line
  }
  const SET_UP_BOT = 'docker compose run --rm --no-deps bot setup'
  const SET_UP = 'docker compose run --rm matrix-state setup --bot '
  const data = (): string => volumes.get('matrix-bot-data')!

  it('nothing starts where the volumes were not made', async () => {
    expect((await obey(guideLine('docker compose up'))).code).not.toBe(0)
  })

  it('nothing starts before setup: preflight ends with 5 and says what to type', async () => {
    for (const line of shellLines().filter((one) => one.startsWith('docker volume create '))) {
      const name = line.split(' ').at(-1)!
      volumes.set(name, path.join(folder, name))
      mkdirSync(volumes.get(name)!, {mode: 0o700})
    }
    expect([...volumes.keys()]).toEqual(['matrix-bot-data', 'matrix-bot-profiles'])
    const {code, stdout, stderr} = await obey(guideLine('docker compose up'))
    expect(stderr).toContain(`didn't complete successfully: exit 5`)
    expect(stderr).toContain('matrix-state setup')
    expect(code).toBe(1)
    expect(stdout).not.toContain('running')
  })

  it('without --no-deps the bot’s setup would be stopped by preflight', async () => {
    expect((await compose.run('bot', ['setup'])).stderr).toContain('exit 5')
  })

  it('the bot is set up, once', async () => {
    const {code, stderr} = await obey(guideLine(SET_UP_BOT))
    expect(stderr).toBe('')
    expect(code).toBe(0)
    expect((await obey(guideLine(SET_UP_BOT))).code).toBe(6)
  })

  it('matrix-state records it, once, in a file that is its own', async () => {
    const {code, stderr} = await obey(guideLine(SET_UP))
    expect([code, stderr]).toEqual([0, expect.any(String)])
    const profile = path.join(volumes.get('matrix-bot-profiles')!, 'bot.json')
    expect(statSync(profile).mode & 0o777).toBe(0o600)
    const text = readFileSync(profile, 'utf8')
    expect((await obey(guideLine(SET_UP))).code).toBe(6)
    expect(readFileSync(profile, 'utf8')).toBe(text)
  })

  it('the bot starts, and is healthy', async () => {
    const {code, stdout, stderr} = await obey(guideLine('docker compose up'))
    expect([code, stdout, stderr]).toEqual([0, expect.stringContaining('running'), expect.any(String)])
    const health = note(await compose.healthcheck('bot'))
    // That the account has no cross-signing is a warning.
    expect([health.code, health.stdout]).toEqual([0, expect.not.stringContaining('FAILED')])
  })

  it('without its store it does not start, and is not healthy', async () => {
    renameSync(path.join(data(), 'store'), path.join(data(), 'elsewhere'))
    const {code, stdout, stderr} = await obey(guideLine('docker compose up'))
    expect([code, stdout]).toEqual([1, expect.stringContaining('baseline/store-missing')])
    expect(stdout).not.toContain('running')
    expect(stderr).toContain('exit 1')
    expect(note(await compose.healthcheck('bot')).code).toBe(1)
    renameSync(path.join(data(), 'elsewhere'), path.join(data(), 'store'))
    expect((await obey(guideLine('docker compose up'))).code).toBe(0)
  })

  it('the guide’s commands for later work as well', async () => {
    const later = ['docker compose run --rm matrix-state preflight', 'docker compose run --rm matrix-state profile']
    for (const start of later) expect((await obey(guideLine(start))).code).toBe(0)
    const move = guideLine('docker compose run --rm matrix-state setup --modify')
    expect((await obey(move.replace('https://new.example.org', server.url))).code).toBe(0)
  })

  it('only setup of the bot wrote to the server', () => {
    const writes = server.asked.filter((what) => what.startsWith('POST') && !what.endsWith('/keys/query'))
    expect(writes.filter((what) => what.endsWith('/login'))).toHaveLength(1)
    expect(new Set(writes)).toEqual(new Set(['POST /_matrix/client/v3/login', 'POST /_matrix/client/v3/keys/upload']))
  })

  it('no secret was printed', () => {
    for (const secret of [TOKEN, PASSWORD]) expect(said.join('\n')).not.toContain(secret)
  })
})

describe('command lines of the guide, the unit and the job', () => {
  /** Each `matrix-state …` that somebody is told to type, or that a file would run, without what a shell does around it. */
  const commands = (): string[] => {
    const unit = example('matrix-bot.service')
      .split('\n')
      .flatMap((line) => /^Exec\w+=(?:\S*\/)?(matrix-state .*)$/u.exec(line)?.[1] ?? [])
    const job = parse(example('github-preflight.yml')) as {
      jobs: Record<string, {'runs-on': string; steps: {run?: string; uses?: string}[]}>
    }
    const steps = Object.values(job.jobs).flatMap(({steps}) => steps.flatMap(({run}) => run ?? []))
    const told = shellLines().flatMap(
      (line) => /(?:^|(?<=\s)(?<!--rm ))(matrix-state [a-z][^#&|<>]*)/u.exec(line)?.[1] ?? [],
    )
    return [
      ...new Set(
        [...unit, ...steps.filter((step) => step.startsWith('matrix-state ')), ...told].map((one) => one.trim()),
      ),
    ]
  }

  it('are many', () => {
    expect(commands().length).toBeGreaterThan(5)
    expect(commands().join('\n')).toContain('preflight --baseline bot-baseline.json --no-store')
  })

  it.each(commands())('%s', async (command) => {
    const folder = mkdtempSync(path.join(tmpdir(), 'matrix-state-commands-'))
    try {
      const line = command.replaceAll(/https:\/\/[\w.]+/gu, 'http://127.0.0.1:9')
      const env = {MATRIX_STATE_PROFILE_DIR: path.join(folder, 'profiles'), MATRIX_STATE_TOKEN: 'syt_a_b_c'}
      const {code, stderr} = await matrixState(line.split(' ').slice(1), {cwd: folder, env})
      // Nothing of what they need is here, and it is that which stops them, not the command line.
      expect([4, 5], stderr).toContain(code)
    } finally {
      rmSync(folder, {recursive: true, force: true})
    }
  })
})

describe('the systemd unit', () => {
  const sections = new Map<string, [string, string][]>()
  for (const line of example('matrix-bot.service').split('\n')) {
    const [, section] = /^\[(\w+)\]$/u.exec(line) ?? []
    if (section !== undefined) sections.set(section, [])
    else if (line !== '' && !line.startsWith('#')) {
      const [, key = '', value = ''] = /^(\w+)=(.*)$/u.exec(line) ?? []
      ;[...sections.values()].at(-1)!.push([key, value])
    }
  }
  const service = sections.get('Service')!
  const valueOf = (key: string): string | undefined => service.find(([name]) => name === key)?.[1]

  it('has sections of settings only', () => {
    expect([...sections.keys()]).toEqual(['Unit', 'Service', 'Install'])
    for (const settings of sections.values()) for (const [key] of settings) expect(key).toMatch(/^[A-Z]\w+$/u)
  })

  it('runs preflight first, as a user of its own, and can write to one folder that it does not make', () => {
    expect(service.findIndex(([key]) => key === 'ExecStartPre')).toBeLessThan(
      service.findIndex(([key]) => key === 'ExecStart'),
    )
    expect(valueOf('ExecStartPre')).toBe('/usr/local/bin/matrix-state preflight --profile bot')
    expect(valueOf('User')).not.toBe('root')
    expect(valueOf('ReadWritePaths')).toBe('/var/lib/matrix-bot')
    expect(valueOf('StateDirectory')).toBeUndefined()
    for (const [key, value] of service) {
      if (key === 'Environment') expect(value).toMatch(/^\w+=\/var\/lib\/matrix-bot\//u)
    }
  })
})

describe('the GitHub job', () => {
  it('takes the token from a secret, and gives it to preflight alone', () => {
    const {jobs, permissions} = parse(example('github-preflight.yml')) as {
      permissions: unknown
      jobs: Record<string, {steps: {run?: string; env?: Record<string, string>}[]}>
    }
    expect(permissions).toEqual({contents: 'read'})
    const steps = Object.values(jobs).flatMap(({steps}) => steps)
    const withToken = steps.filter(({env}) => env !== undefined)
    expect(withToken).toHaveLength(1)
    expect(withToken[0]!.run).toMatch(/^matrix-state preflight /u)
    expect(withToken[0]!.env).toEqual({MATRIX_STATE_TOKEN: '${{ secrets.BOT_ACCESS_TOKEN }}'})
  })
})
