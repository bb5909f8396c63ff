import {readdirSync, readFileSync} from 'node:fs'
import {join} from 'node:path'
import {Ajv2020, type ValidateFunction} from 'ajv/dist/2020.js'
import {ROOT} from './program.ts'

export const FOLDER = join(ROOT, 'schemas')
export const files = readdirSync(FOLDER)
export const readSchema = (file: string): {description?: string; title?: string; $id?: string} =>
  JSON.parse(readFileSync(join(FOLDER, file), 'utf8')) as object

const ajv = new Ajv2020({strict: true, allowUnionTypes: true, strictRequired: false, allErrors: true})
for (const file of files) ajv.addSchema(readSchema(file))
const schema = (name: string): ValidateFunction => ajv.getSchema(`${name}.schema.json`)!
/** What the schema has against the document; empty when nothing. */
export function complaints(name: string, document: unknown): readonly string[] {
  const validate = schema(name)
  return validate(document)
    ? []
    : (validate.errors ?? []).map(({instancePath, message: text}) => `${instancePath} ${text ?? ''}`)
}
