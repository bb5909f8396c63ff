import {Args, Flags} from '@oclif/core'
import {BaseCommand} from '../../src/cli/base-command.ts'
import {EXIT, type ExitCode} from '../../src/cli/exit-codes.ts'
import {exportCase} from '../../src/index.ts'

export default class CaseExport extends BaseCommand {
  static override summary = 'Write the events of a case file as NDJSON, or all that it holds as one JSON document.'
  static override examples = [
    '<%= config.bin %> <%= command.id %> room.case > room.ndjson',
    '<%= config.bin %> <%= command.id %> room.case --format json --output room.json',
  ]
  static override args = {case: Args.string({required: true, description: 'case file'})}
  static override flags = {
    format: Flags.option({
      options: ['ndjson', 'json'] as const,
      default: 'ndjson',
      summary: 'One event a line, or one document with sources, states and keys.',
    })(),
    'all-copies': Flags.boolean({summary: 'Every form of an event, not only the best.'}),
    output: Flags.string({char: 'o', summary: 'Write to this file instead of standard output.', helpValue: 'FILE'}),
  }

  async run(): Promise<ExitCode> {
    const {args, flags} = await this.parse(CaseExport)
    const lines = exportCase(args.case, {
      format: this.json ? 'json' : flags.format,
      allCopies: flags['all-copies'],
    })
    await (flags.output === undefined ? this.printLines(lines) : this.writeFile(flags.output, lines))
    return EXIT.done
  }
}
