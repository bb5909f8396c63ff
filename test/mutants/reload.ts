import {readdirSync, readFileSync} from 'node:fs'
import {registerHooks, stripTypeScriptTypes} from 'node:module'
import {join, resolve} from 'node:path'
import {fileURLToPath, pathToFileURL} from 'node:url'

const QUERY = '?mutant='

/** Files whose code may run differently when one of these changes: those that import them, at whatever distance. */
export function dependents(
  imports: ReadonlyMap<string, readonly string[]>,
  changed: readonly string[],
): ReadonlySet<string> {
  const found = new Set(changed)
  for (let before = -1; before !== found.size;) {
    before = found.size
    for (const [file, imported] of imports) if (imported.some((other) => found.has(other))) found.add(file)
  }
  return found
}

/** Paths of the TypeScript files below some folders, each with the files of the checkout that it imports when it runs. */
export function importsBelow(root: string, folders: readonly string[]): ReadonlyMap<string, readonly string[]> {
  const imports = new Map<string, readonly string[]>()
  for (const folder of folders) {
    for (const name of readdirSync(join(root, folder), {recursive: true, encoding: 'utf8'})) {
      if (!name.endsWith('.ts')) continue
      const path = join(root, folder, name)
      const found = readFileSync(path, 'utf8').matchAll(/^(?:import|export) (?!type )[^;]*?from '(\.[^']+)'$/gms)
      imports.set(
        path,
        Array.from(found, ([, specifier = '']) => resolve(path, '..', specifier)),
      )
    }
  }
  return imports
}

/** Loads the checkout's modules again and again, each time with other mistakes, in one process. */
export class Reloader {
  readonly #imports: ReadonlyMap<string, readonly string[]>
  readonly #stripped = new Map<string, string>()
  #round = 0
  #changed: ReadonlyMap<string, string> = new Map()
  #affected: ReadonlySet<string> = new Set()
  #loaded = new Map<string, Promise<unknown>>()

  /** @param stubs - modules to be loaded in the place of packages, by name of the package */
  constructor(imports: ReadonlyMap<string, readonly string[]>, stubs: Readonly<Record<string, string>>) {
    this.#imports = imports
    registerHooks({
      resolve: (specifier, context, next) => {
        const stub = stubs[specifier]
        if (stub !== undefined) return {url: pathToFileURL(stub).href, shortCircuit: true}
        const resolved = next(specifier, context)
        const fromRound = context.parentURL?.includes(QUERY) === true
        if (!fromRound || !resolved.url.startsWith('file:')) return resolved
        return this.isAffected(fileURLToPath(resolved.url)) ? {...resolved, url: this.#inRound(resolved.url)} : resolved
      },
      load: (url, context, next) => {
        if (!url.includes(QUERY)) return next(url, context)
        return {format: 'module', source: this.#source(fileURLToPath(url)), shortCircuit: true}
      },
    })
  }

  /**
   * From now on these files have other text.
   *
   * @throws SyntaxError when it is no TypeScript
   */
  begin(changed: ReadonlyMap<string, string>): void {
    this.#round += 1
    this.#changed = new Map(Array.from(changed, ([path, text]) => [path, stripTypeScriptTypes(text)]))
    this.#affected = dependents(this.#imports, [...changed.keys()])
    this.#loaded = new Map()
  }

  isAffected(path: string): boolean {
    return this.#affected.has(path)
  }

  /** The module as it is in this round: anew if a change reaches it, the one that all rounds share if none does. */
  load(path: string): Promise<unknown> {
    const known = this.#loaded.get(path)
    if (known !== undefined) return known
    const {href} = pathToFileURL(path)
    const loaded: Promise<unknown> = import(this.isAffected(path) ? this.#inRound(href) : href)
    this.#loaded.set(path, loaded)
    return loaded
  }

  #inRound(url: string): string {
    return `${url}${QUERY}${String(this.#round)}`
  }

  #source(path: string): string {
    const changed = this.#changed.get(path)
    if (changed !== undefined) return changed
    const known = this.#stripped.get(path)
    if (known !== undefined) return known
    const source = stripTypeScriptTypes(readFileSync(path, 'utf8'))
    this.#stripped.set(path, source)
    return source
  }
}
