import {readFileSync} from 'node:fs'
import {createServer} from 'node:http'
import path from 'node:path'
import type {DeviceFact, DeviceFactKind} from '../../src/matrix/device-facts.ts'
import type {DeviceContext, DeviceRoute, DeviceStep} from '../../src/sources/device-evidence.ts'
import {listen} from './listen.ts'

export const ALICE = '@alice:localhost:18448'
export const BOB = '@bob:localhost:28448'
/** Two accounts on two servers, as Synapse 1.163.2 answered one of them: signed devices, cross-signing. */
export const KEYS_QUERY_TEXT = readFileSync(path.join(import.meta.dirname, 'data', 'keys-query.json'), 'utf8')
export const KEYS_QUERY = JSON.parse(KEYS_QUERY_TEXT) as Record<
  'device_keys' | 'master_keys' | 'self_signing_keys' | 'user_signing_keys',
  Record<string, Record<string, unknown>>
>

export interface Question {
  readonly method: string
  readonly path: string
  readonly query: Record<string, string>
  readonly body: string
}

/** In place of an answer: the connection ends. */
export const CUT = Symbol('cut')

/** What a homeserver answers; `null`: 404 M_NOT_FOUND. A list is `[status, body]`. */
export type Answers = (question: Question) => unknown

/** A homeserver on a socket that writes down what it was asked. */
export async function recordingServer(answers: Answers): Promise<{readonly url: string; readonly asked: Question[]}> {
  const asked: Question[] = []
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const url = new URL(request.url ?? '/', 'http://x')
      const question = {
        method: request.method ?? '',
        path: decodeURIComponent(url.pathname),
        query: Object.fromEntries(url.searchParams),
        body: Buffer.concat(chunks).toString('utf8'),
      }
      asked.push(question)
      const told = answers(question)
      if (told === CUT) {
        request.socket.destroy()
        return
      }
      const answer = told ?? [404, {errcode: 'M_NOT_FOUND', error: 'not here'}]
      const [status, body] = Array.isArray(answer) ? (answer as [number, unknown]) : [200, answer]
      response.writeHead(status, {'content-type': 'application/json'})
      response.end(typeof body === 'string' ? body : JSON.stringify(body))
    })
  })
  return {url: `http://127.0.0.1:${String(await listen(server))}`, asked}
}

export async function stepsOf(
  route: DeviceRoute,
  userIds: readonly string[],
  more: Partial<DeviceContext> = {},
): Promise<DeviceStep[]> {
  const context = {userIds, signal: new AbortController().signal, onPause: () => undefined, ...more}
  const steps: DeviceStep[] = []
  for await (const step of route.gather(context)) steps.push(step)
  return steps
}

/** The facts of one kind about one user. */
export function factsOf<K extends DeviceFactKind>(
  steps: readonly DeviceStep[],
  userId: string,
  kind: K,
): Extract<DeviceFact, {kind: K}>[] {
  return steps
    .flatMap(({facts}) => facts)
    .filter((told) => told.userId === userId && told.fact.kind === kind)
    .map(({fact}) => fact as Extract<DeviceFact, {kind: K}>)
}
