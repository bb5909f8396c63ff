import {Args, Flags} from '@oclif/core'
import {BaseCommand, failOnFlag} from '../src/cli/base-command.ts'
import {EXIT, type ExitCode, exitCodeForFindings, worstOf} from '../src/cli/exit-codes.ts'
import {askedFor, openFromFlags, roomArg, roomFlags} from '../src/cli/room-command.ts'
import {showBlame} from '../src/cli/show-blame.ts'
import {blameRoom} from '../src/index.ts'

export default class BlameCommand extends BaseCommand {
  static override summary = 'Tell the life of one slot of the state: who set it, and which merge changed it and why.'
  static override description =
    'Follows a (type, state_key) pair along the DAG. At each merge of branches that differed it tells the candidates, which rule or ordering decided, and what else fell by it; a value that was lost although nobody revoked it is a reset, told with its cause.'
  static override examples = [
    {
      description: 'Why is this user no longer a member?',
      command: "<%= config.bin %> <%= command.id %> room.ndjson m.room.member '@user:example.org'",
    },
    {
      description: 'The same, shorter.',
      command: "<%= config.bin %> <%= command.id %> room.ndjson '@user:example.org'",
    },
    {
      description: 'Who changed the power levels?',
      command: '<%= config.bin %> <%= command.id %> room.ndjson m.room.power_levels',
    },
  ]
  static override args = {
    room: roomArg,
    type: Args.string({required: true, description: "event type, or a user ID for that user's membership"}),
    state_key: Args.string({ignoreStdin: true, description: 'state key; the empty one when left out'}),
  }
  static override flags = {
    ...roomFlags,
    full: Flags.boolean({summary: 'Show merges that only brought one branch up to date, too, and whole event IDs.'}),
    'fail-on': failOnFlag('never'),
  }

  async run(): Promise<ExitCode> {
    const {args, flags} = await this.parse(BlameCommand)
    const {room, unknowable, findings, notes} = await openFromFlags(args.room, flags, this.progress())
    for (const note of notes) await this.note(note)
    const report = blameRoom(room, args.type, args.state_key, {
      reading: flags.reading,
      unknowable,
      evidenceFindings: findings,
    })
    await this.show(await showBlame(report, {...this.style(flags.full), ...askedFor(args.room, flags)}))
    return worstOf(
      exitCodeForFindings(report.findings, flags['fail-on']),
      report.complete ? EXIT.done : EXIT.inconclusive,
    )
  }
}
