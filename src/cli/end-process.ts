import type {ExitCode} from './exit-codes.ts'

/** How long something may keep the process that nobody waits for any more (a connection, standard input), milliseconds. */
const LEFT_OVER_MS = 300

/**
 * Ends the process with this code: at once, where nothing keeps it.
 *
 * `process.exit` joins V8's threads; one that compiles in the background and needs a garbage collection waits for the main thread, which waits
 * for it: the process hangs for ever (seen in Node 24.21, in some of a hundred runs on a busy machine). An end that comes by itself tells them
 * first, and after a while they are done anyway.
 */
export function endProcess(code: ExitCode): void {
  process.exitCode = code
  setTimeout(() => process.exit(code), LEFT_OVER_MS).unref()
}
