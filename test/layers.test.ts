import {spawnSync} from 'node:child_process'
import {cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {dirname, join} from 'node:path'
import {afterAll, beforeAll, expect, test} from 'vitest'

const ROOT = join(import.meta.dirname, '..')

/** Each file breaks the rules named beside it, and no file breaks another. */
const PLANTED: readonly (readonly [path: string, source: string, rules: readonly string[]])[] = [
  ['src/matrix/a.ts', "import '../graph/g.ts'", ['layer-matrix']],
  ['src/graph/a.ts', "import '../auth/g.ts'", ['layer-graph']],
  ['src/auth/a.ts', "import '../resolve/g.ts'", ['layer-auth']],
  ['src/resolve/a.ts', "import '../forensics/g.ts'", ['layer-resolve']],
  ['src/finding/a.ts', "import '../matrix/g.ts'", ['layer-finding']],
  ['src/forensics/a.ts', "import '../sources/g.ts'", ['layer-forensics']],
  ['src/devices/a.ts', "import '../graph/g.ts'", ['layer-devices']],
  ['src/sources/a.ts', "import '../casefile/g.ts'", ['layer-sources']],
  ['src/casefile/a.ts', "import '../resolve/g.ts'", ['layer-casefile']],
  ['src/casefile/b.ts', "import {g} from '../finding/g.ts'\nexport const h = g", ['shapes-only-casefile']],
  ['src/casefile/c.ts', "import type {g} from '../finding/g.ts'\nexport type H = typeof g", []],
  ['src/profile/a.ts', "import '../sources/g.ts'", ['layer-profile']],
  ['src/investigate/a.ts', "import '../cli/g.ts'", ['layer-investigate']],
  ['src/investigate/f2.ts', "import {g} from '../report/g.ts'\nexport const h = g", ['shapes-only-investigate']],
  ['src/investigate/f3.ts', "import type {g} from '../report/g.ts'\nexport type H = typeof g", []],
  ['src/explorer/a.ts', "import '../sources/g.ts'", ['layer-explorer']],
  ['src/explorer/b.ts', "import {g} from '../investigate/g.ts'\nexport const h = g", ['shapes-only-explorer']],
  ['src/explorer/c.ts', "import 'konva'", []],
  ['src/report/f.ts', "import 'konva'", ['not-to-dev-dep', 'package-konva', 'pure-no-packages']],
  ['src/report/g2.ts', "import '../explorer/g.ts'", ['layer-report']],
  ['src/investigate/b.ts', "import '../index.ts'", ['layer-investigate']],
  ['src/report/a.ts', "import '../sources/g.ts'", ['layer-report']],
  ['src/report/b.ts', "import {g} from '../investigate/g.ts'\nexport const h = g", ['shapes-only-report']],
  ['src/report/c.ts', "import type {g} from '../investigate/g.ts'\nexport type H = typeof g", []],
  ['src/report/d.ts', "import 'chalk'", []],
  ['src/cli/a.ts', "import '../sources/g.ts'", ['layer-cli']],
  ['src/cli/b.ts', "import '@oclif/core'\nimport '@oclif/core/run'", []],
  ['src/errors.ts', "import './matrix/g.ts'", ['errors-know-nobody']],
  ['src/matrix/b.ts', "import 'node:fs'", ['pure-no-builtins']],
  ['src/matrix/c.ts', "import 'node:crypto'", []],
  ['src/matrix/d.ts', "import 'semver'", ['not-to-dev-dep', 'pure-no-packages']],
  ['src/investigate/c.ts', "import '@oclif/core'", ['package-oclif']],
  ['src/investigate/d.ts', "import 'matrix-js-sdk'", ['package-matrix-js-sdk']],
  ['src/investigate/e.ts', "import 'undici'", ['package-undici']],
  ['src/investigate/f.ts', "import 'json5'", ['package-json5']],
  ['src/sources/b.ts', "import 'chalk'", ['package-chalk']],
  ['src/sources/c.ts', "import 'cli-table3'", ['package-cli-table3']],
  ['src/investigate/h.ts', "import 'node:sqlite'", ['sqlite-has-a-home']],
  ['src/casefile/d.ts', "import 'node:sqlite'", []],
  ['commands/a.ts', "import '../src/matrix/g.ts'", ['commands-are-thin']],
  ['commands/b.ts', "import '../src/index.ts'\nimport '@oclif/core'", []],
  ['src/sources/x.ts', "import './y.ts'", ['no-circular']],
  // A cycle is told once.
  ['src/sources/y.ts', "import './x.ts'", []],
  ['src/sources/lonely.ts', 'export {}', ['no-orphans']],
  ['src/sources/d.ts', "import '../../test/t.ts'", ['not-to-test']],
  ['src/sources/e.ts', "import './nowhere.ts'", ['not-to-unresolvable']],
  ['src/sources/f.ts', "import 'vitest'", ['not-to-dev-dep']],
]

const LAYERS = [
  'matrix',
  'graph',
  'auth',
  'resolve',
  'finding',
  'forensics',
  'devices',
  'sources',
  'casefile',
  'profile',
]
let house: string
let printed: string

beforeAll(() => {
  house = mkdtempSync(join(tmpdir(), 'matrix-state-layers-'))
  const put = (path: string, text: string): void => {
    mkdirSync(dirname(join(house, path)), {recursive: true})
    writeFileSync(join(house, path), text)
  }
  for (const file of ['package.json', 'tsconfig.json', '.dependency-cruiser.js'])
    cpSync(join(ROOT, file), join(house, file))
  symlinkSync(join(ROOT, 'node_modules'), join(house, 'node_modules'))
  for (const layer of [...LAYERS, 'investigate', 'report', 'explorer', 'cli'])
    put(`src/${layer}/g.ts`, 'export const g = 1')
  put('src/index.ts', "import './errors.ts'")
  put('test/t.ts', 'export {}')
  for (const [path, source] of PLANTED) put(path, source)
  printed = layers('--root', house).stdout
}, 120_000)

afterAll(() => {
  rmSync(house, {recursive: true})
})

test.each(PLANTED)('%s: %j breaks %j', (path, _source, rules) => {
  const broken = [...printed.matchAll(/^([\w-]+): (\S+)/gm)]
    .filter(([, , from]) => from === path)
    .map(([, rule]) => rule)
  expect(broken.sort()).toEqual([...rules].sort())
})

test('seeing too few modules is a failure of its own', () => {
  const {status, stdout} = layers('--floor', '100000')
  expect(stdout).toMatch(/only \d+ modules seen/)
  expect(status).toBe(1)
})

function layers(...args: readonly string[]): {readonly stdout: string; readonly status: number | null} {
  return spawnSync(process.execPath, [join(ROOT, 'test/layers.ts'), ...args], {encoding: 'utf8', maxBuffer: 2 ** 30})
}
