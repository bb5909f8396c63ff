import {spawn} from 'node:child_process'
import {existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import path from 'node:path'
import {parse} from 'yaml'

/** A step of a workflow or composite action, in the forms that the examples have. */
export interface Step {
  readonly id?: string
  readonly if?: string
  readonly uses?: string
  readonly with?: Readonly<Record<string, string>>
  readonly run?: string
  readonly shell?: string
  readonly env?: Readonly<Record<string, string>>
}

export interface Workflow {
  readonly permissions: Readonly<Record<string, string>>
  readonly jobs: Readonly<
    Record<
      string,
      {
        readonly strategy?: {readonly matrix: Readonly<Record<string, readonly (string | number)[]>>}
        readonly steps: readonly Step[]
        readonly env?: unknown
      }
    >
  >
}

export interface Action {
  readonly inputs: Readonly<Record<string, {readonly default?: string}>>
  readonly outputs: Readonly<Record<string, {readonly value: string}>>
  readonly runs: {readonly steps: readonly Step[]}
}

export const readWorkflow = (text: string): Workflow => parse(text) as Workflow
export const readAction = (text: string): Action => parse(text) as Action

/** What `${{ name }}` stands for. */
export type Names = Readonly<Record<string, string>>

export interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}
export interface ActionEnded extends Ended {
  readonly outputs: Readonly<Record<string, string>>
  /** Markdown on the page of the run. */
  readonly summary: string
}

/** Where steps run. */
export interface Runner {
  readonly workspace: string
  readonly env: NodeJS.ProcessEnv
}

/** `${{ name }}` replaced. @throws Error for any other expression: GitHub's parser judges these */
export function interpolate(text: string, names: Names): string {
  return text.replaceAll(/\$\{\{\s*(.*?)\s*\}\}/gu, (_, name: string) => {
    const value = names[name]
    if (value === undefined) throw new Error(`nothing is known here of ${name}`)
    return value
  })
}

/** The jobs that a workflow starts, one for each value of its matrix. */
export function jobsOf({jobs}: Workflow): readonly {readonly names: Names; readonly steps: readonly Step[]}[] {
  return Object.values(jobs).flatMap(({strategy, steps}) => {
    const [variable, values = []] = Object.entries(strategy?.matrix ?? {})[0] ?? []
    if (variable === undefined) return [{names: {}, steps}]
    return values.map((value) => ({
      names: {[`matrix.${variable}`]: String(value), 'strategy.job-total': String(values.length)},
      steps,
    }))
  })
}

/** A `run:` as GitHub's runner starts it, with `shell: bash`. */
export async function runScript(script: string, {workspace, env}: Runner): Promise<Ended> {
  const folder = mkdtempSync(path.join(tmpdir(), 'matrix-state-step-'))
  const file = path.join(folder, 'step.sh')
  writeFileSync(file, script)
  try {
    const child = spawn('bash', ['--noprofile', '--norc', '-eo', 'pipefail', file], {
      cwd: workspace,
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let [stdout, stderr] = ['', '']
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once('error', reject)
      child.once('close', resolve)
    })
    return {code, stdout, stderr}
  } finally {
    rmSync(folder, {recursive: true, force: true})
  }
}

/**
 * A composite action, as GitHub's runner does it: each step with its variables, until one fails.
 *
 * @param action - the folder that `action.yml` lies in
 * @throws Error for an input that the action does not have, which GitHub only warns of
 */
export async function runAction(
  action: string,
  given: Readonly<Record<string, string>>,
  {workspace, env}: Runner,
): Promise<ActionEnded> {
  const {inputs, outputs, runs} = readAction(readFileSync(path.join(action, 'action.yml'), 'utf8'))
  const unknown = Object.keys(given).find((name) => !Object.hasOwn(inputs, name))
  if (unknown !== undefined) throw new Error(`the action has no input ${unknown}`)
  const names: Record<string, string> = {}
  for (const [name, {default: otherwise = ''}] of Object.entries(inputs)) {
    names[`inputs.${name}`] = given[name] ?? otherwise
  }
  const folder = mkdtempSync(path.join(tmpdir(), 'matrix-state-action-'))
  const files = {GITHUB_OUTPUT: path.join(folder, 'output'), GITHUB_STEP_SUMMARY: path.join(folder, 'summary')}
  try {
    let [code, stdout, stderr]: [number | null, string, string] = [0, '', '']
    for (const step of runs.steps) {
      if (step.run?.includes('${{') === true) throw new Error('an expression in a script would be run')
      const own = Object.entries(step.env ?? {}).map(([name, value]) => [name, interpolate(value, names)])
      const variables: Record<string, string> = Object.fromEntries(own)
      const ended = await runScript(step.run!, {
        workspace,
        env: {...env, ...variables, ...files, GITHUB_ACTION_PATH: action},
      })
      stdout += ended.stdout
      stderr += ended.stderr
      code = ended.code
      for (const line of read(files.GITHUB_OUTPUT).split('\n').filter(Boolean)) {
        const [, name = '', value = ''] = /^([^=]+)=(.*)$/u.exec(line) ?? []
        names[`steps.${step.id ?? ''}.outputs.${name}`] = value
      }
      if (code !== 0) break
    }
    const told = Object.entries(outputs).map(([name, {value}]) => [name, interpolate(value, {...NOT_REACHED, ...names})])
    return {code, stdout, stderr, outputs: Object.fromEntries(told), summary: read(files.GITHUB_STEP_SUMMARY)}
  } finally {
    rmSync(folder, {recursive: true, force: true})
  }
}

/** Outputs of a step that did not come to its end are empty. */
const NOT_REACHED: Names = {'steps.check.outputs.exit-code': ''}

function read(file: string): string {
  return existsSync(file) ? readFileSync(file, 'utf8') : ''
}
