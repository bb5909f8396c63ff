import {readFileSync} from 'node:fs'
import {mkdtemp, readFile, rm, stat, writeFile} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {Ajv} from 'ajv'
import {describe, expect, test} from 'vitest'
import {type CheckRenderer, FORMATS, renderReport} from '../../src/cli/check-formats.ts'
import {appendStepSummary} from '../../src/cli/step-summary.ts'
import {checkGithub} from '../../src/report/check-github.ts'
import {checkJunit} from '../../src/report/check-junit.ts'
import {checkMarkdown} from '../../src/report/check-markdown.ts'
import {checkSarif} from '../../src/report/check-sarif.ts'
import {DANGEROUS, HOSTILE, HOSTILE_REPORT, report, room, saying} from './hostile-report.ts'

/** As the command calls them all. */
const {sarif, github}: Readonly<Record<'sarif' | 'github', CheckRenderer>> = FORMATS
const STYLE = {json: false, color: false, columns: undefined, full: false, version: '1.2.3'}

describe('SARIF', () => {
  const schema = JSON.parse(readFileSync(join(import.meta.dirname, 'data/sarif-schema-2.1.0.json'), 'utf8')) as Record<
    string,
    unknown
  > & {readonly id: string}
  // The schema is written in draft 4, of which it uses nothing that draft 7 reads otherwise but the name of `$id`.
  const {id, ...rest} = schema
  const ajv = new Ajv({strict: false, allErrors: true})
  ajv.addFormat('uri', (text) => URL.canParse(text))
  ajv.addFormat('uri-reference', /^(?:[A-Za-z0-9._~:/?#[\]@!$&'()*+,;=-]|%[0-9A-Fa-f]{2})*$/)
  ajv.addFormat('date-time', /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/)
  const draft7: object = {...rest, $id: id, $schema: 'http://json-schema.org/draft-07/schema#'}
  const validate = ajv.compile(draft7)
  const complaints = (document: unknown): readonly unknown[] => (validate(document) ? [] : (validate.errors ?? []))
  const runOf = (of: Parameters<typeof checkSarif>[0]) => checkSarif(of).runs[0]!

  test('is what the published schema asks for, whatever the findings say', () => {
    expect(complaints(JSON.parse(JSON.stringify(checkSarif(HOSTILE_REPORT))))).toEqual([])
    expect(complaints(checkSarif(report([])))).toEqual([])
    expect(complaints({...checkSarif(report([])), version: '2.0.0'})).not.toEqual([])
  })

  test('has no sign in it that a reader of messages acts on', async () => {
    const text = await sarif(HOSTILE_REPORT, STYLE)
    expect(DANGEROUS.exec(text)).toBeNull()
    expect(complaints(JSON.parse(text))).toEqual([])
    const messages = runOf(HOSTILE_REPORT).results.map(({message}) => message.text)
    for (const message of messages) {
      expect(message.replaceAll('{{', '').replaceAll('}}', '')).not.toMatch(/[{}]/)
      expect(message).not.toContain('](')
    }
    expect(messages.some((message) => message.startsWith('[click] (https://evil.example/)'))).toBe(true)
    expect(messages.some((message) => message.startsWith('{{0}} {{{{1}}}} {{ '))).toBe(true)
  })

  test('a file is its path and the line of the dump, a room on a server its ID', () => {
    const line = {...saying('x'), evidence: [{source: './a b/room.ndjson', where: 'line 7', value: null}]}
    const placeOf = (name: string) =>
      runOf(report([room({room: name, findings: [line]})])).results[0]!.locations[0]!.physicalLocation
    expect(placeOf('./a b/room.ndjson')).toEqual({
      artifactLocation: {uri: 'a%20b/room.ndjson'},
      region: {startLine: 7},
    })
    expect(placeOf('/tmp/é.case').artifactLocation.uri).toBe('file:///tmp/%C3%A9.case')
    expect(placeOf('#alias:example.org')).toEqual({
      artifactLocation: {uri: '!id%3Aexample.org'},
      region: {startLine: 1},
    })
  })

  test('a finding keeps its fingerprint when others come before it, and no two share one', () => {
    const print = (findings: ReturnType<typeof saying>[]) =>
      runOf(report([room({findings})])).results.map(
        ({partialFingerprints}) => partialFingerprints.primaryLocationLineHash,
      )
    const [alone] = print([saying('a')])
    const prints = print([saying('b'), saying('a'), saying('a'), saying('a', 'dag/cycle')])
    expect(prints[1]).toBe(alone)
    expect(new Set(prints).size).toBe(4)
  })

  test('what does not count is suppressed, with the reason; all else is not', () => {
    const findings = [
      saying('a'),
      saying('b', 'dag/cycle', {why: 'known', reason: 'told'}),
      saying('c', 'dag/cycle', {why: 'ignored'}),
      saying('d', 'dag/many-tips', {why: 'ignored', reason: 'a bridge'}),
    ]
    const {results} = runOf(report([room({findings})]))
    expect(results.map(({suppressions}) => suppressions.map(({justification}) => justification))).toEqual([
      [],
      ['told'],
      ['findings of this kind are ignored'],
      ['a bridge'],
    ])
  })

  test('the version of the program is told, where it is known', async () => {
    const driverOf = (text: string): unknown => (JSON.parse(text) as ReturnType<typeof checkSarif>).runs[0]!.tool.driver
    expect(driverOf(await sarif(report([]), STYLE))).toMatchObject({name: 'matrix-state', version: '1.2.3'})
    expect(driverOf(JSON.stringify(checkSarif(report([]))))).not.toHaveProperty('version')
  })

  test('a room that failed makes the run unsuccessful, and parts are runs of their own', () => {
    const failed = room({verdict: 'failed', error: {code: 'TIMEOUT', message: 'too long', hint: null}})
    expect(runOf(report([failed])).invocations[0]).toMatchObject({
      executionSuccessful: false,
      toolExecutionNotifications: [{level: 'error', message: {text: 'too long'}}],
    })
    expect(runOf(report([room()], {unfinished: 1})).invocations[0]!.executionSuccessful).toBe(false)
    expect(runOf(report([room()])).invocations[0]!.executionSuccessful).toBe(true)
    const ids = [1, 2].map((index) => runOf(report([], {shard: {index, of: 2}})).automationDetails.id)
    expect(ids).toEqual(['matrix-state/check/1-of-2/', 'matrix-state/check/2-of-2/'])
  })
})

/** As the runner reads a line of the log: https://github.com/actions/runner/blob/main/src/Runner.Common/ActionCommand.cs */
function readCommand(line: string) {
  const text = line.trimStart()
  const end = text.indexOf('::', 2)
  if (!text.startsWith('::') || end < 0) return null
  const head = text.slice(2, end)
  const space = head.indexOf(' ')
  const unescaped = (value: string, signs: readonly string[]): string =>
    signs.reduce(
      (sum, sign) => sum.replaceAll(`%${sign.charCodeAt(0).toString(16).padStart(2, '0').toUpperCase()}`, sign),
      value,
    )
  const pairs = (space < 0 ? '' : head.slice(space + 1)).split(',').filter((pair) => pair !== '')
  return {
    name: space < 0 ? head : head.slice(0, space),
    properties: Object.fromEntries(
      pairs.map((pair) => {
        const at = pair.indexOf('=')
        return [pair.slice(0, at), unescaped(pair.slice(at + 1), ['\r', '\n', ':', ',', '%'])]
      }),
    ),
    data: unescaped(text.slice(end + 2), ['\r', '\n', '%']),
  }
}

describe('GitHub annotations', () => {
  test('are as many as there are things to say, each whole, whatever the findings say', () => {
    const lines = checkGithub(HOSTILE_REPORT).trimEnd().split('\n')
    const commands = lines.map(readCommand)
    expect(commands.pop()).toBeNull()
    for (const command of commands) {
      expect(['error', 'warning', 'notice']).toContain(command?.name)
      expect(Object.keys(command!.properties).filter((key) => !['title', 'file', 'line'].includes(key))).toEqual([])
      expect(command!.data.split('\n').length).toBeLessThanOrEqual(7)
    }
    // Of each text: a room with two kinds that count, one that is inconclusive, one that failed; then each kind once.
    const kinds = checkSarif(HOSTILE_REPORT).runs[0]!.tool.driver.rules.length
    // The last room has one kind, of everything that a finding can be about.
    expect(commands).toHaveLength(HOSTILE.length * 4 + kinds + 1)
    expect(DANGEROUS.exec(lines.join(''))).toBeNull()
  })

  test('says what was said, at the place in the file', () => {
    const one = {...saying('50%0A: a, b'), evidence: [{source: 'f', where: 'line 3', value: null}], remedy: 'do'}
    const text = checkGithub(
      report([room({room: 'a,b:c%2C.ndjson', name: 'N', verdict: 'findings', findings: [one, one]})]),
    )
    expect(readCommand(text.split('\n')[0]!)).toEqual({
      name: 'error',
      properties: {title: 'state/reset in N (a,b:c%2C.ndjson)', file: 'a,b:c%2C.ndjson', line: '3'},
      data: '50%0A: a, b\n1 more of this kind\n→ do',
    })
    expect(text).toMatch(/\n1 room: 1 with findings\n$/)
  })

  test('the gravest come first, and what does not count is not told', () => {
    const findings = [
      saying('n', 'dag/many-tips'),
      saying('w', 'server/many-extremities'),
      saying('k', 'dag/cycle', {why: 'ignored'}),
      saying('e'),
    ]
    const text = checkGithub(report([room({verdict: 'findings', findings})]))
    expect(text.match(/^::[a-z]+/gm)).toEqual(['::error', '::warning', '::notice'])
    expect(checkGithub(report([room()]))).toBe('1 room: 1 clean\n')
  })

  test('the summary of the step gets the Markdown, as much as GitHub takes, and a problem is told', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'matrix-state-'))
    const before = process.env['GITHUB_STEP_SUMMARY']
    try {
      const path = join(folder, 'summary.md')
      await writeFile(path, 'earlier\n')
      process.env['GITHUB_STEP_SUMMARY'] = path
      expect(await github(report([room()]), STYLE)).toBe('1 room: 1 clean\n')
      expect(await readFile(path, 'utf8')).toBe(`earlier\n\n${checkMarkdown(report([room()]))}`)
      const many = report(
        Array.from({length: 400}, () => room({verdict: 'findings', findings: [saying('é'.repeat(1400))]})),
      )
      await github(many, STYLE)
      expect((await stat(path)).size).toBeLessThanOrEqual(1024 * 1024)
      expect((await stat(path)).size).toBeGreaterThan(900_000)
      expect(await readFile(path, 'utf8')).toMatch(/more rooms not shown in full/)
      await writeFile(path, 'earlier\n')
      await appendStepSummary(path, (maxBytes) => 'x'.repeat(maxBytes))
      expect((await stat(path)).size).toBe(1024 * 1024)
      expect(await appendStepSummary(path, () => 'x')).toBe('the summary of this step is full')
      expect(await appendStepSummary(undefined, () => 'x')).toBeNull()
      process.env['GITHUB_STEP_SUMMARY'] = folder
      expect(await github(report([room()]), STYLE)).toMatch(
        /^1 room: 1 clean\n::warning title=matrix-state::the summary of this step could not be written: EISDIR\n$/,
      )
    } finally {
      if (before === undefined) delete process.env['GITHUB_STEP_SUMMARY']
      else process.env['GITHUB_STEP_SUMMARY'] = before
      await rm(folder, {recursive: true})
    }
  })
})

test('why a kind is ignored is told where it is told what is', () => {
  const ignored = {why: 'ignored', reason: 'a *bridge* makes them'} as const
  const findings = [saying('a', 'dag/many-tips', ignored), saying('b', 'dag/many-tips', ignored)]
  const alone = report([room({findings})])
  expect(checkJunit(alone)).toContain('<skipped message="ignored: a *bridge* makes them"/>')
  expect(checkMarkdown(alone)).toContain('- `dag/many-tips`: 2 ignored\n  - Ignored: a \\*bridge\\* makes them\n')
  const beside = report([room({findings: [...findings, saying('c', 'dag/many-tips')]})])
  expect(checkMarkdown(beside)).toContain('  - And 2 ignored\n  - Ignored: a \\*bridge\\* makes them\n  - To do:')
})

test('more than one text can hold is no bug', async () => {
  // What V8 throws then: half a gigabyte would be too much for a test.
  const endless = {
    ...report([room()]),
    get rooms(): never {
      throw new RangeError('Invalid string length')
    },
  }
  await expect(renderReport('sarif', endless, STYLE)).rejects.toMatchObject({code: 'OUTPUT_FAILED'})
})

describe('JUnit', () => {
  test('a failure for each kind that counts at --fail-on, skipped where all is known, an error where not all was checked', () => {
    const findings = [
      saying('e'),
      saying('w', 'server/many-extremities'),
      saying('k', 'dag/cycle', {why: 'known', reason: 'told'}),
    ]
    const of = (failOn: 'error' | 'warning' | 'never') =>
      checkJunit(report([room({verdict: 'findings', findings, open: ['a gap']})], {failOn}))
    const counts = (text: string) => /tests="\d+" failures="\d+" errors="\d+" skipped="\d+"/.exec(text)?.[0]
    expect(counts(of('error'))).toBe('tests="4" failures="1" errors="1" skipped="1"')
    expect(counts(of('warning'))).toBe('tests="4" failures="2" errors="1" skipped="1"')
    expect(counts(of('never'))).toBe('tests="4" failures="0" errors="1" skipped="1"')
    expect(counts(checkJunit(report([room()])))).toBe('tests="1" failures="0" errors="0" skipped="0"')
    expect(of('error')).toContain('<skipped message="known: told"/>')
    expect(of('error')).toContain('<error message="a gap" type="inconclusive">a gap</error>')
    expect(of('error')).toContain('<failure message="e" type="state/reset">')
  })

  test('no text becomes markup', () => {
    const text = checkJunit(HOSTILE_REPORT)
    expect(DANGEROUS.exec(text)).toBeNull()
    expect(text).not.toMatch(/[\ufffe\uffff]|\]\]>|<!|<script|&(?!(amp|lt|gt|quot|apos);)/)
  })
})

describe('Markdown', () => {
  test('a table row for each room, the gravest first', () => {
    const text = checkMarkdown(report([room(), room({room: 'a.case', verdict: 'findings', findings: [saying('e')]})]))
    expect(text.split('\n').filter((line) => line.startsWith('| '))).toEqual([
      '| Verdict | Room | Name | Found |',
      '| --- | --- | --- | --- |',
      '| findings | `a.case` |  | 1 error |',
      '| clean | `!id:example.org` |  |  |',
      '| Kind | Number |',
      '| --- | ---: |',
      '| `state/reset` | 1 |',
    ])
  })

  test('what does not fit is left out and counted', () => {
    const rooms = Array.from({length: 300}, () => room({verdict: 'findings', findings: [saying('é'.repeat(900))]}))
    for (const maxBytes of [2000, 20_000, 200_000]) {
      const text = checkMarkdown(report(rooms, {notes: ['x'.repeat(1400)]}), {maxBytes})
      expect(Buffer.byteLength(text)).toBeLessThanOrEqual(maxBytes)
      const shown = text.split('\n### `!id').length - 1
      expect(text).toContain(`${String(300 - shown)} more rooms not shown in full`)
    }
  })
})
