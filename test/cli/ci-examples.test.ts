/** The jobs in `examples/ci/`, the `Containerfile` and what `docs/ci.md` tells to type, as far as that goes without the services. */
import {spawnSync} from 'node:child_process'
import {cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync} from 'node:fs'
import path from 'node:path'
import {describe, expect, test} from 'vitest'
import {parse} from 'yaml'
import {FORMAT_NAMES} from '../../src/cli/check-formats.ts'
import {EXIT} from '../../src/cli/exit-codes.ts'
import {readDockerfile} from '../examples/dockerfile.ts'
import {complaintsAboutGitlab} from '../examples/gitlab-schema.ts'
import {interpolate, jobsOf, readAction, readWorkflow, runAction, runScript} from '../examples/workflow.ts'
import {ROOM, StubHomeserver, TOKEN} from '../sources/client-stub.ts'
import {realRoom, roomIdOf, sqliteOf} from '../sources/synapse-database.ts'
import {complaints} from './complaints.ts'
import {blocksOf, COOKBOOK_UPDATE, firstDifference, GAP, rewritten, run} from './cookbook.ts'
import {matrixState, ROOT} from './program.ts'
import {BROKEN, CI_EXAMPLES, CLEAN, Workspaces} from './workspaces.ts'

const GUIDE_FILE = path.join(ROOT, 'docs/ci.md')
const workspaces = new Workspaces()
const example = (name: string): string => readFileSync(path.join(CI_EXAMPLES, name), 'utf8')
const action = readFileSync(path.join(ROOT, 'action.yml'), 'utf8')
const guide = (): string => readFileSync(GUIDE_FILE, 'utf8')

describe('docs/ci.md', () => {
  test.each([...readdirSync(CI_EXAMPLES), '../../Containerfile'])('shows %s as it is', (name) => {
    const shown = [...guide().matchAll(/^```\w+\n([\s\S]*?)^```$/gmu)].map(([, body]) => body)
    expect(shown).toContain(example(name))
  })

  test('tells every exit code of check, every format, and every input of the action', () => {
    for (const code of [EXIT.done, EXIT.findings, EXIT.inconclusive, EXIT.failed]) {
      expect(guide()).toMatch(new RegExp(`^\\| \`\\w+\` .*\\| +${String(code)} \\|`, 'mu'))
    }
    for (const name of [...FORMAT_NAMES, ...Object.keys(readAction(action).inputs)]) {
      expect(guide()).toContain(`\`${name}\``)
    }
  })

  test('shows what the program prints', async () => {
    const folder = workspaces.make('shown')
    if (COOKBOOK_UPDATE) writeFileSync(GUIDE_FILE, await rewritten(guide(), workspaces.make('update')))
    const recipes = blocksOf(guide()).flatMap((block) => block.recipes)
    expect(recipes.length).toBeGreaterThan(3)
    // One after the other: a baseline is made, and then held against.
    for (const recipe of recipes) {
      const {code, lines} = await run(recipe, folder)
      expect([recipe.command, firstDifference(recipe.shown, lines), code]).toEqual([
        recipe.command,
        null,
        recipe.exitCode,
      ])
      expect(recipe.shown.filter((line) => line !== GAP).length).toBeGreaterThan(0)
    }
  })
})

/** A database as a Synapse makes it stands where a job has the address of one. */
const DATABASE = /postgres:\/\/matrix_state@[\w.]+\/synapse/u

describe('the GitHub jobs', () => {
  const stepOf = (steps: ReturnType<typeof jobsOf>[number]['steps']) =>
    steps.find(({uses}) => uses?.startsWith('OWNER/matrix-state@') === true)!

  test('some rooms: asked with the secret’s token, which is printed nowhere', async () => {
    const server = await StubHomeserver.start()
    const [job] = jobsOf(readWorkflow(example('github-rooms.yml')))
    const step = stepOf(job!.steps)
    const inputs = Object.fromEntries(
      Object.entries(step.with!).map(([name, value]) => [
        name,
        interpolate(value, {'secrets.MATRIX_STATE_TOKEN': TOKEN})
          .replaceAll('!id:example.org', ROOM)
          .replaceAll('https://matrix.example.org', server.url),
      ]),
    )
    const folder = workspaces.make('rooms')
    writeFileSync(
      path.join(folder, 'matrix-baseline.json'),
      '{"schema": "matrix-state/check-baseline/1", "entries": []}',
    )
    const {code, stdout, stderr, summary} = await runAction(ROOT, inputs, {
      workspace: folder,
      env: workspaces.environment(),
    })
    expect([EXIT.findings, EXIT.failed], stderr).toContain(code)
    expect(server.asked.some(({path: asked}) => asked.includes(encodeURIComponent(ROOM)))).toBe(true)
    expect(server.count('directory')).toBeGreaterThan(0)
    expect(new Set(server.asked.map(({authorization}) => authorization))).toContain(`Bearer ${TOKEN}`)
    const sarif = readFileSync(path.join(folder, 'matrix-state.sarif'), 'utf8')
    for (const said of [stdout, stderr, summary, sarif]) expect(said).not.toContain(TOKEN)
    expect(summary).toContain(`\`${ROOM}\``)
  })

  test('a server in four jobs: each room is in one of them, and a report of each is there', async () => {
    const content = realRoom()
    const {file} = sqliteOf(content)
    const jobs = jobsOf(readWorkflow(example('github-server.yml')))
    expect(jobs).toHaveLength(4)
    const folder = workspaces.make('server')
    writeFileSync(
      path.join(folder, 'matrix-baseline.json'),
      '{"schema": "matrix-state/check-baseline/1", "entries": []}',
    )
    const found: string[] = []
    for (const {names, steps} of jobs) {
      const inputs = Object.fromEntries(
        Object.entries(stepOf(steps).with!).map(([name, value]) => [
          name,
          interpolate(value, {...names, 'secrets.MATRIX_STATE_DATABASE_PASSWORD': 'pa$$ `word`'})
            .replace(DATABASE, `sqlite:${file}`)
            .replace('/var/lib/matrix-state', folder),
        ]),
      )
      const {code, stdout, stderr} = await runAction(ROOT, inputs, {workspace: folder, env: workspaces.environment()})
      expect([code, stderr]).toEqual([0, ''])
      expect(stdout).not.toContain('word')
      const report = JSON.parse(readFileSync(path.join(folder, inputs['json']!), 'utf8')) as {rooms: {room: string}[]}
      found.push(...report.rooms.map(({room}) => room))
      expect(existsSync(path.join(folder, `check-${names['matrix.shard']!}.ndjson`))).toBe(true)
    }
    expect(found).toEqual([roomIdOf(content)])
  })

  test('dumps of a repository: a list is made, and a warning is enough to fail', async () => {
    const [job] = jobsOf(readWorkflow(example('github-dumps.yml')))
    const [, list, step] = job!.steps
    const folder = workspaces.make('dumps')
    mkdirSync(path.join(folder, 'rooms/deep'), {recursive: true})
    cpSync(path.join(folder, CLEAN), path.join(folder, 'rooms/deep/clean.ndjson'))
    const go = async () => {
      const listed = await runScript(list!.run!, {workspace: folder, env: workspaces.environment()})
      expect([listed.code, listed.stderr]).toEqual([0, ''])
      return runAction(ROOT, step!.with!, {workspace: folder, env: workspaces.environment()})
    }
    expect((await go()).code).toBe(0)
    cpSync(path.join(folder, 'examples/duplicate-auth-events.ndjson'), path.join(folder, 'rooms/wedged.ndjson'))
    const {code, stdout} = await go()
    expect(code).toBe(1)
    expect(stdout).toMatch(/^::warning file=rooms\/wedged\.ndjson,.*room\/wedged-member/mu)
    expect(readFileSync(path.join(folder, 'junit.xml'), 'utf8')).toContain('rooms/wedged.ndjson')
  })
})

describe('the GitLab job', () => {
  interface GitlabJob {
    readonly image: {readonly name: string; readonly entrypoint: readonly string[]}
    readonly parallel: number
    readonly script: readonly string[]
    readonly artifacts: {readonly when: string; readonly reports: {readonly junit: string}}
    readonly allow_failure: {readonly exit_codes: readonly number[]}
  }
  const jobs = parse(example('gitlab-ci.yml')) as Record<string, GitlabJob>

  test('is valid by the schema of GitLab', () => {
    expect(complaintsAboutGitlab(example('gitlab-ci.yml'))).toEqual([])
  })

  test.each([
    ['parallel: 4', 'paralel: 4', "'paralel' property is not expected"],
    ['when: always', 'when: allways', 'artifacts'],
    ['exit_codes: [3]', 'exit_codes: three', 'allow_failure'],
    ['expire_in:', 'expires_in:', "'expires_in' property is not expected"],
    ['  script:', '  scripts:', 'must have script specified'],
  ])('would be found wrong with %j as %j', (right, wrong, complaint) => {
    expect(example('gitlab-ci.yml')).toContain(right)
    expect(complaintsAboutGitlab(example('gitlab-ci.yml').replace(right, wrong)).join('\n')).toContain(complaint)
  })

  test('is one job, which nothing but a schedule starts, and which may warn when it is inconclusive', () => {
    expect(Object.keys(jobs)).toEqual(['matrix-rooms'])
    const job = jobs['matrix-rooms']!
    expect(job).toMatchObject({rules: [{if: '$CI_PIPELINE_SOURCE == "schedule"'}], artifacts: {when: 'always'}})
    expect(job.allow_failure.exit_codes).toEqual([EXIT.inconclusive])
    // Else the image's entry point would be given the shell of GitLab as a command.
    expect(job.image.entrypoint).toEqual([''])
  })

  test('its script checks each room in one of its parts, and makes the report that it names', async () => {
    const {script, parallel, artifacts} = jobs['matrix-rooms']!
    const content = realRoom()
    const {file} = sqliteOf(content)
    const folder = workspaces.make('gitlab')
    writeFileSync(
      path.join(folder, 'matrix-baseline.json'),
      '{"schema": "matrix-state/check-baseline/1", "entries": []}',
    )
    let rooms = 0
    for (let index = 1; index <= parallel; index += 1) {
      const env = workspaces.environment({CI_NODE_INDEX: String(index), CI_NODE_TOTAL: String(parallel)})
      const line = script.join('\n').replace(DATABASE, `sqlite:${file}`)
      const {code, stdout, stderr} = await runScript(line, {workspace: folder, env})
      expect([code, stderr]).toEqual([0, ''])
      rooms += Number(/^(\d+) rooms? in /mu.exec(stdout)?.[1])
      expect(readFileSync(path.join(folder, artifacts.reports.junit), 'utf8')).toContain('<testsuites>')
    }
    expect(rooms).toBe(1)
  })
})

describe('each night', () => {
  const CONFIG = '/etc/matrix-state/matrix-state.config.json'

  /** The config file, with its folder and its server where they are here. */
  function configIn(folder: string, change: (check: Record<string, unknown>) => object = (check) => check): string {
    const {file} = sqliteOf(realRoom())
    const text = example('matrix-state.config.json')
      .replaceAll('/var/lib/matrix-state', folder)
      .replace(DATABASE, `sqlite:${file}`)
    const config = JSON.parse(text) as {check: Record<string, unknown>}
    const target = path.join(folder, 'matrix-state.config.json')
    writeFileSync(target, JSON.stringify({...config, check: change(config.check)}))
    return target
  }

  test('the config file is valid', () => {
    expect(complaints('config', JSON.parse(example('matrix-state.config.json')))).toEqual([])
  })

  test('the unit’s command line: without its baseline it fails; with it, it checks and leaves a report', async () => {
    const folder = workspaces.make('unit')
    const config = configIn(folder)
    const [, line = ''] =
      /^ExecStart=\/usr\/local\/bin\/matrix-state (.*)$/mu.exec(example('matrix-check.service')) ?? []
    const words = line.split(' ').map((word) => (word === CONFIG ? config : word))
    expect((await matrixState(words)).code).toBe(EXIT.profileAbsent)
    expect((await matrixState([...words, '--update-baseline'])).code).toBe(0)
    const {code, stdout} = await matrixState(words)
    expect(code).toBe(0)
    expect(stdout).toMatch(/^1 room in .*: 1 clean$/mu)
    expect(complaints('check', JSON.parse(readFileSync(path.join(folder, 'check.json'), 'utf8')))).toEqual([])
  })

  test('the units are what systemd takes', () => {
    const folder = workspaces.path('units')
    mkdirSync(folder)
    for (const name of ['matrix-check.service', 'matrix-check.timer']) {
      const text = example(name)
      for (const line of text.split('\n'))
        expect(line).toMatch(/^$|^#|^\[(Unit|Service|Timer|Install)\]$|^[A-Z]\w+=(?:\S|$)/u)
      writeFileSync(path.join(folder, name), text.replace('/usr/local/bin/matrix-state', process.execPath))
    }
    const verify = (): string => {
      const files = readdirSync(folder).map((name) => path.join(folder, name))
      const {error, status, stderr} = spawnSync('systemd-analyze', ['verify', ...files], {encoding: 'utf8'})
      // Where there is no systemd, its form is all that is looked at.
      return error === undefined && status !== null ? stderr : ''
    }
    expect(verify()).toBe('')
  })

  test('cron’s script prints nothing where all is well, and all where it is not', async () => {
    const folder = workspaces.make('cron')
    const go = (config: string) =>
      runScript(example('matrix-nightly').replace(CONFIG, config), {workspace: folder, env: workspaces.environment()})
    const config = configIn(folder, ({baseline: _, ...check}) => check)
    expect(await go(config)).toEqual({code: 0, stdout: '', stderr: ''})
    const broken = configIn(folder, ({reports}) => ({rooms: [path.join(folder, BROKEN)], reports}))
    const {code, stdout, stderr} = await go(broken)
    expect([code, stderr]).toEqual([1, ''])
    expect(stdout).toContain('state/reset')
    expect(stdout).toMatch(/\nmatrix-state check ended with 1\n$/u)
    const wrong = await go(path.join(folder, 'nowhere.json'))
    expect([wrong.code, wrong.stdout]).toEqual([4, expect.stringContaining('nowhere.json')])
  })

  test('cron’s line has five fields, a user, and a script without the % that cron would cut at', () => {
    const lines = example('crontab')
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#') && !/^\w+=/u.test(line))
    expect(lines).toHaveLength(1)
    expect(lines[0]).toMatch(/^(?:[\d*/,-]+ ){5}matrix-state flock .* matrix-nightly$/u)
    expect(lines[0]).not.toContain('%')
  })
})

describe('the Containerfile', () => {
  const text = readFileSync(path.join(ROOT, 'Containerfile'), 'utf8')

  test('makes the program of package.json the entry point of an image that does not run as root', () => {
    const stages = readDockerfile(text, ROOT)
    expect([...stages.keys()]).toEqual(['build', 'matrix-state'])
    const {entrypoint, user} = stages.get('matrix-state')!
    const {bin, files} = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8')) as {
      bin: Record<string, string>
      files: string[]
    }
    expect([entrypoint, user]).toEqual([Object.keys(bin), '1000:1000'])
    expect(files).toContain('schemas')
    const bot = readFileSync(path.join(ROOT, 'examples/bot/Dockerfile'), 'utf8')
    const build = /RUN npm ci[^]*?\n\n/u.exec(text)?.[0]
    expect(bot).toContain(build)
  })

  test('leaves out of its context what a bot’s image leaves out', () => {
    expect(readFileSync(path.join(ROOT, '.dockerignore'), 'utf8')).toBe(
      readFileSync(path.join(ROOT, 'examples/bot/Dockerfile.dockerignore'), 'utf8'),
    )
  })
})

describe('what docs/ci.md tells to type', () => {
  const lines = (): string[] =>
    [...guide().matchAll(/^```sh\n([\s\S]*?)^```$/gmu)].flatMap(([, body = '']) => body.split('\n'))
  const commands = (): string[] => [
    ...new Set(lines().flatMap((line) => /(?:^|\s)(matrix-state check [^#&|<>;]*)/u.exec(line)?.[1]?.trim() ?? [])),
  ]

  test('is a lot', () => {
    expect(commands().length).toBeGreaterThan(4)
  })

  test.each(commands())('%s', async (command) => {
    const folder = workspaces.make(`typed ${String(commands().indexOf(command))}`)
    const {file} = sqliteOf(realRoom())
    const config = example('matrix-state.config.json').replaceAll('/var/lib/matrix-state', folder)
    writeFileSync(path.join(folder, 'config.json'), config.replace(DATABASE, `sqlite:${file}`))
    writeFileSync(path.join(folder, 'rooms.txt'), `${CLEAN}\n${path.join(ROOT, BROKEN)}\n`)
    cpSync(path.join(folder, CLEAN), path.join(folder, 'room.ndjson'))
    if (/--baseline \S+$/u.test(command))
      await matrixState([...command.split(' ').slice(1), '--update-baseline'], {cwd: folder})
    const line = command
      .replace(DATABASE, `sqlite:${file}`)
      .replace('/etc/matrix-state/matrix-state.config.json', 'config.json')
    const {code, stderr} = await matrixState(line.split(' ').slice(1), {cwd: folder})
    expect([code, stderr]).toEqual([0, ''])
  })
})
