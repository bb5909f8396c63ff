import type {PageData} from '../report/explorer/page-data.ts'
import {type PackedPage, unpackPage} from '../report/explorer/page-pack.ts'

/**
 * The room that the page holds: base64 of gzip of JSON, unpacked without a request.
 *
 * @throws Error, in words for whoever opened the file, where the data are not those that were written
 */
export async function decodePageData(base64: string): Promise<PageData> {
  try {
    return await decode(base64)
  } catch (cause) {
    throw new Error(
      'its data are damaged: something is missing, or was changed. Get the file again, or make it anew with matrix-state explore.',
      {cause},
    )
  }
}

async function decode(base64: string): Promise<PageData> {
  const binary = atob(base64.trim())
  const bytes = new Uint8Array(binary.length)
  for (let k = 0; k < binary.length; k += 1) bytes[k] = binary.charCodeAt(k)
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'))
  return unpackPage(JSON.parse(await new Response(stream).text()) as PackedPage)
}
