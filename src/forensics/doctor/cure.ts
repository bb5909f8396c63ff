import type {FindingId} from '../../finding/finding.ts'
import type {Remedy} from './remedy.ts'
import type {SymptomId} from './symptom.ts'

/** A remedy with what it is for. */
export interface Cure {
  readonly symptoms: readonly SymptomId[]
  readonly findings: readonly FindingId[]
  readonly remedy: Remedy
}

/** Addresses and paths that several remedies name. */
export const DOCS = {
  spec: 'https://spec.matrix.org/v1.19/',
  synapse: 'https://element-hq.github.io/synapse/latest/',
  dendriteAdmin: 'element-hq/dendrite 08cac1c: docs/administration/4_adminapi.md',
  continuwuityDebug: 'continuwuity/continuwuity 0907323: docs/reference/admin/debug.md',
  tuwunelDebug: 'matrix-construct/tuwunel 5b36691: src/admin/debug/mod.rs',
} as const

/** A row of a table of remedies. */
export const cure = (symptoms: readonly SymptomId[], findings: readonly FindingId[], remedy: Remedy): Cure => ({
  symptoms,
  findings,
  remedy,
})
