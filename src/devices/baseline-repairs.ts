import type {FindingId} from '../finding/finding.ts'
import type {Baseline} from '../matrix/device-baseline.ts'
import type {Repair, RepairId} from './baseline-evidence.ts'
import {clipped} from './words.ts'

/** What repairs depend on. */
export interface RepairContext {
  readonly baseline: Baseline
  readonly profile: string | null
  /** Whether the account has cross-signing keys now; `null`: not known. */
  readonly hasCrossSigning: boolean | null
  /** See `BaselineEvidence`. */
  readonly asBot: boolean
  /** The token was refused, and the server keeps the device. */
  readonly softLogout: boolean
  /** Everything that was found: what one finding takes away, no repair of another may ask for. */
  readonly found: ReadonlySet<FindingId>
  /** Whether there is a finding of severity error. */
  readonly hasErrors: boolean
  /** The account’s self-signing key, as it is now, has signed the device. */
  readonly isVerified: boolean
  /** The recorded key backup is not there any more. */
  readonly backupLost: boolean
}

/** Which repairs fit a finding, least invasive first. */
const REPAIRS: Readonly<Partial<Record<FindingId, readonly RepairId[]>>> = {
  'baseline/token-refused': ['new-token', 'recover'],
  'baseline/other-account': ['new-token', 'recover'],
  'baseline/device-gone': ['recover'],
  'device/identity-changed': ['restore-store', 'recover', 'accept-new-identity'],
  'device/self-signature-bad': ['restore-store', 'recover'],
  'device/id-reused': ['restore-store', 'recover'],
  'device/unverified': ['bootstrap', 're-verify'],
  'baseline/signature-lost': ['bootstrap', 're-verify'],
  'baseline/cross-signing-changed': ['look-into', 're-verify', 'record-again'],
  'device/cross-signing-broken': ['look-into', 're-verify', 'record-again'],
  'device/otk-exhausted': ['start-bot'],
  'device/otk-reissued': ['recover'],
  'device/inbox-backlog': ['start-bot'],
  'device/stale-sender-key': ['start-bot', 'recover'],
  'device/olm-restarting': ['start-bot', 'recover'],
  'baseline/backup-changed': ['look-into', 'record-again'],
  'account/backup-untrusted': ['look-into'],
  'baseline/store-missing': ['restore-store', 'recover'],
  'baseline/store-unopenable': ['run-check', 'restore-store', 'recover'],
  'baseline/store-of-another': ['restore-store', 'recover'],
  'baseline/store-unrecorded': ['name-store'],
}

/** The repairs of a finding, in the order in which they should be tried. Commands name the profile. */
export function repairsOf(id: FindingId, context: RepairContext): readonly Repair[] {
  return (REPAIRS[id] ?? []).flatMap((repair) => {
    const made = MAKE[repair](context, id)
    return made === null ? [] : [{repair, ...made}]
  })
}

type Made = Omit<Repair, 'repair'>

/** A profile’s name needs no quoting. */
const of = ({profile}: RepairContext): string => `--profile ${profile ?? 'NAME'}`
const preflight = (context: RepairContext): string => `matrix-state preflight ${of(context)}`

/** While one of these stands, `setup --bot` refuses to record the device as it is, whatever flags it has. */
const NEVER_RECORDED = [
  'baseline/token-refused',
  'baseline/other-account',
  'baseline/device-gone',
  'device/id-reused',
  'device/self-signature-bad',
  'device/cross-signing-broken',
  'baseline/store-missing',
] as const satisfies readonly FindingId[]

/** Whether the device can be recorded with the store and under the keys that were recorded. */
function isSameDevice({found}: RepairContext): boolean {
  const others = ['device/identity-changed', 'baseline/store-unopenable', 'baseline/store-of-another'] as const
  return isRecordable(found) && !others.some((id) => found.has(id))
}

function isRecordable(found: ReadonlySet<FindingId>): boolean {
  return !NEVER_RECORDED.some((id) => found.has(id))
}

/** Another backup, or cross-signing where there was none, makes nobody else of the bot. */
function isOtherIdentity({baseline}: RepairContext, id: FindingId): boolean {
  return id !== 'baseline/backup-changed' && baseline.master_key !== null
}

const MAKE: Readonly<Record<RepairId, (context: RepairContext, id: FindingId) => Made | null>> = {
  'start-bot': (context) => ({
    what: context.hasErrors
      ? 'Put right what is an error first. When none stands any more, start the bot with its store: it uploads what is lacking.'
      : 'Start the bot once with its store, so that it uploads what is lacking, and look again.',
    command: preflight(context),
    costs: 'nothing',
  }),
  'new-token': (context) => {
    const device = clipped(context.baseline.device_id)
    if (!context.asBot)
      return {
        what: 'Log matrix-state in again, as the device of its own that it has.',
        command: `matrix-state setup --modify --password-file FILE ${of(context)}`,
        costs: 'nothing: the bot’s device and keys stay what they are',
      }
    // A device that is gone has no token any more.
    if (context.found.has('baseline/device-gone')) return null
    return {
      what: context.softLogout
        ? `The server still has device ${device}: log in again with that device ID, which keeps its keys, leave the store as it is, and give the profile the new token.`
        : `If device ${device} is still there, give the profile a token of it.`,
      command: `matrix-state setup --modify --token-file FILE ${of(context)}`,
      costs: 'nothing: device and keys stay what they are',
    }
  },
  'restore-store': (context, id) => {
    const {store} = context.baseline
    const where = store === null ? '' : ` at ${clipped(store.path, 300)}`
    return {
      what: id.startsWith('baseline/store-')
        ? `Do not start the bot: mount or restore its store${where}, and run preflight again.`
        : `Stop the bot and restore the store with the recorded keys${where}, where it is another; then run preflight again. ${
            id === 'device/self-signature-bad'
              ? 'Keys on the server that its library can publish anew, without a start of the bot, are to be published'
              : 'The server goes on showing the other keys until the recorded ones are published again, which some libraries can do without a start of the bot'
          }; while this error stands, do not start it, but go on below.`,
      command: preflight(context),
      costs: 'nothing if the store is as it was last; with an older copy, what came since may stay unreadable',
    }
  },
  'name-store': (context) => ({
    what: 'Name the bot’s store, so that preflight looks for it. Where the disk is another machine’s, add --no-store to preflight instead.',
    command: `matrix-state setup --bot --modify ${of(context)} --store PATH`,
    costs: 'nothing: the rest of what was recorded must still hold, and is recorded as it is',
  }),
  'run-check': ({baseline: {store}}) =>
    store?.check?.kind === 'command'
      ? {
          what: 'Run the recorded check by hand, in the folder and as the user that the bot has, to see why it fails.',
          command: clipped(store.check.command, 1000),
          costs: 'nothing',
        }
      : null,
  're-verify': (context) =>
    context.hasCrossSigning === false || !isToBeVerified(context)
      ? null
      : {
          what: `Verify device ${clipped(context.baseline.device_id)} from another verified device of ${clipped(context.baseline.user_id)}, or by the bot itself with the recovery key, and look again.`,
          command: preflight(context),
          costs: 'nothing: device and keys stay what they are',
        },
  bootstrap: (context) =>
    context.hasCrossSigning === false && isToBeVerified(context)
      ? {
          what: 'The account has no cross-signing: make it, which signs the bot’s device.',
          command: `matrix-state setup --bot --modify --bootstrap ${of(context)}`,
          costs: 'it takes the account’s password; the recovery key that it prints is to be kept',
        }
      : null,
  'look-into': (context) => ({
    what: 'Find out who did it. If nobody of yours did, change the account’s password and log out the devices that nobody knows.',
    command: `matrix-state devices ${clipped(context.baseline.user_id, 300)} ${of(context)}`,
    costs: 'nothing: that only looks',
  }),
  recover: (context, id) => {
    const {baseline, asBot, found, backupLost} = context
    const isGone = found.has('baseline/device-gone')
    if (id === 'baseline/token-refused' && !asBot) return null
    if (id === 'baseline/other-account' && !isGone) return null
    const hasBackup = baseline.backup !== null && baseline.backup !== undefined && !backupLost
    const begin = isGone
      ? 'Log the bot in anew'
      : `Only if the keys of device ${clipped(baseline.device_id)} are lost: log it out, log the bot in anew`
    return {
      what: `${begin} with an empty store and without naming a device ID, ${hasBackup ? 'let it restore its keys from the backup with the recovery key, ' : ''}verify the new device, and record it.`,
      command: `matrix-state setup --bot --modify --accept-new-identity ${asBot ? '--token-file FILE' : '--device ID'} ${of(context)}`,
      costs: `everybody sees a new device, unverified until you verify it; messages that were sent to the old keys${hasBackup ? ' and are not in the backup' : ''} stay unreadable`,
    }
  },
  'record-again': (context, id) =>
    isSameDevice(context)
      ? {
          what: context.isVerified
            ? 'If the change was yours, record what there is: the bot’s device is verified as it is now.'
            : 'If the change was yours, and the bot’s device is verified as it is now, record what there is.',
          command: `matrix-state setup --bot --modify ${isOtherIdentity(context, id) ? '--accept-new-identity ' : ''}${of(context)}`,
          costs: 'what was recorded is replaced: from then on the new state is what preflight expects',
        }
      : null,
  'accept-new-identity': (context) =>
    isRecordable(context.found)
      ? {
          what: 'If the new keys are meant to stay, record them.',
          command: `matrix-state setup --bot --modify --accept-new-identity ${of(context)}`,
          costs:
            'everybody sees a new, unverified device; clients that knew the old keys may refuse it for good, since the device ID is the same; messages sent to the old keys stay unreadable',
        }
      : null,
}

/** Whether a signature would be one of the recorded keys, and is lacking. */
function isToBeVerified({found, isVerified}: RepairContext): boolean {
  return !isVerified && !found.has('baseline/device-gone') && !found.has('device/identity-changed')
}
