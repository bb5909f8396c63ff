import {Args, Flags} from '@oclif/core'
import {BaseCommand} from '../../src/cli/base-command.ts'
import {EXIT, type ExitCode} from '../../src/cli/exit-codes.ts'
import {madeCaseForms} from '../../src/cli/show-case.ts'
import {mergeCases} from '../../src/index.ts'

export default class CaseMerge extends BaseCommand {
  static override summary = 'Make one case file of several of the same room.'
  static override description =
    'Every copy, state, key and remark of all of them is kept, with who gave it; the given files stay as they are.'
  static override examples = ['<%= config.bin %> <%= command.id %> one.case other.case --output both.case']
  static override strict = false
  static override args = {case: Args.string({required: true, description: 'case files of one room, two or more'})}
  static override flags = {
    output: Flags.string({char: 'o', summary: 'The case file to make.', helpValue: 'FILE', required: true}),
  }

  async run(): Promise<ExitCode> {
    const {argv, flags} = await this.parse(CaseMerge)
    const made = await mergeCases(argv.map(String), flags.output, Date.now())
    await this.show(await madeCaseForms(made, this.style(false)))
    return EXIT.done
  }
}
