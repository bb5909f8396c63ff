import type {PageData} from '../report/explorer/page-data.ts'
import {type PackedPage, unpackPage} from '../report/explorer/page-pack.ts'

/** The room that the page holds: base64 of gzip of JSON, unpacked without a request. */
export async function decodePageData(base64: string): Promise<PageData> {
  const binary = atob(base64.trim())
  const bytes = new Uint8Array(binary.length)
  for (let k = 0; k < binary.length; k += 1) bytes[k] = binary.charCodeAt(k)
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'))
  return unpackPage(JSON.parse(await new Response(stream).text()) as PackedPage)
}
