import {BaseCommand, failOnFlag} from '../src/cli/base-command.ts'
import {Flags} from '@oclif/core'
import {doctorArg, doctorFlags, doctorFromArguments, exitCodeOf} from '../src/cli/doctor-command.ts'
import type {ExitCode} from '../src/cli/exit-codes.ts'
import {showDoctor} from '../src/cli/show-doctor.ts'

export default class Doctor extends BaseCommand {
  static override summary = 'From an error message, or a log, to its cause in a room and what to do about it.'
  static override description =
    'Says what the message means, what in this room makes a server say it (asked of the state that the events give, and of the state that each server tells), by which rule, and what can be done, the least invasive first. Without a message, everything that `check` finds, the worst explained. Nothing on a server is changed.'
  static override examples = [
    {
      description: 'Somebody cannot join.',
      command:
        "<%= config.bin %> <%= command.id %> 'You are not invited to this room.' '!id:example.org' --user @carol:example.org",
    },
    {
      description: 'A room about which nobody said anything in particular.',
      command: '<%= config.bin %> <%= command.id %> room.case',
    },
    {
      description: 'What is in a log, and what it means in this room.',
      command:
        "journalctl -u matrix-synapse | <%= config.bin %> <%= command.id %> - '!id:example.org' --database postgres://synapse@localhost/synapse",
    },
    {
      description: "A user's messages cannot be read.",
      command: "<%= config.bin %> <%= command.id %> 'Unable to decrypt' @bob:example.org --profile bot",
    },
  ]
  static override strict = false
  static override args = {message: doctorArg}
  static override flags = {
    ...doctorFlags,
    full: Flags.boolean({summary: 'Show every finding and all events.'}),
    'fail-on': failOnFlag('warning', 'A cause that is more than a hint counts, too, unless it is never.'),
  }

  async run(): Promise<ExitCode> {
    const {argv, flags} = await this.parse(Doctor)
    const report = await doctorFromArguments(argv.map(String), flags, this.progress(), this.interruption())
    for (const note of report.notes) await this.note(note)
    await this.show(await showDoctor(report, this.style(flags.full)))
    return exitCodeOf(report, flags['fail-on'])
  }
}
