import type {AskState} from './diff-room.ts'

/** How servers can be asked for their states: as a homeserver, with its own signing key. */
export interface AskAccess {
  readonly serverName: string
  readonly signingKeyFile: string
  /** Servers that may be asked; all that diverge, unless told. */
  readonly servers?: readonly string[] | undefined
  readonly insecure?: boolean
  /** `host:port` by server, instead of what discovery would find. */
  readonly addresses?: Readonly<Record<string, string>>
  readonly signal: AbortSignal
}

/** Servers that can be asked for the state before an event, while a room is compared. */
export interface Asking {
  readonly ask: (server: string) => AskState | null
  readonly close: () => Promise<void>
}

/** Nothing is connected, and no key read, before a question is asked. */
export async function openAsking(access: AskAccess, roomId: string): Promise<Asking> {
  const {openStateQuestions} = await import('../sources/federation-api.ts')
  const {isServerName} = await import('../matrix/ids.ts')
  const opened: {close: () => Promise<void>}[] = []
  const {serverName, signingKeyFile, servers, insecure, addresses = {}, signal} = access
  return {
    ask: (server) => {
      if (!(servers?.includes(server) ?? true) || !isServerName(server)) return null
      const address = addresses[server]
      const options = {origin: serverName, key: {keyFile: signingKeyFile}, server, insecure}
      const questions = openStateQuestions({...options, ...(address === undefined ? {} : {address})}, roomId)
      opened.push(questions)
      return async (eventId) => (await questions.ask(eventId, signal))?.map((id) => ({eventId: id})) ?? null
    },
    close: async () => {
      await Promise.all(opened.map((one) => one.close()))
    },
  }
}
