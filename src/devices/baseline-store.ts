import {type Finding, finding, type FindingId} from '../finding/finding.ts'
import type {BaselineEvidence, StoreSeen} from './baseline-evidence.ts'
import {type Made, recorded} from './baseline-parts.ts'
import {clipped, short} from './words.ts'

const LONGEST_PATH = 300

const FINDING_OF: Readonly<Partial<Record<StoreSeen['outcome'], FindingId>>> = {
  missing: 'baseline/store-missing',
  unopenable: 'baseline/store-unopenable',
  'of-another': 'baseline/store-of-another',
}

/** `baseline/store-missing`, `baseline/store-unopenable`, `baseline/store-of-another`, `baseline/store-unrecorded`. */
export function storeFindings({baseline, store}: BaselineEvidence): readonly Finding[] {
  const {user_id, device_id, ed25519, store: named} = baseline
  // Whoever did not name it may believe that it is watched.
  if (store.kind === 'unrecorded')
    return [
      finding(
        'baseline/store-unrecorded',
        {kind: 'device', user_id, device_id},
        'No store was recorded: a lost store is not noticed.',
        [recorded(baseline, 'store', null)],
      ),
    ]
  if (named === null || store.kind !== 'seen') return []
  const id = FINDING_OF[store.outcome]
  if (id === undefined) return []
  const path = clipped(named.path, LONGEST_PATH)
  const other = store.ed25519
  const keys = other === undefined ? '' : ` (${short(other)}, not ${short(ed25519)})`
  return [
    finding(id, {kind: 'device', user_id, device_id}, `The store ${path} ${clipped(store.why, LONGEST_PATH)}${keys}.`, [
      other === undefined ? recorded(baseline, 'store', path) : recorded(baseline, 'ed25519', ed25519),
      {source: 'disk', where: clipped(store.where, LONGEST_PATH), value: clipped(other ?? store.why, LONGEST_PATH)},
    ]),
  ]
}

/** Whether the store is there. */
export function storeCheck({baseline, store}: BaselineEvidence): Made {
  const id = 'store'
  if (store.kind === 'left-out') return {id, summary: 'It was not looked for, as asked.', because: 'left-out'}
  if (baseline.store === null || store.kind !== 'seen')
    return {
      id,
      summary: 'No store was recorded, so that none was looked for.',
      because: 'no-access',
    }
  const path = clipped(baseline.store.path, LONGEST_PATH)
  // What could not be checked is the store itself, or only whether it opens.
  const isUnseen = store.outcome === 'not-checked' && store.where === baseline.store.path
  if (isUnseen) return {id, summary: `The store ${path} ${clipped(store.why, LONGEST_PATH)}.`, because: 'no-answer'}
  return {id, summary: `The store ${path} is there.`, because: null}
}

/** Whether it opens, and is the recorded device’s. */
export function storeOpensCheck({baseline, store}: BaselineEvidence): Made {
  const id = 'store-opens'
  if (store.kind === 'left-out') return {id, summary: 'Whether it opens was not tried, as asked.', because: 'left-out'}
  if (baseline.store === null || store.kind !== 'seen')
    return {id, summary: 'No store was recorded that could be opened.', because: 'no-access'}
  const said = `The store ${clipped(store.why, LONGEST_PATH)}.`
  switch (store.outcome) {
    case 'missing':
      return {id, summary: 'There is no store that could be opened.', because: 'other-failure'}
    case 'present':
      return {id, summary: 'Whether it opens was not tried: no check of that is at hand.', because: 'no-access'}
    case 'not-checked':
      return {id, summary: said, because: 'no-answer'}
    default:
      return {id, summary: said, because: null}
  }
}
