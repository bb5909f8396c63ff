/**
 * Takes away from a list what a test does not need: first halves, then smaller and smaller parts, until no single item can go.
 *
 * @param passes - whether a sublist still does; the whole list must
 * @param budget - how often `passes` may be asked
 * @returns the sublist, in the order of the list; `minimal`: no single item of it can go
 * @remarks At most O(n²) questions, O(n log n) when little is needed.
 */
export function ddmin<T>(
  list: readonly T[],
  passes: (sublist: readonly T[]) => boolean,
  budget: number,
): {readonly items: readonly T[]; readonly minimal: boolean} {
  let items = list
  let parts = 2
  let asked = 0
  while (items.length > 0) {
    const size = Math.ceil(items.length / Math.min(parts, items.length))
    let found: readonly T[] | null = null
    for (let start = 0; start < items.length && found === null; start += size) {
      if (asked >= budget) return {items, minimal: false}
      asked += 1
      const rest = [...items.slice(0, start), ...items.slice(start + size)]
      if (passes(rest)) found = rest
    }
    if (found !== null) {
      items = found
      parts = Math.max(parts - 1, 2)
    } else if (size === 1) return {items, minimal: true}
    else parts *= 2
  }
  return {items, minimal: true}
}
