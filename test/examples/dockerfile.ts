import {existsSync} from 'node:fs'
import path from 'node:path'

/** One `FROM … AS name` of a Dockerfile. */
export interface Stage {
  readonly name: string
  readonly from: string
  entrypoint: readonly string[]
  user: string | null
  /** Folders that `install -d` makes. */
  readonly folders: string[]
}

const KNOWN = new Set(['FROM', 'WORKDIR', 'COPY', 'RUN', 'USER', 'ENTRYPOINT'])

/**
 * The stages of a Dockerfile as far as the examples use its language. @param context - folder that it is built in
 *
 * @throws Error for what Docker would refuse, and for what this does not know
 */
export function readDockerfile(text: string, context: string): Map<string, Stage> {
  const stages = new Map<string, Stage>()
  let stage: Stage | null = null
  for (const line of logicalLines(text)) {
    const [word = '', ...rest] = line.split(/\s+/u)
    if (!KNOWN.has(word)) throw new Error(`not an instruction that is known here: ${line}`)
    if (word === 'FROM') {
      const [from = '', as, name = ''] = rest
      if (as !== 'AS' || name === '') throw new Error(`a stage without a name: ${line}`)
      stage = {name, from, entrypoint: [], user: null, folders: []}
      stages.set(name, stage)
      continue
    }
    if (stage === null) throw new Error(`before any FROM: ${line}`)
    if (word === 'ENTRYPOINT') stage.entrypoint = JSON.parse(rest.join(' ')) as string[]
    if (word === 'USER') stage.user = rest.join(' ')
    if (word === 'COPY') checkCopy(rest, stages, context)
    if (word === 'RUN') {
      for (const [, folders = ''] of line.matchAll(/install -d (?:-\w \S+ )*((?:\/\S+ ?)+)/gu))
        stage.folders.push(...folders.trim().split(' '))
    }
  }
  return stages
}

function checkCopy(words: readonly string[], stages: ReadonlyMap<string, Stage>, context: string): void {
  const from = /^--from=(.*)$/u.exec(words[0] ?? '')?.[1]
  if (from !== undefined) {
    if (!stages.has(from)) throw new Error(`COPY --from=${from}: no stage of that name before it`)
    return
  }
  for (const source of words.slice(0, -1)) {
    if (!existsSync(path.join(context, source))) throw new Error(`COPY ${source}: not in ${context}`)
  }
}

/** Without comments, and with continued lines joined. */
function logicalLines(text: string): string[] {
  const lines = text.split('\n').filter((line) => !line.startsWith('#'))
  return lines
    .join('\n')
    .replaceAll(/\\\n/gu, ' ')
    .split('\n')
    .filter((line) => line.trim() !== '')
}
