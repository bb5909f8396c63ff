import {Args} from '@oclif/core'
import {BaseCommand} from '../src/cli/base-command.ts'
import {runCheck} from '../src/cli/check-command.ts'
import {checkFlags} from '../src/cli/check-flags.ts'
import type {ExitCode} from '../src/cli/exit-codes.ts'

export default class Check extends BaseCommand {
  static override summary = 'Check rooms: everything that can be found wrong, one verdict for each.'
  static override description =
    'Each room is gathered, replayed and compared with what servers say, and the health of its DAG is looked at; with --devices its encryption, too. A room is clean, has findings, is inconclusive where evidence is lacking, or failed where it could not be checked; the exit code is that of the gravest.'
  static override examples = [
    {
      description: 'Rooms by ID, alias or file.',
      command: "<%= config.bin %> <%= command.id %> '!id:example.org' '#alias:example.org' room.case dump.ndjson",
    },
    {
      description: 'Every room of a server, from its database.',
      command: '<%= config.bin %> <%= command.id %> --all-rooms --database postgres://synapse@localhost/synapse',
    },
    {
      description: 'A list, four at a time, none longer than five minutes; when stopped, the same line goes on.',
      command:
        '<%= config.bin %> <%= command.id %> --rooms rooms.txt --jobs 4 --timeout 300 --journal check.ndjson --database sqlite:homeserver.db',
    },
    {
      description: 'One of eight jobs, with a report in a file.',
      command:
        '<%= config.bin %> <%= command.id %> --all-rooms --database sqlite:homeserver.db --shard 2/8 --format json --output check.json',
    },
  ]
  static override strict = false
  static override args = {
    room: Args.string({
      ignoreStdin: true,
      description:
        "room IDs or aliases (in single quotes), case files, dumps (NDJSON, JSON, gzip), or '-' for standard input",
    }),
  }
  static override flags = checkFlags

  async run(): Promise<ExitCode> {
    const {argv, flags, raw} = await this.parse(Check)
    return runCheck(
      {rooms: argv.map(String), flags, typed: raw},
      {
        style: {...this.style(flags.full), version: this.config.version},
        progress: this.progress(),
        signal: this.interruption({graceMs: 15_000, signals: ['SIGINT', 'SIGTERM', 'SIGHUP']}),
        print: (text) => this.print(text),
        printJsonLines: (lines) => this.printJsonLines(lines),
        note: (text) => this.note(text),
      },
    )
  }
}
