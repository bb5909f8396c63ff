import {Flags} from '@oclif/core'
import {BaseCommand, failOnFlag} from '../src/cli/base-command.ts'
import {EXIT, type ExitCode, exitCodeForFindings, worstOf} from '../src/cli/exit-codes.ts'
import {accessFlags, accessOf} from '../src/cli/fetch-flags.ts'
import {describeFetch, describeInterruption, limitsOf, limitFlags} from '../src/cli/fetch-progress.ts'
import {mustBeLiveRoom, roomIdArg} from '../src/cli/room-command.ts'
import {showFetch, showPlan} from '../src/cli/show-fetch.ts'
import {fetchRoom, planFetch, rememberCase} from '../src/index.ts'

export default class Fetch extends BaseCommand {
  static override summary = 'Gather a room from every route into a case file.'
  static override description =
    'Keeps events byte for byte, with who gave them and what each server says the state is. Routes that change nothing are asked first; what is missing is asked of whoever can have it. Run again, it goes on where it ended and asks for what is new.'
  static override examples = [
    {
      description: 'As a member.',
      command:
        "MATRIX_STATE_TOKEN=… <%= config.bin %> <%= command.id %> '!id:example.org' --case room.case --homeserver https://matrix.example.org",
    },
    {
      description: 'What would be asked, and what that does to the servers; nothing is asked.',
      command:
        "<%= config.bin %> <%= command.id %> '!id:example.org' --case room.case --database sqlite:homeserver.db --plan",
    },
    {
      description: "With the server's own database and key: everything that it knows, and what another server says.",
      command:
        "<%= config.bin %> <%= command.id %> '!id:example.org' --case room.case --database postgres://synapse@localhost/synapse --signing-key signing.key --server-name example.org --with other.org",
    },
  ]
  static override args = {room: roomIdArg}
  static override flags = {
    case: Flags.string({
      summary: 'The case file: made, or gone on with.',
      helpValue: 'FILE',
      required: true,
    }),
    plan: Flags.boolean({summary: 'Say what would be asked and what it does to the servers; ask nothing.'}),
    ...limitFlags,
    'no-messages': Flags.boolean({
      summary: 'Leave out /messages, which can make a server fetch events from others.',
    }),
    'no-verify': Flags.boolean({summary: 'Leave hashes and signatures unchecked.'}),
    full: Flags.boolean({summary: 'Show all missing events and findings.'}),
    'fail-on': failOnFlag('never'),
    ...accessFlags,
  }

  async run(): Promise<ExitCode> {
    const {args, flags} = await this.parse(Fetch)
    mustBeLiveRoom(args.room)
    const access = await accessOf(flags, {messages: !flags['no-messages'], subject: args.room})
    const limits = limitsOf(flags)
    const style = this.style(flags.full)
    if (flags.plan) {
      await this.show(await showPlan(args.room, await planFetch(access, limits, args.room), style))
      return EXIT.done
    }
    const progress = this.progress()
    const signal = this.interruption()
    let kept: number | null = null
    try {
      const report = await fetchRoom(args.room, {
        access,
        limits,
        casePath: flags.case,
        verify: !flags['no-verify'],
        signal,
        nowMs: Date.now,
        onProgress: (step) => {
          progress.update(describeFetch(step))
        },
        onInterrupted: (events) => {
          kept = events
        },
      })
      progress.end()
      rememberCase(flags.case)
      await this.show(await showFetch(report, style))
      return worstOf(
        exitCodeForFindings(report.findings, flags['fail-on']),
        report.complete ? EXIT.done : EXIT.inconclusive,
      )
    } catch (error) {
      progress.end()
      if (signal.aborted) await this.note(describeInterruption(flags.case, kept))
      throw error
    } finally {
      progress.end()
    }
  }
}
