import {Flags} from '@oclif/core'
import {BaseCommand} from '../src/cli/base-command.ts'
import {EXIT, type ExitCode} from '../src/cli/exit-codes.ts'
import {exploreFromFlags} from '../src/cli/explore-command.ts'
import {roomArg, roomFlags} from '../src/cli/room-command.ts'

export default class Explore extends BaseCommand {
  static override summary = 'Write a room as one HTML file, to be looked at in a browser.'
  static override description =
    'The page draws every event in the lane of its server, replays the room, and explains any event, slot and difference. It needs no network, and nothing but a browser. Contents of messages are left out; the page says what it holds.'
  static override examples = [
    {
      description: 'A case or a dump.',
      command: '<%= config.bin %> <%= command.id %> room.case -o room.html',
    },
    {
      description: 'A live room, as a member sees it.',
      command:
        "MATRIX_STATE_TOKEN=… <%= config.bin %> <%= command.id %> '!id:example.org' --homeserver https://matrix.example.org",
    },
    {
      description: 'With what people wrote, for yourself.',
      command: '<%= config.bin %> <%= command.id %> room.case -o private.html --with-content',
    },
  ]
  static override args = {room: roomArg}
  static override flags = {
    ...roomFlags,
    output: Flags.string({
      char: 'o',
      summary: "The file to write; '-' is standard output. A page of an earlier run is replaced.",
      description: 'Without it, the file is named after the room, in the current folder.',
      helpValue: 'FILE',
    }),
    'with-content': Flags.boolean({
      summary: 'Keep the contents of messages.',
      description: 'Without it, only contents of state events are in the page: names, members, power levels.',
    }),
  }

  async run(): Promise<ExitCode> {
    const {args, flags} = await this.parse(Explore)
    const {written, html, notes} = await exploreFromFlags(args.room, flags, {
      progress: this.progress(),
      program: `${this.config.name} ${this.config.version}`,
      json: this.json,
    })
    for (const note of notes) await this.note(note)
    if (html !== null) await this.print(html)
    if (this.json) await this.printJson(written.json())
    else for (const line of written.text().split('\n')) await this.note(line)
    return EXIT.done
  }
}
