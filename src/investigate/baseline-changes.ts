import type {Baseline} from '../matrix/device-baseline.ts'

/** One field of a bot's baseline that is not what it was. */
export interface BaselineChange {
  readonly field:
    | 'user_id'
    | 'device_id'
    | 'ed25519'
    | 'curve25519'
    | 'master_key'
    | 'self_signing_key'
    | 'cross_signed'
    | 'backup'
    | 'store'
  /** In words or as it stands; `null`: there was none. */
  readonly before: string | null
  readonly after: string | null
  /** To those who encrypt to the bot it is somebody else now. */
  readonly identity: boolean
}

const IDENTITY = ['user_id', 'device_id', 'ed25519', 'curve25519'] as const
const CROSS_SIGNING = ['master_key', 'self_signing_key'] as const

/**
 * What differs between two baselines, in the order of their fields; times do not count. Cross-signing where there was none is not another
 * identity: nobody trusted the one before.
 */
export function baselineChanges(before: Baseline, after: Baseline): readonly BaselineChange[] {
  const changes: BaselineChange[] = []
  const add = (field: BaselineChange['field'], was: string | null, is: string | null, identity: boolean): void => {
    if (was !== is) changes.push({field, before: was, after: is, identity})
  }
  for (const field of IDENTITY) add(field, before[field], after[field], true)
  for (const field of CROSS_SIGNING) add(field, before[field], after[field], before[field] !== null)
  add('cross_signed', yesOrNo(before.cross_signed), yesOrNo(after.cross_signed), false)
  // Absent: not told, which is no change.
  if (after.backup !== undefined && before.backup !== undefined) {
    add('backup', backupInWords(before), backupInWords(after), false)
  }
  add('store', storeInWords(before), storeInWords(after), false)
  return changes
}

function yesOrNo(value: boolean): string {
  return value ? 'yes' : 'no'
}

export function backupInWords({backup}: Baseline): string | null {
  if (backup === null || backup === undefined) return null
  return `version ${backup.version}${backup.public_key === null ? '' : `, ${backup.public_key}`}`
}

export function storeInWords({store}: Baseline): string | null {
  if (store === null) return null
  const {path, check} = store
  if (check === null) return path
  return check.kind === 'file' ? `${path}, checked by the file ${check.path}` : `${path}, checked by a command`
}
