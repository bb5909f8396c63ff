import {readFile} from 'node:fs/promises'
import {promisify} from 'node:util'
import {gzip} from 'node:zlib'
import type {PageData} from '../report/explorer/page-data.ts'
import type {PageProgram} from '../report/explorer/page-html.ts'

/**
 * The program of the explorer's page: as it was bundled when the program was built, and from its sources where those are what runs.
 *
 * @throws Error where it was not built, or the bundler is not installed
 */
export async function readPageProgram(): Promise<PageProgram> {
  if (import.meta.filename.endsWith('.ts')) {
    // Named so that no build takes the bundler for something that users need.
    const bundler = new URL('../../bin/explorer-bundle.ts', import.meta.url).href
    const {bundleExplorer} = (await import(bundler)) as {readonly bundleExplorer: () => Promise<PageProgram>}
    return bundleExplorer()
  }
  const read = async (name: string): Promise<string> =>
    readFile(new URL(`../../explorer/${name}`, import.meta.url), 'utf8')
  const [script, style] = await Promise.all([read('page.js'), read('page.css')])
  return {script, style}
}

/** The data as the page unpacks them: base64 of gzip of JSON. */
export async function packPageData(data: PageData): Promise<string> {
  const packed = await promisify(gzip)(JSON.stringify(data), {level: 9})
  return packed.toString('base64')
}
