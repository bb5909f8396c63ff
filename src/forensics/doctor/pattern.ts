import type {SymptomId} from './symptom.ts'

/** Words by which a symptom is recognised. */
export interface Pattern {
  readonly symptom: SymptomId
  readonly software: 'synapse' | 'dendrite' | 'conduit' | 'client' | null
  readonly words: RegExp
  /** What every match has in it, in lower case, so that most texts need no further look; may be empty. */
  readonly needle: string
  /** A text as it is really sent or logged; the test recognises each by this pattern and no earlier one. */
  readonly example: string
  /** Where the words stand: a path in the software's source, or an address. */
  readonly source: string
  /** Says little by itself: counts only where no other pattern finds its words in the line. */
  readonly weak: boolean
}

/** An apostrophe as it is typed, typeset, and escaped in JSON and HTML. */
const APOSTROPHE = String.raw`(?:\\?'|’|\\u0027|&#0?39;|&#x27;|&apos;)`

/**
 * A pattern from words: ` ` is a run of white space (` ?` a run or none; neither stands in brackets), `'` any apostrophe, `…` up to 120 characters of a line, `·` one word of up to 300;
 * the rest is a regular expression. Each variable part is bounded, so that time grows with the text and no faster.
 */
export function words(text: string): RegExp {
  const source = text
    .replaceAll("'", APOSTROPHE)
    .replaceAll(' ?', String.raw`\s{0,9}`)
    .replaceAll(' ', String.raw`\s{1,9}`)
    .replaceAll('…', String.raw`[^\n]{0,120}?`)
    .replaceAll('·', String.raw`\S{1,300}?`)
  return new RegExp(source, 'i')
}

/**
 * The longest word that every match of a pattern has in it: one that stands in no group, class or alternative, and whose last letter is
 * not repeated or left out. Lower case; empty if there is none.
 */
function needleOf(text: string): string {
  const flat = text
    .replaceAll(/\\./g, ' ')
    .replaceAll(/\[[^\]]*\]/g, ' ')
    .replaceAll(/\{[^}]*\}/g, '?')
  let depth = 0
  let bare = ''
  for (const letter of flat) {
    if (letter === ')') depth--
    bare += depth === 0 ? letter : ' '
    if (letter === '(') depth++
  }
  if (bare.includes('|')) return ''
  const found = bare.replaceAll(/[A-Za-z_][?*]/g, ' ').match(/[A-Za-z_]{3,}/g) ?? []
  return found.reduce((longest, word) => (word.length > longest.length ? word : longest), '').toLowerCase()
}

type Software = Pattern['software']

/** A row of a table of patterns. */
export const pattern =
  (symptom: SymptomId, software: Software, source: string, weak = false) =>
  (text: string, example: string): Pattern => ({
    symptom,
    software,
    words: words(text),
    needle: needleOf(text),
    example,
    source,
    weak,
  })
