/** The gravest first. */
export const SEVERITIES = ['error', 'warning', 'note'] as const
export type Severity = (typeof SEVERITIES)[number]
/** How sure a finding is: established, nearly so, or worth a look. */
export type Certainty = 'proof' | 'strong' | 'hint'

/** Meaning of a kind of finding, whatever the room. */
export interface FindingKind {
  readonly severity: Severity
  readonly certainty: Certainty
  readonly meaning: string
  readonly remedy: string
}
