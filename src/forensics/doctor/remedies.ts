import {CATALOGUE, type Finding, type FindingId} from '../../finding/finding.ts'
import type {Cure} from './cure.ts'
import {filled, type Fill} from './fill.ts'
import {DEVICE_CURES} from './remedies-devices.ts'
import {ROOM_CURES} from './remedies-room.ts'
import {SERVER_CURES} from './remedies-server.ts'
import type {Invasiveness, Remedy} from './remedy.ts'
import type {SymptomId} from './symptom.ts'

/** Every remedy with what it is for. */
export const CURES: readonly Cure[] = [...ROOM_CURES, ...SERVER_CURES, ...DEVICE_CURES]

/** Every remedy, with placeholders. */
export const REMEDIES: readonly Remedy[] = CURES.map(({remedy}) => remedy)

const ORDER: readonly Invasiveness[] = ['none', 'client', 'server', 'destructive']

/** What the catalogue says of a finding, as a remedy: for kinds that have none of their own. */
export function fromCatalogue(id: FindingId): Remedy {
  const {remedy} = CATALOGUE[id]
  return {
    id: `catalogue:${id}`,
    title: `What helps against ${id}`,
    invasiveness: 'none',
    who: 'room-admin',
    software: 'any',
    steps: [remedy],
    risk: 'See what the step says; look before anything is changed.',
    check: `\`matrix-state check {room} --refresh\`: no finding ${id}.`,
    sources: ['matrix-state: docs/findings.md'],
  }
}

/** What is to be remedied. */
export interface Trouble {
  readonly symptom: SymptomId | null
  /** More symptoms whose remedies fit. */
  readonly also?: readonly SymptomId[]
  readonly findings: readonly Pick<Finding, 'id'>[]
  /** Of the server that is to be mended; without it, remedies for all are given. */
  readonly software?: 'synapse' | 'dendrite' | 'conduit' | null
}

/**
 * The remedies of a symptom and of findings, the least invasive first; of the same kind those for any software first. A finding that is a
 * warning or an error has at least one.
 */
export function remediesFor({symptom, also = [], findings, software}: Trouble, fill: Fill): readonly Remedy[] {
  const ids = new Set(findings.map(({id}) => id))
  const symptoms: readonly SymptomId[] = symptom === null ? also : [symptom, ...also]
  const fits = (remedy: Remedy): boolean =>
    remedy.software === 'any' || software === undefined || software === null || remedy.software === software
  const chosen = CURES.filter(
    (cure) =>
      fits(cure.remedy) &&
      (symptoms.some((one) => cure.symptoms.includes(one)) || cure.findings.some((id) => ids.has(id))),
  ).map(({remedy}) => remedy)
  const own = [...ids]
    .filter((id) => !CURES.some((cure) => cure.findings.includes(id)) && CATALOGUE[id].severity !== 'note')
    .map(fromCatalogue)
  return [...chosen, ...own]
    .sort(
      (one, other) =>
        ORDER.indexOf(one.invasiveness) - ORDER.indexOf(other.invasiveness) ||
        Number(one.software !== 'any') - Number(other.software !== 'any'),
    )
    .map((remedy) => filled(remedy, fill))
}
