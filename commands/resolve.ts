import {Flags} from '@oclif/core'
import {BaseCommand, failOnFlag} from '../src/cli/base-command.ts'
import {EXIT, type ExitCode, exitCodeForFindings, worstOf} from '../src/cli/exit-codes.ts'
import {askedFor, mustBeEvent, openFromFlags, readStates, roomArg, roomFlags} from '../src/cli/room-command.ts'
import {showRoom} from '../src/cli/show-room.ts'
import {resolveWhatIf} from '../src/index.ts'

export default class Resolve extends BaseCommand {
  static override summary = 'Replay a room and resolve its state.'
  static override description =
    'Judges every event, resolves the state before and after each, and prints the state at the tips with what is wrong with the events.'
  static override examples = [
    {
      description: 'A dump: one event a line, in federation form.',
      command: '<%= config.bin %> <%= command.id %> room.ndjson',
    },
    {
      description: 'A live room, as a member sees it.',
      command:
        "MATRIX_STATE_TOKEN=… <%= config.bin %> <%= command.id %> '!id:example.org' --homeserver https://matrix.example.org",
    },
    {
      description: "A room from a Synapse's database, without a server.",
      command: "<%= config.bin %> <%= command.id %> '!id:example.org' --database sqlite:homeserver.db",
    },
    {
      description: 'The state before one event, for a program.',
      command: "<%= config.bin %> <%= command.id %> room.ndjson --before '$event' --json",
    },
    {
      description: 'What would differ if one event had been rejected, and the room were of version 12.',
      command: "<%= config.bin %> <%= command.id %> room.ndjson --without '$event' --algorithm v2.1",
    },
  ]
  static override readonly mayBeEmpty = ['type', 'state-key']
  static override args = {room: roomArg}
  static override flags = {
    ...roomFlags,
    at: Flags.string({summary: 'The state after this event.', helpValue: 'EVENT', exclusive: ['before', 'states']}),
    before: Flags.string({summary: 'The state before this event.', helpValue: 'EVENT', exclusive: ['at', 'states']}),
    states: Flags.string({
      summary: 'Resolve these states instead: a JSON list of lists of event IDs.',
      helpValue: 'FILE',
    }),
    algorithm: Flags.option({
      options: ['v1', 'v2', 'v2.1'] as const,
      summary: "What if: resolve with this algorithm, not with that of the room's version.",
    })(),
    without: Flags.string({
      summary: 'What if this event had been rejected when it came; repeatable.',
      helpValue: 'EVENT',
      multiple: true,
      multipleNonGreedy: true,
      exclusive: ['states'],
    }),
    'inputs-from': Flags.string({
      summary: 'What if the states to resolve were those that this server recorded (a case with its database).',
      helpValue: 'SERVER',
      exclusive: ['states'],
    }),
    type: Flags.string({summary: 'Only state of this event type.', helpValue: 'TYPE'}),
    'state-key': Flags.string({summary: 'Only state with this state key.', helpValue: 'KEY'}),
    full: Flags.boolean({summary: 'Show all members, rejected events and findings.'}),
    'fail-on': failOnFlag('never'),
  }

  async run(): Promise<ExitCode> {
    const {args, flags} = await this.parse(Resolve)
    for (const event of flags.without ?? []) mustBeEvent('--without', event)
    const states = await readStates(flags.states)
    const {room, unknowable, reported, reportedExtremities, views, findings, notes} = await openFromFlags(
      args.room,
      flags,
      this.progress(),
    )
    for (const note of notes) await this.note(note)
    const report = resolveWhatIf(room, {
      reading: flags.reading,
      unknowable,
      reported,
      reportedExtremities,
      evidenceFindings: findings,
      nowMs: Date.now(),
      ...(views === undefined ? {} : {views}),
      ...(flags.at === undefined ? {} : {at: flags.at}),
      ...(flags.before === undefined ? {} : {before: flags.before}),
      ...(states === undefined ? {} : {states}),
      ...(flags.algorithm === undefined ? {} : {algorithm: flags.algorithm}),
      ...(flags.without === undefined ? {} : {without: flags.without}),
      ...(flags['inputs-from'] === undefined ? {} : {inputsFrom: flags['inputs-from']}),
      ...(views === undefined ? {} : {views}),
      ...(flags.type === undefined ? {} : {type: flags.type}),
      ...(flags['state-key'] === undefined ? {} : {stateKey: flags['state-key']}),
    })
    await this.show(await showRoom(report, {...this.style(flags.full), ...askedFor(args.room, flags)}))
    return worstOf(
      exitCodeForFindings(report.findings, flags['fail-on']),
      report.complete ? EXIT.done : EXIT.inconclusive,
    )
  }
}
