import {Args, Flags} from '@oclif/core'
import {BaseCommand} from '../../src/cli/base-command.ts'
import {EXIT, type ExitCode} from '../../src/cli/exit-codes.ts'
import {redactedForms} from '../../src/cli/show-case.ts'
import {redactCaseFile} from '../../src/index.ts'

export default class CaseRedact extends BaseCommand {
  static override summary = 'Make a case file that can be shown to others: without the contents of messages.'
  static override description =
    'What hashes, signatures and authorisation need stays, so that the replay gives the same. What remains is said; look at it before you share the file.'
  static override examples = ['<%= config.bin %> <%= command.id %> room.case --output shareable.case']
  static override args = {case: Args.string({required: true, description: 'case file'})}
  static override flags = {
    output: Flags.string({char: 'o', summary: 'The case file to make.', helpValue: 'FILE', required: true}),
  }

  async run(): Promise<ExitCode> {
    const {args, flags} = await this.parse(CaseRedact)
    const made = await redactCaseFile(args.case, flags.output, Date.now())
    await this.show(await redactedForms(made, this.style(true)))
    return EXIT.done
  }
}
