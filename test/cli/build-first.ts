import {spawnSync} from 'node:child_process'
import {join} from 'node:path'

/** Builds the program unless dist/ was made from exactly these sources. */
export default function buildFirst(): void {
  const root = join(import.meta.dirname, '../..')
  const {status} = spawnSync(process.execPath, ['bin/build.ts', '--if-stale'], {cwd: root, stdio: 'inherit'})
  if (status !== 0) throw new Error('the program cannot be built, so it cannot be tested')
}
