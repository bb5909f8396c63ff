#!/usr/bin/env node
// Nothing modern may be imported before this check: an older Node must be able to read this file and say what is wrong.
import {spawn} from 'node:child_process'
import {existsSync} from 'node:fs'
import module from 'node:module'
import {homedir} from 'node:os'
import {dirname, join} from 'node:path'
import {fileURLToPath} from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const [major, minor] = process.versions.node.split('.').map(Number)
if (major < 22 || (major === 22 && minor < 19)) handOver()
else {
  // Compiled code is kept between runs, in a folder of this user's own: in a shared one another user could plant code.
  const cache = process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache')
  module.enableCompileCache(join(cache, 'matrix-state', 'compiled'))
  const {main} = await import('../dist/src/cli/main.js')
  await main(process.argv.slice(2), {root})
}

/** A clone brings its own Node, so that the one on the machine may be old. */
function handOver() {
  const own = join(root, 'node_modules', 'node', 'bin', process.platform === 'win32' ? 'node.exe' : 'node')
  if (!existsSync(own)) {
    process.stderr.write(
      `error: matrix-state needs Node.js 22.19 or newer, and this is ${process.versions.node}; in a clone, "npm ci" brings the right one\n`,
    )
    process.exitCode = 4
    return
  }
  const child = spawn(own, process.argv.slice(1), {stdio: 'inherit'})
  // A signal to the terminal's foreground reaches the child itself, which tidies up; this process only waits for it.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
  child.on('exit', (code, signal) => {
    if (signal === null) process.exitCode = code
    else {
      process.removeAllListeners(signal)
      process.kill(process.pid, signal)
    }
  })
}
