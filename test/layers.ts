/** `npm run layers`: checks the rules in .dependency-cruiser.js, and that they were applied to something. */
import {spawnSync} from 'node:child_process'
import {existsSync} from 'node:fs'
import {join} from 'node:path'
import {parseArgs} from 'node:util'

interface Cruise {
  readonly summary: {
    readonly totalCruised: number
    readonly violations: readonly {
      readonly from: string
      readonly to: string
      readonly rule: {readonly name: string; readonly severity: string}
      readonly cycle?: readonly {readonly name: string}[]
    }[]
    readonly ruleSetUsed?: {readonly forbidden?: readonly {readonly name?: string; readonly comment?: string}[]}
  }
}

/** Fewer modules than this mean that the compiler was not understood, and every rule passes on nothing (TypeScript 7 does it). */
const FLOOR = 20

const root = join(import.meta.dirname, '..')
const {values} = parseArgs({
  options: {root: {type: 'string', default: root}, floor: {type: 'string', default: `${FLOOR}`}},
})
const program = join(root, 'node_modules/dependency-cruiser/bin/dependency-cruiser.mjs')
const folders = ['src', 'commands'].filter((folder) => existsSync(join(values.root, folder)))
const args = [program, ...folders, '--config', join(values.root, '.dependency-cruiser.js'), '--output-type', 'json']
const {stdout, stderr} = spawnSync(process.execPath, args, {cwd: values.root, encoding: 'utf8', maxBuffer: 2 ** 30})
if (!stdout.startsWith('{')) {
  process.stderr.write(`layers: dependency-cruiser did not run\n${stderr}${stdout}`)
  process.exit(2)
}
const {summary} = JSON.parse(stdout) as Cruise
const why = new Map(summary.ruleSetUsed?.forbidden?.map(({name, comment}) => [name, comment]))
for (const {rule, from, to, cycle} of summary.violations) {
  const where = cycle === undefined ? `${from} -> ${to}` : [from, ...cycle.map(({name}) => name)].join(' -> ')
  process.stdout.write(`${rule.name}: ${where}\n    ${why.get(rule.name) ?? ''}\n`)
}
const few = summary.totalCruised < Number(values.floor)
if (few) process.stdout.write(`layers: only ${summary.totalCruised} modules seen, expected at least ${values.floor}\n`)
process.stdout.write(`layers: ${summary.totalCruised} modules, ${summary.violations.length} violations\n`)
process.exitCode = few || summary.violations.length > 0 ? 1 : 0
