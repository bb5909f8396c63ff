import {Flags} from '@oclif/core'
import {BaseCommand, failOnFlag} from '../src/cli/base-command.ts'
import {EXIT, type ExitCode, exitCodeForFindings, worstOf} from '../src/cli/exit-codes.ts'
import {openFromFlags, roomArg, roomFlags} from '../src/cli/room-command.ts'
import {replay, replayDocument, replayFindings} from '../src/index.ts'

export default class Replay extends BaseCommand {
  static override summary = 'Replay a room: one line of JSON for each event.'
  static override description =
    'Prints NDJSON: a header, one line for each event with its verdict and the digests of the state before and after it, and a last line, without which the stream was cut.'
  static override examples = [
    '<%= config.bin %> <%= command.id %> room.ndjson',
    '<%= config.bin %> <%= command.id %> room.ndjson | jq -c \'select(.verdict == "rejected")\'',
  ]
  static override args = {room: roomArg}
  static override flags = {
    ...roomFlags,
    'no-digest': Flags.boolean({summary: 'Leave the SHA-256 of the states out, which costs most of the time.'}),
    'fail-on': failOnFlag('never'),
  }

  async run(): Promise<ExitCode> {
    const {args, flags} = await this.parse(Replay)
    const {room, findings, notes} = await openFromFlags(args.room, flags, this.progress())
    for (const note of notes) await this.note(note)
    const result = replay(room.graph, {reading: flags.reading})
    const document = replayDocument(room, result, {digests: !flags['no-digest']})
    await this.printJsonLines(document.lines)
    return worstOf(
      exitCodeForFindings([...findings, ...replayFindings(room, result)], flags['fail-on']),
      document.complete() ? EXIT.done : EXIT.inconclusive,
    )
  }
}
