import type {GatherLimits, PlannedRequest} from './evidence.ts'

/** What this route can never show. */
export function unknowableTo(origin: string, server: string): readonly string[] {
  return [
    'rejected events, unless they are asked for by ID; and then not that they are rejected',
    'soft-failed events that no other event follows; and of others, not that they are soft-failed',
    'which events are outliers; and outliers that neither an event nor a state that is asked for names',
    'forward extremities, where make_join is refused; then, branches that end before the newest five events by time',
    'the current state as the server keeps it, where that differs from the state at its extremities',
    'in the state before a state event that came by backfill (Synapse): the value of that event’s own slot',
    ...(origin === server
      ? []
      : [
          `content that history visibility hides from ${origin}: such events, state events too, come with content {} and no mark`,
        ]),
  ]
}

const HARMLESS = 'none; like every request, it may count towards a rate limit and be written to a log'

/** What would be asked. */
export function plannedRequests(
  {user, server, origin}: {readonly user?: string | undefined; readonly server: string; readonly origin: string},
  limits: GatherLimits,
): readonly PlannedRequest[] {
  const v1 = '/_matrix/federation/v1'
  const get = (path: string, times: string, purpose: string, effect = HARMLESS): PlannedRequest => ({
    request: `GET ${v1}${path}`,
    times,
    purpose,
    effect,
  })
  const firstVisit = `none in the room; the first signed request makes ${server} read the public keys of ${origin}`
  const pages =
    limits.depth === undefined ? '1 for each 100 events' : `at most ${String(Math.ceil(limits.depth / 100))}`
  const discovery = `where ${server} is reached; not for IP addresses and names with a port`
  return [
    {
      request: `GET https://${server}/.well-known/matrix/server, DNS SRV`,
      times: '1',
      purpose: discovery,
      effect: 'none',
    },
    ...(user === undefined || server === origin
      ? []
      : [
          get(
            '/make_join/{roomId}/{userId}',
            '1',
            'forward extremities and room version, from the template of a join',
            'none in the room: a template is made, nobody joins and no event is sent',
          ),
        ]),
    {
      request: 'GET /_matrix/federation/unstable/org.matrix.msc4370/extremities/{roomId}',
      times: 'at most 1',
      purpose: 'forward extremities; few servers have it',
      effect: firstVisit,
    },
    get('/timestamp_to_event/{roomId}', 'at most 5', 'events to start from, where extremities are not told'),
    get('/event_auth/{roomId}/{eventId}', 'at most 1', 'the create event, where the room version is not known'),
    ...(limits.since === undefined ? [] : [get('/event/{eventId}', '1', `the depth of ${limits.since}`)]),
    get('/backfill/{roomId}', limits.around === undefined ? pages : '1', 'the events, newest first'),
    {
      request: `POST ${v1}/get_missing_events/{roomId}`,
      times: 'at most 1, and only in a later run',
      purpose: 'up to 20 events that are new since the run before',
      effect: HARMLESS,
    },
    get('/state/{roomId}', '1', 'the state at the newest event, with its events and their auth chain'),
    get('/state_ids/{roomId}', '1 for each further extremity', 'the state there'),
    get('/event/{eventId}', '1 for each missing event', 'events that others cite'),
  ]
}
