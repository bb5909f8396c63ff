import {Flags} from '@oclif/core'
import {mustBeEvent} from './room-argument.ts'
import type {FetchOptions, FetchProgress} from '../investigate/fetch-room.ts'

/** Flags that limit the work; the case remembers them. */
export const limitFlags = {
  depth: Flags.integer({summary: 'Only the newest events, so many.', helpValue: 'N', min: 1, helpGroup: 'LIMITS'}),
  since: Flags.string({summary: 'Not further back than this event.', helpValue: 'EVENT', helpGroup: 'LIMITS'}),
  around: Flags.string({
    summary: 'Only what is near this event.',
    helpValue: 'EVENT',
    exclusive: ['since'],
    helpGroup: 'LIMITS',
  }),
}

/** @throws StateError USAGE */
export function limitsOf(flags: {
  readonly depth: number | undefined
  readonly since: string | undefined
  readonly around: string | undefined
}): FetchOptions['limits'] {
  for (const name of ['since', 'around'] as const) if (flags[name] !== undefined) mustBeEvent(`--${name}`, flags[name])
  return {
    ...(flags.depth === undefined ? {} : {depth: flags.depth}),
    ...(flags.since === undefined ? {} : {since: flags.since}),
    ...(flags.around === undefined ? {} : {around: flags.around}),
  }
}

/** One line of progress: who is asked, how much came, how fast, and how long it will take where that can be told. */
export function describeFetch(step: FetchProgress): string {
  switch (step.kind) {
    case 'keys':
      return `asking ${String(step.servers)} servers for their signing keys`
    case 'verifying':
      return `verifying: ${number(step.done)} of ${number(step.total)} copies, ${rate(step.perSecond)}`
    case 'replaying':
      return 'replaying what came'
    case 'route':
      return describeRoute(step.progress)
  }
}

/** What is left after Ctrl-C. @param events - that the case holds; `null`: this run has put nothing into a file */
export function describeInterruption(path: string, events: number | null): string {
  return events === null
    ? 'interrupted: nothing was kept yet'
    : `interrupted: ${path} keeps the ${number(events)} events that came; the same command goes on from there`
}

function describeRoute(progress: Extract<FetchProgress, {kind: 'route'}>['progress']): string {
  const {route, kind, events, total, requests, seconds, pause} = progress
  if (pause !== undefined) return `${route}: waiting ${String(Math.ceil(pause.ms / 1000))} s: ${pause.reason}`
  const perSecond = seconds > 0 ? events / seconds : 0
  const left = total === null || perSecond === 0 || total <= events ? null : (total - events) / perSecond
  return [
    `${route}: ${kind === 'completing' ? 'filling holes, ' : ''}${number(events)}${total === null ? '' : ` of ${number(total)}`} events`,
    requests > 0 ? `${number(requests)} requests` : '',
    perSecond > 0 ? rate(perSecond) : '',
    left === null ? '' : `about ${duration(left)} left`,
  ]
    .filter((part) => part !== '')
    .join(', ')
}

const number = (value: number): string => value.toLocaleString('en-US')
const rate = (perSecond: number): string => `${number(Math.round(perSecond))} a second`
const duration = (seconds: number): string =>
  seconds < 90 ? `${String(Math.ceil(seconds))} s` : `${String(Math.ceil(seconds / 60))} min`
