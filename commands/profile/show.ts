import {Args} from '@oclif/core'
import {BaseCommand} from '../../src/cli/base-command.ts'
import {EXIT, type ExitCode} from '../../src/cli/exit-codes.ts'
import {profileShowForms} from '../../src/cli/profile-command.ts'

export default class ProfileShow extends BaseCommand {
  static override summary = 'Show a profile: all of it but the tokens, of which it says whether they are set.'
  static override examples = ['<%= config.bin %> <%= command.id %>', '<%= config.bin %> <%= command.id %> bot --json']
  static override args = {
    name: Args.string({
      ignoreStdin: true,
      description: 'the profile; without it MATRIX_STATE_PROFILE, else "default"',
    }),
  }

  async run(): Promise<ExitCode> {
    const {args} = await this.parse(ProfileShow)
    await this.show(await profileShowForms(args.name, this.style(true)))
    return EXIT.done
  }
}
