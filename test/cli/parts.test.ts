import {describe, expect, test} from 'vitest'
import {wantsColor} from '../../src/cli/color.ts'
import {unknownCommand} from '../../src/cli/command-not-found.ts'
import {EXIT, EXIT_MEANINGS, exitCodeForFindings, exitCodeOf, worstOf} from '../../src/cli/exit-codes.ts'
import {showProgress} from '../../src/cli/progress.ts'
import {hintForEatenSigil} from '../../src/cli/room-argument.ts'
import {editDistance, nearest} from '../../src/cli/suggest.ts'

describe('exit codes', () => {
  test('the first of 70, 2, 4, 1, 3, 0 wins', () => {
    const order = [70, 2, 4, 1, 3, 0] as const
    for (const [i, winner] of order.entries()) {
      for (const other of order.slice(i)) {
        expect(worstOf(other, winner)).toBe(winner)
        expect(worstOf(winner, other)).toBe(winner)
      }
    }
    expect(worstOf()).toBe(0)
  })

  test('each code has one meaning', () => {
    expect(EXIT_MEANINGS.map(([code]) => code).sort()).toEqual(Object.values(EXIT).sort())
  })

  test('a threshold counts what is at or above it', () => {
    const warning = [{severity: 'warning'}] as const
    expect(exitCodeForFindings(warning, 'error')).toBe(0)
    expect(exitCodeForFindings(warning, 'warning')).toBe(1)
    expect(exitCodeForFindings(warning, 'note')).toBe(1)
    expect(exitCodeForFindings([{severity: 'error'}], 'never')).toBe(0)
    expect(exitCodeForFindings([], 'note')).toBe(0)
  })

  test('failures end with 4, wrong usage with 2', () => {
    expect([exitCodeOf('SERVER_UNREACHABLE'), exitCodeOf('USAGE')]).toEqual([4, 2])
  })
})

describe('an identifier whose first character a shell has eaten', () => {
  const hash = 'Rqnc-F-dvnEYJTyHq_iKxU2bZ1CI92-kuZq3a5lr5Zg'
  test.each([
    ['room', 'abcDEF:example.org', "'!abcDEF:example.org'"],
    ['room', 'abc:localhost:8448', "'!abc:localhost:8448'"],
    ['room', hash, `'!${hash}'`],
    ['room', String.raw`\!abc:example.org`, "'!abc:example.org'"],
    ['room', '', "'!room:example.org'"],
    ['event', hash, `'$${hash}'`],
    ['event', '15abc:example.org', "'$15abc:example.org'"],
    ['event', hash.slice(4), "'$...'"],
    ['event', '', "'$...'"],
  ] as const)('%s %j', (expected, argument, quoted) => {
    expect(hintForEatenSigil(argument, expected)).toContain(quoted)
  })

  test.each([
    ['room', '!abc:example.org'],
    ['room', `!${hash}`],
    ['room', '#alias:example.org'],
    ['room', 'room.ndjson'],
    ['room', '-'],
    ['room', 'folder/room.case'],
    ['room', 'https://example.org/room'],
    ['event', `$${hash}`],
    ['event', 'latest'],
  ] as const)('%s %j is left alone', (expected, argument) => {
    expect(hintForEatenSigil(argument, expected)).toBeNull()
  })
})

describe('did you mean', () => {
  test('distance counts swaps of neighbours as one', () => {
    expect(editDistance('josn', 'json')).toBe(1)
    expect(editDistance('', 'abc')).toBe(3)
    expect(editDistance('kitten', 'sitting')).toBe(3)
  })

  test('says nothing rather than something far-fetched', () => {
    expect(nearest('resovle', ['resolve', 'replay'])).toBe('resolve')
    expect(nearest('xyzzy', ['resolve', 'replay'])).toBeUndefined()
  })

  test('finds commands of one and two words, whatever follows them', () => {
    const known = ['resolve', 'diff', 'case:info', 'case:merge']
    expect(unknownCommand('resolv:!room:example.org', known).hint).toContain('matrix-state resolve')
    expect(unknownCommand('case:inf:file', known).hint).toContain('matrix-state case info')
    expect(unknownCommand('!room:example.org', known).hint).toContain('after the command')
    expect(unknownCommand('--json', known).message).toContain('before the command')
  })
})

test('colours: command line, then NO_COLOR, then FORCE_COLOR, then the terminal', () => {
  expect(wantsColor([], {}, true)).toBe(true)
  expect(wantsColor([], {}, false)).toBe(false)
  expect(wantsColor(['--no-color'], {FORCE_COLOR: '1'}, true)).toBe(false)
  expect(wantsColor(['--', '--no-color'], {}, true)).toBe(true)
  expect(wantsColor([], {NO_COLOR: '1', FORCE_COLOR: '1'}, true)).toBe(false)
  expect(wantsColor([], {NO_COLOR: ''}, true)).toBe(true)
  expect(wantsColor([], {FORCE_COLOR: '1'}, false)).toBe(true)
})

describe('progress', () => {
  const run = (steps: readonly number[]): string => {
    let now = 0
    let shown = ''
    const progress = showProgress({write: (text) => (shown += text), nowMs: () => now, columns: 30})
    for (const step of steps) {
      now += step
      progress.update('replaying events', 50, 200)
    }
    progress.end()
    progress.end()
    return shown
  }

  test('is silent for work under a second', () => {
    expect(run([400, 599])).toBe('')
  })

  test('is one line that goes away, never wider than the terminal', () => {
    expect(run([1000])).toBe('\r\u001B[2Kreplaying events 50/200 (25 %\r\u001B[2K')
  })

  test('is redrawn ten times a second at most', () => {
    expect(run([1000, 50, 49, 1]).split('replaying')).toHaveLength(3)
  })
})
