import {expect, test} from 'vitest'
import {table} from '../../src/report/table.ts'

const COLUMNS = [{head: 'verdict'}, {head: 'room'}, {head: 'name', min: 6}]
const row = (n: number): readonly string[] => [
  'clean',
  `!room${String(n).padStart(5, '0')}`,
  n % 3 === 0 ? '' : '会议 ☕ é',
]

test.each([undefined, 26])('a table of many rows has the lines that those of few have, in %s columns', (columns) => {
  const style = {color: false, columns}
  const rows = Array.from({length: 1201}, (_, n) => row(n))
  const lines = table(COLUMNS, rows, style).split('\n')
  const few = Array.from({length: 13}, (_, n) => {
    const some = table(COLUMNS, [...rows.slice(n * 100, (n + 1) * 100), row(1)], style).split('\n')
    return [some[0], ...some.slice(1, -1)]
  })
  expect(lines).toEqual([few[0]?.[0], ...few.flatMap(([, ...those]) => those)])
})

test('a table of no rows is its head', () => {
  expect(table(COLUMNS, [], {color: false})).toBe('  verdict  room  name')
})
