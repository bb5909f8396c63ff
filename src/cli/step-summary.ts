import {appendFile, stat} from 'node:fs/promises'

/** GitHub refuses a step's summary that is larger than 1 MiB as a whole. */
const MOST_BYTES = 1024 * 1024

/**
 * Appends to the summary of this step of GitHub Actions; nothing where there is none.
 *
 * @param path - the variable GITHUB_STEP_SUMMARY
 * @param textOf - makes Markdown of at most so many bytes
 * @returns why it could not be written, or `null`
 */
export async function appendStepSummary(
  path: string | undefined,
  textOf: (maxBytes: number) => string,
): Promise<string | null> {
  if (path === undefined || path === '') return null
  try {
    const taken = await stat(path).then(
      ({size}) => size,
      () => 0,
    )
    const left = MOST_BYTES - taken - 1
    if (left < 2000) return 'the summary of this step is full'
    await appendFile(path, `${taken === 0 ? '' : '\n'}${textOf(left)}`)
    return null
  } catch (error) {
    return `the summary of this step could not be written: ${error instanceof Error && 'code' in error ? String(error.code) : String(error)}`
  }
}
