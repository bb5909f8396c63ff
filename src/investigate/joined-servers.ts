import {toPduSource} from '../casefile/pdu-source.ts'
import type {CaseReader} from '../casefile/shapes.ts'
import {StateError} from '../errors.ts'
import {serverNameOf} from '../matrix/ids.ts'
import {own} from '../matrix/json.ts'
import {loadRoom} from './load-room.ts'
import {resolveRoom} from './resolve-room.ts'

/** Servers with a joined member by the replay of what a case holds, sorted; none where nothing can be replayed. */
export async function serversOf(reader: CaseReader): Promise<readonly string[]> {
  try {
    const {wholeState} = resolveRoom(await loadRoom(toPduSource(reader)))
    const joined = (wholeState ?? []).filter(
      ({type, content}) => type === 'm.room.member' && own(content, 'membership') === 'join',
    )
    return [...new Set(joined.map(({stateKey}) => serverNameOf(stateKey) as string))].sort()
  } catch (error) {
    if (error instanceof StateError) return []
    throw error
  }
}
