import {readFile} from 'node:fs/promises'
import {StateError} from '../errors.ts'

/**
 * An access token: from the file, if one is named, else from the environment; `undefined` where neither has one.
 *
 * @throws StateError CREDENTIALS_ABSENT for a file that is empty or cannot be read
 */
export async function optionalToken(variable: string, file: string | undefined): Promise<string | undefined> {
  if (file === undefined) {
    const token = process.env[variable]?.trim() ?? ''
    return token === '' ? undefined : token
  }
  const token = (await readSmallFile(file, 'token file')).trim()
  if (token !== '') return token
  throw new StateError('CREDENTIALS_ABSENT', `the token file ${JSON.stringify(file)} is empty`, {
    hint: 'Put the access token into it, on one line.',
  })
}

/** A small file that a flag names. @throws StateError INPUT_NOT_FOUND */
export async function readSmallFile(file: string, what: string): Promise<string> {
  return readFile(file, 'utf8').catch((cause: unknown) => {
    const reason = cause instanceof Error && 'code' in cause ? REASONS[String(cause.code)] : undefined
    throw new StateError(
      'INPUT_NOT_FOUND',
      `the ${what} ${JSON.stringify(file)} cannot be read: ${reason ?? String(cause)}`,
      {cause, hint: 'Check the path.'},
    )
  })
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  ENOTDIR: 'there is no such file',
  EISDIR: 'it is a directory',
  EACCES: 'no permission',
}
