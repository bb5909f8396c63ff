import {CommandHelp, Help} from '@oclif/core'
import {EXIT_MEANINGS} from './exit-codes.ts'

/** Help of one command, with the exit codes below everything else. */
class HelpWithExitCodes extends CommandHelp {
  protected override sections(): ReturnType<CommandHelp['sections']> {
    const body = EXIT_MEANINGS.map(([code, meaning]): [string, string] => [code.toString(), meaning])
    return [...super.sections(), {header: 'EXIT CODES', generate: (_, header) => [{header, body}]}]
  }
}

/** Named in package.json as oclif's `helpClass`. */
export default class ProgramHelp extends Help {
  protected override CommandHelpClass = HelpWithExitCodes
}
