/** A process that checks rooms, one at a time; `check-pool.ts` starts it and talks to it. */
import type {DevicesStep} from './audit-devices.ts'
import {type CasePlace, checkRoom, type CheckRoomOptions, failedRoom, type RoomToCheck} from './check-room.ts'
import type {RoomOutcome} from './check-verdict.ts'

/** What the process is told when it starts. Secrets are in it: they go from memory to memory, through no file and no command line. */
export type CheckSetUp = Pick<CheckRoomOptions, 'access' | 'devices' | 'reading' | 'trustIds'>

export type CheckRequest =
  | {readonly kind: 'set-up'; readonly setUp: CheckSetUp}
  | {readonly kind: 'check'; readonly toCheck: RoomToCheck; readonly place: CasePlace}
  | {readonly kind: 'stop'}

export type CheckAnswer =
  /** Its program is loaded: from here on, time is that of rooms. */
  | {readonly kind: 'ready'}
  | {readonly kind: 'step'; readonly step: DevicesStep}
  /** `stack`: it is a bug, and where. */
  | {readonly kind: 'done'; readonly outcome: RoomOutcome; readonly stack: string | null}
  | {readonly kind: 'stopped'}

/** Steps are told no more often than this, milliseconds. */
const STEP_MS = 200

let setUp: CheckSetUp | null = null
let stopping = new AbortController()

function answer(told: CheckAnswer): void {
  process.send?.(told)
}

process.on('message', (request: CheckRequest) => {
  if (request.kind === 'stop') stopping.abort()
  else if (request.kind === 'set-up') {
    setUp = request.setUp
    answer({kind: 'ready'})
  } else void work(request)
})
// Whoever started it says when to stop; a terminal and a service manager tell all processes at once.
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, () => undefined)
// Left alone it goes by itself when it is idle; see `endProcess` of the program for why not at once.
process.on('disconnect', () => {
  setTimeout(() => process.exit(), 200).unref()
})

async function work({toCheck, place}: Extract<CheckRequest, {kind: 'check'}>): Promise<void> {
  stopping = new AbortController()
  const {signal} = stopping
  let tellNext = performance.now() + STEP_MS
  const onProgress = (step: DevicesStep): void => {
    const now = performance.now()
    if (now < tellNext) return
    tellNext = now + STEP_MS
    answer({kind: 'step', step})
  }
  try {
    if (setUp === null) throw new Error('it was not set up')
    const outcome = await checkRoom(toCheck, {...setUp, place, signal, nowMs: Date.now, onProgress})
    answer({kind: 'done', outcome, stack: null})
  } catch (error) {
    if (signal.aborted) answer({kind: 'stopped'})
    else answer({kind: 'done', ...ofBug(toCheck.room, error)})
  }
}

/** A bug spoils one room; the others go on. */
function ofBug(room: string, error: unknown): {readonly outcome: RoomOutcome; readonly stack: string} {
  const message = error instanceof Error ? error.message : String(error)
  const outcome = failedRoom(room, {
    code: 'BUG',
    message: `a bug in matrix-state: ${message}`,
    hint: 'Please report it, with the lines that stand on standard error.',
  })
  return {outcome, stack: error instanceof Error ? (error.stack ?? message) : message}
}
