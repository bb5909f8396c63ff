import {execFile} from 'node:child_process'
import {existsSync} from 'node:fs'
import {mkdir} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import path from 'node:path'
import {promisify} from 'node:util'

const run = promisify(execFile)

/** The release that the live tests run against. */
export const SYNAPSE_VERSION = '1.163.2'

/**
 * What the environment must hold. Synapse's own `postgres` extra asks for `psycopg2`, which has to be compiled; the binary
 * package is the same code. `vodozemac` is Olm and Megolm, for devices whose stores are rolled back (`olm.py`).
 */
const PACKAGES: Readonly<Record<string, string>> = {
  'matrix-synapse': SYNAPSE_VERSION,
  'psycopg2-binary': '2.9.13',
  vodozemac: '0.10.0',
}

/** What the bot of the live tests is made of, in an environment of its own: its libraries are not Synapse's. */
const BOT_PACKAGES: Readonly<Record<string, string>> = {
  'matrix-nio': '0.26.0',
  atomicwrites: '1.4.1',
  cachetools: '8.0.1',
  peewee: '3.19.0',
  vodozemac: '0.10.0',
}

/** A Python with what is needed, or why there is none. */
export type Venv = {readonly python: string} | {readonly skip: string}

/**
 * Makes a Python environment with Synapse, once: a minute and 240 MB. The folder is `MATRIX_STATE_TEST_VENV`, or one in the
 * cache folder or the temporary folder, and stays for the next run.
 */
export async function prepareVenv(say: (line: string) => void): Promise<Venv> {
  return prepare(say, process.env.MATRIX_STATE_TEST_VENV ?? cached(`synapse-${SYNAPSE_VERSION}`), PACKAGES)
}

/** The same with matrix-nio and its encryption, for the bot: 60 MB. The folder may be named by `MATRIX_STATE_TEST_BOT_VENV`. */
export async function prepareBotVenv(say: (line: string) => void): Promise<Venv> {
  const folder = process.env.MATRIX_STATE_TEST_BOT_VENV ?? cached(`nio-${BOT_PACKAGES['matrix-nio']!}`)
  return prepare(say, folder, BOT_PACKAGES)
}

function cached(name: string): string {
  return path.join(process.env.XDG_CACHE_HOME ?? tmpdir(), `matrix-state-${name}`)
}

async function prepare(
  say: (line: string) => void,
  folder: string,
  packages: Readonly<Record<string, string>>,
): Promise<Venv> {
  const python = path.join(folder, process.platform === 'win32' ? 'Scripts/python.exe' : 'bin/python')
  try {
    if (!existsSync(python)) {
      say(`making a Python environment in ${folder}`)
      await mkdir(path.dirname(folder), {recursive: true})
      await run('python3', ['-m', 'venv', folder])
    }
    const absent = await notInstalled(python, packages)
    if (absent.length > 0) {
      say(`installing ${absent.join(', ')}`)
      const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', ...absent]
      await run(python, pip, {timeout: 600_000, maxBuffer: 1e8})
    }
    const still = await notInstalled(python, packages)
    return still.length === 0 ? {python} : {skip: `${folder} lacks ${still.join(', ')} after installing them`}
  } catch (error) {
    const {message, stderr} = error as Error & {stderr?: string}
    const reason = (stderr ?? '').trim().split('\n').at(-1)
    const why = reason === undefined || reason === '' ? message : reason
    return {skip: `${Object.keys(packages)[0]!} cannot be installed into ${folder}: ${why}`}
  }
}

/** Which of the packages the environment lacks, or has in another version, as pip names them. An older run may have made it. */
async function notInstalled(python: string, packages: Readonly<Record<string, string>>): Promise<string[]> {
  const code =
    'import importlib.metadata as m, json; print(json.dumps({d.metadata["Name"].lower(): d.version for d in m.distributions()}))'
  const {stdout} = await run(python, ['-c', code])
  const present = JSON.parse(stdout) as Record<string, string>
  return Object.entries(packages)
    .filter(([name, version]) => present[name] !== version)
    .map(([name, version]) => `${name}==${version}`)
}
