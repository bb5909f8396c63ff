/**
 * Tries matrix-state on real Synapse servers: `npm run test:live` after a build.
 *
 * Two servers of its own, rooms of all versions with a past (`stage.ts`), and these groups of checks, of which `--only a,b` takes some:
 * `source` (the client source itself), `resolve` (the program on live rooms; `graph` and `explore` of one), `routes` (each route of `fetch` alone, databases left as they
 * were, rates), `states` (the databases' own states; needs `routes`), `sensitivity` (what was changed in copies of a database is named),
 * `stories` (a reset, and a database edited while its server was stopped, as `blame` and `diff` tell them), `healthy` (fifty rooms in which
 * nothing is wrong), `kills`, `faults`; with servers of their own and real cryptography `devices` (each finding of `devices`, produced by
 * doing the thing itself), `accounts` (fifty healthy accounts of a real SDK), `crowd` (a room of thousands of devices), `bots` (the life of a
 * real bot, with `setup`, `preflight` and `profile`), `check` (hundreds of rooms in one run); and `secrets` (whatever the others left behind).
 * `--quick` has fewer and shorter rooms, `--table FILE` writes the measured tables as Markdown, `--keep` keeps the folders.
 * `MATRIX_STATE_TEST_VENV` names the folder of the Python environment, `MATRIX_STATE_TEST_BOT_VENV` that of the bot.
 * Ends with 1 when a check failed, with 0 (and the reason) when Synapse cannot be had.
 */
import {existsSync} from 'node:fs'
import {writeFile} from 'node:fs/promises'
import {parseArgs} from 'node:util'
import {checkAccounts} from './account-checks.ts'
import {checkBots} from './bot-checks.ts'
import {checkCheck} from './check-checks.ts'
import {Skipped} from './checking.ts'
import type {Check, Checking, Running} from './checking.ts'
import {checkCrowd} from './crowd-checks.ts'
import {checkDevices} from './device-checks.ts'
import {checkFaults} from './fault-checks.ts'
import {checkRoutes} from './fetch-checks.ts'
import {checkFork} from './forks.ts'
import {checkKills} from './kill-checks.ts'
import {TokenFiles} from './live-routes.ts'
import {canAuditDevices, canFetch, Program, PROGRAM} from './program.ts'
import {checkPictures} from './picture-checks.ts'
import {proxied} from './proxied.ts'
import {checkProgramRefusals, checkResolve} from './resolve-checks.ts'
import {findSecrets} from './secrets.ts'
import {checkHealthy} from './healthy-checks.ts'
import {checkSensitivity} from './sensitivity-checks.ts'
import {checkStories} from './story-checks.ts'
import {checkGathered, checkRefusals} from './source-checks.ts'
import {setStage} from './stage.ts'
import type {Stage} from './stage.ts'
import {checkStates} from './state-checks.ts'
import {prepareVenv, SYNAPSE_VERSION} from './venv.ts'

const GROUPS = [
  ...['source', 'resolve', 'routes', 'states', 'sensitivity', 'healthy', 'stories', 'kills', 'faults'],
  ...['devices', 'accounts', 'crowd', 'bots', 'check', 'secrets'],
]
/** They start servers of their own, and do without the stage. */
const WITHOUT_STAGE = ['devices', 'accounts', 'crowd', 'bots', 'check', 'secrets']
const {values} = parseArgs({
  options: {
    only: {type: 'string'},
    quick: {type: 'boolean', default: false},
    keep: {type: 'boolean', default: false},
    table: {type: 'string'},
    'source-only': {type: 'boolean', default: false},
  },
})
const chosen = new Set<string>(values['source-only'] ? ['source'] : (values.only?.split(',') ?? GROUPS))
for (const name of chosen) {
  if (!GROUPS.includes(name)) throw new Error(`no group ${name}; there are ${GROUPS.join(', ')}`)
}

const say = (line: string): void => void process.stderr.write(`${line}\n`)
let passed = 0
let skipped = 0
const failures: string[] = []
const published: string[] = []
const secrets: string[] = []

const check: Check = async (name, body) => {
  const start = performance.now()
  try {
    const more = await body()
    passed += 1
    const told = typeof more === 'string' ? `: ${more}` : ''
    say(`ok    ${name} (${String(Math.round(performance.now() - start))} ms)${told}`)
  } catch (error) {
    if (error instanceof Skipped) {
      skipped += 1
      // On standard output too, beside the count: what was not tried must not look like what went well.
      process.stdout.write(`skipped: ${name}: ${error.message}\n`)
      return
    }
    failures.push(name)
    say(`FAIL  ${name}\n      ${(error instanceof Error ? error.message : String(error)).replaceAll('\n', '\n      ')}`)
  }
}

async function main(): Promise<number> {
  const needsProgram = [...chosen].some((name) => name !== 'source')
  if (needsProgram && !existsSync(PROGRAM)) {
    say('bin/run.js is absent: build first, or use --source-only')
    return 1
  }
  const venv = await prepareVenv(say)
  if ('skip' in venv) {
    say(`skipped: ${venv.skip}`)
    return 0
  }
  const disposals: (() => Promise<void> | void)[] = []
  try {
    const program = await Program.prepare()
    disposals.push(() => program.dispose())
    const publish = (markdown: string): void => void published.push(markdown)
    const keepSecret = (more: readonly string[]): void => void secrets.push(...more)
    const running = {program, python: venv.python, check, say, quick: values.quick, publish, keepSecret}
    if ([...chosen].some((name) => !WITHOUT_STAGE.includes(name))) await onStage(running, disposals)
    await runDevices(running)
    if (chosen.has('bots')) {
      await checkBots(running)
    }
    if (chosen.has('check')) await checkCheck(running)
    if (chosen.has('secrets')) await checkSecrets(program)
  } catch (error) {
    failures.push('set-up')
    say(`FAIL  set-up\n${error instanceof Error ? (error.stack ?? error.message) : String(error)}`)
  } finally {
    for (const dispose of disposals.reverse()) await dispose()
  }
  const head = `Synapse ${SYNAPSE_VERSION}, ${values.quick ? 'a short run' : 'a whole run'}, ${new Date().toISOString().slice(0, 10)}.`
  if (values.table !== undefined) await writeFile(values.table, `${[head, ...published].join('\n\n')}\n`)
  else if (published.length > 0) say(`\n${published.join('\n\n')}\n`)
  const left = skipped === 0 ? '' : `, ${String(skipped)} skipped`
  process.stdout.write(`${String(passed)} passed, ${String(failures.length)} failed${left}\n`)
  return failures.length === 0 ? 0 : 1
}

/** The groups that play on one stage. */
async function onStage(running: Running, disposals: (() => Promise<void> | void)[]): Promise<void> {
  const tokens = await TokenFiles.prepare()
  disposals.push(() => tokens.dispose())
  const stage = await setStage({python: running.python, say, quick: values.quick})
  disposals.push(stage.dispose)
  await runGroups({...running, stage, tokens})
  running.keepSecret([...stage.here.secrets, ...stage.there.secrets])
  if (failures.length > 0 && values.keep) {
    say(`kept for a look: ${running.program.folder}, ${stage.here.folder}, ${stage.there.folder}`)
    await Promise.all([stage.here.stop(), stage.there.stop()])
    disposals.length = 0
    if (stage.cluster !== null) disposals.push(stage.cluster.stop)
    process.removeAllListeners('exit')
  }
}

async function runDevices(running: Running): Promise<void> {
  const groups = ['devices', 'accounts', 'crowd'].filter((name) => chosen.has(name))
  if (groups.length === 0) return
  if (!canAuditDevices()) {
    say('note  the built program has no devices command: its checks are left out')
    return
  }
  if (chosen.has('devices')) await checkDevices(running)
  if (chosen.has('accounts')) await checkAccounts(running)
  if (chosen.has('crowd')) await checkCrowd(running)
}

async function checkSecrets(program: Program): Promise<void> {
  await check('no secret is in any file or output of the run', async () => {
    const {files, found} = await findSecrets(program.folder, secrets)
    if (found.length > 0) throw new Error(found.slice(0, 10).join('\n'))
    return `${String(files)} files, ${String(new Set(secrets).size)} secrets`
  })
}

async function runGroups(checking: Checking): Promise<void> {
  const {stage, program} = checking
  const fetches = ['routes', 'states', 'kills', 'faults'].filter((name) => chosen.has(name))
  // Before anything else: gathering by /messages makes servers ask each other, and `routes` looks at what is there without that.
  if (fetches.length > 0 && !canFetch()) {
    say('note  the built program has no fetch command: its checks are left out')
  } else if (fetches.length > 0) {
    await runFetches(checking)
  }
  if (chosen.has('sensitivity')) await checkSensitivity(checking)
  if (chosen.has('healthy')) await checkHealthy(checking)
  if (chosen.has('stories')) await checkStories(checking)
  if (chosen.has('source')) await runSource(stage)
  if (chosen.has('resolve')) {
    for (const {title, kind, room, here} of stage.rooms) {
      if (kind === 'quarrel' || kind === 'hidden' || kind === 'late') continue
      await check(`resolve: ${title}`, () => checkResolve(program, stage.here, room, here))
    }
    await checkProgramRefusals(program, check, stage.here, stage.rooms[0]!.room, stage.stranger)
    const forked = stage.rooms.find(({kind}) => kind === 'forked') ?? stage.rooms[0]!
    await check(`graph and explore: ${forked.title}`, () => checkPictures(checking, forked))
  }
}

async function runFetches(checking: Checking): Promise<void> {
  const {stage} = checking
  if (chosen.has('routes') || chosen.has('states')) {
    const unions = await checkRoutes(checking)
    if (chosen.has('states')) await checkStates(checking, unions)
  }
  if (!chosen.has('kills') && !chosen.has('faults')) return
  const before = await proxied(stage, checking.tokens)
  try {
    const long = stage.rooms.find(({kind}) => kind === 'long')!
    const quarrel = stage.rooms.find(({title}) => title === 'quarrel v10')!
    if (chosen.has('kills')) await checkKills(checking, await before.routesTo(long), long)
    if (chosen.has('faults')) await checkFaults(checking, await before.routesTo(quarrel), quarrel)
  } finally {
    await before.dispose()
  }
}

/** The source of `resolve` without the program. */
async function runSource(stage: Stage): Promise<void> {
  for (const {title, kind, room, here, atLeast} of stage.rooms) {
    if (kind === 'ordinary' || kind === 'long') {
      await check(`source: ${title}`, () => checkGathered(stage.here, room, here, atLeast))
    }
    if (kind === 'forked') await check(`source: ${title}`, () => checkFork(stage.here, room, here))
  }
  await checkRefusals(check, stage.here, stage.rooms[0]!.room, stage.stranger, stage.dave)
}

for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(name, () => process.exit(130))
process.exitCode = await main()
