import {existsSync} from 'node:fs'
import {StateError} from '../errors.ts'
import {
  type Baseline,
  becomingKnown,
  goneFrom,
  knownOf,
  readBaseline,
  updated,
  writeBaseline,
} from '../investigate/check-baseline.ts'
import type {CheckReport} from '../investigate/check-report.ts'
import type {RunJudging} from '../investigate/check-rooms.ts'
import {count} from '../report/printable.ts'
import type {CheckFlags} from './check-flags.ts'
import {refuseOutputs} from './check-output.ts'

/** The baseline of a run. */
export interface Known {
  readonly baselineOf: RunJudging['baselineOf']
  /** The report with what is gone from the baseline, which is updated where that was asked for; why it could not be, to be thrown at the end. */
  readonly told: (report: CheckReport) => Told
}

export interface Told {
  readonly report: CheckReport
  readonly failure: readonly StateError[]
}

/**
 * Opens the baseline that `--baseline` names. Only `--update-baseline` makes one.
 *
 * @throws StateError USAGE, BASELINE_ABSENT, INPUT_UNREADABLE, OUTPUT_FAILED
 */
export async function openKnown(flags: CheckFlags): Promise<Known> {
  const {baseline: path, 'update-baseline': updates, 'fail-on': failOn, devices} = flags
  if (path === undefined) {
    if (!updates) return {baselineOf: null, told: (report) => ({report, failure: []})}
    throw new StateError('USAGE', '--update-baseline needs a file', {hint: 'Name it by --baseline FILE.'})
  }
  if (!updates) {
    const baseline = read(path)
    return {
      baselineOf: knownOf(baseline),
      told: (report) => ({
        report: {...report, baseline: {path, gone: goneFrom(baseline, report.rooms, {devices})}},
        failure: [],
      }),
    }
  }
  if (failOn === 'never') {
    throw new StateError(
      'USAGE',
      '--update-baseline records what makes a room fail, and with --fail-on never nothing does',
    )
  }
  const {rooms, journal, config} = flags
  await refuseOutputs([{format: 'json', path}], [rooms ?? '', journal ?? '', config ?? ''])
  const baseline = existsSync(path) ? readBaseline(path) : []
  return {
    baselineOf: becomingKnown(baseline, failOn),
    told: (report) => {
      const unchanged = (why: string, failure: readonly StateError[] = []): Told => ({
        report: withNotes(report, {path, gone: []}, [`The baseline ${path} was not updated: ${why}.`]),
        failure,
      })
      // A run that was interrupted changes nothing. Another one may have written the file meanwhile.
      if (report.unfinished !== undefined) return unchanged('the run was interrupted')
      try {
        const update = updated(existsSync(path) ? readBaseline(path) : [], report.rooms, {devices, failOn})
        writeBaseline(path, update.baseline)
        const words = updateWords(path, update.baseline, update.added, update.gone.length)
        return {report: withNotes(report, {path, gone: update.gone}, [words]), failure: []}
      } catch (error) {
        if (!(error instanceof StateError)) throw error
        return unchanged('see the error', [error])
      }
    },
  }
}

function read(path: string): Baseline {
  if (existsSync(path)) return readBaseline(path)
  throw new StateError('BASELINE_ABSENT', `there is no baseline ${JSON.stringify(path)}`, {
    hint: 'Check the path; --update-baseline makes it from what is found.',
  })
}

function withNotes(
  report: CheckReport,
  baseline: NonNullable<CheckReport['baseline']>,
  notes: readonly string[],
): CheckReport {
  return {...report, baseline, notes: [...report.notes, ...notes]}
}

function updateWords(path: string, baseline: Baseline, added: number, gone: number): string {
  const changes = [
    ...(added === 0 ? [] : [`${count(added, 'finding')} added`]),
    ...(gone === 0 ? [] : [`${count(gone, 'finding')} dropped`]),
  ]
  const what = changes.length === 0 ? 'nothing changed' : changes.join(', ')
  return `The baseline ${path} has ${count(baseline.length, 'entry', 'entries')}: ${what}.`
}
