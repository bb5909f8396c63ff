import {mkdtemp, readFile, rm} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import path from 'node:path'
import {gunzipSync} from 'node:zlib'
import {equal} from './checking.ts'
import type {Checking} from './checking.ts'
import {told} from './program.ts'
import type {LiveRoom} from './stage.ts'

/** `graph --json`, as far as the checks read it. */
interface GraphDocument {
  readonly schema: string
  readonly nodes: readonly {readonly key: string}[]
}

/** What an explorer's page holds, as far as the checks read it. */
interface Page {
  readonly graph: {readonly ids: readonly string[]}
  readonly marks: readonly {readonly server: string; readonly receivedRows: readonly number[]}[]
  readonly sides: readonly {readonly server: string}[]
}

/**
 * `graph` and `explore` on a live room: both hold exactly the events that `replay` gives of it, and neither its page's text nor its data has
 * what people wrote.
 */
export async function checkPictures({program, stage}: Checking, live: LiveRoom): Promise<string> {
  const {room, here} = live
  const folder = await mkdtemp(path.join(tmpdir(), 'matrix-state-pictures-'))
  try {
    const ways = [
      {how: 'client API', args: ['--homeserver', stage.here.baseUrl], env: {MATRIX_STATE_TOKEN: here.accessToken}},
      {how: 'database', args: ['--database', stage.here.databaseUrl], env: {}},
    ]
    const seen: string[] = []
    for (const {how, args, env} of ways) {
      const run = async (...command: string[]): Promise<string> => {
        const all = [...command, ...args]
        const ended = await program.run(all, {env})
        if (ended.code !== 0) throw new Error(`expected exit code 0; ${told(all, ended)}`)
        return ended.stdout
      }
      const events = (await run('replay', room.roomId))
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => (JSON.parse(line) as {event_id?: string}).event_id)
        .filter((id) => id !== undefined)
        .sort()
      const drawn = JSON.parse(await run('graph', room.roomId, '--json')) as GraphDocument
      equal(`${how}: schema`, drawn.schema, 'matrix-state/graph/1')
      const nodes = drawn.nodes.map(({key}) => key).sort()
      equal(`${how}: nodes`, JSON.stringify(nodes), JSON.stringify(events))

      const file = path.join(folder, 'room.html')
      await run('explore', room.roomId, '--output', file)
      const html = await readFile(file, 'utf8')
      const [, data = ''] = /id="data">([^<]*)</u.exec(html) ?? []
      const text = gunzipSync(Buffer.from(data, 'base64')).toString('utf8')
      const page = JSON.parse(text) as Page
      equal(`${how}: events of the page`, JSON.stringify([...page.graph.ids].sort()), JSON.stringify(events))
      equal(
        `${how}: a server's state`,
        page.sides.some(({server}) => server === stage.here.name),
        true,
      )
      if (how === 'database') {
        const received = page.marks.find(({server}) => server === stage.here.name)?.receivedRows.length ?? 0
        equal(`${how}: times of arrival`, received, events.length)
      }
      if (text.includes('"body"') || text.includes(here.accessToken))
        throw new Error('what people wrote is in the page')
      seen.push(`${how} ${String(events.length)} events`)
    }
    return seen.join(', ')
  } finally {
    await rm(folder, {recursive: true, force: true})
  }
}
