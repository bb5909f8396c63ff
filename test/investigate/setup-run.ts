import {existsSync, mkdtempSync, readdirSync, readFileSync, rmSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {expect, onTestFinished} from 'vitest'
import {StateError} from '../../src/errors.ts'
import type {SetupOptions, SetupPrompts} from '../../src/investigate/setup-request.ts'
import type {Profile} from '../../src/profile/profile.ts'
import {type Content, realRoom, sqliteOf} from '../sources/synapse-database.ts'

/** A database of example.org, as `--database` takes it. */
export function databaseOf(server = 'example.org'): string {
  const own = JSON.stringify(realRoom()).replaceAll(/(?<=:)localhost:40687/g, server)
  return `sqlite:${sqliteOf(JSON.parse(own) as Content).file}`
}

export const NOW = 1_790_000_000_000

/** A folder for profiles that is not there yet. */
export function newFolder(): string {
  const made = mkdtempSync(join(tmpdir(), 'matrix-state-setup-'))
  onTestFinished(() => {
    rmSync(made, {recursive: true, force: true})
  })
  return join(made, 'profiles')
}

export function options(folder: string, more: Partial<SetupOptions> = {}): SetupOptions {
  return {
    folder,
    prompts: null,
    bot: null,
    signal: new AbortController().signal,
    nowMs: () => NOW,
    host: 'testhost',
    timeoutMs: 2000,
    maxRetryMs: 0,
    ...more,
  }
}

export function readProfile(folder: string, name = 'default'): Profile {
  return JSON.parse(readFileSync(join(folder, `${name}.json`), 'utf8')) as Profile
}

/** Everything in the folder, drafts too; nothing where it is not there. */
export const left = (folder: string): readonly string[] => (existsSync(folder) ? readdirSync(folder) : [])

export async function failure(work: Promise<unknown>): Promise<StateError> {
  const error = await work.then(
    () => expect.fail('it should fail'),
    (thrown: unknown) => thrown,
  )
  if (!(error instanceof StateError)) throw error
  return error
}

/** A person who types these answers, in this order, and nothing else. */
export function typing(...answers: readonly (readonly [keyof SetupPrompts, string])[]) {
  const waiting = [...answers]
  const complaints: string[] = []
  const answer = (name: string) => (): Promise<never> => {
    const [asked, text] = waiting.shift() ?? ['nothing', '']
    expect({asked: name}).toEqual({asked})
    return Promise.resolve(text as never)
  }
  const names = [
    'homeserver',
    'credential',
    'user',
    'password',
    'accessToken',
    'adminToken',
    'signingKeyFile',
    'serverName',
    'database',
    'store',
    'storeCheckFile',
    'change',
  ] as const
  const prompts = {
    ...Object.fromEntries(names.map((name) => [name, answer(name)])),
    complain: (error: StateError) => {
      complaints.push(error.message)
      return Promise.resolve()
    },
  } as unknown as SetupPrompts
  return {prompts, complaints, waiting}
}
