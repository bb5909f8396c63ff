/** `docs/cookbook.md` shows what the program prints. After a change: `COOKBOOK=update npx vitest run test/cli/cookbook.test.ts`, and read it. */
import {cpSync, mkdtempSync, rmSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {afterAll, beforeAll, describe, expect, test} from 'vitest'
import {
  blocksOf,
  COOKBOOK,
  COOKBOOK_UPDATE,
  firstDifference,
  GAP,
  read,
  rewritten,
  run,
  updated,
  wordsOf,
} from './cookbook.ts'
import {ROOT} from './program.ts'

/** Where a reader would be: a folder with the examples, and nothing of the tests. */
const folder = mkdtempSync(join(tmpdir(), 'matrix-state-cookbook-'))
cpSync(join(ROOT, 'examples'), join(folder, 'examples'), {recursive: true})
afterAll(() => {
  rmSync(folder, {recursive: true, force: true})
})

if (COOKBOOK_UPDATE) {
  beforeAll(async () => {
    writeFileSync(COOKBOOK, await rewritten(read(), folder))
  })
}

describe('the cookbook', () => {
  const recipes = blocksOf(read()).flatMap((block) => block.recipes)

  test('answers the ten needs', () => {
    const numbers = new Set(recipes.map(({title}) => Number(/^(\d+)\. /.exec(title)?.[1])))
    expect([...numbers]).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
  })

  test.concurrent.each(recipes.map((recipe) => [recipe.title, recipe.command, recipe.line] as const))(
    '%s: %s',
    async (_, command, line) => {
      const recipe = blocksOf(read())
        .flatMap((block) => block.recipes)
        .find((one) => one.command === command)
      if (recipe === undefined) throw new Error(`line ${String(line)} is gone`)
      const {code, lines} = await run(recipe, folder)
      expect(firstDifference(recipe.shown, lines)).toBe(null)
      expect(recipe.shown.filter((shown) => shown !== GAP).length).toBeGreaterThan(3)
      expect(code).toBe(recipe.exitCode)
    },
  )

  test('shows nothing that is wider than the terminal, but for commands', () => {
    const now = blocksOf(read()).flatMap((block) => block.recipes)
    const wide = now.flatMap(({shown}) =>
      shown.filter((line) => line.length > 80 && !line.startsWith('  matrix-state ')),
    )
    expect(wide).toEqual([])
  })
})

describe('what is shown is compared', () => {
  const printed = ['a', 'b', 'c', 'd', 'e']
  test.each<[readonly string[]]>([
    [['a', 'b', 'c', 'd', 'e']],
    [['a', GAP, 'd', 'e']],
    [[GAP, 'c', GAP]],
    [['a', 'b', GAP]],
  ])('%j is of what is printed', (shown) => {
    expect(firstDifference(shown, printed)).toBe(null)
  })
  test.each<[readonly string[]]>([
    [['a', 'b', 'c', 'd']],
    [['a', 'b', 'x', 'd', 'e']],
    [['a', GAP, 'd']],
    [['b', GAP]],
    [[GAP, 'd', GAP, 'c', GAP]],
    [['a', GAP, 'x', GAP, 'e']],
    [[...printed, 'f']],
    [[]],
  ])('%j is not', (shown) => {
    expect(firstDifference(shown, printed)).not.toBe(null)
  })
  test('an update keeps gaps between lines that are still there', () => {
    expect(updated(['a', GAP, 'd', 'old'], printed)).toEqual(['a', GAP, 'd', 'e'])
    expect(updated(['x', GAP, 'd', 'old'], printed)).toEqual(printed)
    expect(updated([GAP, 'b', 'c', GAP], printed)).toEqual([GAP, 'b', 'c', GAP])
    expect(updated([], printed)).toEqual(printed)
  })
  test('words of a command line', () => {
    expect(wordsOf("a 'b c' d='e'")).toEqual(['a', 'b c', 'd=e'])
    expect(() => wordsOf('a $b')).toThrow('more than split')
  })
})
