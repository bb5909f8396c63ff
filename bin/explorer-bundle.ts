/** Bundles the program of the explorer's page: one classic script and one style sheet, for a browser and nothing else. */
import {join} from 'node:path'
import {build} from 'esbuild'

export interface ExplorerBundle {
  readonly script: string
  readonly style: string
}

const root = join(import.meta.dirname, '..')

export async function bundleExplorer(): Promise<ExplorerBundle> {
  const options = {bundle: true, minify: true, write: false, absWorkingDir: root, target: 'es2022'} as const
  const [script, style] = await Promise.all([
    build({
      ...options,
      entryPoints: ['src/explorer/main.ts'],
      format: 'iife',
      platform: 'browser',
      legalComments: 'eof',
      // The engine hashes, and verifies the signatures of third-party invites, by what Node has.
      alias: {'node:crypto': './src/explorer/crypto-shim.ts'},
      inject: ['src/explorer/buffer-shim.ts'],
    }),
    build({...options, entryPoints: ['src/explorer/page.css']}),
  ])
  return {script: script.outputFiles[0]?.text ?? '', style: style.outputFiles[0]?.text ?? ''}
}
