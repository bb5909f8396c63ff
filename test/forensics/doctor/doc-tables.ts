import {readFileSync} from 'node:fs'
import {join} from 'node:path'
import {format, resolveConfig} from 'prettier'
import {PATTERNS} from '../../../src/forensics/doctor/recognise.ts'
import {REMEDIES, remediesFor} from '../../../src/forensics/doctor/remedies.ts'
import {SYMPTOMS} from '../../../src/forensics/doctor/symptom-kinds.ts'
import type {SymptomId} from '../../../src/forensics/doctor/symptom.ts'

export const DOC = join(import.meta.dirname, '../../../docs/doctor.md')
export const readDoc = (): string => readFileSync(DOC, 'utf8')

const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll(/\s+/g, ' ')
const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map(() => '-'), ...rows].map((row) => `| ${row.map(cell).join(' | ')} |`).join('\n')

/** A source as a link, or as it is. */
const linked = (source: string): string => (source.startsWith('https://') ? `<${source}>` : source)
const WHO = {synapse: 'Synapse', dendrite: 'Dendrite', conduit: 'Conduit and its children', client: 'clients'} as const

const symptoms = Object.entries(SYMPTOMS) as [SymptomId, (typeof SYMPTOMS)[SymptomId]][]

/** The parts of the document that are made from the code. */
const PARTS: Readonly<Record<string, () => string>> = {
  symptoms: () =>
    table(
      ['symptom', 'what it means', 'remedies, the least invasive first'],
      symptoms.map(([id, {title, meaning}]) => [
        `**${title}** (\`${id}\`)`,
        meaning,
        remediesFor({symptom: id, findings: []}, {})
          .map((remedy) => `\`${remedy.id}\``)
          .join(', '),
      ]),
    ),
  messages: () =>
    table(
      ['symptom', 'words, as an example has them', 'said by', 'where they stand'],
      symptoms.flatMap(([id]) =>
        PATTERNS.filter(({symptom}) => symptom === id).map(({words, example, software, source}) => [
          `\`${id}\``,
          `\`${(words.exec(example)?.[0] ?? '').replaceAll('`', '')}\``,
          software === null ? 'several' : WHO[software],
          source.split('; ').map(linked).join('; '),
        ]),
      ),
    ),
  remedies: () =>
    table(
      ['remedy', 'what', 'invasiveness', 'who', 'for', 'risk'],
      REMEDIES.map(({id, title, invasiveness, who, software, risk}) => [
        `\`${id}\``,
        title,
        invasiveness,
        who.replace('-', ' '),
        software === 'any' ? 'any' : WHO[software],
        risk,
      ]),
    ),
}

/** The document with its made parts made anew, as Prettier writes it. */
export async function renewed(text: string): Promise<string> {
  const whole = Object.entries(PARTS).reduce((doc, [name, make]) => {
    const [begin, end] = [`<!-- ${name}: made from the code -->`, `<!-- end of ${name} -->`]
    const [before, rest] = doc.split(begin)
    const after = rest?.split(end)[1]
    if (before === undefined || after === undefined) throw new Error(`no place for ${name} in docs/doctor.md`)
    return `${before}${begin}\n\n${make()}\n\n${end}${after}`
  }, text)
  return await format(whole, {...(await resolveConfig(DOC)), parser: 'markdown'})
}
