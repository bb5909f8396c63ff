/**
 * `docs/findings.md`, made of the catalogue. After a change of `src/finding/`: `npx node test/docs/findings.ts`, and read what changed.
 */
import {writeFileSync} from 'node:fs'
import {join} from 'node:path'
import {fileURLToPath} from 'node:url'
import {format, resolveConfig} from 'prettier'
import {CATALOGUE, type FindingKind} from '../../src/finding/finding.ts'

export const FINDINGS = join(import.meta.dirname, '../../docs/findings.md')

/** What the part of an ID before the slash stands for, and who reports it; in the order of the page. */
export const FAMILIES: Readonly<Record<string, {readonly title: string; readonly by: string}>> = {
  state: {
    title: 'The state of a room',
    by: '`resolve` and `check`; `state/divergence` by `diff` and `check`; `blame` tells one slot',
  },
  dag: {title: 'Its events, and how they hang together', by: '`resolve`, `check` and, for copies, `case verify`'},
  server: {
    title: 'What one server has',
    by: '`diff` and `check`, where a server told what it has; some by `resolve`, too',
  },
  room: {
    title: 'A room as a whole',
    by: '`resolve` and `check`; what is about encryption by `devices` and `check --devices`',
  },
  device: {title: 'Devices', by: '`devices` and `check --devices`; [devices.md](devices.md)'},
  megolm: {title: 'Sessions of messages', by: '`devices` and `check --devices` on a room'},
  account: {title: 'Accounts', by: '`devices` and `check --devices`'},
  baseline: {title: 'A bot against what was recorded of it', by: '`preflight`; [bots.md](bots.md)'},
}

/** The page, in the format that `npm run format` gives it. */
export async function findingsPage(catalogue: Readonly<Record<string, FindingKind>> = CATALOGUE): Promise<string> {
  const ids = Object.keys(catalogue)
  const stranger = ids.find((id) => !Object.hasOwn(FAMILIES, familyOf(id)))
  if (stranger !== undefined) throw new Error(`test/docs/findings.ts has no title for the family of ${stranger}`)
  const sections = Object.entries(FAMILIES).flatMap(([family, {title, by}]) => {
    const own = ids.filter((id) => familyOf(id) === family)
    return own.length === 0 ? [] : [`## ${title}: \`${family}/\``, `Reported by ${by}.`, table(own, catalogue)]
  })
  const text = [...intro(ids.length), ...sections].join('\n\n')
  return format(text, {...(await resolveConfig(FINDINGS)), parser: 'markdown'})
}

const intro = (count: number): readonly string[] => [
  '# Findings',
  '<!-- Made by test/docs/findings.ts of src/finding/; a test fails when it is stale. -->',
  `All ${String(count)} kinds of findings. An ID is stable: \`--ignore\`, baselines and scripts name it. Severity, certainty and remedy are those that a kind has
unless its case differs: one finding can be milder or graver, less sure, or have a remedy that fits it better, and then says so.`,
  `- **Severity**: \`error\`: something is broken; \`warning\`: something is likely to break, or is broken for a part of the people or in what is known;
\`note\`: worth knowing. \`check\`, \`diff\`, \`devices\` and \`preflight\` end with exit code 1 at an error, unless \`--fail-on\` says otherwise.
- **Certainty**: \`proof\`: the evidence establishes it; \`strong\`: nearly so; \`hint\`: worth a look.`,
  'What a message of a client or a line in a log means, `doctor` tells.',
]

function table(ids: readonly string[], catalogue: Readonly<Record<string, FindingKind>>): string {
  const rows = ids.map((id) => {
    const {severity, certainty, meaning, remedy} = catalogue[id]!
    return [`\`${id}\``, severity, certainty, cell(meaning), cell(remedy)]
  })
  const lines = [['id', 'severity', 'certainty', 'meaning', 'remedy'], Array<string>(5).fill('---'), ...rows]
  return lines.map((line) => `| ${line.join(' | ')} |`).join('\n')
}

/** `|` ends a cell, and `<` begins markup. Code is left as it is but for `|`, which ends a cell even there. */
function cell(text: string): string {
  return text
    .split(/(`[^`]*`)/)
    .map((part) => (part.startsWith('`') ? part : part.replaceAll(/[<*_[\]\\]/g, '\\$&')).replaceAll('|', '\\|'))
    .join('')
}

function familyOf(id: string): string {
  return id.split('/')[0] ?? ''
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(FINDINGS, await findingsPage())
