import {Args, Flags} from '@oclif/core'
import {BaseCommand} from '../../src/cli/base-command.ts'
import {EXIT, type ExitCode} from '../../src/cli/exit-codes.ts'
import {showCase} from '../../src/cli/show-case.ts'
import {caseInfo} from '../../src/index.ts'

export default class CaseInfo extends BaseCommand {
  static override summary = 'Say what a case file holds: events, sources, states, keys, and what is missing.'
  static override examples = ['<%= config.bin %> <%= command.id %> room.case']
  static override args = {case: Args.string({required: true, description: 'case file'})}
  static override flags = {full: Flags.boolean({summary: 'Show all missing events and all forms.'})}

  async run(): Promise<ExitCode> {
    const {args, flags} = await this.parse(CaseInfo)
    const info = await caseInfo(args.case)
    await this.show(await showCase(info, this.style(flags.full)))
    return info.counts.missing > 0 ? EXIT.inconclusive : EXIT.done
  }
}
