import {Args, Flags} from '@oclif/core'
import {BaseCommand, failOnFlag} from '../src/cli/base-command.ts'
import {compareFromArguments} from '../src/cli/diff-arguments.ts'
import {EXIT, type ExitCode, exitCodeForFindings, worstOf} from '../src/cli/exit-codes.ts'
import {askedFor, roomFlags} from '../src/cli/room-command.ts'
import {showDiff} from '../src/cli/show-diff.ts'

export default class Diff extends BaseCommand {
  static override summary = 'Compare the replayed state with what each server says it is.'
  static override description =
    "Says for each slot that differs who says what, which event that is, and which sides the replay confirms; what it means for people; and, where a server's earlier states are known, since which event it is wrong."
  static override examples = [
    {
      description:
        'What a case has of all servers: their current states, and every state that their databases recorded.',
      command: '<%= config.bin %> <%= command.id %> room.case',
    },
    {
      description: 'A dump, and the answer of a server to /state that was kept.',
      command: '<%= config.bin %> <%= command.id %> room.ndjson --reported example.org=state.json',
    },
    {
      description:
        'A case, and the servers that diverge asked for their earlier states: halving finds where they part.',
      command: '<%= config.bin %> <%= command.id %> room.case --signing-key example.org.key --server-name example.org',
    },
    {
      description: 'The states after two events of a room.',
      command: "<%= config.bin %> <%= command.id %> room.ndjson '$one' '$another'",
    },
    {
      description: 'What two sources make of one room, and which events each lacks.',
      command: '<%= config.bin %> <%= command.id %> ours.case theirs.ndjson',
    },
  ]
  static override args = {
    room: Args.string({
      ignoreStdin: true,
      description:
        "room ID or alias (in single quotes), a case file, a dump (NDJSON, JSON, gzip), or '-' for standard input",
    }),
    other: Args.string({ignoreStdin: true, description: 'another case file or dump of the room, or an event'}),
    another: Args.string({ignoreStdin: true, description: 'the event to compare with, where `other` is one'}),
  }
  static override flags = {
    ...roomFlags,
    at: Flags.string({summary: 'Compare the states after this event.', helpValue: 'EVENT', exclusive: ['before']}),
    before: Flags.string({summary: 'Compare the states before this event.', helpValue: 'EVENT'}),
    full: Flags.boolean({summary: 'Show every member, value and finding.'}),
    'fail-on': failOnFlag(
      'error',
      'Resets that all sides agree on are told and do not count: they are findings of resolve.',
    ),
  }

  async run(): Promise<ExitCode> {
    const {args, flags} = await this.parse(Diff)
    const {report, notes} = await compareFromArguments(args, flags, this.progress(), () => this.interruption())
    for (const note of notes) await this.note(note)
    await this.show(await showDiff(report, {...this.style(flags.full), ...askedFor(args.room, flags)}))
    return worstOf(
      exitCodeForFindings(report.findings, flags['fail-on']),
      // Where nobody told a state, nothing was compared.
      report.complete && report.sides.length > 1 ? EXIT.done : EXIT.inconclusive,
    )
  }
}
