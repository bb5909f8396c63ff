import {Args, Flags} from '@oclif/core'
import {BaseCommand, failOnFlag} from '../src/cli/base-command.ts'
import {auditFromArguments, deviceFlags, planFromArguments} from '../src/cli/devices-command.ts'
import {EXIT, type ExitCode, exitCodeForFindings, worstOf} from '../src/cli/exit-codes.ts'
import {showDevices, showDevicesPlan} from '../src/cli/show-devices.ts'
import {findingsOf} from '../src/index.ts'

export default class Devices extends BaseCommand {
  static override summary = 'Audit the end-to-end encryption of a user, a bot or a room from outside.'
  static override description =
    'Says which devices cannot work and why: replaced or badly signed keys, exhausted one-time keys, stale device lists, messages that nobody can read, and in a room who gets the keys that should not. It has no private key and decrypts nothing; nothing on a server is changed, no one-time key is used up and no message is taken from a queue.'
  static override examples = [
    {
      description: 'A bot, with its own token: its keys, its logins, its one-time keys, what waits for it, its backup.',
      command:
        'MATRIX_STATE_TOKEN=… <%= config.bin %> <%= command.id %> @bot:example.org --homeserver https://example.org',
    },
    {
      description: "Everybody in a room, as the server's database has it.",
      command: "<%= config.bin %> <%= command.id %> '!id:example.org' --database postgres://synapse@localhost/synapse",
    },
    {
      description: 'What would be asked, and what that does to the servers; nothing is asked.',
      command: "<%= config.bin %> <%= command.id %> '!id:example.org' --database sqlite:homeserver.db --plan",
    },
    {
      description: 'A case file as it stands.',
      command: '<%= config.bin %> <%= command.id %> room.case',
    },
  ]
  static override args = {
    room: Args.string({
      ignoreStdin: true,
      description:
        "user ID, room ID or alias (these in single quotes), a case file, a dump, or '-' for standard input; without it, the last case",
    }),
  }
  static override flags = {
    ...deviceFlags,
    full: Flags.boolean({summary: 'Show every user, device, finding and all evidence.'}),
    'fail-on': failOnFlag('error'),
  }

  async run(): Promise<ExitCode> {
    const {args, flags} = await this.parse(Devices)
    const style = this.style(flags.full)
    const signal = this.interruption()
    if (flags.plan) {
      const {argument, plan} = await planFromArguments(args.room, flags, signal)
      await this.show(await showDevicesPlan(argument, plan, style))
      return EXIT.done
    }
    const {report, notes} = await auditFromArguments(args.room, flags, this.progress(), signal)
    for (const note of notes) await this.note(note)
    await this.show(await showDevices(report, style))
    return worstOf(
      exitCodeForFindings(findingsOf(report), flags['fail-on']),
      report.complete ? EXIT.done : EXIT.inconclusive,
    )
  }
}
