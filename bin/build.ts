/**
 * Builds dist/ and oclif.manifest.json. Everything is made beside the old output and then swapped in: nothing stale stays,
 * and a program that is running meanwhile never sees half a build. `--if-stale` does nothing when no source has changed.
 */
import {spawnSync} from 'node:child_process'
import {createHash} from 'node:crypto'
import {existsSync, globSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync} from 'node:fs'
import {join} from 'node:path'
import {Plugin} from '@oclif/core/config'
import {settings} from '@oclif/core/settings'
import {bundleExplorer} from './explorer-bundle.ts'

// Without this, oclif would look for TypeScript when NODE_ENV is 'test'.
settings.enableAutoTranspile = false

const root = join(import.meta.dirname, '..')
const at = (path: string): string => join(root, path)
const stamp = fingerprint()
const stampFile = at('dist/.built-from')

const upToDate =
  existsSync(stampFile) && existsSync(at('oclif.manifest.json')) && readFileSync(stampFile, 'utf8') === stamp
if (!process.argv.includes('--if-stale') || !upToDate) await build()

/** Changes with the content of every file that the build reads. */
function fingerprint(): string {
  const hash = createHash('sha256')
  const patterns = ['src/**/*', 'commands/**/*', 'bin/*.ts', 'package.json', 'tsconfig*.json']
  for (const file of globSync(patterns, {cwd: root}).sort()) {
    if (statSync(at(file)).isFile()) hash.update(`${file}\0`).update(readFileSync(at(file)))
  }
  return hash.digest('hex')
}

async function build(): Promise<void> {
  const fresh = `dist.${process.pid.toString()}`
  const tsc = at('node_modules/typescript/bin/tsc')
  const args = [tsc, '-p', at('tsconfig.build.json'), '--outDir', at(fresh)]
  const {status} = spawnSync(process.execPath, args, {stdio: 'inherit', cwd: root})
  if (status !== 0) {
    rmSync(at(fresh), {recursive: true, force: true})
    process.stderr.write('build: the compiler found errors; dist/ is left as it was\n')
    process.exit(1)
  }
  await writeExplorer(at(`${fresh}/explorer`))
  writeFileSync(at(`${fresh}/.built-from`), stamp)
  swap(at(fresh), at('dist'))
  await writeManifest()
}

/** The program of the explorer's page, for `src/investigate/page-program.ts`. */
async function writeExplorer(folder: string): Promise<void> {
  const {script, style} = await bundleExplorer()
  mkdirSync(folder)
  writeFileSync(join(folder, 'page.js'), script)
  writeFileSync(join(folder, 'page.css'), style)
}

function swap(fresh: string, final: string): void {
  const old = `${fresh}.old`
  if (existsSync(final)) renameSync(final, old)
  renameSync(fresh, final)
  rmSync(old, {recursive: true, force: true})
}

/** Lets oclif find a command without loading all of them; `oclif manifest` does the same with a hundred packages more. */
async function writeManifest(): Promise<void> {
  const plugin = new Plugin({root, isRoot: true, type: 'core', ignoreManifest: true, errorOnManifestCreate: true})
  await plugin.load()
  const file = at('oclif.manifest.json')
  writeFileSync(`${file}.${process.pid.toString()}`, `${JSON.stringify(plugin.manifest, null, 2)}\n`)
  renameSync(`${file}.${process.pid.toString()}`, file)
}
