import type {CaseInfo} from '../investigate/case-info.ts'
import type {MadeCase} from '../investigate/case-work.ts'
import type {Minimised} from '../investigate/minimise-case.ts'
import type {Statement} from '../investigate/redact-case.ts'
import type {Verification} from '../investigate/verify-evidence.ts'
import {caseDocument} from '../report/case-document.ts'
import {madeCaseDocument, madeCaseText, minimisedText, statementText} from '../report/made-case.ts'
import type {JsonDocument} from './output.ts'

interface Style {
  readonly json: boolean
  readonly color: boolean
  readonly columns: number | undefined
  readonly full: boolean
}

interface Forms {
  readonly json: () => JsonDocument
  readonly text: () => string
}

/** Both forms of what a case holds; tables are loaded only for people. */
export async function showCase(info: CaseInfo, style: Style): Promise<Forms> {
  const json = (): JsonDocument => caseDocument(info)
  if (style.json) return {json, text: () => ''}
  const {caseText} = await import('../report/case-text.ts')
  return {json, text: () => caseText(info, style)}
}

export async function verificationForms(path: string, result: Verification, style: Style): Promise<Forms> {
  const {verificationDocument, verificationText} = await import('../report/verification.ts')
  return {json: () => verificationDocument(path, result), text: () => verificationText(path, result, style)}
}

export function madeCaseForms(made: MadeCase): Forms {
  return {json: () => madeCaseDocument('case-merge', made, {}), text: () => madeCaseText(made)}
}

export function redactedForms(made: MadeCase & {readonly statement: Statement}): Forms {
  return {
    json: () => madeCaseDocument('case-redact', made, {statement: made.statement}),
    text: () => `${madeCaseText(made)}\n\n${statementText(made.statement)}`,
  }
}

export function minimisedForms(made: MadeCase & {readonly minimised: Minimised}): Forms {
  return {
    json: () => madeCaseDocument('case-minimise', made, {minimised: made.minimised}),
    text: () => `${madeCaseText(made)}\n\n${minimisedText(made.minimised)}`,
  }
}
