import {hostname} from 'node:os'
import {StateError} from '../errors.ts'
import type {SetupReport} from '../investigate/setup-request.ts'
import {printable} from '../report/printable.ts'
import {write, type Forms, type JsonDocument, type Style} from './output.ts'
import type {Progress} from './progress.ts'
import {canAsk, setupPrompts} from './prompts.ts'
import type {BotFlags} from './setup-bot-flags.ts'
import {botStep} from './setup-bot-flags.ts'
import {type GivenSetupFlags, setupRequestOf} from './setup-flags.ts'

/** Signals by which a setup is ended; whatever it has done on a server is taken back then. */
export const ENDING = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
/** Waiting for an answer to a login, and the logout, with something to spare. */
export const TIDYING_MS = 12_000
/** Uploads that must not be cut off, on a slow server. */
export const BOOTSTRAP_MS = 120_000

/** What a command lends to a setup. */
export interface SetupTerminal {
  readonly signal: AbortSignal
  readonly json: boolean
  /** A new line of progress. */
  readonly progress: () => Progress
  /** To standard output. */
  readonly print: (text: string) => Promise<void>
}

/** Makes or changes a profile, as the flags say and a person answers. @throws StateError as `setUp` and `modifyProfile` */
export async function setupFromFlags(flags: GivenSetupFlags & BotFlags, terminal: SetupTerminal): Promise<SetupReport> {
  const {signal, json, print} = terminal
  const bot = botStep(flags, {json, print})
  const request = await setupRequestOf(flags, {bothCredentials: flags.bootstrap})
  const steps = showSteps(terminal.progress)
  const prompts = canAsk() ? setupPrompts(signal, steps.end) : null
  const {modifyProfile, setUp} = await import('../investigate/on-demand.ts')
  try {
    const options = {prompts, bot, signal, nowMs: Date.now, host: hostname(), onStep: steps.show}
    if (!flags.modify) return await setUp(request, options)
    return await modifyProfile({...request, acceptNewDevice: flags['accept-new-identity']}, options)
  } finally {
    steps.end()
  }
}

/** Says on which step the work is, once it takes longer than a moment. */
function showSteps(progress: SetupTerminal['progress']): {show: (what: string) => void; end: () => void} {
  let shown: Progress | null = null
  let timer: NodeJS.Timeout | undefined
  const end = (): void => {
    clearInterval(timer)
    shown?.end()
    shown = null
  }
  const show = (what: string): void => {
    end()
    const made = (shown = progress())
    timer = setInterval(() => {
      made.update(printable(what))
    }, 250).unref()
  }
  return {show, end}
}

/** What is said after Ctrl-C. A login that stays is no note: it is said with `--quiet`, too. */
export async function tellInterrupted(error: unknown, note: (text: string) => Promise<void>): Promise<void> {
  if (!(error instanceof StateError)) {
    await note('interrupted: nothing was written, and no login is left')
    return
  }
  const hint = error.hint === undefined ? '' : `hint: ${printable(error.hint)}\n`
  await write(process.stderr, `interrupted: ${printable(error.message)}\n${hint}`)
}

/** Both forms of a profile that was made or changed. */
export async function showSetup(report: SetupReport, style: Style): Promise<Forms> {
  const {setupDocument} = await import('../report/setup-document.ts')
  const json = (): JsonDocument => setupDocument(report)
  if (style.json) return {json, text: () => ''}
  const {setupText} = await import('../report/setup-text.ts')
  return {json, text: () => setupText(report, style)}
}
