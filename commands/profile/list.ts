import {BaseCommand} from '../../src/cli/base-command.ts'
import {EXIT, type ExitCode} from '../../src/cli/exit-codes.ts'
import {profileListForms} from '../../src/cli/profile-command.ts'

export default class ProfileList extends BaseCommand {
  static override summary = 'List the profiles: who they ask as, by which routes, and which cannot be used.'
  static override description =
    'They are in MATRIX_STATE_PROFILE_DIR, else in the folder that the platform has for configuration. Nobody is asked.'
  static override examples = ['<%= config.bin %> <%= command.id %>']

  async run(): Promise<ExitCode> {
    await this.parse(ProfileList)
    await this.show(await profileListForms(this.style(true)))
    return EXIT.done
  }
}
