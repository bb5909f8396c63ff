import {StateError} from '../errors.ts'
import type {ExplainRefusal} from './client-http.ts'
import {copyOf, PAGE_SIZE, prevEventsOf, roomVersionIn} from './client-requests.ts'
import type {Page, PageQuery} from './client-requests.ts'
import type {GatherContext, Step} from './evidence.ts'

/** Pages without a new event that are read in a row: hidden events make empty pages, a faulty server makes them for ever. */
export const MAX_EMPTY_PAGES = 2000
/** Said where a server's page tokens lead in a circle. */
export const SAME_TOKEN = 'The server gave the same page token twice, so paging stopped: the history may be incomplete.'
/** Said where the timeline ends too early. */
export const NO_START = 'The timeline ended before the room’s create event: its start is not visible.'

/** Said where a server gives nothing new for too long. */
export function tooManyEmptyPages(pages: number): string {
  return `Paging stopped after ${String(pages)} pages without a new event: the history may be incomplete.`
}

/** How one page is asked for; throws what the request comes to, by `explain` where that knows words for it. */
export type AskMessages = (query: PageQuery, explain: ExplainRefusal) => Promise<Page>

/** What of a timeline has been read without a gap: a stretch of the server's order, newest events first. */
interface Stretch {
  /** The server's place in its stream of events when the stretch was begun: whatever came before it is in here, or below. */
  readonly upper: string | null
  /** Token of the next page; `null` when nothing is left below, up to the stretch below or the start of what is visible. */
  readonly next: string | null
  /** Events of its first page that no other event of that page cites. */
  readonly tips: readonly string[]
  readonly events: number
  /** Those of `--since` that it has. */
  readonly met: readonly string[]
  readonly createSeen: boolean
}

const MARK = 'timeline'
const MAX_TIPS = 10
const TOKENS_FORGOTTEN =
  'The server refused the page token of an earlier run: the timeline was read again from its newest event.'

/**
 * Reads a timeline backwards in pages, and remembers after each page where it is.
 *
 * What has been read is a list of stretches, newest first. A run begins with the newest page, which makes a stretch of its own, bounded
 * (`to`) by the place in the stream at which the one below was begun; then the gap below the topmost stretch is read until it meets the
 * next one, and the two become one. So a run that is cut, at whatever page and however often, leaves gaps that are known and filled
 * later, and no page is read twice but the one under way.
 *
 * That all events of a page are known is no reason to stop. Another route may have brought them; and pages are ordered by depth, so
 * that events of a fork which came in later may lie deep below pages of known ones. The bound is a place in the order of arrival
 * (`next_batch` of `/sync`, Synapse's `s…` tokens): with it Synapse gives what arrived since, at whatever depth. Only a server that
 * ignores the bound is left when the stretch below was met and a page is of known events.
 * What Synapse backfills from other servers counts as old, so that a bounded page does not show it: `holes` are the events that those
 * shown cite and nobody knows (`readHoles`).
 */
export class Timeline {
  readonly #context: GatherContext
  readonly #how: string
  readonly #ask: AskMessages
  readonly #requests: () => number
  readonly #asked = new Set<string>()
  #stretches: readonly Stretch[]
  /** Events of the gap under way, and those that they cite and nobody knows. */
  readonly #seen = new Set<string>()
  readonly #open = new Set<string>()
  readonly #holes = new Set<string>()
  #metBelow = false
  #lastPage: ReadonlySet<unknown> = new Set()
  #emptyPages = 0
  #restarted = false

  /** @param requests - how many requests were sent since it was asked last */
  constructor(context: GatherContext, how: string, ask: AskMessages, requests: () => number) {
    this.#context = context
    this.#how = how
    this.#ask = ask
    this.#requests = requests
    this.#stretches = parseStretches(context.marks.get(MARK))
  }

  /** The newest events that were shown, as far as the newest page tells; at most 10. */
  get tips(): readonly string[] {
    return this.#stretches[0]?.tips ?? []
  }

  /** Events that this run's pages cite, and that neither they nor anybody else has: gaps closed by bounded pages may have such holes. */
  get holes(): ReadonlySet<string> {
    return this.#holes
  }

  /**
   * Reads the newest page.
   *
   * @param place - where the server's stream of events was shortly before, if that is known.
   */
  async newest(place: string | null): Promise<Step> {
    const [below] = this.#stretches
    const limit = Math.min(PAGE_SIZE, this.#context.limits.depth ?? PAGE_SIZE)
    const bound = below?.upper === undefined || below.upper === null ? {} : {to: below.upper}
    const page = await this.#page({dir: 'b', limit: String(limit), ...bound})
    if (page === null) return this.#restart(place)
    this.#enterGap()
    const fresh: Stretch = {
      upper: place ?? streamPlace(page.start),
      next: page.end,
      tips: below?.tips ?? [],
      events: 0,
      met: [],
      createSeen: false,
    }
    const tips = tipsOf(page)
    this.#stretches = [tips.length === 0 ? fresh : {...fresh, tips}, ...this.#stretches]
    return this.#take(page)
  }

  /** Reads on below what has been read, up to the limits or the start of what is visible. */
  async *rest(): AsyncGenerator<Step> {
    for (;;) {
      const [top, below] = this.#stretches
      if (top === undefined || top.next === null || this.#limitReached(top)) return
      if (this.#asked.has(top.next)) {
        yield this.#remark(SAME_TOKEN)
        return
      }
      this.#asked.add(top.next)
      const limit = Math.min(PAGE_SIZE, (this.#context.limits.depth ?? Infinity) - top.events)
      const bound = below?.upper === undefined || below.upper === null ? {} : {to: below.upper}
      const page = await this.#page({dir: 'b', limit: String(limit), from: top.next, ...bound})
      yield page === null ? await this.#restart(null) : this.#take(page)
      if (this.#emptyPages >= MAX_EMPTY_PAGES) {
        yield this.#remark(tooManyEmptyPages(this.#emptyPages))
        return
      }
    }
  }

  #limitReached(top: Stretch): boolean {
    const {depth, since} = this.#context.limits
    return (depth !== undefined && top.events >= depth) || (since !== undefined && top.met.includes(since))
  }

  /** A page of another room says nothing of this one, and must not count as read. */
  #ofTheRoom(page: Page): Page {
    for (const {event} of page.pdus) {
      const {room_id: roomId} = event
      if (typeof roomId !== 'string' || roomId === this.#context.roomId) continue
      throw new StateError(
        'SERVER_ANSWER_MALFORMED',
        `${this.#how} answered with an event of ${roomId.slice(0, 255)} instead of ${this.#context.roomId}.`,
        {hint: 'What came before is kept. Run it again; if the server does the same, its answers cannot be used.'},
      )
    }
    return page
  }

  /** `null`: the server does not take the tokens of an earlier run any more. */
  async #page(query: PageQuery): Promise<Page | null> {
    const refused = new WeakSet<StateError>()
    const explain: ExplainRefusal = (status, _errcode, said) => {
      if (status !== 400 || this.#restarted || (query.from === undefined && query.to === undefined)) return null
      const error = new StateError('SERVER_REFUSED', said)
      refused.add(error)
      return error
    }
    try {
      return this.#ofTheRoom(await this.#ask(query, explain))
    } catch (error) {
      if (error instanceof StateError && refused.has(error)) return null
      throw error
    }
  }

  async #restart(place: string | null): Promise<Step> {
    this.#restarted = true
    this.#stretches = []
    this.#asked.clear()
    const step = await this.newest(place)
    return {...step, notes: [TOKENS_FORGOTTEN, ...(step.notes ?? [])]}
  }

  /** Adds a page to the topmost stretch, and joins stretches that meet. */
  #take(page: Page): Step {
    const [top, ...others] = this.#stretches
    if (top === undefined) throw new Error('a page without a stretch')
    const ids = new Set<unknown>(page.pdus.map(({event}) => event.event_id))
    this.#emptyPages = [...ids].some((id) => !this.#lastPage.has(id)) ? 0 : this.#emptyPages + 1
    this.#lastPage = ids
    const left = others[0] !== undefined && this.#leavesGap(page, others[0])
    const ended = page.end === null || left
    const {since} = this.#context.limits
    const grown: Stretch = {
      ...top,
      next: ended ? null : page.end,
      events: top.events + page.pdus.length,
      met: since !== undefined && ids.has(since) ? [since] : top.met,
      createSeen: top.createSeen || page.pdus.some(({event}) => event.type === 'm.room.create'),
    }
    this.#stretches = joined([grown, ...others])
    if (this.#stretches.length <= others.length) {
      for (const id of this.#open) this.#holes.add(id)
      this.#enterGap()
    }
    const roomVersion = roomVersionIn(page.pdus)
    return {
      how: this.#how,
      requests: this.#requests(),
      ...(roomVersion === null ? {} : {roomVersion}),
      events: page.pdus.map(copyOf),
      marks: {[MARK]: JSON.stringify(this.#stretches)},
      notes: ended && others.length === 0 && !grown.createSeen ? [NO_START] : [],
    }
  }

  #enterGap(): void {
    this.#metBelow = false
    this.#seen.clear()
    this.#open.clear()
  }

  /** Whether a page shows that the server ignores the bound, and that the gap is closed nevertheless. */
  #leavesGap({pdus}: Page, below: Stretch): boolean {
    const ids = pdus.map(({event}) => String(event.event_id))
    for (const id of ids) {
      this.#seen.add(id)
      this.#open.delete(id)
    }
    for (const prev of pdus.flatMap(prevEventsOf)) {
      if (!this.#seen.has(prev) && !this.#context.knows(prev)) this.#open.add(prev)
    }
    this.#metBelow ||= ids.some((id) => below.tips.includes(id))
    return this.#metBelow && ids.every((id) => this.#context.knows(id))
  }

  #remark(note: string): Step {
    return {how: this.#how, requests: this.#requests(), notes: [note]}
  }
}

/** Two stretches of which the upper one has nothing left below it are one. */
function joined(stretches: readonly Stretch[]): readonly Stretch[] {
  const [top, below, ...others] = stretches
  if (top === undefined || below === undefined || top.next !== null) return stretches
  const one: Stretch = {
    // Without a place of its own the lower one's still holds: it only lets more through than need be.
    upper: top.upper ?? below.upper,
    next: below.next,
    tips: top.tips,
    events: top.events + below.events,
    met: [...new Set([...top.met, ...below.met])],
    createSeen: top.createSeen || below.createSeen,
  }
  return joined([one, ...others])
}

/** Events of a page that no other event of the page cites, in the page's order. */
function tipsOf({pdus}: Page): string[] {
  const cited = new Set(pdus.flatMap(prevEventsOf))
  return pdus
    .map(({event}) => event.event_id)
    .filter((id): id is string => typeof id === 'string' && !cited.has(id))
    .slice(0, MAX_TIPS)
}

/**
 * The place in the order of arrival that a page's first token stands for. Synapse's `t12-345_…` is one at depth 12 and place 345, and
 * bounds by depth; its `s345_…` bounds by arrival. Tokens of other servers stay as they are.
 */
function streamPlace(token: string | null): string | null {
  const [, place] = /^t\d+-(\d+(?:_.*)?)$/u.exec(token ?? '') ?? []
  return place === undefined ? token : `s${place}`
}

/** What an earlier run left; nothing where it cannot be read: then the timeline is read anew. */
function parseStretches(mark: string | undefined): readonly Stretch[] {
  if (mark === undefined) return []
  try {
    return JSON.parse(mark) as Stretch[]
  } catch {
    return []
  }
}
