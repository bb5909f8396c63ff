import {readdirSync, readFileSync} from 'node:fs'
import {join} from 'node:path'
import {DatabaseSync} from 'node:sqlite'
import {expect, test} from 'vitest'
import {folder} from '../casefile/cases.ts'
import {CASES, TEXTS} from './rooms.ts'

const EXAMPLES = join(import.meta.dirname, '../../examples')
/** As a server gave them. */
const AS_THEY_CAME = ['README.md', 'demotion-against-ban.ndjson', 'rejected-events.ndjson']
const where = folder()

/** All rows of all tables: the bytes of the file depend on the version of SQLite. */
function contentOf(path: string): Record<string, unknown> {
  const database = new DatabaseSync(path, {readOnly: true})
  try {
    const names = database.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name").all()
    return Object.fromEntries(
      names.map(({name}) => [String(name), database.prepare(`SELECT * FROM "${String(name)}"`).all()]),
    )
  } finally {
    database.close()
  }
}

test.each(Object.keys(TEXTS))('%s is what its script writes', (name) => {
  expect(readFileSync(join(EXAMPLES, name), 'utf8')).toBe(TEXTS[name]?.())
})

test.each(Object.keys(CASES))('%s is what its script writes', (name) => {
  const path = join(where, name)
  CASES[name]?.(path)
  expect(contentOf(join(EXAMPLES, name))).toEqual(contentOf(path))
})

test('there is no other, and each is told of', () => {
  const names = readdirSync(EXAMPLES)
  expect(names.toSorted()).toEqual([...AS_THEY_CAME, 'bot', 'ci', ...Object.keys(TEXTS), ...Object.keys(CASES)].toSorted())
  const readme = readFileSync(join(EXAMPLES, 'README.md'), 'utf8')
  for (const name of names) if (name !== 'README.md') expect(readme).toContain(name.replace(/^[^.]+(?=\.\w+\.)/, ''))
})
