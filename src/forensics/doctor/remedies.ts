import type {Finding} from '../../finding/finding.ts'
import type {Remedy} from './remedy.ts'
import type {SymptomId} from './symptom.ts'

export const REMEDIES: readonly Remedy[] = []

export function remediesFor(
  trouble: {
    readonly symptom: SymptomId | null
    readonly findings: readonly Finding[]
    readonly software?: 'synapse' | 'dendrite' | 'conduit' | null
  },
  fill: {readonly room?: string; readonly user?: string; readonly server?: string; readonly event?: string},
): readonly Remedy[] {
  return trouble.findings.map(({id, remedy}) => ({
    id,
    title: remedy,
    invasiveness: 'none' as const,
    who: 'server-admin' as const,
    software: 'any' as const,
    steps: [fill.room ?? '{room}'],
    risk: 'placeholder',
    check: 'placeholder',
    sources: ['placeholder'],
  }))
}
