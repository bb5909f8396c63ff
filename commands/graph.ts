import {Args, Flags} from '@oclif/core'
import {BaseCommand} from '../src/cli/base-command.ts'
import {EXIT, type ExitCode} from '../src/cli/exit-codes.ts'
import {graphFromFlags} from '../src/cli/graph-command.ts'
import {GRAPH_FORMATS} from '../src/cli/graph-formats.ts'
import {roomArg, roomFlags} from '../src/cli/room-command.ts'

export default class Graph extends BaseCommand {
  static override summary = 'Write the events of a room as a graph, for Graphviz, Gephi, Mermaid and others.'
  static override description =
    'Nodes are events, edges lead from each to those that it cites. Every node says what the replay and the checks make of it: kind, sender, server, verdict, conflicts, resets, findings. What is left out is said, in the graph itself too.'
  static override examples = [
    {
      description: 'A picture of a room.',
      command: '<%= config.bin %> <%= command.id %> room.case | dot -Tsvg > room.svg',
    },
    {
      description: 'The part around an event.',
      command: "<%= config.bin %> <%= command.id %> room.case --around '$abcdefg' --radius 5",
    },
    {
      description: 'The life of one slot: what set it, and the merges that changed it.',
      command: "<%= config.bin %> <%= command.id %> room.case --slot m.room.member '@user:example.org'",
    },
    {
      description: 'The auth events, for Gephi.',
      command: '<%= config.bin %> <%= command.id %> room.case --auth -o room.gexf',
    },
    {
      description: 'A large room in an issue: linear runs as one node.',
      command: '<%= config.bin %> <%= command.id %> room.case --collapse --format mermaid',
    },
  ]
  static override args = {
    room: roomArg,
    state_key: Args.string({ignoreStdin: true, description: 'state key of --slot; the empty one when left out'}),
  }
  static override flags = {
    ...roomFlags,
    format: Flags.option({
      options: GRAPH_FORMATS,
      summary: 'The form to write: by the name of --output, or DOT.',
    })(),
    output: Flags.string({
      char: 'o',
      summary: "The file to write (.dot .gv .graphml .gexf .mmd .json); '-', or none, is standard output.",
      description: 'A graph of an earlier run is replaced.',
      helpValue: 'FILE',
    }),
    around: Flags.string({
      summary: 'Only what is near this event; the beginning of its ID is enough.',
      helpValue: 'EVENT',
      exclusive: ['slot'],
    }),
    radius: Flags.integer({
      summary: 'How many steps away from --around; 5 without it.',
      helpValue: 'STEPS',
      min: 0,
      dependsOn: ['around'],
    }),
    slot: Flags.string({
      summary: 'Only the life of one slot; the state key follows the type.',
      description: "A user ID alone stands for that user's membership. What lies between two events is one edge.",
      helpValue: 'TYPE',
      exclusive: ['around', 'collapse'],
    }),
    auth: Flags.boolean({summary: 'Draw auth events instead of prev events.'}),
    collapse: Flags.boolean({
      summary: 'Draw events that follow each other without a branch, and with nothing to show, as one node.',
    }),
    limit: Flags.integer({
      summary: 'Most nodes; the newest stay, or those nearest to --around.',
      description: 'Without it 1000 in DOT and 200 in Mermaid, which lay them out, and all in the others.',
      helpValue: 'NODES',
      min: 1,
    }),
  }

  async run(): Promise<ExitCode> {
    const {args, flags} = await this.parse(Graph)
    const {lines, notes} = await graphFromFlags(args, flags, {progress: this.progress(), json: this.json})
    if (lines !== null) await this.printLines(lines)
    for (const note of notes) await this.note(note)
    return EXIT.done
  }
}
