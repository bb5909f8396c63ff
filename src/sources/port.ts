/** One PDU as a route gave it: its JSON text, byte for byte as received, before anything is believed about it. */
export interface RawPdu {
  /** The JSON text of the one object. May be anything at all: it has not been parsed. */
  readonly text: string
  /** 1-based line in the file, or 1-based position in the response where lines mean nothing. */
  readonly line: number
}

/**
 * A stream of PDUs in batches (a batch costs one `await`, an event none).
 *
 * @remarks Batches may have any size above 0. Order is the source's own; duplicates are allowed.
 */
export type RawPdus = AsyncIterable<readonly RawPdu[]>

/** What is known of where PDUs come from, told beside the stream. */
export interface PduSource {
  /** How people name it: a file's path as typed, `standard input`, or a server's address. */
  readonly name: string
  readonly pdus: RawPdus
  /**
   * Facts that the container of the PDUs states beside them (a scenario file's header). Absent for plain dumps.
   * Known only once `pdus` has been read to its end.
   */
  readonly container?: () => {readonly roomVersion?: string; readonly roomId?: string; readonly symbolicIds?: boolean}
}
