import {spawn} from 'node:child_process'
import type {ChildProcess} from 'node:child_process'
import {createInterface} from 'node:readline'

/** A Python script that is asked by one JSON object a line and answers each with `{ok}` or `{error}`, in order. */
export class LineProcess {
  readonly #child: ChildProcess
  readonly #name: string
  readonly #waiting: {resolve: (value: unknown) => void; reject: (error: Error) => void}[] = []
  #said = ''

  constructor(python: string, script: string) {
    const child = spawn(python, [script], {stdio: ['pipe', 'pipe', 'pipe']})
    this.#child = child
    this.#name = script.split(/[/\\]/u).at(-1)!
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => (this.#said += chunk))
    createInterface({input: child.stdout}).on('line', (line) => {
      const answer = JSON.parse(line) as {ok?: unknown; error?: string}
      const next = this.#waiting.shift()
      if (answer.error === undefined) next?.resolve(answer.ok)
      else next?.reject(new Error(`${this.#name}: ${answer.error}`))
    })
    child.once('close', () => {
      for (const {reject} of this.#waiting.splice(0)) reject(new Error(`${this.#name} ended: ${this.#said}`))
    })
  }

  async do<T>(what: string, more: object): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#waiting.push({resolve: resolve as (value: unknown) => void, reject})
      this.#child.stdin!.write(`${JSON.stringify({do: what, ...more})}\n`)
    })
  }

  async close(): Promise<void> {
    if (this.#child.exitCode !== null) return
    const ended = new Promise((resolve) => this.#child.once('close', resolve))
    this.#child.stdin!.end()
    await ended
  }
}
