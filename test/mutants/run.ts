/**
 * Makes deliberate mistakes in the rules and the resolver, one at a time, and sees whether the tests notice:
 * `npm run mutants -- [--all] [--sample N] [--seed TEXT] [--only REGEXP] [--workers N] [--cases-only]
 * [--survivors FILE]`.
 *
 * Every mistake of `mistakes.ts` is made; with `--sample` also so many of all that `operators.ts` can make, drawn from every file; with
 * `--all` all of them, also those that are listed as equivalent, which nothing may notice. Sentences for people (`because`, `culprit`, messages) are
 * left out. Ends with 1 when a mistake goes unnoticed, or when a list names what is not there.
 */
import {createHash} from 'node:crypto'
import {globSync, readFileSync, writeFileSync} from 'node:fs'
import {join} from 'node:path'
import {parseArgs} from 'node:util'
import {ROOT} from '../conformance/fixtures.ts'
import {readEquivalents} from './equivalent.ts'
import type {Order} from './judge.ts'
import {MISTAKES} from './mistakes.ts'
import {type Mutant, mutantsOf} from './mutator.ts'
import {Judge} from './pool.ts'

const MAX_WORKERS = 2
const SAMPLE = '0'
const FILES = ['src/auth/**/*.ts', 'src/resolve/**/*.ts', 'src/matrix/power-levels.ts', 'src/matrix/redaction.ts']
const say = (line: string): void => void process.stdout.write(`${line}\n`)

interface Job {
  readonly id: string
  readonly changes: Order['changes']
  readonly isEquivalent: boolean
}

/** What is wrong with the lists themselves. */
const problems: string[] = []

/** The code, however its lines are broken. */
function anyLayout(code: string): RegExp {
  const tokens = code.match(/\w+|[^\s\w]/g) ?? []
  const escaped = tokens.map((token) =>
    /\w/.test(token) ? `\\b${token}\\b` : `${isEnd(token) ? ',?\\s*' : ''}\\${token}`,
  )
  return new RegExp(escaped.join('\\s*'))
}
const isEnd = (token: string): boolean => [')', ']', '}'].includes(token)

function byHand(): readonly Job[] {
  return MISTAKES.map(({what, file, edits}) => {
    let text = readFileSync(join(ROOT, file), 'utf8')
    for (const [find, put] of edits) {
      const parts = text.split(anyLayout(find))
      if (parts.length !== 2) {
        problems.push(`the mistake "${what}" is stale: ${find} stands ${String(parts.length - 1)} times in ${file}`)
      }
      text = parts.join(put)
    }
    return {id: `by hand: ${what}`, changes: [[file, text]], isEquivalent: false}
  })
}

/** From each file its share, which ones depends on the seed. */
function draw(mutants: readonly Mutant[], count: number, seed: string): readonly Mutant[] {
  const rank = (id: string): string => createHash('sha256').update(`${seed} ${id}`).digest('hex')
  const share = Math.min(1, count / mutants.length)
  return [...Map.groupBy(mutants, ({file}) => file).values()].flatMap((group) =>
    group
      .map((mutant) => ({mutant, rank: rank(mutant.id)}))
      .sort((a, b) => (a.rank < b.rank ? -1 : 1))
      .slice(0, Math.ceil(group.length * share))
      .map(({mutant}) => mutant),
  )
}

async function work(
  casesOnly: boolean,
  jobs: Iterator<Job>,
  unnoticed: Job[],
  noticed: Map<Job, string>,
  total: number,
): Promise<void> {
  const judge = new Judge()
  try {
    for (let next = jobs.next(); next.done !== true; next = jobs.next()) {
      const job = next.value
      const by = await judge.judge({changes: job.changes, casesOnly})
      if (by === null) unnoticed.push(job)
      else noticed.set(job, by)
      if (by === null && !job.isEquivalent) say(`not noticed: ${job.id}`)
      const done = noticed.size + unnoticed.length
      if (done % 100 === 0)
        say(`${String(done)} of ${String(total)}, ${String(Math.round(performance.now() / 1000))} s`)
    }
  } finally {
    judge.end()
  }
}

/** The lists only say something if the code as it is passes. */
async function checkBaseline(): Promise<void> {
  const unchanged = [
    'src/matrix/redaction.ts',
    'src/matrix/power-levels.ts',
    'src/resolve/row-set.ts',
    'src/auth/view.ts',
  ]
  const judge = new Judge()
  const changes = unchanged.map((path) => [path, readFileSync(join(ROOT, path), 'utf8')] as const)
  const wrong = await judge.judge({changes, casesOnly: false})
  judge.end()
  if (wrong !== null) throw new Error(`the code fails without any mistake: ${wrong}`)
}

async function main(): Promise<number> {
  const {values} = parseArgs({
    options: {
      all: {type: 'boolean', default: false},
      sample: {type: 'string', default: SAMPLE},
      seed: {type: 'string', default: 'matrix-state'},
      only: {type: 'string', default: ''},
      workers: {type: 'string', default: String(MAX_WORKERS)},
      'cases-only': {type: 'boolean', default: false},
      'no-baseline': {type: 'boolean', default: false},
      survivors: {type: 'string'},
    },
  })
  const mutants = globSync(FILES, {cwd: ROOT})
    .sort()
    .flatMap((file) => mutantsOf(ROOT, file))
  const equivalents = new Map(readEquivalents().flatMap(({kind, mutants: ids}) => ids.map((id) => [id, kind] as const)))
  const known = new Set(mutants.map(({id}) => id))
  for (const id of equivalents.keys()) if (!known.has(id)) problems.push(`listed as equivalent, but no mutant: ${id}`)
  const drawn = draw(mutants, Number(values.sample), values.seed)
  const chosen = values.all ? mutants : drawn.filter(({id}) => !equivalents.has(id))
  const jobs = [
    ...byHand(),
    ...chosen.map(({id, file, source}): Job => ({id, changes: [[file, source]], isEquivalent: equivalents.has(id)})),
  ].filter(({id}) => id.match(values.only) !== null)
  say(
    `${String(mutants.length)} mutants, ${String(equivalents.size)} of them equivalent; ${String(jobs.length)} to judge`,
  )
  if (!values['no-baseline']) await checkBaseline()
  const unnoticed: Job[] = []
  const noticed = new Map<Job, string>()
  const queue = jobs.values()
  const workers = Math.min(MAX_WORKERS, Number(values.workers))
  await Promise.all(
    Array.from({length: workers}, () => work(values['cases-only'], queue, unnoticed, noticed, jobs.length)),
  )
  for (const [{id, isEquivalent}, by] of noticed) {
    if (isEquivalent) problems.push(`listed as equivalent, but noticed by ${by}: ${id}`)
  }
  const survivors = unnoticed.filter(({isEquivalent}) => !isEquivalent).map(({id}) => id)
  if (values.survivors !== undefined) {
    const log = [...noticed].map(([{id}, by]) => ({id, by}))
    writeFileSync(values.survivors, JSON.stringify({survivors, noticed: log}, null, 1))
  }
  for (const problem of problems) say(problem)
  const counts = Map.groupBy(equivalents.values(), (kind) => kind)
  say(`equivalent: ${[...counts].map(([kind, {length}]) => `${kind} ${String(length)}`).join(', ')}`)
  const judged = jobs.filter(({isEquivalent}) => !isEquivalent).length
  say(
    `${String(judged)} mistakes made (${String(MISTAKES.length)} by hand), ${String(judged - survivors.length)} noticed, ` +
      `${String(survivors.length)} not, in ${String(Math.round(performance.now() / 1000))} s`,
  )
  return survivors.length === 0 && problems.length === 0 ? 0 : 1
}

process.exitCode = await main()
