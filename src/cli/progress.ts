/** Where a long piece of work says how far it is. */
export interface Progress {
  /** Cheap enough for every event. `total` absent where nobody knows it. */
  readonly update: (what: string, done?: number, total?: number) => void
  /** Takes the line away. To be called however the work ends; more than once does no harm. */
  readonly end: () => void
}

export interface ProgressOptions {
  readonly write: (text: string) => void
  readonly nowMs: () => number
  readonly columns?: number
}

const DELAY_MS = 1000
const REDRAW_MS = 100
const CLEAR_LINE = '\r\u001B[2K'

/** Says nothing: for `--json`, `--quiet`, and where nobody watches. */
export const SILENT: Progress = {update: () => undefined, end: () => undefined}

/**
 * One line, redrawn in place, shown only once the work has taken over a second.
 *
 * @remarks The clock is read in `update`, not by a timer: the engine is synchronous and would let no timer run.
 */
export function showProgress({write, nowMs, columns = 80}: ProgressOptions): Progress {
  let drawNext = nowMs() + DELAY_MS
  let drawn = false
  return {
    update(what, done, total) {
      const now = nowMs()
      if (now < drawNext) return
      drawNext = now + REDRAW_MS
      drawn = true
      write(CLEAR_LINE + describe(what, done, total).slice(0, columns - 1))
    },
    end() {
      if (drawn) write(CLEAR_LINE)
      drawn = false
      drawNext = Number.POSITIVE_INFINITY
    },
  }
}

function describe(what: string, done: number | undefined, total: number | undefined): string {
  if (done === undefined) return what
  if (total === undefined || total === 0) return `${what} ${done.toString()}`
  return `${what} ${done.toString()}/${total.toString()} (${Math.floor((100 * done) / total).toString()} %)`
}
