import {Args, Flags} from '@oclif/core'
import {BaseCommand} from '../../src/cli/base-command.ts'
import {EXIT, type ExitCode} from '../../src/cli/exit-codes.ts'
import {removeForms} from '../../src/cli/profile-command.ts'

export default class ProfileRemove extends BaseCommand {
  static override summary = 'Remove a profile, and log out the device that setup logged in for it.'
  static override description =
    'A token that was given to setup is not logged out. When the homeserver cannot be reached, the file stays: its token is what the device can be logged out with.'
  static override examples = [
    '<%= config.bin %> <%= command.id %> bot',
    {
      description: 'One that is damaged, or whose homeserver is gone: the file alone.',
      command: '<%= config.bin %> <%= command.id %> bot --keep-login --yes',
    },
  ]
  static override args = {name: Args.string({required: true, ignoreStdin: true, description: 'the profile'})}
  static override flags = {
    'keep-login': Flags.boolean({summary: 'Remove the file alone; it is said which device stays logged in.'}),
    yes: Flags.boolean({char: 'y', summary: 'Do not ask; needed where there is no terminal.'}),
  }

  async run(): Promise<ExitCode> {
    const {args, flags} = await this.parse(ProfileRemove)
    const forms = await removeForms(args.name, flags, this.style(true), () => this.interruption())
    if (forms === null) await this.note('Nothing was removed.')
    else await this.show(forms)
    return EXIT.done
  }
}
