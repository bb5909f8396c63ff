import {BaseCommand} from '../src/cli/base-command.ts'
import {EXIT, type ExitCode} from '../src/cli/exit-codes.ts'
import {botFlags} from '../src/cli/setup-bot-flags.ts'
import {BOOTSTRAP_MS, ENDING, setupFromFlags, showSetup, tellInterrupted, TIDYING_MS} from '../src/cli/setup-command.ts'
import {setupFlags} from '../src/cli/setup-flags.ts'

export default class Setup extends BaseCommand {
  static override summary = 'Make a profile: who asks which homeserver, and by which routes.'
  static override description =
    'Asks at a terminal for what is needed and not given; elsewhere everything comes from flags, environment, files or standard input. All is tried before the profile is written, for its owner only. A profile that is there is never replaced: --modify changes its address, the token of the same device, and its routes. With --bot it records what preflight holds a bot against.'
  // oclif's own line puts every flag in, and those that depend on others in brackets of brackets.
  static override usage = [
    '<%= command.id %> [--profile NAME] [--homeserver URL] [--token-file FILE | --user ID [--password-file FILE]] [--admin-token-file FILE] [--signing-key FILE [--server-name NAME]] [--database DATABASE]…',
    '<%= command.id %> --bot [--profile NAME] [--device ID] [--store PATH [--store-check-file FILE | --store-check-command LINE]] [--bootstrap [--recovery-key-file FILE]] [what gives the account, as above]',
    '<%= command.id %> --modify [--profile NAME] [--no-admin] [--no-signing-key] [--no-database] [--bot [--accept-new-identity]] [what is to change, as above]',
  ]
  static override examples = [
    {
      description: 'At a terminal: asks for everything, also the routes that may be left out.',
      command: '<%= config.bin %> <%= command.id %>',
    },
    {
      description: 'In a script: logs in a device of its own; the password comes by standard input.',
      command:
        '<%= config.bin %> <%= command.id %> --homeserver example.org --user @alice:example.org --password-file - < password.txt',
    },
    {
      description: 'A bot, with its own token: its device, keys and store are recorded for preflight.',
      command:
        '<%= config.bin %> <%= command.id %> --profile bot --homeserver example.org --token-file token.txt --bot --store /var/lib/bot/crypto',
    },
    {
      description: 'The server has moved.',
      command: '<%= config.bin %> <%= command.id %> --profile bot --modify --homeserver https://new.example.org',
    },
  ]
  static override flags = {...setupFlags, ...botFlags}

  async run(): Promise<ExitCode> {
    const {flags} = await this.parse(Setup)
    const graceMs = flags.bootstrap ? BOOTSTRAP_MS : TIDYING_MS
    const signal = this.interruption({graceMs, signals: ENDING, secondEnds: !flags.bootstrap})
    try {
      const report = await setupFromFlags(flags, {
        signal,
        json: this.json,
        progress: () => this.progress(),
        print: (text) => this.print(text),
      })
      await this.show(await showSetup(report, this.style(false)))
      return EXIT.done
    } catch (error) {
      if (signal.aborted) await tellInterrupted(error, (text) => this.note(text))
      throw error
    }
  }
}
