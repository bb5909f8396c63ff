/**
 * Compares matrix-state with Synapse's own library on rooms made up for the occasion:
 * `npm run fuzz -- --seeds N [--from S] [--versions 1,2,…] [--oracle DIR] [--keep DIR] [--workers N]`.
 *
 * Seed S gives the same room today and tomorrow. Each room is judged in both readings; every event's verdict, rule, and states before and
 * after are compared. A room that differs is kept with the command that makes it again. Ends with 1 then, and with 0 (and the reason)
 * when Synapse cannot be had. `MATRIX_STATE_TEST_VENV` names the folder of the Python environment.
 */
import {createHash} from 'node:crypto'
import {existsSync, mkdirSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join, resolve} from 'node:path'
import {parseArgs} from 'node:util'
import {compareWithOracle} from '../conformance/compare.ts'
import {type OracleRoom, SHARED} from '../conformance/fixtures.ts'
import {prepareVenv} from '../live/venv.ts'
import {Oracle} from './oracle.ts'

const READINGS = ['synapse', 'spec'] as const
const MAX_WORKERS = 2
const say = (line: string): void => void process.stderr.write(`${line}\n`)

/** Numbers that depend on the seed and a name only. */
class Dice {
  readonly #seed: string

  constructor(seed: string) {
    this.#seed = seed
  }

  /** From 0 up to below 1. */
  #roll(name: string): number {
    return createHash('sha256').update(`${this.#seed} ${name}`).digest().readUInt32BE() / 2 ** 32
  }

  whole(name: string, from: number, to: number): number {
    return from + Math.floor(this.#roll(name) * (to - from + 1))
  }

  pick<T>(name: string, choices: readonly T[]): T {
    const choice = choices[this.whole(name, 0, choices.length - 1)]
    if (choice === undefined) throw new Error(`nothing to choose ${name} from`)
    return choice
  }
}

/** Arguments of gen.py for a seed: sizes and rates of all kinds. */
function optionsFor(seed: number, version: string): readonly string[] {
  const dice = new Dice(`matrix-state ${String(seed)}`)
  const realistic = dice.whole('profile', 0, 19) === 0
  // Small rooms are quick and easy to understand; a quarter is large.
  const events = dice.whole('size', 0, 3) === 0 ? dice.whole('events', 150, 400) : dice.whole('events', 20, 150)
  const options: Readonly<Record<string, string | number>> = {
    seed: `fuzz-${String(seed)}`,
    'room-version': version,
    events,
    servers: dice.whole('servers', 2, 8),
    users: dice.whole('users', 4, 30),
    profile: realistic ? 'realistic' : 'fuzz',
    'fork-rate': dice.pick('fork', [0.05, 0.15, 0.25, 0.4, 0.6]),
    'heal-rate': dice.pick('heal', [0.05, 0.12, 0.25, 0.4]),
    invalid: dice.pick('invalid', [0, 0.05, 0.15, 0.3]),
    corrupt: dice.pick('corrupt', [0, 0.03, 0.1, 0.25]),
    stale: dice.pick('stale', [0, 0.05, 0.15, 0.35]),
    'bad-hash': dice.pick('hash', [0, 0, 0, 0.05, 0.2]),
    order: dice.pick('order', ['created', 'topological', 'shuffled']),
  }
  return Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)])
}

interface Plan {
  readonly seed: number
  readonly version: string
}

class Tally {
  rooms = 0
  events = 0
  differences = 0
  failed = 0
  readonly byVersion = new Map<string, number>()
}

function keep(
  folder: string,
  room: OracleRoom,
  options: readonly string[],
  oracle: string,
  problems: readonly string[],
): void {
  const home = join(folder, room.name)
  mkdirSync(home, {recursive: true})
  writeFileSync(join(home, 'room.ndjson'), `${room.lines.join('\n')}\n`)
  const command = `python ${join(oracle, 'gen.py')} ${options.join(' ')} > room.ndjson`
  writeFileSync(join(home, 'differences.txt'), `${[`made by: ${command}`, ...problems].join('\n')}\n`)
  say(
    `  kept in ${home}; again: npm run fuzz -- --seeds 1 --from ${room.name.replace(/^.*-/, '')} --versions ${room.version}`,
  )
}

function judge(room: OracleRoom, tally: Tally): readonly string[] {
  const problems: string[] = []
  for (const reading of READINGS) {
    try {
      const {events, differences} = compareWithOracle(room, reading)
      tally.events += events
      problems.push(...differences.map((difference) => `${reading}: ${difference}`))
    } catch (error) {
      problems.push(`${reading}: ${error instanceof Error ? String(error.stack) : String(error)}`)
    }
  }
  return problems
}

async function work(
  oracle: Oracle,
  folder: string,
  keepIn: string,
  plans: Iterator<Plan>,
  tally: Tally,
  total: number,
): Promise<void> {
  for (let next = plans.next(); next.done !== true; next = plans.next()) {
    const {seed, version} = next.value
    const name = `${version}-${String(seed)}`
    const options = optionsFor(seed, version)
    const room = await oracle.room(name, options)
    const problems = judge(room, tally)
    tally.rooms += 1
    tally.differences += problems.length
    tally.byVersion.set(version, (tally.byVersion.get(version) ?? 0) + 1)
    if (problems.length > 0) {
      tally.failed += 1
      say(`FAIL ${name}: ${String(problems.length)} differences, the first: ${String(problems[0])}`)
      keep(keepIn, room, options, folder, problems)
    }
    if (tally.rooms % 50 === 0) say(`${String(tally.rooms)} of ${String(total)} rooms, ${String(tally.events)} events`)
  }
}

async function main(): Promise<number> {
  const {values} = parseArgs({
    options: {
      seeds: {type: 'string', default: '100'},
      from: {type: 'string', default: '1'},
      versions: {type: 'string', default: '1,2,3,4,5,6,7,8,9,10,11,12'},
      oracle: {type: 'string', default: join(SHARED, 'oracle')},
      keep: {type: 'string', default: join(tmpdir(), 'matrix-state-fuzz')},
      workers: {type: 'string', default: '2'},
    },
  })
  const folder = resolve(values.oracle)
  const venv = await prepareVenv(say)
  if (!existsSync(join(folder, 'gen.py'))) return skip(`there is no gen.py in ${folder}; give --oracle DIR`)
  if ('skip' in venv) return skip(venv.skip)
  const versions = values.versions.split(',')
  const [count, from] = [Number(values.seeds), Number(values.from)]
  const workers = Math.min(MAX_WORKERS, Number(values.workers))
  if (![count, from, workers].every((number) => Number.isSafeInteger(number) && number > 0)) {
    say('--seeds, --from and --workers take a positive whole number')
    return 2
  }
  const plans = Array.from({length: count}, (_, index): Plan => {
    const seed = from + index
    return {seed, version: versions[seed % versions.length] ?? '12'}
  })
  const queue = plans.values()
  const tally = new Tally()
  const oracles = Array.from({length: workers}, () => new Oracle(venv.python, folder))
  await Promise.all(oracles.map((oracle) => work(oracle, folder, resolve(values.keep), queue, tally, count)))
  for (const oracle of oracles) oracle.end()
  const perVersion = [...tally.byVersion].sort(([a], [b]) => Number(a) - Number(b))
  say(`rooms by version: ${perVersion.map(([version, rooms]) => `${version}: ${String(rooms)}`).join(', ')}`)
  say(`${String(tally.rooms)} rooms, ${String(tally.events)} events compared, ${String(tally.differences)} differences`)
  say(`${String(tally.rooms - tally.failed)} passed, ${String(tally.failed)} failed`)
  return tally.failed === 0 ? 0 : 1
}

function skip(reason: string): number {
  say(`skipped: ${reason}`)
  return 0
}

process.exitCode = await main()
