import {Args, Flags} from '@oclif/core'
import {BaseCommand} from '../../src/cli/base-command.ts'
import {EXIT, type ExitCode} from '../../src/cli/exit-codes.ts'
import {mustBeEvent} from '../../src/cli/room-command.ts'
import {minimisedForms} from '../../src/cli/show-case.ts'
import {minimiseCaseFile} from '../../src/index.ts'

export default class CaseMinimise extends BaseCommand {
  static override summary = 'Make a case file of the least events that show the same at an event.'
  static override description =
    'For a bug report: the smallest part of the room in which the event still gets the same verdict for the same reason, or the same state comes out of the merge. Redact it before you share it.'
  static override examples = ["<%= config.bin %> <%= command.id %> room.case --keep '$event' --output small.case"]
  static override args = {case: Args.string({required: true, description: 'case file'})}
  static override flags = {
    keep: Flags.string({
      summary: 'The event that it is about; repeatable.',
      helpValue: 'EVENT',
      required: true,
      multiple: true,
      multipleNonGreedy: true,
    }),
    output: Flags.string({char: 'o', summary: 'The case file to make.', helpValue: 'FILE', required: true}),
  }

  async run(): Promise<ExitCode> {
    const {args, flags} = await this.parse(CaseMinimise)
    for (const id of flags.keep) mustBeEvent('--keep', id)
    const made = await minimiseCaseFile(args.case, flags.output, flags.keep, Date.now())
    await this.show(await minimisedForms(made, this.style(true)))
    return EXIT.done
  }
}
