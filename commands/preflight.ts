import {BaseCommand, failOnFlag} from '../src/cli/base-command.ts'
import {EXIT, type ExitCode, exitCodeForFindings, exitCodeOf, worstOf} from '../src/cli/exit-codes.ts'
import {preflightFlags, preflightFromFlags} from '../src/cli/preflight-command.ts'
import {showPreflight} from '../src/cli/show-preflight.ts'

export default class Preflight extends BaseCommand {
  static override summary = 'Before a bot starts: is it still the device that `setup --bot` recorded?'
  static override description =
    'Holds the published device, its signatures, cross-signing, one-time keys, key backup and the store on the disk against what was recorded, and says for each failure which repair fits and what it costs. For entry points of containers, services, CI jobs and health checks. Nothing on a server is changed: no /sync with "since", no one-time key is used up, nothing is uploaded. Nothing is written on the disk but Node’s compile cache (in ~/.cache/matrix-state, where it can be; NODE_DISABLE_COMPILE_CACHE=1 does without), and what a check command of the store writes itself. With --quiet only errors, warnings and checks that could not be made are printed: nothing where all is well.'
  static override examples = [
    {
      description: 'In the script that starts a bot.',
      command: '<%= config.bin %> <%= command.id %> --profile bot && exec ./bot',
    },
    {
      description: 'As a health check of a bot that runs.',
      command: '<%= config.bin %> <%= command.id %> --profile bot --no-store --quiet --timeout 10',
    },
    {
      description: 'In a CI job, with an exported profile and the token from the secrets of the job.',
      command: 'MATRIX_STATE_TOKEN=… <%= config.bin %> <%= command.id %> --baseline bot.json --no-store --json',
    },
  ]
  static override flags = {...preflightFlags, 'fail-on': failOnFlag('error')}

  async run(): Promise<ExitCode> {
    const {flags} = await this.parse(Preflight)
    const report = await preflightFromFlags(flags, this.interruption())
    await this.show(await showPreflight(report, {...this.style(false), quiet: this.quiet}))
    // What could be seen without a server stands above; the error itself is told as any other. JSON has it in its one document.
    if (report.error !== null && !this.json) throw report.error
    return worstOf(
      report.error === null ? EXIT.done : exitCodeOf(report.error.code),
      exitCodeForFindings(report.findings, flags['fail-on']),
      report.complete ? EXIT.done : EXIT.inconclusive,
    )
  }
}
