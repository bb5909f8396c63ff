import type {RotationSettings} from './message-shapes.ts'
import {DAY, HOUR} from './words.ts'

/** https://spec.matrix.org/v1.19/client-server-api/#mroomencryption */
export const DEFAULT_ROTATION: RotationSettings = {periodMs: 7 * DAY, periodMsgs: 100}

/** Clients do not rotate faster than once an hour, nor slower than every 10,000 messages, whatever a room asks for. */
const [LEAST_PERIOD, LEAST_MSGS, MOST_MSGS] = [HOUR, 1, 10_000]

/** The most lenient of several settings, each as clients take it: a sender may have started under an older one. */
export function lenientRotation(settings: readonly RotationSettings[]): RotationSettings {
  const taken = (settings.length === 0 ? [DEFAULT_ROTATION] : settings).map(({periodMs, periodMsgs}) => ({
    periodMs: Math.max(LEAST_PERIOD, positive(periodMs, DEFAULT_ROTATION.periodMs)),
    periodMsgs: Math.min(MOST_MSGS, Math.max(LEAST_MSGS, positive(periodMsgs, DEFAULT_ROTATION.periodMsgs))),
  }))
  return {
    periodMs: Math.max(...taken.map(({periodMs}) => periodMs)),
    periodMsgs: Math.max(...taken.map(({periodMsgs}) => periodMsgs)),
  }
}

function positive(value: unknown, otherwise: number): number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : otherwise
}

/** What a session may be older than its period: a message may wait for the network after it was encrypted, and clocks differ. */
export function slackOf({periodMs}: RotationSettings): number {
  return Math.max(HOUR, periodMs / 10)
}
