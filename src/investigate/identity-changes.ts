import {type Baseline, IDENTITY_FIELDS} from '../matrix/device-baseline.ts'

/** A field by which a bot is somebody else to those who encrypt to it. */
export interface IdentityChange {
  readonly field: (typeof IDENTITY_FIELDS)[number]
  /** As recorded. */
  readonly before: string
  /** `null`: there is none any more. */
  readonly after: string | null
}

/** What makes another identity of a baseline. Cross-signing where there was none does not: nobody trusted the one before. */
export function identityChanges(before: Baseline, after: Baseline): readonly IdentityChange[] {
  return IDENTITY_FIELDS.flatMap((field) => {
    const was = before[field]
    return was === null || was === after[field] ? [] : [{field, before: was, after: after[field]}]
  })
}
