import type {TokenOutcome} from '../devices/baseline-evidence.ts'
import {StateError} from '../errors.ts'
import type {Baseline} from '../matrix/device-baseline.ts'
import type {DeviceFactKind, DeviceSnapshot} from '../matrix/device-facts.ts'
import {serverNameOf} from '../matrix/ids.ts'
import {TokenRefused} from '../sources/client-failures.ts'
import type {DeviceRoute, DeviceStep} from '../sources/device-evidence.ts'
import {KEYS_QUERY} from '../sources/device-keys.ts'
import {BACKUP, SYNC} from '../sources/device-own.ts'
import type {RouteIdentity, RouteKind} from '../sources/evidence.ts'
import {type DeviceAccess, tryDeviceRoutes} from './open-device-routes.ts'
import {routeFailure} from './route-failure.ts'

export interface AskForBot {
  readonly access: DeviceAccess
  /** Whose token `setup` was given. */
  readonly account: {readonly user_id: string; readonly device_id: string | null} | null
  readonly baseline: Baseline
  readonly timeoutMs: number
  readonly signal: AbortSignal
  /** Fires with `signal`, and when the time is over. */
  readonly deadline: AbortSignal
  readonly nowMs: () => number
}

/** A route that was asked, and told something or refused the token. */
export interface AskedRoute {
  readonly name: string
  readonly kind: RouteKind
  readonly server: string
  readonly requests: number
  readonly insecure: boolean
}

/** What was told of the bot's account, and by whom not. */
export interface Answers {
  readonly snapshots: readonly DeviceSnapshot[]
  readonly token: TokenOutcome
  /** By kind: why a route that should have told did not. */
  readonly unanswered: Readonly<Partial<Record<DeviceFactKind, string>>>
  readonly asked: readonly AskedRoute[]
  readonly failed: readonly {readonly name: string; readonly error: StateError}[]
  readonly notes: readonly string[]
}

/** Which questions tell which kinds. */
const TOLD_BY: Readonly<Record<string, readonly DeviceFactKind[]>> = {
  [KEYS_QUERY]: ['keys'],
  [SYNC]: ['one-time-keys', 'inbox'],
  [BACKUP]: ['backup'],
}

const WANTED: readonly DeviceFactKind[] = ['keys', 'sessions', 'one-time-keys', 'inbox', 'backup']

/**
 * Asks all routes that were given for one account, and keeps the answers in memory. Databases and homeserver are asked side by side, so that
 * neither waits for the other; federation, only where nobody else told the published keys.
 *
 * @throws StateError USAGE; the signal's reason. Any other failure is told.
 */
export async function askForBot(asked: AskForBot): Promise<Answers> {
  const {access} = asked
  const {databases = [], homeserver, signingKeyFile, ...rest} = access
  const answers = new Collected(asked)
  const parts: DeviceAccess[] = [
    ...(databases.length === 0 ? [] : [{...rest, databases}]),
    ...(homeserver === undefined ? [] : [{...rest, homeserver}]),
  ]
  await Promise.all(parts.map((part) => answers.ask(part)))
  if (signingKeyFile !== undefined && !answers.told('keys')) await answers.ask({...rest, signingKeyFile})
  return answers.all()
}

class Collected {
  readonly #asked: AskForBot
  readonly #snapshots: DeviceSnapshot[] = []
  readonly #routes: AskedRoute[] = []
  readonly #failed: {readonly name: string; readonly error: StateError}[] = []
  readonly #unanswered: Partial<Record<DeviceFactKind, string>> = {}
  readonly #notes = new Set<string>()
  #token: TokenOutcome | null = null

  constructor(asked: AskForBot) {
    this.#asked = asked
  }

  told(kind: DeviceFactKind): boolean {
    return this.#snapshots.some(({fact}) => fact.kind === kind)
  }

  all(): Answers {
    const {access} = this.#asked
    const hasToken = access.accessToken !== undefined && access.homeserver !== undefined
    const token: TokenOutcome = this.#token ?? (hasToken ? {kind: 'unanswered', why: NOT_ASKED} : {kind: 'absent'})
    return {
      snapshots: this.#snapshots,
      token,
      unanswered: this.#unanswered,
      asked: this.#routes,
      failed: this.#failed,
      notes: [...this.#notes],
    }
  }

  async ask(part: DeviceAccess): Promise<void> {
    const {deadline, nowMs, baseline} = this.#asked
    try {
      const opened = await tryDeviceRoutes(part, {signal: deadline, nowMs})
      try {
        for (const {identity, error} of opened.closed) {
          // Who refuses was asked, and has answered.
          if (error.cause instanceof TokenRefused) this.#wasAsked(identity, 1)
          this.#fail(identity, error, null)
        }
        const federation = opened.mayFederate ? opened.federationWith([serverNameOf(baseline.user_id)]) : []
        for (const route of [...opened.routes, ...federation]) await this.#gather(route)
      } finally {
        await opened.close()
      }
    } catch (error) {
      this.#fail(identityOf(part), this.#failureOf(error, part.homeserver ?? 'the database'), null)
    }
  }

  async #gather(route: DeviceRoute): Promise<void> {
    const {baseline, deadline, nowMs} = this.#asked
    const {identity} = route
    const kinds = this.#kindsOf(identity.kind, identity.account)
    if (identity.kind === 'client') this.#token = this.#account(identity)
    const told = new Set<DeviceFactKind>()
    const refused: NonNullable<DeviceStep['refusals']>[number][] = []
    let requests = 0
    let failure: StateError | null = null
    try {
      const context = {userIds: [baseline.user_id], kinds, signal: deadline, onPause: () => undefined}
      for await (const step of route.gather(context)) {
        const ts = nowMs()
        requests += step.requests
        refused.push(...(step.refusals ?? []))
        for (const note of step.notes ?? []) this.#notes.add(note)
        for (const {userId, fact} of step.facts) {
          told.add(fact.kind)
          this.#snapshots.push({
            userId,
            route: identity.name,
            server: identity.server,
            how: step.how,
            ts,
            lastTs: ts,
            fact,
          })
        }
        deadline.throwIfAborted()
      }
    } catch (error) {
      failure = this.#failureOf(error, identity.address)
    }
    this.#wasAsked(identity, requests)
    const missing = kinds.filter((one) => !told.has(one))
    if (failure !== null && missing.length > 0) this.#fail(identity, failure, missing)
    else
      for (const one of missing) {
        const why = refused.find(({what}) => TOLD_BY[what]?.includes(one) === true)?.message
        this.#unanswered[one] ??= why ?? `${identity.name} did not tell.`
      }
  }

  #wasAsked({name, kind, server, insecure}: RouteIdentity, requests: number): void {
    this.#routes.push({name, kind, server, requests, insecure})
  }

  /** @param kinds - what it should have told; `null`: all that such a route tells */
  #fail(
    {kind, name}: Pick<RouteIdentity, 'kind' | 'name'>,
    error: StateError,
    kinds: readonly DeviceFactKind[] | null,
  ) {
    const isRefused = error.cause instanceof TokenRefused
    if (kind === 'client' && error.cause instanceof TokenRefused) {
      this.#token = {kind: 'refused', softLogout: error.cause.softLogout, said: error.message, route: name}
    } else if (kind === 'client') this.#token ??= {kind: 'unanswered', why: error.message}
    if (!isRefused || kind !== 'client') this.#failed.push({name, error})
    for (const one of kinds ?? this.#kindsOf(kind, this.#asked.account && accountOf(this.#asked.account))) {
      this.#unanswered[one] ??= error.message
    }
  }

  /** What a route of a kind can tell of the bot. An account is shown its own logins and backup, and a device what waits for it. */
  #kindsOf(kind: RouteKind, account: Account | null): readonly DeviceFactKind[] {
    const {user_id: userId, device_id: deviceId} = this.#asked.baseline
    if (kind === 'database') return WANTED
    if (kind === 'admin') return ['keys', 'sessions']
    if (kind !== 'client' || (account ?? {userId}).userId !== userId) return ['keys']
    const isOwn = (account?.deviceId ?? deviceId) === deviceId
    return isOwn ? WANTED : WANTED.filter((one) => one !== 'one-time-keys' && one !== 'inbox')
  }

  #account({account, name}: DeviceRoute['identity']): TokenOutcome | null {
    if (account === null) return null
    const {baseline, account: atSetup} = this.#asked
    const expected = [baseline.device_id, ...(atSetup?.user_id === baseline.user_id ? [atSetup.device_id] : [])]
    return {kind: 'account', ...account, expected, route: name}
  }

  /** @throws the signal's reason, and bugs */
  #failureOf(error: unknown, where: string): StateError {
    const {signal, deadline, timeoutMs} = this.#asked
    signal.throwIfAborted()
    if (!deadline.aborted) {
      const failure = routeFailure(error, signal)
      if (failure.code === 'USAGE') throw failure
      return failure
    }
    return new StateError('SERVER_UNREACHABLE', `${where} did not answer within ${String(timeoutMs / 1000)} s`, {
      cause: error,
      hint: 'Try again when it answers; --timeout gives it longer.',
    })
  }
}

const NOT_ASKED = 'nobody was asked.'

type Account = NonNullable<DeviceRoute['identity']['account']>

function accountOf({user_id, device_id}: NonNullable<AskForBot['account']>): Account {
  return {userId: user_id, deviceId: device_id}
}

/** For a part whose time was over before anything opened. */
function identityOf({homeserver, accessToken, databases = []}: DeviceAccess): Pick<RouteIdentity, 'kind' | 'name'> {
  if (homeserver === undefined) {
    const kind = databases.length === 0 ? 'federation' : 'database'
    return {kind, name: kind}
  }
  return accessToken === undefined
    ? {kind: 'admin', name: `admin ${homeserver}`}
    : {kind: 'client', name: `client ${homeserver}`}
}
