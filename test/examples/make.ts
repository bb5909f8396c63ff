/** `node test/examples/make.ts`: writes the rooms of `examples/` anew. */
import {chmodSync, rmSync, writeFileSync} from 'node:fs'
import {join} from 'node:path'
import {CASES, TEXTS} from './rooms.ts'

const folder = join(import.meta.dirname, '../../examples')
for (const [name, make] of Object.entries(TEXTS)) writeFileSync(join(folder, name), make())
for (const [name, write] of Object.entries(CASES)) {
  const path = join(folder, name)
  rmSync(path, {force: true})
  write(path)
  // Nobody's secrets: they are read from wherever the package is installed, by any user.
  chmodSync(path, 0o644)
}
