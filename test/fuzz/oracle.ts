import {type ChildProcess, spawn} from 'node:child_process'
import {join} from 'node:path'
import {createInterface} from 'node:readline'
import {type OracleFinal, type OracleLine, type OracleRoom, toExpected} from '../conformance/fixtures.ts'

interface Answer {
  readonly error?: string
  readonly version: string
  readonly lines: readonly string[]
  readonly synapse: Judged
  readonly spec: Judged
}
interface Judged {
  readonly events: readonly OracleLine[]
  readonly final: OracleFinal
}

/** One long-lived Python that makes rooms and judges them with Synapse's library. */
export class Oracle {
  readonly #child: ChildProcess
  readonly #answers: AsyncIterator<string>

  constructor(python: string, folder: string) {
    const child = spawn(python, [join(import.meta.dirname, 'driver.py'), folder], {stdio: ['pipe', 'pipe', 'inherit']})
    this.#child = child
    this.#answers = createInterface({input: child.stdout})[Symbol.asyncIterator]()
  }

  /** @param options - arguments of gen.py */
  async room(name: string, options: readonly string[]): Promise<OracleRoom> {
    this.#child.stdin?.write(`${JSON.stringify({options})}\n`)
    const next = await this.#answers.next()
    if (next.done === true) throw new Error('the oracle ended')
    const {error, version, lines, synapse, spec} = JSON.parse(next.value) as Answer
    if (error !== undefined) throw new Error(`the oracle failed on ${options.join(' ')}:\n${error}`)
    const [first, second] = [synapse, spec].map(({events, final}) => toExpected(events, final))
    if (first === undefined || second === undefined) throw new Error('unreachable')
    return {kind: 'oracle', name, version, lines, synapse: first, spec: second}
  }

  end(): void {
    this.#child.stdin?.end()
  }
}
