import {text as textOf} from 'node:stream/consumers'
import {StateError} from '../errors.ts'
import {type CanQuestion, parseQuestion} from '../investigate/can-question.ts'
import {parseDraft} from '../investigate/draft-event.ts'
import {eventEvidence, explainCan, explainDraft, explainEvent} from '../investigate/on-demand.ts'
import type {Explanation} from '../investigate/explain-room.ts'
import type {OpenedRoom} from '../investigate/opened-room.ts'
import {mustBeEvent} from './room-command.ts'
import {readSmallFile} from './secrets.ts'

/** What `explain` is asked. */
export type Asked =
  | {readonly kind: 'event'; readonly eventId: string}
  | {readonly kind: 'draft'; readonly event: ReturnType<typeof parseDraft>}
  | {readonly kind: 'can'; readonly question: CanQuestion}

/**
 * Reads the question from the command line, before a room is opened.
 *
 * @throws StateError USAGE, INPUT_NOT_FOUND, DRAFT_MALFORMED
 */
export async function whatIsAsked(
  args: {readonly room: string; readonly event: string | undefined; readonly target: string | undefined},
  flags: {
    readonly can: string | undefined
    readonly draft: string | undefined
    readonly 'state-key': string | undefined
    readonly at: string | undefined
  },
): Promise<Asked> {
  if (flags.at !== undefined) mustBeEvent('--at', flags.at)
  if (flags.can !== undefined) {
    const {event: action, target} = args
    return {
      kind: 'can',
      question: parseQuestion({user: flags.can, action, target, stateKey: flags['state-key']}),
    }
  }
  const tooMuch = flags.draft === undefined ? args.target : args.event
  if (tooMuch !== undefined) {
    throw new StateError('USAGE', `unexpected argument: ${tooMuch}`, {hint: 'see: matrix-state explain --help'})
  }
  if (flags.draft !== undefined) return {kind: 'draft', event: await readDraft(flags.draft, args.room)}
  if (args.event === undefined) {
    throw new StateError('USAGE', 'which event shall be explained?', {
      hint: "Write its ID in single quotes, '$…'; or ask with --can @user:server join, or --draft FILE.",
    })
  }
  if (flags.at !== undefined) {
    throw new StateError('USAGE', '--at goes with --can or --draft', {hint: 'An event is explained where it stands.'})
  }
  mustBeEvent('event', args.event)
  return {kind: 'event', eventId: args.event}
}

async function readDraft(file: string, room: string): Promise<ReturnType<typeof parseDraft>> {
  if (file !== '-') return parseDraft(file, await readSmallFile(file, 'draft'))
  if (room === '-') {
    throw new StateError('USAGE', 'room and draft cannot both come from standard input', {
      hint: 'Put one of them into a file.',
    })
  }
  return parseDraft('standard input', await textOf(process.stdin))
}

/** Asks it of the room. */
export function explainAsked(
  opened: OpenedRoom,
  asked: Asked,
  options: {
    readonly reading: 'synapse' | 'spec'
    readonly at: string | undefined
    readonly keys: readonly string[] | undefined
    /** The room as it was given. */
    readonly argument: string
    readonly nowMs: number
  },
): Promise<Explanation> {
  const {reading, argument, nowMs} = options
  const where = {reading, ...(options.at === undefined ? {} : {at: options.at})}
  if (asked.kind === 'can') return explainCan(opened, asked.question, where)
  if (asked.kind === 'draft') return explainDraft(opened, asked.event, where)
  // A room on a server stands on its case in the cache, which has the copies and keys.
  const from = opened.casePath ?? argument
  const text = (row: number) => eventEvidence(from, opened.room, row, {keyFiles: options.keys ?? [], nowMs})
  return explainEvent(opened, asked.eventId, {reading, text})
}
