import {type ChildProcess, fork} from 'node:child_process'
import {join} from 'node:path'
import type {Order, Word} from './judge.ts'

/** Longer than any step takes without a mistake, by far; longer steps are endless. */
const STEP_MS = 15_000
/** The first words of a judge take reading all rooms. */
const START_MS = 120_000

/** One process that judges mutants; a new one takes its place when it hangs or dies. */
export class Judge {
  #child: ChildProcess | null = null
  #judged = 0

  /** What noticed the mutant, or `null` when nothing did. */
  async judge(order: Order): Promise<string | null> {
    // Modules are never forgotten, so that a process grows with each mutant.
    if (this.#judged >= 700) this.end()
    const child = this.#child ?? (await this.#start())
    this.#judged += 1
    return new Promise((resolve, reject) => {
      let step = 'start'
      const finish = (result: string | null): void => {
        clearTimeout(timer)
        child.removeAllListeners()
        resolve(result)
      }
      const giveUp = (why: string): void => {
        finish(`${why} in ${step}`)
        this.end()
      }
      const timer = setTimeout(() => giveUp('endless'), STEP_MS)
      child.on('message', (word: Word) => {
        timer.refresh()
        if ('step' in word) ({step} = word)
        if ('done' in word) finish(word.done)
        if ('invalid' in word) reject(new Error(`a mutant is no code: ${word.invalid}`))
      })
      child.on('exit', () => giveUp('died'))
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
      const timer = setTimeout(() => reject(new Error('a judge does not start')), START_MS)
      child.once('exit', () => reject(new Error('a judge does not start')))
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
