import type {Finding} from '../finding/finding.ts'
import {hasUndetermined} from '../forensics/merge.ts'
import {resetFindings} from '../forensics/reset-findings.ts'
import {findResets} from '../forensics/resets.ts'
import {type Replay, UNKNOWN_STATE} from '../resolve/replay.ts'

/** Resets anywhere in the room, and whether they still hold at its tips. */
export function resetsFound(result: Replay, tips: readonly number[]): readonly Finding[] {
  const {graph, trie, resolver, after} = result
  const roots = tips.map((tip) => after[tip] ?? UNKNOWN_STATE)
  const isWhole = !hasUndetermined(result)
  const isOpen = !isWhole || roots.length === 0 || roots.includes(UNKNOWN_STATE)
  const now = isOpen ? null : resolver.resolve(roots).root
  return resetFindings(graph, findResets(result, {tips}), (slot) => (now === null ? null : trie.get(now, slot)), {
    isWhole,
  })
}
