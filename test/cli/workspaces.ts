import {cpSync, existsSync, mkdirSync, writeFileSync} from 'node:fs'
import path from 'node:path'
import {Dumps} from './dumps.ts'
import {ROOT, userEnvironment} from './program.ts'

export const CI_EXAMPLES = path.join(ROOT, 'examples/ci')
export const CLEAN = 'examples/tiny-state.ndjson'
export const BROKEN = 'examples/demotion-against-ban.ndjson'

/** Folders in which jobs run; they go when the tests of a file have run. */
export class Workspaces extends Dumps {
  /** A folder with the example rooms, as a checkout of a repository would have them. */
  make(name: string): string {
    const folder = this.path(name)
    mkdirSync(folder)
    cpSync(path.join(ROOT, 'examples'), path.join(folder, 'examples'), {recursive: true})
    return folder
  }

  /** What a user has, with a `matrix-state` among the commands, and with no npm: nothing may be installed over what is tested. */
  environment(more: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
    const folder = this.path('bin')
    if (!existsSync(folder)) {
      mkdirSync(folder)
      const command = (name: string, script: string): void => {
        writeFileSync(path.join(folder, name), `#!/bin/sh\n${script}\n`, {mode: 0o755})
      }
      command('matrix-state', `exec '${process.execPath}' '${path.join(ROOT, 'bin/run.js')}' "$@"`)
      command('npm', 'echo "npm was run" >&2; exit 97')
    }
    const search = [folder, path.dirname(process.execPath), process.env['PATH']].join(path.delimiter)
    return {...userEnvironment(), PATH: search, ...more}
  }
}
