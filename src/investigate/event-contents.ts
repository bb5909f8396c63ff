import type {CaseReader} from '../casefile/shapes.ts'
import {ENCRYPTION} from '../forensics/encryption-history.ts'
import {Type} from '../graph/room-graph.ts'
import {contentHashMatches} from '../matrix/hashes.ts'
import {serverNameOf} from '../matrix/ids.ts'
import {isObject, type JsonObject, objectOrNull, own} from '../matrix/json.ts'
import {PowerLevels} from '../matrix/power-levels.ts'
import {type Replay, UNKNOWN_STATE, Verdict} from '../resolve/replay.ts'
import {ABSENT} from '../resolve/state-trie.ts'

/** The copy of an event whose content is what its server hashed, or else the first that is there. */
export function eventOf(reader: CaseReader, eventId: string): JsonObject | null {
  const copies = reader.copiesOf(eventId).flatMap(({text}) => {
    const copy = objectOrNull(text)
    return copy === null ? [] : [copy]
  })
  const [first, ...others] = copies
  if (first === undefined || others.length === 0) return first ?? null
  return copies.find((copy) => contentHashMatches(copy)) ?? copies.find(hasCiphertext) ?? first
}

/**
 * Accepted redactions that servers follow, by the row of what they redact: the sender has the power, or is of the server of whoever sent that.
 *
 * @see https://spec.matrix.org/v1.19/rooms/v11/#handling-redactions
 */
export function redactionsOf({graph, verdicts, before, trie}: Replay, reader: CaseReader): ReadonlyMap<number, number> {
  const found = new Map<number, number>()
  const slot = graph.slotOf(ENCRYPTION, '')
  if (slot < 0) return found
  for (let row = 0; row < graph.size; row += 1) {
    if (graph.type[row] !== Type.Redaction || verdicts[row] !== Verdict.Accepted) continue
    const event = eventOf(reader, graph.id(row))
    const content = event === null ? undefined : own(event, 'content')
    const named =
      event === null ? undefined : (own(event, 'redacts') ?? (isObject(content) ? own(content, 'redacts') : undefined))
    const target = typeof named === 'string' ? graph.row(named) : -1
    // Only those of room settings matter here.
    if (target < 0 || graph.slot[target] !== slot || found.has(target)) continue
    const root = before[row] ?? UNKNOWN_STATE
    const power = root === UNKNOWN_STATE ? ABSENT : trie.get(root, graph.powerSlot)
    const levels = power === ABSENT ? new PowerLevels({}, graph.rules) : graph.powerLevels(power)
    const [sender, author] = [graph.senderName(row), graph.senderName(target)]
    if (serverNameOf(sender) === serverNameOf(author) || levels.user(sender) >= levels.named('redact')) {
      found.set(target, row)
    }
  }
  return found
}

function hasCiphertext(event: JsonObject): boolean {
  const content = own(event, 'content')
  return isObject(content) && own(content, 'ciphertext') !== undefined
}
