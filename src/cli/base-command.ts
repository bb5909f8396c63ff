import {Command, Flags, type Interfaces} from '@oclif/core'
import {wantsColor, beforeDoubleDash} from './color.ts'
import {StateError} from '../errors.ts'
import {FAIL_ON, type ExitCode, type FailOn} from './exit-codes.ts'
import {asUsageError} from './failure.ts'
import {interruption, type InterruptionOptions} from './interruption.ts'
import {type Forms, type JsonDocument, type Style, write, writeFileLines, writeLines} from './output.ts'
import {printable, printableJson, printableLine} from '../report/printable.ts'
import {wrap} from '../report/width.ts'
import {showProgress, SILENT, type Progress} from './progress.ts'

/**
 * What all commands share: flags, the way results are printed, and how the process ends.
 *
 * A command parses its flags, makes one call into `src/index.ts`, prints, and returns its exit code. It throws
 * `StateError` for what a user can act on; `main.ts` renders it.
 */
export abstract class BaseCommand extends Command {
  static override baseFlags = {
    json: Flags.boolean({summary: 'Print one JSON document instead of text.', helpGroup: 'GLOBAL'}),
    quiet: Flags.boolean({char: 'q', summary: 'Print results and errors only.', helpGroup: 'GLOBAL'}),
    'no-color': Flags.boolean({summary: 'Print without colours, as with NO_COLOR.', helpGroup: 'GLOBAL'}),
  }

  /** Flags for which an empty value means something. */
  static readonly mayBeEmpty: readonly string[] = []

  abstract override run(): Promise<ExitCode>

  /** Whether results are to be JSON. Known before the flags are parsed. */
  protected get json(): boolean {
    return this.#has('--json')
  }

  protected get quiet(): boolean {
    return this.#has('--quiet', '-q')
  }

  /** Whether results may be coloured: to be handed to renderers, which do not look at the terminal themselves. */
  protected get color(): boolean {
    return wantsColor(this.argv, process.env, process.stdout.isTTY)
  }

  /**
   * Columns of the terminal; into a file or pipe those that `COLUMNS` asks for, and `undefined` without it: no line is broken, so that it
   * can be searched.
   */
  protected get columns(): number | undefined {
    // A terminal that says it has none does not know.
    const columns = process.stdout.isTTY ? process.stdout.columns : Number(process.env['COLUMNS'])
    return columns > 0 ? columns : undefined
  }

  /** How results are to look. */
  protected style(full: boolean): Style {
    return {json: this.json, color: this.color, columns: this.columns, full}
  }

  /** Prints a result in the form that was asked for; only that form is computed. */
  protected async show(forms: Forms): Promise<void> {
    await (this.json ? this.printJson(forms.json()) : this.print(forms.text()))
  }

  /** A result as text, to stdout; a line feed is added unless it ends with one. */
  protected async print(text: string): Promise<void> {
    if (text !== '') await write(process.stdout, text.endsWith('\n') ? text : `${text}\n`)
  }

  protected async printJson(document: JsonDocument): Promise<void> {
    await write(process.stdout, `${printableJson(JSON.stringify(document, null, 2))}\n`)
  }

  /** Many JSON documents, one a line. */
  protected async printJsonLines(lines: Iterable<string>): Promise<void> {
    await this.printLines(Iterator.from(lines).map(printableJson))
  }

  /** A result of many lines (NDJSON): streamed, no faster than the reader takes it; byte for byte, but for a terminal. */
  protected async printLines(lines: Iterable<string> | AsyncIterable<string>): Promise<void> {
    await writeLines(process.stdout, process.stdout.isTTY ? forTerminal(lines) : lines)
  }

  /** The same into a file. */
  protected async writeFile(path: string, lines: Iterable<string> | AsyncIterable<string>): Promise<void> {
    await writeFileLines(path, lines)
  }

  /** What is good to know but no result, to stderr; not with `--quiet`. */
  protected async note(text: string): Promise<void> {
    // A terminal that says it has none does not know.
    const columns = process.stderr.isTTY && process.stderr.columns > 0 ? process.stderr.columns : undefined
    if (!this.quiet) await write(process.stderr, `${wrap(printable(text), 0, columns)}\n`)
  }

  /** Say `end()` in a `finally`. */
  protected progress(): Progress {
    if (this.json || this.quiet || !process.stderr.isTTY) return SILENT
    return showProgress({
      write: (text) => void process.stderr.write(text),
      nowMs: () => performance.now(),
      ...(process.stderr.columns > 0 ? {columns: process.stderr.columns} : {}),
    })
  }

  /** See `interruption.ts`: only for work that must tidy up when Ctrl-C is pressed. */
  protected interruption(options?: InterruptionOptions): AbortSignal {
    return interruption(options)
  }

  /** An empty value is mostly a shell's variable that was not set: it must not stand for a file or an ID. */
  protected override async parse<
    F extends Interfaces.OutputFlags<Interfaces.FlagInput>,
    B extends Interfaces.OutputFlags<Interfaces.FlagInput>,
    A extends Interfaces.OutputArgs<Interfaces.ArgInput>,
  >(options?: Interfaces.Input<F, B, A>, argv?: string[]): Promise<Interfaces.ParserOutput<F, B, A>> {
    const parsed = await super.parse(options, argv)
    const {mayBeEmpty} = this.ctor as typeof BaseCommand
    for (const [name, value] of Object.entries(parsed.flags)) {
      if (mayBeEmpty.includes(name) || !(value === '' || (Array.isArray(value) && value.includes('')))) continue
      throw new StateError('USAGE', `--${name} is empty`, {
        hint: `Was a variable of the shell not set?${this.#isEvent(name) ? EATEN : ''}`,
      })
    }
    if (parsed.argv.includes('') && !('room' in parsed.args)) {
      throw new StateError('USAGE', 'an argument is empty', {hint: 'Was a variable of the shell not set?'})
    }
    return parsed
  }

  /** Errors are rendered in one place, `main.ts`: oclif's own way would print JSON of its own kind here. */
  protected override catch(error: Error): Promise<never> {
    return Promise.reject(asUsageError(error, this.id) ?? error)
  }

  #isEvent(flag: string): boolean {
    const {[flag]: of} = this.ctor.flags as Readonly<Record<string, {readonly helpValue?: string | string[]}>>
    return of?.helpValue === 'EVENT'
  }

  #has(...names: readonly string[]): boolean {
    return beforeDoubleDash(this.argv).some((arg) => names.includes(arg))
  }
}

const EATEN = " A shell also replaces '$…': write event IDs in single quotes."

async function* forTerminal(lines: Iterable<string> | AsyncIterable<string>): AsyncGenerator<string> {
  for await (const line of lines) yield printableLine(line)
}

/** `--fail-on`, with the command's own default. */
export function failOnFlag(defaultsTo: FailOn, description?: string) {
  return Flags.option({
    options: FAIL_ON,
    default: defaultsTo,
    summary: 'Least severity of a finding that makes the exit code 1.',
    ...(description === undefined ? {} : {description}),
  })()
}
