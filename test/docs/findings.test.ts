import {readFileSync} from 'node:fs'
import {micromark} from 'micromark'
import {gfm, gfmHtml} from 'micromark-extension-gfm'
import {expect, test} from 'vitest'
import {CATALOGUE} from '../../src/finding/finding.ts'
import {FINDINGS, findingsPage} from './findings.ts'

const text = (markup: string): string =>
  markup
    .replace(/<[^>]*>/g, '')
    .replace(/&lt;/g, '<')
    .replace(/&gt;/g, '>')
    .replace(/&quot;/g, '"')
    .replace(/&amp;/g, '&')

/** Rows of all tables but their heads, as a reader sees them. */
function rowsOf(markdown: string): readonly (readonly string[])[] {
  const page = micromark(markdown, {extensions: [gfm()], htmlExtensions: [gfmHtml()]})
  const rows = [...page.matchAll(/<tr>([^]*?)<\/tr>/g)].map(([, row = '']) =>
    [...row.matchAll(/<td>([^]*?)<\/td>/g)].map(([, cell = '']) => text(cell)),
  )
  return rows.filter((row) => row.length > 0)
}
const plain = (said: string): string => said.replaceAll('`', '')

test('docs/findings.md is what the catalogue gives: else run `npx node test/docs/findings.ts`', async () => {
  expect(readFileSync(FINDINGS, 'utf8')).toBe(await findingsPage())
})

test('it has each kind once, in words that are the same', () => {
  const rows = rowsOf(readFileSync(FINDINGS, 'utf8'))
  const expected = Object.entries(CATALOGUE).map(([id, {severity, certainty, meaning, remedy}]) =>
    [id, severity, certainty, meaning, remedy].map(plain),
  )
  const byId = (a: readonly string[], b: readonly string[]): number => (a[0]! < b[0]! ? -1 : 1)
  expect(rows.toSorted(byId)).toEqual(expected.toSorted(byId))
})

test('a change of the catalogue changes the page', async () => {
  const [id, kind] = Object.entries(CATALOGUE)[0]!
  const page = readFileSync(FINDINGS, 'utf8')
  for (const change of [{meaning: 'Other.'}, {remedy: 'Other.'}, {severity: 'note'}, {certainty: 'hint'}] as const) {
    expect(await findingsPage({...CATALOGUE, [id]: {...kind, ...change}})).not.toBe(page)
  }
  await expect(findingsPage({...CATALOGUE, 'other/kind': kind})).rejects.toThrow('no title for the family')
})

test('words that look like markup stay words', async () => {
  const odd = 'Is a|b, <b>, *x*, _y_, [z](u), \\ and `c|d`.'
  const page = await findingsPage({'dag/odd': {severity: 'note', certainty: 'hint', meaning: odd, remedy: odd}})
  expect(rowsOf(page)).toEqual([['dag/odd', 'note', 'hint', plain(odd), plain(odd)]])
})
