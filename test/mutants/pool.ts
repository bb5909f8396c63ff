import {type ChildProcess, execFileSync, fork} from 'node:child_process'
import {join} from 'node:path'
import type {Order, Word} from './judge.ts'

/** Processor time that no step takes without a mistake, by far: what takes longer is endless. */
const STEP_SECONDS = 12
/** How often to look. */
const LOOK_MS = 4_000
/** Where processor time cannot be had. */
const PATIENCE_MS = 120_000
/** The first words of a judge take reading all rooms. */
const START_MS = 300_000
/** Modules are never forgotten, so that a process grows with each mutant. */
const MUTANTS_PER_PROCESS = 700

/** Processor time that a process has used, in seconds; `null` where there is no `ps`. On a busy machine hours say little. */
function processorSeconds(child: ChildProcess): number | null {
  try {
    const text = execFileSync('ps', ['-o', 'time=', '-p', String(child.pid)], {encoding: 'utf8'}).trim()
    return text.split(/[-:]/).reduce((sum, part) => sum * 60 + Number(part), 0)
  } catch {
    return null
  }
}

/** One process that judges mutants; a new one takes its place when it hangs or dies. */
export class Judge {
  #child: ChildProcess | null = null
  #judged = 0

  /** What noticed the mutant, or `null` when nothing did. */
  async judge(order: Order): Promise<string | null> {
    if (this.#judged >= MUTANTS_PER_PROCESS) this.end()
    const child = this.#child ?? (await this.#start())
    this.#judged += 1
    return new Promise((resolve, reject) => {
      let step = 'start'
      let since = performance.now()
      let used = processorSeconds(child) ?? 0
      const finish = (): void => {
        clearInterval(timer)
        child.removeAllListeners()
      }
      const giveUp = (why: string): void => {
        finish()
        this.end()
        resolve(`${why} in ${step}`)
      }
      let looked = step
      const timer = setInterval(() => {
        const now = processorSeconds(child)
        if (looked !== step) [looked, used, since] = [step, now ?? 0, performance.now()]
        else if (now === null ? performance.now() - since > PATIENCE_MS : now - used > STEP_SECONDS) giveUp('endless')
      }, LOOK_MS)
      child.on('message', (word: Word) => {
        if ('step' in word) ({step} = word)
        if ('invalid' in word) reject(new Error(`a mutant is no code: ${word.invalid}`))
        if (!('done' in word)) return
        finish()
        resolve(word.done)
      })
      child.on('exit', () => {
        giveUp('died')
      })
      child.send(order)
    })
  }

  #start(): Promise<ChildProcess> {
    const child = fork(join(import.meta.dirname, 'judge.ts'), {
      execArgv: ['--max-old-space-size=2000', '--disable-warning=ExperimentalWarning'],
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    })
    this.#child = child
    this.#judged = 0
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        reject(new Error('a judge does not start'))
      }, START_MS)
      child.once('exit', () => {
        reject(new Error('a judge does not start'))
      })
      child.once('message', () => {
        clearTimeout(timer)
        child.removeAllListeners()
        resolve(child)
      })
    })
  }

  end(): void {
    this.#child?.removeAllListeners()
    this.#child?.kill('SIGKILL')
    this.#child = null
  }
}
