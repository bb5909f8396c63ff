import {mkdtemp, writeFile} from 'node:fs/promises'
import {rmSync} from 'node:fs'
import {tmpdir} from 'node:os'
import path from 'node:path'
import type {LiveRoom, Stage} from './stage.ts'
import type {Account, Synapse} from './synapse.ts'

/** A way to get at a room, as `fetch` takes it: one kind of route, to one server, as somebody. */
export interface LiveRoute {
  /** `database here`, `client late`. */
  readonly name: string
  readonly kind: 'database' | 'federation' | 'admin' | 'client'
  /** Whose view it is. */
  readonly server: Synapse
  /** Must not change the server's evidence. */
  readonly quiet: boolean
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
}

/** Where the program finds a server's client port; a test may put a proxy there. */
export type BaseUrl = (server: Synapse) => string

/** Files with tokens, outside the folder that is searched for secrets. */
export class TokenFiles {
  readonly #folder: string
  private constructor(folder: string) {
    this.#folder = folder
  }

  static async prepare(): Promise<TokenFiles> {
    const folder = await mkdtemp(path.join(tmpdir(), 'matrix-state-tokens-'))
    process.once('exit', () => rmSync(folder, {recursive: true, force: true}))
    return new TokenFiles(folder)
  }

  async fileFor(account: Account): Promise<string> {
    const file = path.join(this.#folder, account.userId.replaceAll(/[^a-z0-9]/gu, '_'))
    await writeFile(file, `${account.accessToken}\n`, {mode: 0o600})
    return file
  }

  dispose(): void {
    rmSync(this.#folder, {recursive: true, force: true})
  }
}

/** All routes to one room of the stage, least invasive first. */
export async function routesTo(
  stage: Stage,
  live: LiveRoom,
  tokens: TokenFiles,
  baseUrl: BaseUrl = (server) => server.baseUrl,
): Promise<LiveRoute[]> {
  const {here, there} = stage
  const routes = [
    database(here, 'here'),
    federation(here, here, 'here, as itself'),
    admin(stage.root, here, 'here', baseUrl),
  ]
  if (live.there !== null) routes.splice(1, 0, database(there, 'there'))
  if (live.there !== null) routes.splice(3, 0, federation(here, there, 'there, as here'))
  const quietAdmin = {...routes.at(-1)!, name: 'admin here, no messages', quiet: true}
  routes.splice(-1, 0, {...quietAdmin, args: [...quietAdmin.args, '--no-messages']})
  routes.push(client(live.here, here, 'here', baseUrl, {env: {MATRIX_STATE_TOKEN: live.here.accessToken}}))
  if (live.kind === 'hidden') {
    // A server that came late is sent what happened before without its content.
    routes.splice(4, 0, federation(there, here, 'here, as there'))
  }
  if (live.late !== null) {
    const args = ['--token-file', await tokens.fileFor(live.late)]
    routes.push(client(live.late, here, 'here, came late', baseUrl, {args}))
  }
  return routes
}

function database(server: Synapse, where: string): LiveRoute {
  const env = server.database === null ? {} : {PGPASSWORD: server.database.cluster.password}
  const args = ['--from', 'database', '--database', server.databaseUrl]
  return {name: `database ${where}`, kind: 'database', server, quiet: true, args, env}
}

function federation(by: Synapse, server: Synapse, where: string): LiveRoute {
  const key = ['--signing-key', by.signingKeyFile, '--server-name', by.name]
  const args = ['--from', 'federation', ...key, '--with', server.name, '--insecure']
  return {name: `federation ${where}`, kind: 'federation', server, quiet: true, args, env: {}}
}

function admin(account: Account, server: Synapse, where: string, baseUrl: BaseUrl): LiveRoute {
  const args = ['--from', 'admin', '--homeserver', baseUrl(server)]
  const env = {MATRIX_STATE_ADMIN_TOKEN: account.accessToken}
  return {name: `admin ${where}`, kind: 'admin', server, quiet: false, args, env}
}

function client(
  _account: Account,
  server: Synapse,
  where: string,
  baseUrl: BaseUrl,
  token: {readonly args?: readonly string[]; readonly env?: Readonly<Record<string, string>>},
): LiveRoute {
  const args = ['--from', 'client', '--homeserver', baseUrl(server), ...(token.args ?? [])]
  return {name: `client ${where}`, kind: 'client', server, quiet: false, args, env: token.env ?? {}}
}

/** The databases of all servers in the room together: all that there is to know. */
export function unionRoute({here, there}: Stage, live: LiveRoom): LiveRoute {
  const mine = database(here, 'here')
  if (live.there === null) return mine
  const args = [...mine.args, '--database', there.databaseUrl]
  return {...mine, name: 'both databases', args, env: {...mine.env, ...database(there, 'there').env}}
}
