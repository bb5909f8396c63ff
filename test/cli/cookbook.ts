import {readFileSync} from 'node:fs'
import {join} from 'node:path'
import {matrixState, ROOT} from './program.ts'

/** A command line of the cookbook with what it shows. */
export interface Recipe {
  /** Heading above it. */
  readonly title: string
  readonly line: number
  readonly command: string
  /** Lines of output as they are shown; `…` alone stands for any lines. */
  readonly shown: readonly string[]
  readonly exitCode: number
}

export interface Block {
  /** Lines of the file between its fences, 0-based, the last one not included. */
  readonly from: number
  readonly to: number
  readonly recipes: readonly Recipe[]
}

export const COOKBOOK = join(ROOT, 'docs/cookbook.md')
/** Asks for documents to be written anew, with what is printed now. */
export const COOKBOOK_UPDATE = process.env['COOKBOOK'] === 'update'
export const GAP = '…'

/** The blocks of a Markdown file that show commands being run. */
export function blocksOf(markdown: string): readonly Block[] {
  const lines = markdown.split('\n')
  const blocks: Block[] = []
  let title = ''
  for (let at = 0; at < lines.length; at += 1) {
    const line = lines[at] ?? ''
    if (line.startsWith('## ')) title = line.slice(3)
    if (line !== '```console') continue
    const from = at + 1
    while (lines[at + 1] !== '```') {
      at += 1
      if (at >= lines.length) throw new Error(`the block in line ${String(from)} has no end`)
    }
    blocks.push({from, to: at + 1, recipes: recipesOf(lines.slice(from, at + 1), from, title)})
  }
  return blocks
}

function recipesOf(lines: readonly string[], offset: number, title: string): readonly Recipe[] {
  const starts = lines.flatMap((line, at) => (line.startsWith('$ ') ? [at] : []))
  if (starts[0] !== 0) throw new Error(`the block in line ${String(offset)} does not begin with a command`)
  return starts.map((start, index) => {
    const own = lines.slice(start + 1, starts[index + 1] ?? lines.length)
    const told = own.findLast((line) => EXIT_CODE.test(line))
    return {
      title,
      line: offset + start + 1,
      command: (lines[start] ?? '').slice(2),
      shown: own.filter((line) => line !== told),
      exitCode: Number(EXIT_CODE.exec(told ?? '')?.[1] ?? 0),
    }
  })
}

const EXIT_CODE = /^# exit code (\d+)$/

/** Words as a shell splits them: plain ones, and in single quotes. */
export function wordsOf(command: string): readonly string[] {
  const words = [...command.matchAll(/(?:[^\s']|'[^']*')+/g)].map(([word]) => word.replaceAll("'", ''))
  const rest = command.replaceAll(/'[^']*'/g, '')
  if (/["\\$`|&;<>*?]/.test(rest)) throw new Error(`a shell would do more than split this into words: ${command}`)
  return words
}

/** Runs a command as a terminal of 80 columns would show it: results, and remarks before them. */
export async function run(
  recipe: Recipe,
  folder: string,
): Promise<{readonly code: number | null; readonly lines: readonly string[]}> {
  const [program, ...args] = wordsOf(recipe.command)
  if (program !== 'bin/run.js') throw new Error(`line ${String(recipe.line)}: not a command of this program`)
  const {code, stdout, stderr} = await matrixState(args, {cwd: folder, env: {COLUMNS: '80'}})
  const lines = `${stderr}${stdout}`
    .replace(/told [\d,]+ \w+ ago/g, 'told … ago')
    .replace(/^(\d+ rooms? in )[\d.]+ s:/m, '$1… s:')
    .replace(/\n$/, '')
    .split('\n')
  return {code, lines}
}

/** What is shown against what is printed: the first line that is not there, or nothing. */
export function firstDifference(shown: readonly string[], printed: readonly string[]): string | null {
  const parts: string[][] = [[]]
  for (const line of shown) {
    if (line === GAP) parts.push([])
    else parts.at(-1)?.push(line)
  }
  let from = 0
  for (const [index, part] of parts.entries()) {
    const isLast = index === parts.length - 1
    const at = place(part, printed, {from, floats: index > 0, atEnd: isLast})
    if (at === null) {
      const wrong = part.findIndex((line, k) => printed[from + k] !== line)
      return index === 0
        ? `“${part[wrong] ?? '(end)'}” is shown, “${printed[from + wrong] ?? '(end)'}” printed`
        : `not printed after line ${String(from)}: “${part.join('⏎')}”`
    }
    from = at + part.length
  }
  return null
}

function place(
  part: readonly string[],
  printed: readonly string[],
  {from, floats, atEnd}: {readonly from: number; readonly floats: boolean; readonly atEnd: boolean},
): number | null {
  const matches = (at: number): boolean => part.every((line, k) => printed[at + k] === line)
  const last = printed.length - part.length
  if (!floats) return matches(from) && (!atEnd || from === last) ? from : null
  if (atEnd) return last >= from && matches(last) ? last : null
  for (let at = from; at <= last; at += 1) if (matches(at)) return at
  return null
}

/** What is to be shown of what is printed now: all of it, but for the gaps that were left before, as far as their edges are still there. */
export function updated(shown: readonly string[], printed: readonly string[]): readonly string[] {
  const gaps = shown.flatMap((line, at) => (line === GAP ? [at] : []))
  let result = [...printed]
  for (const gap of gaps) {
    const [before, after] = [shown[gap - 1], shown[gap + 1]]
    const start = before === undefined ? 0 : result.indexOf(before) + 1
    const end = after === undefined ? result.length : result.indexOf(after, start)
    if ((before !== undefined && start === 0) || end < start) continue
    result = [...result.slice(0, start), GAP, ...result.slice(end)]
  }
  return result
}

/** The file with its output as it is now. */
export async function rewritten(markdown: string, folder: string): Promise<string> {
  const lines = markdown.split('\n')
  for (const {from, to, recipes} of blocksOf(markdown).toReversed()) {
    const block: string[] = []
    for (const recipe of recipes) {
      const {code, lines: printed} = await run(recipe, folder)
      block.push(`$ ${recipe.command}`, ...updated(recipe.shown, printed), `# exit code ${String(code)}`)
    }
    lines.splice(from, to - from, ...block)
  }
  return lines.join('\n')
}

export const read = (): string => readFileSync(COOKBOOK, 'utf8')
