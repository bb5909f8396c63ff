import {readdirSync} from 'node:fs'
import {join} from 'node:path'
import fc from 'fast-check'
import {describe, expect, test} from 'vitest'
import {CURES, fromCatalogue, REMEDIES, remediesFor} from '../../../src/forensics/doctor/remedies.ts'
import type {Invasiveness, Remedy} from '../../../src/forensics/doctor/remedy.ts'
import {SYMPTOMS} from '../../../src/forensics/doctor/symptom-kinds.ts'
import type {SymptomId} from '../../../src/forensics/doctor/symptom.ts'
import {CATALOGUE, type FindingId} from '../../../src/finding/finding.ts'

const ORDER: readonly Invasiveness[] = ['none', 'client', 'server', 'destructive']
const symptoms = Object.keys(SYMPTOMS) as SymptomId[]
const findings = (Object.keys(CATALOGUE) as FindingId[]).filter((id) => CATALOGUE[id].severity !== 'note')
const software = ['synapse', 'dendrite', 'conduit', null] as const
/** Letters that end quotations, paths, JSON strings and code spans. */
const HOSTILE = '\'"\\;$&|<>(){}!@#%~ \t\n`a:.'
const ids = (remedies: readonly Remedy[]): readonly string[] => remedies.map(({id}) => id)
/** An address, or a path in a named project, with the version where it is another's. */
const SOURCE = /^(?:https:\/\/\S+|[\w.-]+\/[\w.-]+ [\w.]+: \S+(?:, \S+)*|matrix-state: docs\/\w+\.md)$/

describe('every remedy', () => {
  test.each(REMEDIES)('$id', (remedy) => {
    for (const text of [remedy.title, remedy.risk, remedy.check, ...remedy.steps]) {
      expect(text.length).toBeGreaterThan(4)
      expect(text.split('`').length % 2, text).toBe(1)
      expect(text.replaceAll(/\{(?:room|user|server|event)\}/g, ''), text).not.toMatch(/\{[a-z_]+\}/)
    }
    expect(remedy.steps.length).toBeGreaterThan(0)
    expect(remedy.sources.length).toBeGreaterThan(0)
    for (const source of remedy.sources) expect(source).toMatch(SOURCE)
  })

  test('has an ID of its own and is for something', () => {
    expect(new Set(ids(REMEDIES)).size).toBe(REMEDIES.length)
    for (const {symptoms: some, findings: more} of CURES) expect(some.length + more.length).toBeGreaterThan(0)
  })

  test('what deletes is called destructive, and what is called so warns of what is lost', () => {
    for (const {steps, invasiveness, id} of REMEDIES) {
      if (
        /`DELETE |purge|delete-forward|force-set|\/upgrade/i.test(
          steps.filter((step) => !step.includes('is purged')).join('\n'),
        )
      )
        expect(invasiveness, id).toBe('destructive')
    }
    for (const {risk, invasiveness, id} of REMEDIES) {
      if (invasiveness === 'destructive') expect(risk, id).toMatch(/lost|gone|overwritten|cannot be undone|verify anew/)
      else expect(risk, id).not.toMatch(/^$/)
    }
  })

  test('shared folders of docs exist', () => {
    const docs = new Set(readdirSync(join(import.meta.dirname, '../../../docs')))
    const named = REMEDIES.flatMap(({sources}) => sources).flatMap(
      (source) => /^matrix-state: docs\/(.*)$/.exec(source)?.[1] ?? [],
    )
    expect(named.filter((name) => !docs.has(name))).toEqual([])
  })
})

describe('what is given', () => {
  test.each(findings)('%s has a remedy', (id) => {
    for (const which of software) {
      const found = remediesFor({symptom: null, findings: [{id}], software: which}, {})
      expect(found.length).toBeGreaterThan(0)
      expect(found[0]?.invasiveness, `${String(which)} ${ids(found).join(' ')}`).not.toBe('destructive')
    }
  })

  test.each(symptoms)('%s has a remedy, and the first is mild', (symptom) => {
    for (const which of software) {
      const found = remediesFor({symptom, findings: [], software: which}, {})
      expect(found.length, String(which)).toBeGreaterThan(0)
      expect(found[0]?.invasiveness, String(which)).not.toBe('destructive')
    }
  })

  test('for any trouble: the least invasive first, each once, and none for other software', () => {
    const trouble = fc.record({
      symptom: fc.constantFrom<SymptomId | null>(...symptoms, null),
      findings: fc.array(
        fc.constantFrom(...(Object.keys(CATALOGUE) as FindingId[])).map((id) => ({id})),
        {maxLength: 6},
      ),
      software: fc.constantFrom(...software),
    })
    fc.assert(
      fc.property(trouble, (asked) => {
        const found = remediesFor(asked, {})
        const ranks = found.map(({invasiveness}) => ORDER.indexOf(invasiveness))
        expect(ranks).toEqual([...ranks].sort((one, other) => one - other))
        expect(new Set(ids(found)).size).toBe(found.length)
        if (asked.software !== null) {
          const own = new Set(['any', asked.software])
          expect(found.filter((one) => !own.has(one.software))).toEqual([])
        }
      }),
      {numRuns: 300},
    )
  })

  test('a kind of finding without a remedy of its own is given what the catalogue says', () => {
    const remedy = fromCatalogue('dag/many-tips')
    expect(remedy.steps).toEqual([CATALOGUE['dag/many-tips'].remedy])
    expect(remedy).toMatchObject({id: 'catalogue:dag/many-tips', invasiveness: 'none'})
  })

  test('nothing for nothing, and nothing for a note', () => {
    expect(remediesFor({symptom: null, findings: []}, {})).toEqual([])
    expect(remediesFor({symptom: null, findings: [{id: 'dag/wrong-depth'}]}, {})).toEqual([])
  })

  test('duplicate auth_events on a Synapse: from acting elsewhere to purging', () => {
    const found = remediesFor({symptom: 'duplicate-auth-events', findings: [], software: 'synapse'}, {})
    expect(ids(found)).toEqual([
      'act-from-another-server',
      'leave-and-rejoin',
      'update-server',
      'upgrade-room',
      'synapse-purge-and-rejoin',
    ])
  })
})

describe('placeholders', () => {
  const textOf = (fill: Parameters<typeof remediesFor>[1]): string =>
    symptoms
      .flatMap((symptom) => remediesFor({symptom, findings: []}, fill))
      .flatMap(({steps, check}) => [...steps, check])
      .join('\n')

  test('are written as their place takes it', () => {
    const text = textOf({room: '!id:example.org', user: "@o'neil:example.org", server: 'example.org:8448'})
    expect(text).toContain("`matrix-state diff '!id:example.org'`")
    expect(text).toContain("--can '@o'\\''neil:example.org' join")
    expect(text).toContain('`DELETE /_synapse/admin/v2/rooms/!id%3Aexample.org`')
    expect(text).toContain(`{"user_id": "@o'neil:example.org"}`)
    // The server in trouble is not the one to take state from.
    expect(text).toContain('?via=SERVER')
    expect(text).toContain('`!admin debug force-set-room-state-from-server !id:example.org SERVER`')
    expect(text).not.toMatch(/\{(?:room|user|server)\}/)
  })

  test('stay where nothing is known', () => {
    expect(textOf({})).toContain('`matrix-state diff {room}`')
  })

  test.each(['!a b:x', '!a\nb:x', '!a`b:x', '!a\u202eb:x', '!\u0000:x', 'room.case', '', `!${'a'.repeat(300)}:x`])(
    'are not filled with %j',
    (room) => {
      expect(textOf({room, user: room, server: `${room} `})).toBe(textOf({}))
    },
  )

  test('no value leaves its quotation, whatever it is', () => {
    const hostile = fc.string({unit: fc.constantFrom(...Array.from(HOSTILE)), minLength: 1, maxLength: 12})
    fc.assert(
      fc.property(hostile, (inner) => {
        const text = textOf({room: `!${inner}:x`, user: `@${inner}:x`})
        for (const [, argument] of text.matchAll(/`matrix-state diff (.*?)`/g)) {
          if (argument?.startsWith('{room}') === true) continue
          expect(argument?.replace(/ .*$/, '')).toMatch(/^(?:[A-Za-z0-9@%+=:,./_-]+|(?:'[^']*'|\\')+)$/)
        }
        for (const [, body] of text.matchAll(/`(\{"user_id": .*?\})`/g)) {
          expect(() => JSON.parse((body ?? '').replace('{user}', 'x')) as unknown).not.toThrow()
        }
      }),
      {numRuns: 200},
    )
  })
})
