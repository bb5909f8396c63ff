import {Args, Flags} from '@oclif/core'
import {BaseCommand, failOnFlag} from '../src/cli/base-command.ts'
import {EXIT, type ExitCode, exitCodeForFindings, worstOf} from '../src/cli/exit-codes.ts'
import {explainAsked, whatIsAsked} from '../src/cli/explain-command.ts'
import {openFromFlags, roomArg, roomFlags} from '../src/cli/room-command.ts'
import {showExplanation} from '../src/cli/show-explanation.ts'

export default class Explain extends BaseCommand {
  static override summary = 'Say why an event is accepted, rejected or soft-failed, or would be.'
  static override description =
    'Every check on receipt, every authorisation rule with its number and values, the auth events against those that the state gives, and what would have to differ. With --can, whether a user can do something; with --draft, whether an event would be accepted.'
  static override examples = [
    {
      description: 'An event; the beginning of its ID is enough.',
      command: "<%= config.bin %> <%= command.id %> room.ndjson '$DDvfMFSZ'",
    },
    {
      description: 'Why can somebody not rejoin, or be invited?',
      command: '<%= config.bin %> <%= command.id %> room.case --can @bob:example.org join',
    },
    {
      description: 'The same of others: whom, or which event type.',
      command: '<%= config.bin %> <%= command.id %> room.case --can @mod:example.org ban @bob:example.org',
    },
    {
      description: 'May they set the topic?',
      command: "<%= config.bin %> <%= command.id %> room.case --can @mod:example.org send m.room.topic --state-key ''",
    },
    {
      description: 'An event that nobody has sent yet.',
      command: '<%= config.bin %> <%= command.id %> room.case --draft event.json',
    },
  ]
  static override readonly mayBeEmpty = ['state-key']
  static override args = {
    room: roomArg,
    // oclif would read them from standard input, where the room or the draft may come from.
    event: Args.string({
      ignoreStdin: true,
      description:
        'event ID (in single quotes), or at least 6 characters of its beginning; with --can what they want to do',
    }),
    target: Args.string({
      ignoreStdin: true,
      description: 'with --can: the other user, the event to redact, or the event type to send',
    }),
  }
  static override flags = {
    ...roomFlags,
    can: Flags.string({
      summary: 'Whether this user can join, leave, knock, invite, kick, ban, unban, redact or send.',
      helpValue: '@USER:SERVER',
      exclusive: ['draft'],
    }),
    'state-key': Flags.string({summary: 'With --can … send: the state key.', helpValue: 'KEY', dependsOn: ['can']}),
    draft: Flags.string({
      summary: "Judge the event in this file (JSON; '-': standard input); missing fields are filled in.",
      helpValue: 'FILE',
    }),
    at: Flags.string({summary: 'With --can or --draft: after this event instead of the tips.', helpValue: 'EVENT'}),
    keys: Flags.string({
      summary: "A file of servers' signing keys, to check its signatures; repeatable.",
      helpValue: 'FILE',
      multiple: true,
      multipleNonGreedy: true,
    }),
    full: Flags.boolean({summary: 'Show all rules and all auth events, also those without a say.'}),
    'fail-on': failOnFlag('never'),
  }

  async run(): Promise<ExitCode> {
    const {args, flags} = await this.parse(Explain)
    const asked = await whatIsAsked(args, flags)
    const opened = await openFromFlags(args.room, flags, this.progress())
    for (const note of opened.notes) await this.note(note)
    const explanation = await explainAsked(opened, asked, {...flags, argument: args.room, nowMs: Date.now()})
    await this.show(await showExplanation(explanation, this.style(flags.full)))
    return worstOf(
      exitCodeForFindings(explanation.findings, flags['fail-on']),
      explanation.complete ? EXIT.done : EXIT.inconclusive,
    )
  }
}
