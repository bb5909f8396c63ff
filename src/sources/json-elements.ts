import {
  CLOSE_LIST,
  CLOSE_OBJECT,
  COLON,
  COMMA,
  isBlank,
  LF,
  NULL,
  OPEN_LIST,
  OPEN_OBJECT,
  QUOTE,
  utf8Text,
  ValueEnd,
} from './file-value-end.ts'

/**
 * Where in an object the wanted elements sit: under which keys, and whether as the value itself (`element`) or as the
 * members of an array (`elements`). `others` stands for every key that `keys` does not name.
 */
export type Place =
  | {readonly kind: 'element'}
  | {readonly kind: 'elements'}
  | {readonly kind: 'object'; readonly keys: ReadonlyMap<string, Place>; readonly others?: Place}
export type ObjectPlace = Extract<Place, {readonly kind: 'object'}>

/** One JSON value at a known place. */
export interface Element {
  /** Its text, byte for byte. Strings and brackets are known to pair up, nothing else is. */
  readonly text: string
  /** 1-based line on which it begins. */
  readonly line: number
  /** The key that the last `others` on the way to it stood for. */
  readonly under: string | undefined
}

/** What the scanner tells, in the order of the text. */
export type Item =
  | {readonly kind: 'element'; readonly element: Element}
  /** A whole object at top level; `bytes` are valid until the next `push`. `elements` are those found inside it. */
  | (TopObject & {readonly kind: 'object'; readonly bytes: Buffer; readonly elements: readonly Element[]})
  /** An object at top level that has outgrown the limit. Its further elements follow one by one, then its `close`. */
  | (TopObject & {readonly kind: 'open'; readonly elements: readonly Element[]})
  | (TopObject & {readonly kind: 'close'})

interface TopObject {
  /** Its own keys, decoded; of an object larger than the limit only those before the limit. */
  readonly keys: ReadonlySet<string>
  /** Whether something that may hold elements was met, even if it was empty. */
  readonly found: boolean
  readonly line: number
}

/** Why a text is not what the scanner can read. `stopped`: the key `stopAt` was met. */
export class ElementsError extends Error {
  readonly reason: 'malformed' | 'not-utf8' | 'stopped' | 'too-long' | 'truncated'
  readonly line: number
  /** Up to 256 bytes of the text from the place of the problem on. */
  readonly near: Buffer
  constructor(reason: ElementsError['reason'], line: number, message: string, near: Buffer = EMPTY) {
    super(message)
    this.reason = reason
    this.line = line
    this.near = Buffer.from(near.subarray(0, 256))
  }
}

interface Frame {
  readonly array: boolean
  readonly place: Place
  readonly under: string | undefined
}

export interface JsonElementsOptions {
  readonly places: ObjectPlace
  /** No element may be longer; nothing longer is held in memory. */
  readonly limitBytes: number
  /** Line number of the first byte. */
  readonly line?: number
  /** Give up with reason `stopped` when the first value is an object with this key. */
  readonly stopAt?: string
}

const EMPTY = Buffer.alloc(0)
const ELEMENTS: Place = {kind: 'elements'}

/** What the scanner waits for. `skip`: the end of a value that it need not understand. */
type State = 'top' | 'key' | 'key-or-end' | 'colon' | 'value' | 'value-or-end' | 'comma-or-end' | 'skip'
const WANTED: Readonly<Record<State, string>> = {
  top: 'an object or an array',
  key: 'a key',
  'key-or-end': 'a key or "}"',
  colon: '":"',
  value: 'a value',
  'value-or-end': 'a value or "]"',
  'comma-or-end': '"," or the end of the list',
  skip: 'the end of a value',
}

/**
 * Finds elements in a stream of JSON values (concatenated, or one a line), without parsing or keeping what is around them.
 *
 * @remarks Members of an array at top level are elements; an object at top level is judged by `places`. Around elements
 * the grammar is checked; inside them only that strings and brackets pair up. Iterative: nesting costs one byte a level.
 * O(bytes) in time; memory is one chunk plus at most `limitBytes`.
 */
export class JsonElements {
  readonly #options: JsonElementsOptions
  #buffer: Buffer = EMPTY
  #position = 0
  #line: number
  #state: State = 'top'
  readonly #frames: Frame[] = []
  #items: Item[] = []
  /** Values at top level that have ended. */
  #values = 0

  /** Beginnings, as offsets in the buffer, of what must be kept; -1 when there is no such thing now. */
  #objectStart = -1
  #keyStart = -1
  #elementStart = -1
  #objectLine = 0
  #elementLine = 0

  /** About the object at top level: keys, whether a place was met, elements held back until it is known what it is. */
  #keys = new Set<string>()
  #found = false
  #held: Element[] = []
  /** Where the next value sits, and under which key. */
  #place: Place | undefined
  #under: string | undefined

  /** The end of the value that is being skipped, or of the key. */
  readonly #valueEnd = new ValueEnd()

  constructor(options: JsonElementsOptions) {
    this.#options = options
    this.#line = options.line ?? 1
  }

  /** The text so far may still turn out to be something else: its first value is an object that is not yet judged. */
  get undecided(): boolean {
    return this.#values === 0 && (this.#frames.length === 0 || this.#objectStart >= 0)
  }

  /** Whether nothing but whitespace has been seen since the last value at top level. */
  get betweenValues(): boolean {
    return this.#frames.length === 0
  }

  /** How many values at top level have ended. */
  get values(): number {
    return this.#values
  }

  /** While `undecided`: the bytes from the first value on, as far as they were pushed, and the line they begin on. */
  rest(): {readonly bytes: Buffer; readonly line: number} {
    if (this.#objectStart < 0) return {bytes: this.#buffer.subarray(this.#position), line: this.#line}
    return {bytes: this.#buffer.subarray(this.#objectStart), line: this.#objectLine}
  }

  /** What was found since the last call; also after an error, what came before it. */
  take(): readonly Item[] {
    const items = this.#items
    this.#items = []
    return items
  }

  /** The elements of a value that will never end: to be asked for after an error, when nothing more is pushed. */
  abandon(): readonly Item[] {
    if (this.#objectStart >= 0) this.#openObject()
    return this.take()
  }

  /** @throws ElementsError - when the text is not JSON, or an element is too long. The scanner is of no use then. */
  push(chunk: Buffer): void {
    const starts = [this.#objectStart, this.#keyStart, this.#elementStart].filter((start) => start >= 0)
    const keep = Math.min(this.#buffer.length, ...starts)
    this.#buffer = keep < this.#buffer.length ? Buffer.concat([this.#buffer.subarray(keep), chunk]) : chunk
    this.#position = this.#position - keep
    if (this.#objectStart >= 0) this.#objectStart -= keep
    if (this.#keyStart >= 0) this.#keyStart -= keep
    if (this.#elementStart >= 0) this.#elementStart -= keep
    this.#run()
    this.#enforceLimit()
  }

  /** @throws ElementsError - `truncated`, when the text ends inside a value. */
  end(): void {
    if (this.#frames.length > 0) this.#fail('truncated', 'the text ends in the middle of a value')
  }

  #run(): void {
    while (this.#position < this.#buffer.length) {
      if (this.#state === 'skip') {
        this.#skip()
        continue
      }
      const byte = this.#buffer[this.#position]
      if (isBlank(byte)) {
        if (byte === LF) this.#line += 1
        this.#position += 1
      } else this.#step(byte)
    }
  }

  /** One significant byte outside skipped values. */
  #step(byte: number | undefined): void {
    const inArray = this.#frames.at(-1)?.array === true
    switch (this.#state) {
      case 'top':
        this.#beginTop(byte)
        break
      case 'key':
      case 'key-or-end':
        if (byte === CLOSE_OBJECT && this.#state === 'key-or-end') this.#closeFrame()
        else if (byte === QUOTE) this.#beginKey()
        else this.#unexpected()
        break
      case 'colon':
        if (byte !== COLON) this.#unexpected()
        this.#position += 1
        this.#state = 'value'
        break
      case 'value':
      case 'value-or-end':
        if (byte === CLOSE_LIST && this.#state === 'value-or-end') this.#closeFrame()
        else this.#beginValue(byte)
        break
      case 'comma-or-end':
        if (byte === COMMA) {
          this.#position += 1
          this.#state = inArray ? 'value' : 'key'
        } else if (byte === (inArray ? CLOSE_LIST : CLOSE_OBJECT)) this.#closeFrame()
        else this.#unexpected()
        break
      case 'skip':
        break
      default:
        this.#state satisfies never
    }
  }

  #beginKey(): void {
    this.#keyStart = this.#position
    this.#valueEnd.begin(QUOTE)
    this.#state = 'skip'
  }

  #beginTop(byte: number | undefined): void {
    if (byte !== OPEN_OBJECT && byte !== OPEN_LIST) this.#unexpected()
    if (byte === OPEN_OBJECT) {
      this.#objectStart = this.#position
      this.#objectLine = this.#line
      this.#keys = new Set()
      this.#found = false
    }
    this.#openFrame(byte === OPEN_OBJECT ? this.#options.places : ELEMENTS, undefined)
  }

  #openFrame(place: Place, under: string | undefined): void {
    const array = place.kind === 'elements'
    this.#frames.push({array, place, under})
    this.#position += 1
    this.#state = array ? 'value-or-end' : 'key-or-end'
  }

  #closeFrame(): void {
    this.#position += 1
    const frame = this.#frames.pop()
    if (this.#frames.length > 0) {
      this.#state = 'comma-or-end'
      return
    }
    this.#state = 'top'
    this.#values += 1
    if (frame?.array === true) return
    if (this.#objectStart >= 0 && this.#position - this.#objectStart > this.#options.limitBytes) this.#openObject()
    const about = {keys: this.#keys, found: this.#found, line: this.#objectLine}
    if (this.#objectStart < 0) {
      this.#items.push({kind: 'close', ...about})
      return
    }
    const bytes = this.#buffer.subarray(this.#objectStart, this.#position)
    this.#items.push({kind: 'object', ...about, bytes, elements: this.#held})
    this.#held = []
    this.#objectStart = -1
  }

  /** Stops holding the object at top level back: it is too long to be an element itself. */
  #openObject(): void {
    const about = {keys: this.#keys, found: this.#found, line: this.#objectLine}
    this.#items.push({kind: 'open', ...about, elements: this.#held})
    this.#held = []
    this.#objectStart = -1
  }

  #beginValue(byte: number | undefined): void {
    const frame = this.#frames.at(-1)
    const inArray = frame?.array === true
    const place = inArray ? undefined : this.#place
    const opensList = place?.kind === 'elements' && byte === OPEN_LIST
    const opensObject = place?.kind === 'object' && byte === OPEN_OBJECT
    const isElement = inArray || (place?.kind === 'element' && byte === OPEN_OBJECT)
    if (opensList || opensObject || isElement || (place !== undefined && byte === NULL)) this.#found = true
    if (opensList || opensObject) {
      this.#openFrame(place, this.#under)
      return
    }
    if (!this.#valueEnd.begin(byte)) this.#unexpected()
    if (isElement) {
      this.#elementStart = this.#position
      this.#elementLine = this.#line
      if (inArray) this.#under = frame.under
    }
    this.#state = 'skip'
  }

  #endValue(): void {
    this.#state = 'comma-or-end'
    if (this.#elementStart < 0) return
    const bytes = this.#buffer.subarray(this.#elementStart, this.#position)
    if (bytes.length > this.#options.limitBytes) this.#tooLong(this.#elementLine)
    this.#elementStart = -1
    const text = utf8Text(bytes)
    if (text === undefined) throw new ElementsError('not-utf8', this.#elementLine, 'not valid UTF-8', bytes)
    const element = {text, line: this.#elementLine, under: this.#under}
    if (this.#objectStart >= 0) this.#held.push(element)
    else this.#items.push({kind: 'element', element})
  }

  /** Reads on to the end of the skipped value or key. */
  #skip(): void {
    const value = this.#valueEnd
    const lines = value.lines
    this.#position = value.pass(this.#buffer, this.#position)
    this.#line += value.lines - lines
    if (value.problem !== undefined) this.#fail('malformed', value.problem)
    if (!value.done) return
    if (this.#keyStart >= 0) this.#takeKey(this.#buffer.subarray(this.#keyStart, this.#position))
    else this.#endValue()
  }

  #takeKey(bytes: Buffer): void {
    const key = decodeKey(bytes)
    this.#keyStart = -1
    this.#state = 'colon'
    const frame = this.#frames.at(-1)
    const place = frame?.place
    if (this.#frames.length === 1 && this.#objectStart >= 0) {
      this.#keys.add(key)
      if (this.#values === 0 && key === this.#options.stopAt) this.#fail('stopped', `the key ${key}`)
    }
    const named = place?.kind === 'object' ? place.keys.get(key) : undefined
    const other = place?.kind === 'object' && named === undefined ? place.others : undefined
    this.#place = named ?? other
    this.#under = other === undefined ? frame?.under : key
  }

  #enforceLimit(): void {
    const {limitBytes} = this.#options
    const length = this.#buffer.length
    if (this.#elementStart >= 0 && length - this.#elementStart > limitBytes) this.#tooLong(this.#elementLine)
    if (this.#keyStart >= 0 && length - this.#keyStart > limitBytes) this.#tooLong(this.#line)
    if (this.#objectStart >= 0 && length - this.#objectStart > limitBytes) this.#openObject()
  }

  #tooLong(line: number): never {
    throw new ElementsError('too-long', line, 'longer than any event')
  }

  #unexpected(): never {
    return this.#fail('malformed', `expected ${WANTED[this.#state]}`)
  }

  #fail(reason: ElementsError['reason'], message: string, position = this.#position): never {
    throw new ElementsError(reason, this.#line, message, this.#buffer.subarray(position))
  }
}

function decodeKey(quoted: Buffer): string {
  const text = quoted.toString('utf8')
  if (!text.includes('\\')) return text.slice(1, -1)
  try {
    return String(JSON.parse(text))
  } catch {
    return text
  }
}
