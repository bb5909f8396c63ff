/** Bundles the program of the explorer's page: one classic script and one style sheet, for a browser and nothing else. */
import {globSync, readFileSync} from 'node:fs'
import {join} from 'node:path'
import {build} from 'esbuild'
import type {PageProgram} from '../src/report/explorer/page-html.ts'

const root = join(import.meta.dirname, '..')

export async function bundleExplorer(): Promise<PageProgram> {
  const options = {bundle: true, minify: true, write: false, absWorkingDir: root, target: 'es2022'} as const
  const [script, style] = await Promise.all([
    build({
      ...options,
      entryPoints: ['src/explorer/main.ts'],
      format: 'iife',
      platform: 'browser',
      // Each page is a copy of what it is made with: whole licences stand at its end instead.
      legalComments: 'none',
      metafile: true,
      // The engine hashes, and verifies the signatures of third-party invites, by what Node has.
      alias: {'node:crypto': './src/explorer/crypto-shim.ts'},
      inject: ['src/explorer/buffer-shim.ts'],
    }),
    build({...options, entryPoints: ['src/explorer/page.css']}),
  ])
  const licences = licencesOf(Object.keys(script.metafile.inputs))
  return {script: `${script.outputFiles[0]?.text ?? ''}${licences}`, style: style.outputFiles[0]?.text ?? ''}
}

/** The licences of all packages that files were taken from, as a comment. */
function licencesOf(files: readonly string[]): string {
  const names = files.flatMap(
    (file) => /node_modules\/((?:@[^/]+\/)?[^/]+)\/(?!.*node_modules\/)/.exec(file)?.[1] ?? [],
  )
  const texts = [...new Set(names)].sort().map((name) => {
    const [path] = globSync(`node_modules/${name}/LICEN[CS]E*`, {cwd: root})
    if (path === undefined) throw new Error(`${name} is bundled and has no licence`)
    return `${name}\n\n${readFileSync(join(root, path), 'utf8').trim()}`
  })
  const text = texts.join(`\n\n${'-'.repeat(80)}\n\n`).replaceAll('\r', '')
  return `/*! It contains:\n\n${text.replaceAll('*/', '* /')}\n*/\n`
}
