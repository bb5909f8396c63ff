export type Severity = 'error' | 'warning' | 'note'
/** How sure a finding is: established, nearly so, or worth a look. */
export type Certainty = 'proof' | 'strong' | 'hint'

/** Meaning of a kind of finding, whatever the room. */
export interface FindingKind {
  readonly severity: Severity
  readonly certainty: Certainty
  readonly meaning: string
  readonly remedy: string
}
