/** Child process of `run.ts`: gets mutants, answers what noticed each. Says when it begins a step, so that its parent sees it hang. */
import {globSync} from 'node:fs'
import {join} from 'node:path'
import {ROOT} from '../conformance/fixtures.ts'
import {allCases, type Case} from './cases.ts'
import {importsBelow, Reloader} from './reload.ts'
import {collect} from './unit-tests.ts'

/** From the parent: files with other text, by path in the checkout. */
export interface Order {
  readonly changes: readonly (readonly [string, string])[]
  /** Without the unit tests, which take long. */
  readonly casesOnly: boolean
}
/** To the parent. `done`: what noticed the mutant, or `null`; `invalid`: the mutant is no code. */
export type Word =
  {readonly step: string} | {readonly done: string | null} | {readonly invalid: string} | {readonly ready: true}

const FOLDERS = ['scenarios', 'auth', 'rules', 'matrix', 'resolve']
/** Asked as cases already. */
const COVERED = ['test/rules/pairs.test.ts', 'test/rules/coverage.test.ts']

const say = (word: Word): void => void process.send?.(word)
const pause = (): Promise<void> => new Promise((resume) => setImmediate(resume))

const reloader = new Reloader(importsBelow(ROOT, ['src', 'test']), {vitest: join(import.meta.dirname, 'unit-tests.ts')})
const cases: Case[] = [...(await allCases(reloader))]

const folderOf = (path: string): string => path.split('/')[1] ?? ''
const isSlow = (path: string): boolean => path.endsWith('.property.test.ts')

function testFiles(): readonly string[] {
  return globSync(`test/{${FOLDERS.join(',')}}/*.test.ts`, {cwd: ROOT})
    .filter((path) => !COVERED.includes(path))
    .sort(
      (a, b) => FOLDERS.indexOf(folderOf(a)) - FOLDERS.indexOf(folderOf(b)) || Number(isSlow(a)) - Number(isSlow(b)),
    )
    .map((path) => join(ROOT, path))
}

/** What killed mutants before is tried first. */
function promote(found: Case): void {
  cases.splice(cases.indexOf(found), 1)
  cases.unshift(found)
}

const reasonOf = (error: unknown): string => (error instanceof Error ? error.message.slice(0, 100) : String(error))

async function firstFailingCase(): Promise<string | null> {
  for (const one of cases) {
    say({step: one.name})
    await pause()
    const wrong = await one.check(reloader).catch((error: unknown) => reasonOf(error))
    if (wrong === null) continue
    promote(one)
    return `${one.name}: ${wrong}`
  }
  return null
}

async function firstFailingTest(): Promise<string | null> {
  for (const path of testFiles().filter((file) => reloader.isAffected(file))) {
    let step = path.slice(ROOT.length + 1)
    say({step})
    await pause()
    try {
      for (const test of await collect(() => reloader.load(path))) {
        step = `${path.slice(ROOT.length + 1)} ${test.name}`
        say({step})
        await pause()
        await test.run()
      }
    } catch (error) {
      return `${step}: ${reasonOf(error)}`
    }
  }
  return null
}

async function judge({changes, casesOnly}: Order): Promise<void> {
  try {
    reloader.begin(new Map(changes.map(([path, text]) => [join(ROOT, path), text])))
  } catch (error) {
    say({invalid: reasonOf(error)})
    return
  }
  const failing = await firstFailingCase()
  say({done: failing ?? (casesOnly ? null : await firstFailingTest())})
}

process.on('message', (order: Order) => void judge(order))
process.on('uncaughtException', () => process.exit(1))
say({ready: true})
