import {createInterface} from 'node:readline'
import {StateError} from '../errors.ts'
import {entryOf, reportOf} from '../investigate/profile-report.ts'
import {planRemoval, type ProfileRemoval, removeProfileAndLogin} from '../investigate/remove-profile.ts'
import {exportOf} from '../profile/profile-export.ts'
import {listProfiles, openProfile} from '../profile/profile-file.ts'
import {profileFolder} from '../profile/profile-folder.ts'
import type {OpenedProfile} from '../profile/profile.ts'
import {profileListDocument, profileRemoveDocument, profileShowDocument} from '../report/profile-document.ts'
import {printable} from '../report/printable.ts'
import type {Forms, JsonDocument, Style} from './output.ts'
import {profileNameOf} from './profile-flags.ts'

// Tables are loaded only for people.

/** All profiles. @throws StateError PROFILE_UNUSABLE where the folder cannot be read */
export async function profileListForms(style: Style): Promise<Forms> {
  const folder = profileFolder()
  const entries = listProfiles(folder).map(entryOf)
  const json = (): JsonDocument => profileListDocument(folder, entries)
  if (style.json) return {json, text: () => ''}
  const {profileListText} = await import('../report/profile-text.ts')
  return {json, text: () => profileListText(folder, entries, style)}
}

/** One profile, secrets masked. @throws StateError as `openProfile` */
export async function profileShowForms(typed: string | undefined, style: Style): Promise<Forms> {
  const report = reportOf(thatIsThere(typed))
  const json = (): JsonDocument => profileShowDocument(report)
  if (style.json) return {json, text: () => ''}
  const {profileShowText} = await import('../report/profile-text.ts')
  return {json, text: () => profileShowText(report, style)}
}

/** A profile without its secrets. @throws StateError as `openProfile` */
export function profileToExport(typed: string | undefined): JsonDocument {
  return exportOf(thatIsThere(typed).profile)
}

/** Of what there is not, the list tells more than how to make it. @throws StateError as `openProfile` */
function thatIsThere(typed: string | undefined): OpenedProfile {
  return listHinted(typed !== undefined, () => openProfile(profileNameOf(typed)))
}

function listHinted<T>(typed: boolean, work: () => T): T {
  try {
    return work()
  } catch (error) {
    if (!(error instanceof StateError) || error.code !== 'PROFILE_ABSENT') throw error
    const list = 'See which there are: matrix-state profile list'
    const hint =
      typed || error.hint === undefined ? list : `${error.hint}; see which there are: matrix-state profile list`
    throw new StateError(error.code, error.message, {cause: error, hint})
  }
}

export interface RemoveFlags {
  readonly 'keep-login': boolean
  readonly yes: boolean
}

/**
 * Removes a profile, once it is agreed to.
 *
 * @returns `null`: it was not agreed to
 * @throws StateError as `planRemoval` and `removeProfileAndLogin`; USAGE without `--yes` where there is nobody to ask
 */
export async function removeForms(
  name: string,
  flags: RemoveFlags,
  style: Style,
  signal: () => AbortSignal,
): Promise<Forms | null> {
  const removal = listHinted(true, () => planRemoval(name, {keepLogin: flags['keep-login']}))
  if (!flags.yes && !(await isAgreedTo(removal, flags, style))) return null
  const removed = await removeProfileAndLogin(removal, signal())
  const {removedText} = await import('../report/profile-text.ts')
  return {json: () => profileRemoveDocument(removed), text: () => removedText(removed, style)}
}

async function isAgreedTo(removal: ProfileRemoval, flags: RemoveFlags, {json}: Style): Promise<boolean> {
  const {removalQuestion} = await import('../report/profile-text.ts')
  const question = removalQuestion(removal)
  if (json || !process.stdin.isTTY || !process.stderr.isTTY) {
    throw new StateError('USAGE', 'there is nobody to ask whether the profile is to be removed', {
      hint: `${question} If so: matrix-state profile remove ${removal.name}${flags['keep-login'] ? ' --keep-login' : ''} --yes`,
    })
  }
  const answer = await ask(`${printable(question)} [y/N] `)
  return /^y(?:es)?$/i.test(answer.trim())
}

/** A line that is typed; an empty one where input ends. On stderr: results stay alone on stdout. */
async function ask(question: string): Promise<string> {
  // Not as a terminal: Ctrl-C goes on meaning what it means everywhere.
  const lines = createInterface({input: process.stdin, output: process.stderr, terminal: false})
  try {
    return await new Promise<string>((resolve) => {
      lines.once('close', () => {
        process.stderr.write('\n')
        resolve('')
      })
      lines.question(question, (answer) => {
        lines.removeAllListeners('close')
        resolve(answer)
      })
    })
  } finally {
    lines.close()
  }
}
