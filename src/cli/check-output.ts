import {constants, statSync} from 'node:fs'
import {access} from 'node:fs/promises'
import {dirname} from 'node:path'
import {StateError} from '../errors.ts'
import type {CheckReport} from '../investigate/check-report.ts'
import {type CheckFormat, type CheckStyle, FORMAT_NAMES, renderReport} from './check-formats.ts'
import {writeOutput} from './output-file.ts'
import {isSpecial, placeOf} from './output-place.ts'
import {nearest} from './suggest.ts'

/** One form of the report, and where it goes; `null`: standard output. */
export interface CheckOutput {
  readonly format: CheckFormat
  readonly path: string | null
}

/** A word of the command line, as oclif's parser tells them: in order. */
export interface TypedFlag {
  readonly type: string
  readonly flag?: string
  readonly input?: string
}

/**
 * Which form goes where: an `--output` belongs to the `--format` before it. What is left without one goes to standard output, of which there
 * is one; where all go into files, standard output has the table.
 *
 * @throws StateError USAGE
 */
export function pairOutputs(typed: readonly TypedFlag[], json: boolean): readonly CheckOutput[] {
  const pairs: {format: CheckFormat; path: string | null}[] = []
  for (const {type, flag, input = ''} of typed) {
    if (type !== 'flag') continue
    if (flag === 'format') pairs.push({format: formatOf(input), path: null})
    else if (flag === 'output') {
      const open = pairs.at(-1)
      if (open?.path !== null) {
        throw new StateError('USAGE', `--output ${input}: no --format stands before it`, {
          hint: 'Write each --output behind its format: --format json --output check.json.',
        })
      }
      open.path = input
    }
  }
  if (json) pairs.unshift({format: 'json', path: null})
  const toTerminal = pairs.filter(({path}) => path === null).map(({format}) => format)
  if (toTerminal.length > 1 && new Set(toTerminal).size > 1) {
    throw new StateError('USAGE', `${toTerminal.join(' and ')} cannot both go to standard output`, {
      hint: 'Give --output FILE behind all of them but one.',
    })
  }
  const paths = pairs.flatMap(({path}) => (path === null || isSpecial(path) ? [] : [placeOf(path)]))
  if (new Set(paths).size < paths.length) throw new StateError('USAGE', 'two --output name the same file')
  if (toTerminal.length > 1) return pairs.filter((pair, at) => pair.path !== null || pairs.findIndex(isTerminal) === at)
  return toTerminal.length === 1 ? pairs : [{format: 'table', path: null}, ...pairs]
}

const isTerminal = ({path}: CheckOutput): boolean => path === null

function formatOf(word: string): CheckFormat {
  const format = FORMAT_NAMES.find((name) => name === word)
  if (format !== undefined) return format
  const near = nearest(word, FORMAT_NAMES)
  throw new StateError('USAGE', `--format: there is no format ${JSON.stringify(word.slice(0, 40))}`, {
    hint: near === undefined ? `Formats are ${FORMAT_NAMES.join(', ')}.` : `Did you mean ${near}?`,
  })
}

/**
 * Refuses outputs that could not be written, before anything is checked: nobody is to wait an hour for that.
 *
 * @param taken - files that are read or written otherwise
 * @throws StateError USAGE, OUTPUT_FAILED
 */
export async function refuseOutputs(outputs: readonly CheckOutput[], taken: readonly string[]): Promise<void> {
  const others = new Set(taken.map((path) => placeOf(path)))
  for (const {path} of outputs) {
    if (path === null || isSpecial(path)) continue
    const place = placeOf(path)
    if (others.has(place)) {
      throw new StateError('USAGE', `--output ${path} would be written over what is read`)
    }
    if (await canBeWritten(place)) continue
    throw new StateError('OUTPUT_FAILED', `could not write ${JSON.stringify(path)}`, {
      hint: 'Check that its folder is there and can be written.',
    })
  }
}

async function canBeWritten(place: string): Promise<boolean> {
  try {
    // The dot: its folder may be a file.
    await access(`${dirname(place)}/.`, constants.W_OK)
    return statSync(place, {throwIfNoEntry: false})?.isDirectory() !== true
  } catch {
    return false
  }
}

/** Writes the report into a file, which is replaced as a whole: a report of an earlier run stands there until then. A link stays one. */
export async function writeReport(
  {format, path}: CheckOutput & {readonly path: string},
  report: CheckReport,
  style: CheckStyle,
): Promise<void> {
  const text = await renderReport(format, report, {...style, color: false, columns: undefined})
  await writeOutput(path, [text])
}
