import {hostname} from 'node:os'
import {Flags} from '@oclif/core'
import {StateError} from '../errors.ts'
import type {BotContext, BotStep} from '../investigate/setup-request.ts'
import type {StoreBaseline} from '../matrix/device-baseline.ts'

/** Flags of `setup` that are about a bot. */
export const botFlags = {
  bot: Flags.boolean({
    summary: "Record a bot's device, which `preflight` holds it against: the token's own device, or --device.",
    helpGroup: 'BOT',
  }),
  device: Flags.string({
    summary: "The bot's device ID, where the login is not the bot's own.",
    helpValue: 'ID',
    dependsOn: ['bot'],
    helpGroup: 'BOT',
  }),
  store: Flags.string({
    summary: 'Where the bot keeps its keys: a folder or a file.',
    helpValue: 'PATH',
    dependsOn: ['bot'],
    helpGroup: 'BOT',
  }),
  'store-check-file': Flags.string({
    summary: "A file into which the bot writes its device's ed25519 key once its store is open; best inside the store.",
    helpValue: 'FILE',
    dependsOn: ['bot'],
    exclusive: ['store-check-command'],
    helpGroup: 'BOT',
  }),
  'store-check-command': Flags.string({
    summary: 'A line for sh that ends with 0 where the store opens; it runs in the store, and its output is not shown.',
    description:
      'It has 30 s, and finds MATRIX_STATE_USER_ID, MATRIX_STATE_DEVICE_ID and MATRIX_STATE_ED25519 in its environment. The line is kept in the profile and shown by `profile show`: put no secret into it.',
    helpValue: 'LINE',
    dependsOn: ['bot'],
    helpGroup: 'BOT',
  }),
  bootstrap: Flags.boolean({
    summary:
      'Give an account that has none cross-signing and secret storage, and sign the bot with it; needs the password.',
    description:
      'Done from a temporary device, which is logged out again. The recovery key is made first, and shown once unless --recovery-key-file is given.',
    dependsOn: ['bot'],
    helpGroup: 'BOT',
  }),
  'recovery-key-file': Flags.string({
    summary: 'Write the recovery key of --bootstrap into this new file instead of showing it.',
    helpValue: 'FILE',
    dependsOn: ['bootstrap'],
    helpGroup: 'BOT',
  }),
  'accept-new-identity': Flags.boolean({
    summary: 'With --modify: replace what is recorded of the bot, even if it is another device or has other keys now.',
    description:
      'What it costs: everybody sees a new, unverified device, and messages that were sent to the old keys stay unreadable.',
    dependsOn: ['bot', 'modify'],
    helpGroup: 'BOT',
  }),
}

/** What oclif's parser makes of `botFlags`. */
export interface BotFlags {
  /** Whether a profile is changed, which may have a store. */
  readonly modify?: boolean
  readonly bot: boolean
  readonly device: string | undefined
  readonly store: string | undefined
  readonly 'store-check-file': string | undefined
  readonly 'store-check-command': string | undefined
  readonly bootstrap: boolean
  readonly 'recovery-key-file': string | undefined
  readonly 'accept-new-identity': boolean
}

/**
 * What `--bot` does within a setup; `null` without it.
 *
 * @param print - to standard output: takes the recovery key, once, before anything is uploaded
 * @throws StateError USAGE
 * @remarks With --bootstrap, the process must not end while the step runs, also after Ctrl-C: cross-signing might be half made.
 */
export function botStep(
  flags: BotFlags,
  {json, print}: {readonly json: boolean; readonly print: (text: string) => Promise<void>},
): BotStep | null {
  if (!flags.bot) return null
  const {modify = true, store: named, 'store-check-file': file, 'store-check-command': command} = flags
  // Before anything is done on a server.
  if (!modify && named === undefined && (file !== undefined || command !== undefined)) throw checkOfNothing()
  if (flags.bootstrap && json && flags['recovery-key-file'] === undefined) {
    throw new StateError('USAGE', '--bootstrap with --json needs --recovery-key-file', {
      hint: 'The recovery key is not put into the JSON document, which is made to be kept and passed on.',
    })
  }
  return async (context) => {
    const {setUpBot} = await import('../investigate/set-up-bot.ts')
    const deviceId = deviceOf(flags, context)
    const store = await storeOf(flags, context)
    const bootstrap = flags.bootstrap
      ? {
          password: await passwordOf(context),
          recoveryKeyFile: flags['recovery-key-file'] ?? null,
          showRecoveryKey: (key: string, userId: string) => print(recoveryKeyText(key, userId)),
          hostname: hostname(),
        }
      : null
    const acceptNewIdentity = flags['accept-new-identity']
    return setUpBot({...context, deviceId, store, acceptNewIdentity, bootstrap})
  }
}

/** @throws StateError USAGE where it is not clear which device is the bot's */
function deviceOf({device}: BotFlags, {deviceId, ownLogin, before, userId}: BotContext): string {
  if (ownLogin) {
    const named = device ?? (before?.user_id === userId ? before.device_id : undefined)
    if (named === undefined) {
      throw new StateError(
        'USAGE',
        'which device is the bot’s? matrix-state is logged in as a device of its own here',
        {
          hint: 'Name the bot’s device: --device ID. Without a password login, the access token of the bot itself names it.',
        },
      )
    }
    if (named !== deviceId) return named
    throw new StateError('USAGE', `device ${named} is the one that matrix-state itself is logged in as, not the bot's`)
  }
  if (deviceId === null) {
    if (device !== undefined) return device
    throw new StateError('USAGE', 'the server does not tell which device the token is of: name it with --device')
  }
  if (device === undefined || device === deviceId) return deviceId
  throw new StateError('USAGE', `the access token is of device ${deviceId}, not of ${device}`, {
    hint: 'Give the bot’s own token, or log in by password (--user, --password-file): then --device names the bot’s.',
  })
}

/** @returns `undefined`: as it was recorded. @throws StateError USAGE for a check of no store */
async function storeOf(flags: BotFlags, context: BotContext): Promise<StoreBaseline | null | undefined> {
  const {'store-check-file': file, 'store-check-command': command} = flags
  const {before} = context
  const checked = file !== undefined || command !== undefined
  if (flags.store === undefined && !checked) return before === null ? context.store() : undefined
  const store = flags.store ?? before?.store?.path
  if (store === undefined) throw checkOfNothing()
  if (file !== undefined) return {path: store, check: {kind: 'file', path: file}}
  return {path: store, check: command === undefined ? null : {kind: 'command', command}}
}

function checkOfNothing(): StateError {
  return new StateError('USAGE', 'there is a check of the store, and no store was named or recorded', {
    hint: 'Name it: --store PATH, the folder or file in which the bot keeps its keys.',
  })
}

async function passwordOf({password, userId}: BotContext): Promise<string> {
  const known = await password()
  if (known !== null && known !== '') return known
  throw new StateError('CREDENTIALS_ABSENT', `--bootstrap needs the password of ${userId}`, {
    hint: 'Give it in MATRIX_STATE_PASSWORD or a file (--password-file FILE, - for standard input); it goes to the homeserver alone.',
  })
}

function recoveryKeyText(key: string, userId: string): string {
  return `Recovery key of ${userId}. Keep it: it is shown this once, and opens the account's private keys.\n\n  ${key}\n\n`
}
