#!/usr/bin/env node
// Nothing modern may be imported before this check: an older Node must be able to read this file and say what is wrong.
import module from 'node:module'
import {homedir} from 'node:os'
import {join} from 'node:path'

const [major, minor] = process.versions.node.split('.').map(Number)
if (major < 22 || (major === 22 && minor < 19)) {
  process.stderr.write(
    `error: matrix-state needs Node.js 22.19 or newer, and this is ${process.versions.node}; in a clone, "npx matrix-state ..." uses the right one\n`,
  )
  process.exitCode = 4
} else {
  // Compiled code is kept between runs, in a folder of this user's own: in a shared one another user could plant code.
  const cache = process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache')
  module.enableCompileCache(join(cache, 'matrix-state', 'compiled'))
  const {main} = await import('../dist/src/cli/main.js')
  await main(process.argv.slice(2), {root: join(import.meta.dirname, '..')})
}
