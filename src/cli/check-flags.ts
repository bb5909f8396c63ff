import {Flags} from '@oclif/core'
import {FORMAT_NAMES} from './check-formats.ts'
import {FAIL_ON} from './exit-codes.ts'
import {roomFlags, type RoomFlags} from './room-command.ts'

/** Flags of `check`, beside what all commands have. */
export const checkFlags = {
  ...roomFlags,
  rooms: Flags.string({
    summary: 'Check the rooms in this list, too: one a line; - is standard input.',
    description: 'Blank lines and comments (# and a space) are skipped; #name:server is an alias.',
    helpValue: 'FILE',
    helpGroup: 'ROOMS',
  }),
  'all-rooms': Flags.boolean({
    summary: 'Check every room of the server, by its database or, with an admin token, its admin API.',
    description:
      "Synapse's admin API lists the rooms of which it keeps statistics: where these are turned off, newer rooms are not among them.",
    helpGroup: 'ROOMS',
  }),
  shard: Flags.string({
    summary: 'Check one part of the rooms only, such as 2/8; a room is always in the same part.',
    helpValue: 'I/N',
    helpGroup: 'ROOMS',
  }),
  // What a config file may switch on can be switched off on the command line.
  'all-servers': Flags.boolean({
    summary: 'Ask every server that has a joined member in what the other routes brought.',
    helpGroup: 'ACCESS',
    allowNo: true,
  }),
  devices: Flags.boolean({
    summary: 'Audit the end-to-end encryption of each room, too, as `devices` does.',
    allowNo: true,
  }),
  jobs: Flags.integer({
    char: 'j',
    summary: 'Rooms that are checked side by side; as many as there are cores, at most 4, unless told.',
    helpValue: 'N',
    min: 1,
    max: 64,
    helpGroup: 'LIMITS',
  }),
  timeout: Flags.integer({
    summary: 'The longest that a room may take; then it has failed, and the others go on.',
    helpValue: 'SECONDS',
    min: 1,
    max: 1_000_000,
    helpGroup: 'LIMITS',
  }),
  memory: Flags.integer({
    summary: 'What a room may take of memory; all together about half of what there is, unless told.',
    helpValue: 'MIB',
    min: 32,
    max: 1_000_000,
    helpGroup: 'LIMITS',
  }),
  journal: Flags.string({
    summary: 'Keep what is done in this file, and go on with it when a run was stopped.',
    description:
      'The journal of a run that came to its end is begun anew. Rooms that failed are tried again. FILE.lock keeps a second run out.',
    helpValue: 'FILE',
  }),
  'no-cache': Flags.boolean({
    summary: 'Fetch each room into a case that is gone afterwards, as is always done with --all-rooms and --rooms.',
    helpGroup: 'ACCESS',
  }),
  'keep-cases': Flags.string({
    summary: 'Keep the case of each room on a server in this folder, and go on with it the next time.',
    helpValue: 'DIR',
    helpGroup: 'ACCESS',
  }),
  format: Flags.string({
    summary: `Form of the report: ${FORMAT_NAMES.join(', ')}; repeatable, each with its --output.`,
    helpValue: 'FORMAT',
    multiple: true,
    multipleNonGreedy: true,
    helpGroup: 'REPORT',
  }),
  output: Flags.string({
    char: 'o',
    summary: 'File for the --format before it; one without goes to standard output, which else has the table.',
    helpValue: 'FILE',
    multiple: true,
    multipleNonGreedy: true,
    helpGroup: 'REPORT',
  }),
  ignore: Flags.string({
    summary: 'Findings of this kind do not count, such as dag/many-tips; repeatable.',
    helpValue: 'ID',
    multiple: true,
    multipleNonGreedy: true,
    helpGroup: 'REPORT',
  }),
  baseline: Flags.string({
    summary: 'Findings in this file are known: they do not count; what is gone from it is told.',
    helpValue: 'FILE',
    helpGroup: 'REPORT',
  }),
  'update-baseline': Flags.boolean({
    summary: 'Make the --baseline, or bring it up to date: what makes rooms fail is added, what is gone is dropped.',
    description: 'Reasons that were written into it stay. Only rooms that were checked whole lose entries.',
    helpGroup: 'REPORT',
  }),
  config: Flags.string({
    summary: 'Take from this file what is not typed, such as matrix-state.config.json; see schemas/config.schema.json.',
    helpValue: 'FILE',
  }),
  full: Flags.boolean({
    summary: 'Show every finding, notes too, of every room.',
    allowNo: true,
    helpGroup: 'REPORT',
  }),
  'fail-on': Flags.option({
    options: FAIL_ON,
    default: 'error',
    summary: 'Least severity of a finding that makes a room fail, and the exit code 1.',
    helpGroup: 'REPORT',
  })(),
}

export interface CheckFlags extends RoomFlags {
  readonly rooms: string | undefined
  readonly 'all-rooms': boolean
  readonly shard: string | undefined
  readonly devices: boolean
  readonly jobs: number | undefined
  readonly timeout: number | undefined
  readonly memory: number | undefined
  readonly journal: string | undefined
  readonly 'no-cache': boolean
  readonly 'keep-cases': string | undefined
  readonly ignore: readonly string[] | undefined
  readonly baseline: string | undefined
  readonly 'update-baseline': boolean
  readonly config: string | undefined
  readonly full: boolean
  readonly 'fail-on': (typeof FAIL_ON)[number]
}
