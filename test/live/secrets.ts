import {readdir, readFile} from 'node:fs/promises'
import path from 'node:path'

/** A form of a secret that must not be found, and which secret it is (by number, never the secret itself). */
export interface Needle {
  readonly secret: number
  readonly form: string
  readonly bytes: Buffer
}

/** Every form in which a secret could slip through: plain, base64 at any offset, base64url, hex, percent-encoded, and as bytes. */
export function needles(secrets: readonly string[]): Needle[] {
  return secrets.flatMap((secret, number) => {
    const forms = new Map<string, Buffer>([['plain', Buffer.from(secret, 'utf8')]])
    const add = (name: string, text: string): void => void forms.set(name, Buffer.from(text, 'latin1'))
    encodings(Buffer.from(secret, 'utf8'), '', add)
    add('percent', encodeURIComponent(secret))
    // A signing key's seed is base64 already: what it stands for is the secret as well.
    if (/^[A-Za-z0-9+/]{43}$/u.test(secret)) {
      const seed = Buffer.from(secret, 'base64')
      forms.set('seed bytes', seed)
      encodings(seed, 'seed ', add)
    }
    return [...forms].map(([form, bytes]) => ({secret: number, form, bytes}))
  })
}

function encodings(bytes: Buffer, prefix: string, add: (name: string, text: string) => void): void {
  for (const offset of [0, 1, 2]) {
    // Characters at the ends also hold bits of what stands beside the secret: only those that are the secret's alone are looked for.
    const shifted = Buffer.concat([Buffer.alloc(offset), bytes])
    const from = Math.ceil((offset * 4) / 3)
    const to = Math.floor((shifted.length * 4) / 3)
    add(`${prefix}base64 at ${String(offset)}`, shifted.toString('base64').slice(from, to))
    add(`${prefix}base64url at ${String(offset)}`, shifted.toString('base64url').slice(from, to))
  }
  const hex = bytes.toString('hex')
  add(`${prefix}hex`, hex)
  add(`${prefix}HEX`, hex.toUpperCase())
  const percent = hex.replace(/../gu, '%$&')
  add(`${prefix}every byte percent`, percent)
  add(`${prefix}every byte PERCENT`, percent.toUpperCase())
}

/** Files below a folder that hold a needle: lines `file: form of secret number n`. */
export async function findSecrets(
  folder: string,
  secrets: readonly string[],
): Promise<{files: number; found: string[]}> {
  const wanted = needles([...new Set(secrets)])
  const found: string[] = []
  let files = 0
  for (const entry of await readdir(folder, {recursive: true, withFileTypes: true})) {
    if (!entry.isFile()) continue
    files += 1
    const file = path.join(entry.parentPath, entry.name)
    const bytes = await readFile(file)
    const where = path.relative(folder, file)
    const name = Buffer.from(where, 'utf8')
    for (const {secret, form, bytes: needle} of wanted) {
      if (bytes.includes(needle) || name.includes(needle)) found.push(`${where}: ${form} of secret ${String(secret)}`)
    }
  }
  return {files, found}
}
