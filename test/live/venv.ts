import {execFile} from 'node:child_process'
import {existsSync} from 'node:fs'
import {mkdir} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import path from 'node:path'
import {promisify} from 'node:util'

const run = promisify(execFile)

/** The release that the live tests run against. */
export const SYNAPSE_VERSION = '1.163.2'

/** A Python that can run Synapse, or why there is none. */
export type Venv = {readonly python: string} | {readonly skip: string}

/**
 * Makes a Python environment with Synapse, once: a minute and 240 MB. The folder is `MATRIX_STATE_TEST_VENV`, or one in the
 * cache folder or the temporary folder, and stays for the next run.
 */
export async function prepareVenv(say: (line: string) => void): Promise<Venv> {
  const cache = process.env.XDG_CACHE_HOME ?? tmpdir()
  const folder = process.env.MATRIX_STATE_TEST_VENV ?? path.join(cache, `matrix-state-synapse-${SYNAPSE_VERSION}`)
  const python = path.join(folder, process.platform === 'win32' ? 'Scripts/python.exe' : 'bin/python')
  try {
    if (!existsSync(python)) {
      say(`making a Python environment in ${folder}`)
      await mkdir(path.dirname(folder), {recursive: true})
      await run('python3', ['-m', 'venv', folder])
    }
    if ((await installedVersion(python)) !== SYNAPSE_VERSION) {
      say(`installing Synapse ${SYNAPSE_VERSION}`)
      const pip = [
        '-m',
        'pip',
        'install',
        '--quiet',
        '--disable-pip-version-check',
        `matrix-synapse==${SYNAPSE_VERSION}`,
      ]
      await run(python, pip, {timeout: 600_000, maxBuffer: 1e8})
    }
    const installed = await installedVersion(python)
    return installed === SYNAPSE_VERSION ? {python} : {skip: `${folder} holds Synapse ${String(installed)}`}
  } catch (error) {
    const {message, stderr} = error as Error & {stderr?: string}
    const reason = (stderr ?? '').trim().split('\n').at(-1)
    return {
      skip: `Synapse cannot be installed into ${folder}: ${reason === undefined || reason === '' ? message : reason}`,
    }
  }
}

async function installedVersion(python: string): Promise<string | null> {
  const code = 'import importlib.metadata as m; print(m.version("matrix-synapse"))'
  return run(python, ['-c', code]).then(
    ({stdout}) => stdout.trim(),
    () => null,
  )
}
