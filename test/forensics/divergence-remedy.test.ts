import {describe, expect, test} from 'vitest'
import type {Difference, Grade} from '../../src/forensics/differences.ts'
import {divergenceRemedy} from '../../src/forensics/divergence-remedy.ts'
import type {RecordedStates} from '../../src/forensics/server-view.ts'
import type {Side} from '../../src/forensics/sides.ts'

type What = Side['what']
const recorded: RecordedStates = {how: 'state groups', around: () => undefined, group: () => undefined}

/** What the remedy for `hs1` is, with these sides and what each is found to be. */
function remedy(
  sides: readonly (readonly [server: string, what: What, grade: Grade | null])[],
  records = false,
): string {
  const given = sides.map(([server, what]): Side => ({
    server,
    what,
    how: '',
    eventId: null,
    ts: 0,
    told: {root: 0, beside: new Map(), unknown: [], twice: [], misplaced: []},
    view: {
      server,
      states: [],
      extremities: null,
      marks: new Map(),
      has: () => null,
      recorded: records ? recorded : null,
    },
    reached: null,
    whole: true,
    blind: -1,
  }))
  const theirs = sides.map(([, , grade]) => ({row: grade === null ? 1 : 2, grade}))
  const difference: Difference = {type: 'm.room.topic', stateKey: '', ours: 1, theirs, grade: 'diverged'}
  return divergenceRemedy(given, difference, 'hs1')
}

describe('which server is to be mended, and how', () => {
  test('the replay confirms others', () => {
    const said = remedy([
      ['hs1', 'current', 'diverged'],
      ['hs2', 'current', null],
      ['hs3', 'current', null],
    ])
    expect(said).toMatch(/^hs1 is the one to mend: hs2 and hs3 have what the events give and need nothing\./)
    expect(said).toContain('its database tells')
    expect(said).not.toContain('goes on from')
  })

  test('nobody else was asked, or all differ: nothing is to be changed yet', () => {
    expect(remedy([['hs1', 'current', 'diverged']])).toContain('no other server was compared')
    expect(
      remedy([
        ['hs1', 'current', 'diverged'],
        ['hs2', 'current', 'diverged'],
      ]),
    ).toMatch(/^No server that was compared has what the events give \(hs1 and hs2 both differ\): before anything/)
    expect(
      remedy([
        ['hs1', 'current', 'diverged'],
        ['hs2', 'current', 'behind'],
      ]),
    ).toContain('no other server was compared')
  })

  test('only the current state is stale', () => {
    const said = remedy([
      ['hs1', 'current', 'diverged'],
      ['hs1', 'at-extremity', null],
      ['hs2', 'current', null],
    ])
    expect(said).toContain('only its current state is stale')
    expect(said).toContain("By Synapse's code")
    expect(said).toContain('(not tried)')
    expect(said).not.toContain('purge')
  })

  test('the stored states are wrong', () => {
    const said = remedy([
      ['hs1', 'current', 'diverged'],
      ['hs1', 'at-extremity', 'diverged'],
      ['hs2', 'current', null],
    ])
    expect(said).toContain('goes on from a wrong one')
    expect(said).toContain('join again through hs2')
    expect(said).toContain('was not tried')
  })

  test('what its database recorded is not sent for again', () => {
    const said = remedy([['hs1', 'current', 'diverged']], true)
    expect(said).toContain('diff tells since when')
    expect(said).not.toContain('--database')
  })
})
