import type {CaseInfo} from '../investigate/case-info.ts'
import type {MadeCase} from '../investigate/case-work.ts'
import type {Minimised} from '../investigate/minimise-case.ts'
import type {Statement} from '../investigate/redact-case.ts'
import type {Verification} from '../investigate/verify-evidence.ts'
import {caseDocument} from '../report/case-document.ts'
import type {Forms, JsonDocument, Style} from './output.ts'

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

export async function madeCaseForms(made: MadeCase, style: Style): Promise<Forms> {
  const {madeCaseDocument, madeCaseText} = await import('../report/made-case.ts')
  return {json: () => madeCaseDocument('case-merge', made, {}), text: () => madeCaseText(made, style)}
}

export async function redactedForms(made: MadeCase & {readonly statement: Statement}, style: Style): Promise<Forms> {
  const {madeCaseDocument, madeCaseText, statementDocument, statementText} = await import('../report/made-case.ts')
  return {
    json: () => madeCaseDocument('case-redact', made, {statement: statementDocument(made.statement)}),
    text: () => `${madeCaseText(made, style)}\n\n${statementText(made.statement, style)}`,
  }
}

export async function minimisedForms(made: MadeCase & {readonly minimised: Minimised}, style: Style): Promise<Forms> {
  const {madeCaseDocument, madeCaseText, minimisedDocument, minimisedText} = await import('../report/made-case.ts')
  return {
    json: () => madeCaseDocument('case-minimise', made, {minimised: minimisedDocument(made.minimised)}),
    text: () => `${madeCaseText(made, style)}\n\n${minimisedText(made.minimised, style)}`,
  }
}
