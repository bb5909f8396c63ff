import {describe, expect, test} from 'vitest'
import {type Finding, finding, type FindingId, type Severity, type Subject} from '../../src/finding/finding.ts'
import {RESET_CAUSES} from '../../src/forensics/cause.ts'
import {causeWords, hasCauseWords} from '../../src/report/cause-words.ts'
import {findingsText} from '../../src/report/findings-text.ts'
import {foldFindings} from '../../src/report/fold-findings.ts'
import {verdictText} from '../../src/report/verdict-text.ts'
import {displayWidth} from '../../src/report/width.ts'

const style = {color: false}
const slot = (type: string, key = ''): Subject => ({kind: 'slot', type, state_key: key})
const member = (user: string): Subject => slot('m.room.member', user)
const told = (server: string) => [
  {source: 'replay', where: 'state', value: '$a'},
  {source: server, where: '/state', value: '$b'},
]
const diverging = (subject: Subject, server = 'hs1.example', remedy = 'Mend it.'): Finding =>
  finding('state/divergence', subject, 'summary', told(server), {severity: 'error', remedy})
const of = (id: FindingId, severity: Severity, subject: Subject, cause?: string): Finding =>
  finding(id, subject, `${id} summary`, [], {severity, ...(cause === undefined ? {} : {cause})})
const verdict = (findings: readonly Finding[], gaps = ''): string =>
  verdictText(findings, {clean: 'Clean.', gaps}, style)

describe('the last words on a room', () => {
  test.each<[string, readonly Finding[], string, string]>([
    ['nothing', [], '', 'Clean.'],
    ['a gap is never clean', [], 'Gap.', 'Gap.'],
    ['notes', [of('dag/content-hash', 'note', {kind: 'event', event_id: '$x'})], '', 'Clean. 1 note.'],
    ['notes and a gap', [of('dag/content-hash', 'note', {kind: 'event', event_id: '$x'})], 'Gap.', '1 note. Gap.'],
    [
      'an error: which server, and what',
      [diverging(member('@dave:hs1.example')), of('server/behind', 'note', {kind: 'server', server: 'hs2.example'})],
      '',
      '1 error: hs1.example does not have what the events give: the membership of @dave:hs1.example. Besides: 1 note.',
    ],
    [
      'errors of two servers, each with its own',
      [diverging(slot('m.room.topic')), diverging(slot('m.room.name')), diverging(slot('m.room.topic'), 'hs2.example')],
      'Gap.',
      '3 errors: hs1.example does not have what the events give: the topic and the room name; hs2.example does not have what the events give: the topic. Gap.',
    ],
    [
      'a warning that was repaired',
      [of('state/reset', 'warning', slot('m.room.power_levels'))],
      '',
      '1 warning: the power levels were lost or set back where branches were merged, with a value again since.',
    ],
    [
      'a kind without words of its own',
      [of('server/clock-skew', 'warning', {kind: 'server', server: 'hs1.example'})],
      '',
      '1 warning: server/clock-skew: hs1.example.',
    ],
  ])('%s', (_, findings, gaps, line) => {
    expect(verdict(findings, gaps)).toBe(line)
  })

  test('names few of many, and nothing that a terminal obeys', () => {
    const many = Array.from({length: 60}, (_, at) => of('state/reset', 'error', member(`@u${String(at)}\u202e\n:x`)))
    const line = verdict(many)
    expect(line).toContain('and 57 more were lost')
    expect(line).not.toMatch(/[\u202e\n]/)
  })
})

describe('findings that are one thing to do are told once', () => {
  test('what one server lacks is a list; another server, or another remedy, stands apart', () => {
    const folds = foldFindings(
      [
        diverging(slot('m.room.topic')),
        diverging(member('@a:x')),
        diverging(member('@b:x')),
        diverging(slot('m.room.topic'), 'hs2.example'),
        diverging(slot('m.room.name'), 'hs1.example', 'Another way.'),
      ],
      style,
    )
    expect(folds.map(({summary}) => summary)).toEqual([
      'hs1.example does not have what the replay gives in 3 slots: the topic and the memberships of @a:x and @b:x',
      'summary',
      'summary',
    ])
  })

  test('many of a kind: the first, and which others; all of them with --full', () => {
    const parts = Array.from({length: 5}, (_, at) => of('state/reading-dependent', 'note', slot(`x.${String(at)}`)))
    expect(foldFindings(parts, style).map(({also}) => also)).toEqual([
      'The same is true of the state x.1, the state x.2, the state x.3 and the state x.4.',
    ])
    expect(foldFindings(parts, {...style, full: true})).toHaveLength(5)
    expect(foldFindings(parts.slice(0, 3), style)).toHaveLength(3)
  })

  test('a remedy stands once, and none is left out', () => {
    const findings = ['One.', 'Two.', 'One.'].map((remedy, at) => ({
      ...of('state/reset', 'error', member(`@${String(at)}:x`), 'ts-tiebreak'),
      remedy,
    }))
    const shown = findingsText(findings, style)
    expect(shown.match(/→ .*/g)).toEqual(['→ One.', '→ Two.'])
    expect(shown.match(/Cause: .*/g)).toEqual([
      'Cause: both were valid, and the one whose server claims the later time wins [ts-tiebreak]',
    ])
    expect(shown.split('\n')[0]).toBe('Findings: 3')
  })

  test('counts those that are told elsewhere, and keeps to the terminal', () => {
    const shown = findingsText([of('state/reset', 'error', member('@a:x'), 'stale-input')], {...style, columns: 40}, 2)
    expect(shown).toContain('Findings: 1, and 2 more told above')
    expect(shown.split('\n').every((line) => displayWidth(line) <= 40)).toBe(true)
  })
})

test('every cause of a reset has a plain sentence, with its name behind', () => {
  for (const cause of RESET_CAUSES) {
    expect(hasCauseWords(cause)).toBe(true)
    expect(causeWords(cause)).toMatch(new RegExp(`^.{20,} \\[${cause}\\]$`))
  }
  expect(hasCauseWords('v10:4.3.7@before')).toBe(false)
})
