/** `docs/doctor.md` has tables that are made from the code. After a change: `DOCTOR_DOC=update npx vitest run test/forensics/doctor/doc.test.ts`. */
import {writeFileSync} from 'node:fs'
import {expect, test} from 'vitest'
import {REMEDIES} from '../../../src/forensics/doctor/remedies.ts'
import {SYMPTOMS} from '../../../src/forensics/doctor/symptom-kinds.ts'
import {DOC, readDoc, renewed} from './doc-tables.ts'

test('the tables of docs/doctor.md are those of the code', async () => {
  if (process.env['DOCTOR_DOC'] === 'update') writeFileSync(DOC, await renewed(readDoc()))
  expect(await renewed(readDoc())).toBe(readDoc())
})

test('each symptom and each remedy stands in them', () => {
  const text = readDoc()
  for (const id of [...Object.keys(SYMPTOMS), ...REMEDIES.map((remedy) => remedy.id)])
    expect(text).toContain(`\`${id}\``)
})
