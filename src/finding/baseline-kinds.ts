import type {FindingKind} from './kind.ts'

/** Kinds of findings of `preflight`: a bot's device, or its store, is not what `setup --bot` recorded. */
export const BASELINE_KINDS = {
  'baseline/token-refused': {
    severity: 'error',
    certainty: 'proof',
    meaning: 'The homeserver no longer takes the access token: the device was logged out, or its token was replaced.',
    remedy:
      'If the bot’s device is still there, give the profile its new token: matrix-state setup --modify. If it was logged out, its keys are lost to everybody: set the bot up anew.',
  },
  'baseline/other-account': {
    severity: 'error',
    certainty: 'proof',
    meaning: 'The access token belongs to another user or device than the one that was recorded.',
    remedy: 'Give the profile the token of the recorded device: matrix-state setup --modify.',
  },
  'baseline/device-gone': {
    severity: 'error',
    certainty: 'proof',
    meaning: 'The bot’s device is no longer published: it was logged out or deleted, and nobody encrypts to it.',
    remedy:
      'Set the bot up as a new device, verify it, and record it: matrix-state setup --bot --modify --accept-new-identity.',
  },
  'baseline/cross-signing-changed': {
    severity: 'error',
    certainty: 'proof',
    meaning: 'The account’s cross-signing keys are not those that were recorded: the identity was reset.',
    remedy:
      'If nobody of yours did it, treat the account as compromised. Otherwise verify the bot’s device under the new identity, and record it.',
  },
  'baseline/signature-lost': {
    severity: 'error',
    certainty: 'proof',
    meaning:
      'The bot’s device was verified when it was recorded, and is no longer: clients warn of it, and may give it no keys.',
    remedy: 'Verify the device again, from another one of the account or with the recovery key.',
  },
  'baseline/backup-changed': {
    severity: 'warning',
    certainty: 'proof',
    meaning:
      'The key backup is another than the one that was recorded: what the bot keeps of the old one no longer opens it.',
    remedy: 'Give the bot the new backup’s key (recovery key), and record it: matrix-state setup --bot --modify.',
  },
  'baseline/store-missing': {
    severity: 'error',
    certainty: 'proof',
    meaning:
      'The store with the bot’s keys is not there: a bot that starts now would make a new device, or wedge this one.',
    remedy: 'Do not start the bot. Restore the store, or mount it where it was.',
  },
  'baseline/store-unopenable': {
    severity: 'error',
    certainty: 'strong',
    meaning: 'The store is there, and the check that it opens failed.',
    remedy: 'Do not start the bot. See why the check fails; restore the store from a backup of it if it is damaged.',
  },
  'baseline/store-of-another': {
    severity: 'error',
    certainty: 'proof',
    meaning: 'The store holds the keys of another device than the one that was recorded.',
    remedy: 'Do not start the bot. Mount or restore the store that belongs to the recorded device.',
  },
  'baseline/store-unrecorded': {
    severity: 'warning',
    certainty: 'proof',
    meaning: 'No store was recorded, so that none is looked for: a store that is lost is not noticed.',
    remedy:
      'Name it: matrix-state setup --bot --modify --store PATH. Where the disk is another machine’s, say so with --no-store.',
  },
} as const satisfies Readonly<Record<string, FindingKind>>
