import {isObject} from '../../src/matrix/json.ts'
import type {Json} from '../../src/matrix/json.ts'
import type {DeviceStory, DeviceWorld} from './device-world.ts'
import type {Program, Run} from './program.ts'
import type {Account, Synapse} from './synapse.ts'

/** A finding as the checks read it. */
export interface Told {
  readonly id: string
  readonly severity: string
  readonly certainty: string
  readonly subject: Readonly<Record<string, string>>
  readonly summary: string
  readonly evidence: readonly {readonly source: string; readonly where: string}[]
  readonly remedy: string
}

/** `devices --json`, as far as the checks read it. */
export interface Audit {
  readonly run: Run
  readonly document: Json
  /** All of the document, of devices, users and the whole. */
  readonly findings: readonly Told[]
  readonly notChecked: readonly {readonly id: string; readonly needs: string}[]
  /** What the program said on standard error. */
  readonly said: string
}

/** What goes before the program's own flags to reach a server by its database. */
export function byDatabases(servers: readonly Synapse[]): {args: string[]; env: Record<string, string>} {
  const passwords = servers.flatMap(({database}) => (database === null ? [] : [database.cluster.password]))
  return {
    args: ['--from', 'database', ...servers.flatMap(({databaseUrl}) => ['--database', databaseUrl])],
    env: passwords[0] === undefined ? {} : {PGPASSWORD: passwords[0]},
  }
}

/** By all APIs of a server: as an account of it, as its admin, and by federation with its key. */
export function byApis(
  server: Synapse,
  account: Account,
  admin: Account,
): {args: string[]; env: Record<string, string>} {
  const key = ['--signing-key', server.signingKeyFile, '--server-name', server.name, '--insecure']
  return {
    args: ['--from', 'client,admin,federation', '--homeserver', server.baseUrl, ...key],
    env: {MATRIX_STATE_TOKEN: account.accessToken, MATRIX_STATE_ADMIN_TOKEN: admin.accessToken},
  }
}

/** One run of `devices`. @throws Error unless it ends with 0, 1 or 3 */
export async function audit(
  program: Program,
  subject: string,
  {args, env}: {readonly args: readonly string[]; readonly env: Readonly<Record<string, string>>},
): Promise<Audit> {
  const {run, document} = await program.json(['devices', subject, '--settle', '6', ...args], [0, 1, 3], {env})
  const json = document as Json
  const notChecked = collect(json, 'not_checked') as unknown as Audit['notChecked']
  return {run, document: json, findings: collect(json, 'findings') as unknown as Told[], notChecked, said: run.stderr}
}

/** All entries of lists of this name, wherever they stand. */
function collect(value: Json, name: string): Json[] {
  if (Array.isArray(value)) return (value as Json[]).flatMap((one) => collect(one, name))
  if (!isObject(value)) return []
  return Object.entries(value).flatMap(([key, part]) =>
    key === name && Array.isArray(part) ? (part as Json[]) : collect(part as Json, name),
  )
}

/** Audits of stories: each story and route has a case file of its own, so that a later audit knows the earlier one. */
export class DeviceAudits {
  readonly #program: Program
  readonly #world: DeviceWorld
  readonly #cases = new Map<string, string>()

  constructor(program: Program, world: DeviceWorld) {
    this.#program = program
    this.#world = world
  }

  async run(story: DeviceStory, route: 'api' | 'database', memory: 'kept' | 'anew' = 'kept'): Promise<Audit> {
    const {here, there, root, wheel} = this.#world
    const way =
      route === 'database'
        ? byDatabases(story.alone === true ? [story.server] : [here, there])
        : byApis(story.server, story.device(), story.server === here ? root : wheel)
    const file = memory === 'anew' || story.forgetful === true ? this.#program.newCase() : this.#caseOf(story, route)
    const more = (story.logs ?? []).flatMap((log) => ['--log', log])
    return audit(this.#program, story.subject, {args: [...way.args, ...more, '--case', file], env: way.env})
  }

  #caseOf(story: DeviceStory, route: string): string {
    const key = `${story.subject} ${story.finding} ${route}`
    const known = this.#cases.get(key) ?? this.#program.newCase()
    this.#cases.set(key, known)
    return known
  }
}
