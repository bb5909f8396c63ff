/**
 * Stands in for vitest: runs the unit tests within this process, one after the other, and stops at the first that fails. Starting vitest
 * for each mutant would take a hundred times as long.
 */
import {inspect, isDeepStrictEqual} from 'node:util'
import fc from 'fast-check'

// The same cases for every mutant; and when one fails, that is all that is asked.
fc.configureGlobal({seed: 1, endOnFailure: true})

type Run = () => unknown
interface Registered {
  readonly name: string
  readonly run: Run
}

let collected: Registered[] = []
let scope: string[] = []
let before: Run[] = []

/** Tests that a file registers while it is imported. */
export async function collect(load: () => Promise<unknown>): Promise<readonly Registered[]> {
  collected = []
  scope = []
  before = []
  await load()
  return collected
}

type Body = (...args: never[]) => unknown
const rowsOf = (table: readonly unknown[]): readonly (readonly unknown[])[] =>
  table.map((row) => (Array.isArray(row) ? (row as readonly unknown[]) : [row]))

function group(name: string, body: Body, ...args: readonly unknown[]): void {
  const outer = before
  before = [...outer]
  scope.push(name)
  body(...(args as never[]))
  scope.pop()
  before = outer
}

export const describe = Object.assign(
  (name: string, body: Body): void => {
    group(name, body)
  },
  {
    each: (table: readonly unknown[]) => (name: string, body: Body) => {
      for (const row of rowsOf(table)) group(name, body, ...row)
    },
  },
)

function add(name: string, body: Body, args: readonly unknown[]): void {
  const hooks = before
  collected.push({
    name: [...scope, name, args.map(String).join(' ').slice(0, 40)].join(' > '),
    run: async () => {
      for (const hook of hooks) await hook()
      await body(...(args as never[]))
    },
  })
}

export const test = Object.assign(
  (name: string, body: Body): void => {
    add(name, body, [])
  },
  {
    each: (table: readonly unknown[]) => (name: string, body: Body) => {
      for (const row of rowsOf(table)) add(name, body, row)
    },
  },
)

export function beforeEach(hook: Run): void {
  before.push(hook)
}

class Containing {
  readonly parts: readonly unknown[]

  constructor(parts: readonly unknown[]) {
    this.parts = parts
  }
}

type Shape = Readonly<Record<string, unknown>>
const isShape = (value: unknown): value is Shape => typeof value === 'object' && value !== null
const isPlain = (value: unknown): value is Shape =>
  isShape(value) && (Object.getPrototypeOf(value) === Object.prototype || Object.getPrototypeOf(value) === null)

/** As vitest: what is undefined counts as absent. `part`: more properties are fine. */
function equals(actual: unknown, wanted: unknown, part = false): boolean {
  if (wanted instanceof Containing) {
    return Array.isArray(actual) && wanted.parts.every((one) => actual.some((other) => equals(other, one)))
  }
  if (Array.isArray(wanted)) {
    return (
      Array.isArray(actual) &&
      actual.length === wanted.length &&
      wanted.every((one, index) => equals(actual[index], one, part))
    )
  }
  if (isPlain(wanted)) {
    if (!isShape(actual) || Array.isArray(actual)) return false
    const keys = new Set([...Object.keys(wanted), ...(part ? [] : Object.keys(actual))])
    return [...keys].every((key) => equals(actual[key], wanted[key], part))
  }
  return isDeepStrictEqual(actual, wanted)
}

type Wanted = RegExp | string | (abstract new (...args: never[]) => unknown) | undefined

function throws(run: unknown, wanted: Wanted): boolean {
  try {
    ;(run as Run)()
  } catch (error) {
    if (wanted === undefined) return true
    if (typeof wanted === 'function') return error instanceof wanted
    const message = error instanceof Error ? error.message : String(error)
    return wanted instanceof RegExp ? wanted.test(message) : message.includes(wanted)
  }
  return false
}

function hasProperty(actual: unknown, path: string | readonly string[]): boolean {
  const keys = typeof path === 'string' ? path.split('.') : path
  let at = actual
  for (const key of keys) {
    if (!isShape(at) || !(key in at)) return false
    at = at[key]
  }
  return true
}

const contains = (actual: unknown, wanted: unknown): boolean =>
  typeof actual === 'string' ? actual.includes(String(wanted)) : [...(actual as Iterable<unknown>)].includes(wanted)

const MATCHERS = {
  toBe: (actual: unknown, wanted: unknown) => Object.is(actual, wanted),
  toEqual: (actual: unknown, wanted: unknown) => equals(actual, wanted),
  toMatchObject: (actual: unknown, wanted: unknown) => equals(actual, wanted, true),
  toHaveProperty: (actual: unknown, path: string | readonly string[]) => hasProperty(actual, path),
  toHaveLength: (actual: unknown, length: number) => (actual as {readonly length: number}).length === length,
  toContain: contains,
  toMatch: (actual: unknown, pattern: RegExp | string) =>
    typeof pattern === 'string' ? String(actual).includes(pattern) : pattern.test(String(actual)),
  toThrow: throws,
  toBeNull: (actual: unknown) => actual === null,
  toBeUndefined: (actual: unknown) => actual === undefined,
  toBeInstanceOf: (actual: unknown, type: abstract new (...args: never[]) => unknown) => actual instanceof type,
  toBeGreaterThan: (actual: unknown, than: number) => (actual as number) > than,
  toBeGreaterThanOrEqual: (actual: unknown, than: number) => (actual as number) >= than,
  toBeLessThan: (actual: unknown, than: number) => (actual as number) < than,
} as const

type Matchers = Record<keyof typeof MATCHERS, (...args: never[]) => void>

function matchersFor(actual: unknown, good: boolean): Matchers {
  const entries = Object.entries(MATCHERS).map(([name, matches]) => [
    name,
    (...args: readonly unknown[]): void => {
      if ((matches as (...all: readonly unknown[]) => boolean)(actual, ...args) !== good)
        throw new Error(`${inspect(actual, {depth: 1}).slice(0, 60)} ${name} ${inspect(args).slice(0, 60)}`)
    },
  ])
  return Object.fromEntries(entries) as Matchers
}

export const expect = Object.assign(
  (actual: unknown): Matchers & {readonly not: Matchers} => ({
    ...matchersFor(actual, true),
    not: matchersFor(actual, false),
  }),
  {arrayContaining: (parts: readonly unknown[]) => new Containing(parts)},
)
