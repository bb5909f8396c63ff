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
  const whose = variable === 'MATRIX_STATE_ADMIN_TOKEN' ? "server admin's access token" : 'access token'
  const what = variable === 'MATRIX_STATE_ADMIN_TOKEN' ? "admin's token file" : 'token file'
  const token = (await readSecret(file, what)).trim()
  if (token !== '') return token
  throw new StateError('CREDENTIALS_ABSENT', `the ${what} ${JSON.stringify(file)} is empty`, {
    hint: `Put the ${whose} into it, on one line.`,
  })
}

/**
 * What a file holds, or standard input for `-`.
 *
 * @throws StateError INPUT_NOT_FOUND, INPUT_UNREADABLE for more than any secret has; USAGE where standard input is a terminal, which would show
 * what is typed
 */
export async function readSecret(file: string, what: string): Promise<string> {
  if (file !== '-') return readSmallFile(file, what)
  if (process.stdin.isTTY) {
    throw new StateError(
      'USAGE',
      `the ${what} is to come from standard input, which is a terminal: it would be shown`,
      {
        hint: 'Hand it in by a pipe, or leave the flag out where this asks for it.',
      },
    )
  }
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of process.stdin as AsyncIterable<Buffer>) {
    chunks.push(chunk)
    if ((bytes += chunk.length) > MAX_SECRET_BYTES) {
      throw new StateError('INPUT_UNREADABLE', `what comes by standard input is too long for a ${what}`)
    }
  }
  return Buffer.concat(chunks).toString('utf8')
}

const MAX_SECRET_BYTES = 64 * 1024

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
