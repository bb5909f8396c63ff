import type {CheckRoomOptions} from '../../src/investigate/check-room.ts'

/** A room in a file, checked without its encryption, on one day. */
export const CHECK_OPTIONS: CheckRoomOptions = {
  access: {},
  place: {kind: 'cache', use: 'update'},
  devices: false,
  reading: 'synapse',
  trustIds: false,
  signal: new AbortController().signal,
  nowMs: () => Date.UTC(2026, 10, 22),
}
