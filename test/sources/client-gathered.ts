import {StateError} from '../../src/errors.ts'
import {openClientRoute} from '../../src/sources/client-route.ts'
import type {GatherContext, Step} from '../../src/sources/evidence.ts'

/** One room, seen by one account. */
export interface ClientInput {
  readonly homeserver: string
  readonly accessToken: string
  /** A room ID or an alias. */
  readonly room: string
  readonly insecure?: boolean
  readonly signal?: AbortSignal
  readonly maxRetryMs?: number
  readonly timeoutMs?: number
  readonly onPause?: GatherContext['onPause']
}

/** All that one gathering by the client API brought. */
export interface ClientEvidence {
  readonly roomId: string
  readonly serverName: string
  readonly userId: string
  /** Each event once, as it came first. */
  readonly pdus: readonly {readonly text: string}[]
  /** The current state as it was told last. */
  readonly reported: {readonly how: string; readonly eventIds: readonly string[]}
  readonly unknowable: readonly string[]
  readonly requests: number
  readonly notes: readonly string[]
  readonly refusals: readonly string[]
}

/** Gathers a room by the route of the client API, without a case file; fails where a request of its own fails. */
export async function gatherByClient(input: ClientInput): Promise<ClientEvidence> {
  const {room, signal = new AbortController().signal, onPause = () => undefined, ...access} = input
  const route = await openClientRoute({...access, signal})
  const roomId = room.startsWith('#') ? ((await route.resolveAlias?.(room, signal)) ?? '') : room
  const texts = new Map<string, string>()
  const steps: Step[] = []
  const context: GatherContext = {
    roomId,
    roomVersion: () => null,
    marks: new Map(),
    knows: (id) => texts.has(id),
    newest: () => [],
    limits: {},
    signal,
    onPause,
  }
  for await (const step of route.gather(context)) {
    steps.push(step)
    for (const {text, eventId} of step.events ?? []) if (!texts.has(eventId ?? text)) texts.set(eventId ?? text, text)
  }
  await route.close()
  const current = steps.flatMap(({states}) => states ?? []).findLast(({what}) => what === 'current')
  if (current === undefined) throw new StateError('SERVER_ANSWER_MALFORMED', 'no current state was told')
  return {
    roomId,
    serverName: route.identity.server,
    userId: route.identity.name.slice('client '.length),
    pdus: [...texts.values()].map((text) => ({text})),
    reported: {how: current.how, eventIds: current.slots.map(({eventId}) => eventId)},
    unknowable: route.unknowable,
    requests: steps.reduce((sum, {requests}) => sum + requests, 0),
    notes: steps.flatMap(({notes}) => notes ?? []),
    refusals: steps.flatMap(({refusals}) => (refusals ?? []).map(({message}) => message)),
  }
}
