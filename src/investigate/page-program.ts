import {readFile} from 'node:fs/promises'
import type {PageProgram} from '../report/explorer/page-html.ts'

/**
 * The program of the explorer's page: as it was bundled when the program was built, and from its sources where those are what runs.
 *
 * @throws Error where it was not built, or the bundler is not installed
 */
export async function readPageProgram(): Promise<PageProgram> {
  if (import.meta.filename.endsWith('.ts')) return (bundled ??= bundle())
  const read = async (name: string): Promise<string> =>
    readFile(new URL(`../../explorer/${name}`, import.meta.url), 'utf8')
  const [script, style] = await Promise.all([read('page.js'), read('page.css')])
  return {script, style}
}

let bundled: Promise<PageProgram> | null = null

/** Named so that no build takes the bundler for something that users need. */
async function bundle(): Promise<PageProgram> {
  const bundler = new URL('../../bin/explorer-bundle.ts', import.meta.url).href
  const {bundleExplorer} = (await import(bundler)) as {readonly bundleExplorer: () => Promise<PageProgram>}
  return bundleExplorer()
}
