import {StateError} from '../errors.ts'
import type {Refusal} from '../sources/evidence.ts'

/**
 * What ended a route before its time. What is no fault of the route is thrown on: the signal's reason, what the disk or the case refuses, and
 * bugs.
 */
export function routeFailure(error: unknown, signal: AbortSignal): StateError {
  signal.throwIfAborted()
  if (!(error instanceof StateError) || error.code.startsWith('CASE_')) throw error
  return error
}

/** Such a failure as the case keeps it. */
export function failedAsWhole(error: StateError): Omit<Refusal, 'eventId'> {
  return {what: 'the route as a whole', outcome: 'failed', message: error.message}
}
