import {parsePdu} from '../../src/matrix/pdu.ts'
import {rulesFor} from '../../src/matrix/room-version.ts'
import type {
  GatherContext,
  GatherLimits,
  Refusal,
  ReportedExtremities,
  ReportedStateSet,
  Route,
  Step,
} from '../../src/sources/evidence.ts'

/** A case file of the plainest kind: what a route gave, in memory. */
export class Gathered {
  readonly roomId: string
  readonly texts = new Map<string, string>()
  readonly refusals: Refusal[] = []
  readonly states: ReportedStateSet[] = []
  readonly extremities: ReportedExtremities[] = []
  readonly marks = new Map<string, string>()
  readonly steps: Step[] = []
  readonly pauses: {readonly ms: number; readonly reason: string}[] = []
  version: string | null
  limits: GatherLimits = {}
  known: readonly string[] = []

  constructor(roomId: string, version: string | null = null) {
    this.roomId = roomId
    this.version = version
  }

  context(signal: AbortSignal = new AbortController().signal): GatherContext {
    return {
      roomId: this.roomId,
      roomVersion: () => this.version,
      marks: this.marks,
      knows: (id) => this.texts.has(id),
      newest: () => this.extremities.at(-1)?.eventIds ?? this.known,
      limits: this.limits,
      signal,
      onPause: (pause) => this.pauses.push(pause),
    }
  }

  /** Keeps a step as a case file would: whole. */
  keep(step: Step): void {
    this.steps.push(step)
    this.version = step.roomVersion ?? this.version
    const rules = rulesFor(this.version ?? '')
    if (rules !== undefined) {
      for (const {text} of step.events ?? []) this.texts.set(parsePdu(text, rules).eventId, text)
    }
    this.refusals.push(...(step.refusals ?? []))
    this.states.push(...(step.states ?? []))
    this.extremities.push(...(step.extremities ?? []))
    for (const [key, value] of Object.entries(step.marks ?? {})) {
      if (value === null) this.marks.delete(key)
      else this.marks.set(key, value)
    }
  }

  /** Gathers, and breaks off after some steps as a killed program would. */
  async gather(route: Route, breakAfter = Infinity): Promise<this> {
    let steps = 0
    for await (const step of route.gather(this.context())) {
      this.keep(step)
      steps += 1
      if (steps >= breakAfter) break
    }
    return this
  }

  async fetchEvents(route: Route, ids: readonly string[]): Promise<this> {
    if (route.fetchEvents === undefined) throw new Error('this route fetches no single events')
    for await (const step of route.fetchEvents(ids, this.context())) this.keep(step)
    return this
  }

  /** Asks for what events cite until nothing new comes. */
  async complete(route: Route): Promise<this> {
    const asked = new Set<string>()
    for (;;) {
      const wanted = this.missing().filter((id) => !asked.has(id))
      if (wanted.length === 0) return this
      for (const id of wanted) asked.add(id)
      await this.fetchEvents(route, wanted)
    }
  }

  missing(): string[] {
    const rules = rulesFor(this.version ?? '')
    if (rules === undefined) throw new Error('the room version is not known')
    const cited = [...this.texts.values()].flatMap((text) => {
      const {prevEvents, authEvents} = parsePdu(text, rules)
      return [...prevEvents, ...authEvents]
    })
    return [...new Set(cited)].filter((id) => !this.texts.has(id))
  }

  get ids(): string[] {
    return [...this.texts.keys()].sort()
  }

  get requests(): number {
    return this.steps.reduce((sum, {requests}) => sum + requests, 0)
  }
}
