import {constants} from 'node:fs'
import {access, stat} from 'node:fs/promises'
import path from 'node:path'
import {StateError} from '../errors.ts'
import {codeOf, writePrivate} from '../profile/disk.ts'

/**
 * Looks whether a recovery key could be written there, before anything is done.
 *
 * @throws StateError OUTPUT_FAILED where anything has that name, or the folder cannot be written to
 */
export async function mustBeFree(file: string): Promise<void> {
  const there = await stat(file).then(
    () => true,
    () => false,
  )
  if (there) throw exists(file)
  await access(path.dirname(file), constants.W_OK).catch((error: unknown) => {
    throw notWritten(file, error)
  })
}

/**
 * Writes the key into a new file, which its owner alone can read, and onto the disk.
 *
 * @throws StateError OUTPUT_FAILED, also where anything has that name; then nothing of the key is there
 */
export function writeRecoveryKey(file: string, recoveryKey: string): void {
  try {
    writePrivate(file, `${recoveryKey}\n`, 'wx')
  } catch (error) {
    throw codeOf(error) === 'EEXIST' ? exists(file) : notWritten(file, error)
  }
}

function exists(file: string): StateError {
  const hint = 'Give another --recovery-key-file, or move it away: it may hold the key of another account.'
  return new StateError('OUTPUT_FAILED', `${JSON.stringify(file)} exists already`, {hint})
}

function notWritten(file: string, cause: unknown): StateError {
  const reason = codeOf(cause) || String(cause)
  return new StateError('OUTPUT_FAILED', `the recovery key cannot be written to ${JSON.stringify(file)}: ${reason}`, {
    cause,
    hint: 'Check the folder, its permissions and the space on the disk.',
  })
}
