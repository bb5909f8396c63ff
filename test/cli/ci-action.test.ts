/** `action.yml` and the GitHub workflows in `examples/ci/`, as far as that goes without GitHub. */
import {chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync} from 'node:fs'
import path from 'node:path'
import {describe, expect, test} from 'vitest'
import {EXIT} from '../../src/cli/exit-codes.ts'
import {complaintsAboutAction, complaintsAboutWorkflow} from '../examples/github-parsers.ts'
import {readAction, readWorkflow, runAction} from '../examples/workflow.ts'
import {TOKEN} from '../sources/client-stub.ts'
import {complaints} from './complaints.ts'
import {matrixState, ROOT} from './program.ts'
import {BROKEN, CI_EXAMPLES, CLEAN, Workspaces} from './workspaces.ts'

const workspaces = new Workspaces()
const example = (name: string): string => readFileSync(path.join(CI_EXAMPLES, name), 'utf8')
const action = readFileSync(path.join(ROOT, 'action.yml'), 'utf8')
const WORKFLOWS = readdirSync(CI_EXAMPLES).filter((name) => name.startsWith('github-'))

describe('workflows and the action, by the parsers of GitHub and actionlint', () => {
  test.each(WORKFLOWS)('nothing is wrong with %s', async (name) => {
    expect(await complaintsAboutWorkflow(example(name))).toEqual([])
  })

  test.each([
    ['github-rooms.yml', "cron: '43 3 * * *'", "cron: '43 30 * * *'", 'CRON'],
    ['github-rooms.yml', 'runs-on:', 'run-on:', "Unexpected value 'run-on'"],
    ['github-rooms.yml', 'secrets.', 'secret.', "Unrecognized named-value: 'secret'"],
    ['github-rooms.yml', 'contents: read', 'contents: reed', "Unexpected value 'reed'"],
    ['github-rooms.yml', 'cancelled()', 'canceled()', "Unrecognized function: 'canceled'"],
    ['github-server.yml', 'matrix.shard', 'matrix.part', 'property "part" is not defined'],
    ['github-server.yml', 'fail-fast: false', 'fail-fast: maybe', "Unexpected value 'maybe'"],
    ['github-server.yml', 'actions/checkout@v6', 'actions/checkout', 'ref is missing'],
    ['github-dumps.yml', '- run: find rooms', '- run: find ${{ github.head_ref }}', 'potentially untrusted'],
    ['github-dumps.yml', 'pull_request', 'pull_requests', 'pull_requests'],
  ])('%s would be found wrong with %j as %j', async (name, right, wrong, complaint) => {
    expect(example(name)).toContain(right)
    expect((await complaintsAboutWorkflow(example(name).replaceAll(right, wrong))).join('\n')).toContain(complaint)
  })

  test('nothing is wrong with action.yml', () => {
    expect(complaintsAboutAction(action)).toEqual([])
  })

  test.each([
    ['using: composite', 'using: composit', "Unexpected value 'composit'"],
    ['      shell: bash\n', '', 'Required property is missing: shell'],
    ['inputs.rooms }}', 'input.rooms }}', "Unrecognized named-value: 'input'"],
    ['inputs.token }}', 'secrets.token }}', "Unrecognized named-value: 'secrets'"],
    ['description: >-', 'descriptions: >-', 'descriptions'],
  ])('it would be found wrong with %j as %j', (right, wrong, complaint) => {
    expect(action).toContain(right)
    expect(complaintsAboutAction(action.replaceAll(right, wrong)).join('\n')).toContain(complaint)
  })

  test('workflows give the action inputs that it has, take secrets by input alone, and may write nothing but SARIF', () => {
    const {inputs} = readAction(action)
    for (const name of WORKFLOWS) {
      const workflow = readWorkflow(example(name))
      const {contents, 'security-events': sarif, ...others} = workflow.permissions
      expect([contents, others]).toEqual(['read', {}])
      const uses = Object.values(workflow.jobs).flatMap(({steps}) => steps)
      expect(sarif === 'write').toBe(uses.some((step) => step.uses?.includes('/upload-sarif@') === true))
      for (const step of uses) {
        expect(JSON.stringify([step.run, step.env])).not.toContain('${{')
        if (step.uses?.includes('/matrix-state@') !== true) expect(JSON.stringify(step)).not.toContain('secrets.')
        else expect(Object.keys(inputs)).toEqual(expect.arrayContaining(Object.keys(step.with ?? {})))
      }
      expect(workflow).not.toHaveProperty('env')
    }
  })

  test('each input of the action goes to one step only, as a variable', () => {
    const {inputs, runs} = readAction(action)
    const [install, check] = runs.steps
    expect(install?.env).toBeUndefined()
    const given = Object.values(check?.env ?? {}).map((value) => /^\$\{\{ inputs\.([\w-]+) \}\}$/u.exec(value)?.[1])
    expect(given.toSorted()).toEqual(Object.keys(inputs).toSorted())
    for (const {run} of runs.steps) expect(run).not.toContain('${{')
  })
})

describe('the action', () => {
  const act = (folder: string, inputs: Readonly<Record<string, string>>, more: NodeJS.ProcessEnv = {}) =>
    runAction(ROOT, inputs, {workspace: folder, env: workspaces.environment(more)})

  test('passes when all rooms are clean', async () => {
    const {code, stdout, summary, outputs} = await act(workspaces.make('clean'), {rooms: CLEAN})
    expect([code, outputs]).toEqual([0, {'exit-code': '0'}])
    expect(stdout).toContain('1 room: 1 clean')
    expect(summary).toContain(`\`${CLEAN}\``)
  })

  test('fails at findings, with annotations, a summary, and a report in each form', async () => {
    const folder = workspaces.make('broken')
    const {code, stdout, summary, outputs} = await act(folder, {
      rooms: `# ours\n\n${CLEAN}  # the good one\r\n${BROKEN}`,
      sarif: 'results of today.sarif',
      junit: 'junit.xml',
      json: 'check.json',
      args: '--fail-on=error\r\n\n  --ignore=dag/many-tips  ',
    })
    expect([code, outputs]).toEqual([1, {'exit-code': '1'}])
    expect(stdout).toMatch(/^::error file=examples\/demotion-against-ban.ndjson,.*title=state\/reset/mu)
    expect(summary).toMatch(/^\| findings \| `examples\/demotion-against-ban.ndjson` /mu)
    const read = (name: string): string => readFileSync(path.join(folder, name), 'utf8')
    expect(JSON.parse(read('results of today.sarif'))).toMatchObject({version: '2.1.0'})
    expect(read('junit.xml')).toContain('<testsuites>')
    expect(complaints('check', JSON.parse(read('check.json')))).toEqual([])
  })

  test.each([
    ['inconclusive', {rooms: CLEAN, args: '--devices'}, EXIT.inconclusive],
    ['failed', {rooms: 'examples/README.md'}, EXIT.failed],
    ['no room at all', {}, EXIT.usage],
    ['a list of nothing', {rooms: '# none\n'}, EXIT.failed],
    ['an unknown flag', {rooms: CLEAN, args: '--frobnicate'}, EXIT.usage],
  ])('tells by its output why it failed: %s', async (name, inputs, code) => {
    const ended = await act(workspaces.make(`why ${name}`), inputs)
    expect([ended.code, ended.outputs]).toEqual([code, {'exit-code': String(code)}])
  })

  test('a known finding does not count', async () => {
    const folder = workspaces.make('known')
    const {code} = await matrixState(['check', BROKEN, '--baseline', 'known.json', '--update-baseline'], {cwd: folder})
    expect(code).toBe(0)
    expect((await act(folder, {rooms: BROKEN, baseline: 'known.json'})).code).toBe(0)
  })

  test('rooms and reports of a config file hold where inputs leave them to it', async () => {
    const folder = workspaces.make('config')
    const reports = [{format: 'table'}, {format: 'junit', output: 'by-config.xml'}]
    writeFileSync(path.join(folder, 'own.json'), JSON.stringify({check: {rooms: [CLEAN], reports}}))
    const {code, stdout} = await act(folder, {config: 'own.json', format: ''})
    expect(code).toBe(0)
    expect(stdout).toContain('clean')
    expect(existsSync(path.join(folder, 'by-config.xml'))).toBe(true)
  })

  const HOSTILE = [
    '$(touch pwned)',
    '`touch pwned`',
    '"; touch pwned; "',
    "'; touch pwned; '",
    '${IFS}touch${IFS}pwned',
    '\\\ntouch pwned',
    '& touch pwned &',
    '> pwned',
    '* ? [a-z]',
    '${{ github.token }}',
  ]
  /** An action whose program prints what it is given. */
  function actionThatTells(name: string): string {
    const own = workspaces.path(name)
    mkdirSync(path.join(own, 'bin'), {recursive: true})
    mkdirSync(path.join(own, 'dist'))
    writeFileSync(path.join(own, 'action.yml'), action)
    const names = ['MATRIX_STATE_HOMESERVER', 'MATRIX_STATE_TOKEN', 'MATRIX_STATE_ADMIN_TOKEN', 'PGPASSWORD']
    const told = `words: process.argv.slice(2), env: ${JSON.stringify(names)}.map((name) => process.env[name] ?? null)`
    const program = `import {readFileSync} from 'node:fs'\nconsole.log(JSON.stringify({${told}, stdin: readFileSync(0, 'utf8')}))\n`
    writeFileSync(path.join(own, 'bin/run.js'), program)
    writeFileSync(path.join(own, 'package.json'), '{"type": "module"}')
    return own
  }

  test.each(HOSTILE)('nothing of %j is run, in whatever input', async (text) => {
    const index = String(HOSTILE.indexOf(text))
    const folder = workspaces.make(`hostile ${index}`)
    const before = readdirSync(folder)
    const inputs = Object.fromEntries(Object.keys(readAction(action).inputs).map((name) => [name, text]))
    const own = actionThatTells(`hostile-action-${index}`)
    const {code, stdout, stderr} = await runAction(own, inputs, {workspace: folder, env: workspaces.environment()})
    expect([code, stderr]).toEqual([0, ''])
    const reports = ['sarif', 'junit', 'json'].flatMap((format) => [`--format=${format}`, `--output=${text}`])
    expect(JSON.parse(stdout)).toEqual({
      words: [
        ...['check', '--rooms=-', `--config=${text}`, `--baseline=${text}`, `--format=${text}`, ...reports],
        ...text.split('\n'),
      ],
      env: [text, text, text, text],
      stdin: `${text}\n`,
    })
    expect(readdirSync(folder)).toEqual(before)
  })

  test('what is not given stays as the job has it', async () => {
    const env = workspaces.environment({MATRIX_STATE_TOKEN: 'of the job', PGPASSWORD: 'of the job'})
    const {stdout} = await runAction(
      actionThatTells('bare-action'),
      {format: ''},
      {workspace: workspaces.make('bare'), env},
    )
    expect(JSON.parse(stdout)).toEqual({words: ['check'], env: [null, 'of the job', null, 'of the job'], stdin: '\n'})
  })

  test('a room is never a flag', async () => {
    const folder = workspaces.make('flags')
    const {code, stdout} = await act(folder, {rooms: '--output=pwned\n--all-rooms\n-h', format: 'table'})
    expect(code).toBe(EXIT.failed)
    expect(stdout).toContain('3 rooms')
    expect(existsSync(path.join(folder, 'pwned'))).toBe(false)
  })

  test('installs itself, once, and runs nothing when that fails', async () => {
    const own = workspaces.path('action')
    mkdirSync(path.join(own, 'bin'), {recursive: true})
    writeFileSync(path.join(own, 'action.yml'), action)
    writeFileSync(path.join(own, 'bin/run.js'), "console.log('checked', process.argv.slice(2).join(' '))\n")
    const bin = workspaces.path('npm-bin')
    mkdirSync(bin)
    const npm = (script: string): void => {
      writeFileSync(path.join(bin, 'npm'), `#!/bin/sh\necho "npm $* in $PWD, token \${TOKEN-none}"\n${script}\n`)
      chmodSync(path.join(bin, 'npm'), 0o755)
    }
    const env = workspaces.environment()
    env['PATH'] = [bin, env['PATH']].join(path.delimiter)
    const go = () => runAction(own, {rooms: CLEAN, token: TOKEN}, {workspace: workspaces.folder, env})
    npm('exit 7')
    const failed = await go()
    expect([failed.code, failed.stdout]).toEqual([7, `npm ci --no-audit --no-fund in ${own}, token none\n`])
    npm('mkdir dist')
    expect((await go()).stdout).toBe(`${failed.stdout}checked check --rooms=- --format=github\n`)
    npm('exit 7')
    expect((await go()).stdout).toBe('checked check --rooms=- --format=github\n')
  })
})
