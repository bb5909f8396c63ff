import {Args, Flags} from '@oclif/core'
import {BaseCommand} from '../../src/cli/base-command.ts'
import {EXIT, type ExitCode} from '../../src/cli/exit-codes.ts'
import {profileToExport} from '../../src/cli/profile-command.ts'

export default class ProfileExport extends BaseCommand {
  static override summary = 'Write a profile without its tokens, as JSON that can be attached or committed.'
  static override description =
    'Paths, addresses, and the line that checks the bot’s store are in it as they are. It is no profile: with a token beside it, preflight takes it as the baseline.'
  static override examples = [
    '<%= config.bin %> <%= command.id %> bot --output bot-baseline.json',
    {
      description: 'In CI, where there is no profile.',
      command: 'MATRIX_STATE_TOKEN=… <%= config.bin %> preflight --baseline bot-baseline.json',
    },
  ]
  static override args = {
    name: Args.string({
      ignoreStdin: true,
      description: 'the profile; without it MATRIX_STATE_PROFILE, else "default"',
    }),
  }
  static override flags = {
    output: Flags.string({char: 'o', summary: 'Write to this file instead of standard output.', helpValue: 'FILE'}),
  }

  async run(): Promise<ExitCode> {
    const {args, flags} = await this.parse(ProfileExport)
    const document = profileToExport(args.name)
    if (flags.output === undefined) await this.printJson(document)
    else await this.writeFile(flags.output, JSON.stringify(document, null, 2).split('\n'))
    return EXIT.done
  }
}
