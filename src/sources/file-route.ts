import {createHash} from 'node:crypto'
import {createReadStream} from 'node:fs'
import {stat} from 'node:fs/promises'
import {basename} from 'node:path'
import {isObject, JsonError, type JsonObject, own, parseJson} from '../matrix/json.ts'
import {versionIn} from '../matrix/room-version.ts'
import type {EventCopy, GatherContext, RouteIdentity, Route, Step} from './evidence.ts'
import {malformed} from './file-problems.ts'
import {openDump} from './files.ts'
import type {PduSource, RawPdu} from './port.ts'

const BATCH = 1000
/** The mark that counts the events kept so far. */
const READ = 'events read'
const LOOKS_LIKE_CREATE = '"m.room.create"'

/**
 * Opens a dump as a route: events, and nothing that a server thinks of them.
 *
 * @param path - `-` is standard input.
 * @throws StateError - INPUT_NOT_FOUND and the like only when it is gathered
 * @remarks A file is named by what is in it (`file room.ndjson#1f2e3d4c5b6a`): the same bytes elsewhere are the same evidence, other
 * bytes under the same name are not. It is read once for that, and not again as far as an earlier run has kept it. What can be read only
 * once (standard input, a pipe) is named without.
 */
export async function openFileRoute(path: string): Promise<Route> {
  const identity = await fileIdentity('file', path)
  const rereadable = identity.name.includes('#')
  return {
    identity,
    unknowable: ['what a server thinks of these events, and its states'],
    plan: () => [{request: `read ${path}`, times: '1', purpose: 'the events in it', effect: 'none'}],
    gather: (context) => gather(openDump(path), context, rereadable),
    close: () => Promise.resolve(),
  }
}

/** Names a file by its basename and, if it can be read more than once, by its content. */
export async function fileIdentity(kind: string, path: string): Promise<RouteIdentity> {
  const name = path === '-' ? 'standard input' : basename(path)
  const digest = path === '-' ? null : await digestOf(path)
  return {
    kind: 'file',
    name: `${kind} ${name}${digest === null ? '' : `#${digest}`}`,
    server: '',
    address: path === '-' ? name : path,
    insecure: false,
  }
}

/** 12 hex digits of the content's SHA-256; `null` for what is no plain file, or cannot be read: reading it will tell why. */
async function digestOf(path: string): Promise<string | null> {
  const hash = createHash('sha256')
  try {
    if (!(await stat(path)).isFile()) return null
    for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer)
  } catch {
    return null
  }
  return hash.digest('hex').slice(0, 12)
}

async function* gather(source: PduSource, context: GatherContext, rereadable: boolean): AsyncGenerator<Step> {
  const skip = rereadable ? Number(context.marks.get(READ) ?? '0') : 0
  let read = 0
  let events: EventCopy[] = []
  let roomVersion: string | null = null
  const step = (): Step => {
    const kept = events
    events = []
    return {
      how: source.name,
      requests: 0,
      ...(roomVersion === null ? {} : {roomVersion}),
      events: kept,
      ...(rereadable ? {marks: {[READ]: String(read)}} : {}),
    }
  }
  for await (const batch of source.pdus) {
    context.signal.throwIfAborted()
    const facts = source.container?.() ?? {}
    if (facts.symbolicIds === true) throw notReal(source.name)
    for (const raw of batch) {
      read += 1
      if (read <= skip) continue
      let event: JsonObject
      try {
        event = eventOf(source.name, raw)
      } catch (error) {
        read -= 1
        if (events.length > 0) yield step()
        throw error
      }
      if (raw.text.includes(LOOKS_LIKE_CREATE)) roomVersion ??= versionOf(event)
      events.push({text: raw.text, eventId: null})
      if (events.length === BATCH) yield step()
    }
  }
  if (events.length > 0) yield step()
}

/** The event of a line, which must have what a replay needs. */
function eventOf(name: string, {text, line}: RawPdu): JsonObject {
  const reading = {name, events: 0}
  let event
  try {
    event = parseJson(text)
  } catch (error) {
    if (error instanceof JsonError) throw malformed(reading, line, `no event: ${error.message}`)
    throw error
  }
  if (!isObject(event)) throw malformed(reading, line, 'no event: it is not a JSON object')
  if (own(event, 'prev_events') === undefined && own(event, 'auth_events') === undefined) {
    const hint = 'Fetch it in federation format: with the filter {"event_format":"federation"}, or from the database.'
    throw malformed(reading, line, 'an event in the form for clients, without prev_events and auth_events', hint)
  }
  return event
}

function versionOf(event: JsonObject): string | null {
  if (own(event, 'type') !== 'm.room.create' || own(event, 'state_key') !== '') return null
  return versionIn(own(event, 'content'))
}

function notReal(name: string): Error {
  const hint = 'It can be resolved as it is: matrix-state resolve FILE.'
  return malformed({name, events: 0}, 1, 'a scenario with made-up event IDs is no evidence on a room', hint)
}
