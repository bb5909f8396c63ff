import {readdir, readFile, writeFile} from 'node:fs/promises'
import {setTimeout as sleep} from 'node:timers/promises'

/** Watches the process list while something runs: what every user of the machine can read of it. Linux only. */
export class CommandLines {
  readonly #seen = new Set<string>()
  readonly #watching: Promise<void>
  #stopped = false

  constructor() {
    this.#watching = process.platform === 'linux' ? this.#watch() : Promise.resolve()
  }

  async #watch(): Promise<void> {
    while (!this.#stopped) {
      for (const entry of await readdir('/proc')) {
        if (!/^\d+$/u.test(entry)) continue
        // A process may be gone by now.
        const line = await readFile(`/proc/${entry}/cmdline`, 'utf8').catch(() => '')
        if (line !== '') this.#seen.add(line.replaceAll('\0', ' ').trim())
      }
      await sleep(40)
    }
  }

  /** Ends it, writes all that was seen into a file, and gives it back. */
  async stop(file: string): Promise<string[]> {
    this.#stopped = true
    await this.#watching
    await writeFile(file, [...this.#seen].join('\n'))
    return [...this.#seen]
  }
}
