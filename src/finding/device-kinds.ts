import type {FindingKind} from './kind.ts'

/**
 * Kinds of findings on end-to-end encryption devices. A server sees no Olm sessions: where one is called wedged, that is a suspicion, unless
 * the evidence proves it.
 */
export const DEVICE_KINDS = {
  'device/otk-reused': {
    severity: 'error',
    certainty: 'proof',
    meaning:
      'The device tried to upload a one-time key under a name under which the server holds another one: its store was rolled back or copied, and no longer knows what it gave out.',
    remedy:
      'The device cannot be repaired from outside. Restore the store as it was last, if it is there; otherwise log this device out, log in anew, verify the new device and restore the keys from the backup.',
  },
  'device/identity-changed': {
    severity: 'error',
    certainty: 'proof',
    meaning:
      'The device has other identity keys than before under the same device ID: its store was lost and made anew. Others refuse such a device, or encrypt to keys that nobody has any more.',
    remedy:
      'Log this device out, log in anew, so that it gets another device ID, and verify it. For a bot: keep its store and its access token together, and never make one without the other.',
  },
  'device/self-signature-bad': {
    severity: 'error',
    certainty: 'proof',
    meaning:
      'The keys of the device are not signed by its own ed25519 key, or name another device: other clients ignore it and send it no keys.',
    remedy:
      'Log this device out and log in anew; if it comes back with a new device, the client that made it is broken.',
  },
  'device/id-reused': {
    severity: 'error',
    certainty: 'proof',
    meaning:
      'There is a signature by the current self-signing key, but of other keys: the device was made anew under the device ID of an older one, and the server still shows the old signature.',
    remedy:
      'Log this device out and log in without naming a device ID, then verify the new one. Signing it again does not help where the server keeps the old signature.',
  },
  'device/unverified': {
    severity: 'warning',
    certainty: 'proof',
    meaning: 'The device is not signed by its owner’s self-signing key: clients warn of it, and may give it no keys.',
    remedy:
      'Verify this device from another one of the same user, or with the recovery key; if nobody knows it, log it out.',
  },
  'device/cross-signing-broken': {
    severity: 'error',
    certainty: 'proof',
    meaning: 'A cross-signing key is not signed by the master key, so that nothing that it signed counts for anybody.',
    remedy: 'The user resets the cross-signing identity in a client, and verifies all own devices again.',
  },
  'device/without-keys': {
    severity: 'note',
    certainty: 'proof',
    meaning: 'A login that publishes no encryption keys: it can read nothing in encrypted rooms.',
    remedy: 'None needed for a client without encryption; otherwise log this device out and log in anew.',
  },
  'device/otk-exhausted': {
    severity: 'error',
    certainty: 'proof',
    meaning:
      'No one-time key of the device is left, and no fallback key: nobody can start an encrypted session with it, so that it gets no keys from anybody new.',
    remedy:
      'Start the client of this device: it uploads new ones. If it runs and does not, it does not sync, or its uploads are refused (see its log).',
  },
  'device/otk-reissued': {
    severity: 'error',
    certainty: 'proof',
    meaning:
      'One one-time key was given to two senders: the server was rolled back to an older state. One of the two cannot reach the device.',
    remedy:
      'The admin of the device’s server should not restore old one-time keys from a backup (empty the tables before starting). The device: log out and in anew if the senders still cannot reach it.',
  },
  'device/stale-sender-key': {
    severity: 'warning',
    certainty: 'proof',
    meaning:
      'Messages wait for the device that are encrypted to a key which it no longer has: whoever sends them has an old copy of the device, and the device cannot read them.',
    remedy:
      'The sender’s side must learn the new keys: the sender restarts the client or sends the first message after the other server has heard of the change; if that does not help, log this device out and in anew.',
  },
  'device/olm-restarting': {
    severity: 'warning',
    certainty: 'hint',
    meaning: 'One sender keeps starting new encrypted sessions with the device: they do not come to agree on one.',
    remedy:
      'Restart the client of this device and see whether it still happens. If it does, its store is suspect: log out and in anew.',
  },
  'device/keys-withheld': {
    severity: 'warning',
    certainty: 'proof',
    meaning: 'A sender says that it does not give the device the keys of a room, and why.',
    remedy:
      'For "m.unverified": verify the device. For "m.blacklisted": the sender blocks it. For "m.no_olm": the device’s one-time keys were exhausted or it could not be reached.',
  },
  'device/inbox-backlog': {
    severity: 'warning',
    certainty: 'strong',
    meaning:
      'Messages for the device pile up at its server: it does not sync, and has not got the keys that are in them.',
    remedy: 'Start its client, or log the device out if nobody uses it any more.',
  },
  'device/list-stale': {
    severity: 'error',
    certainty: 'proof',
    meaning:
      'A server’s copy of the user’s devices differs from what the user’s own server says: its users encrypt to the wrong devices.',
    remedy:
      'The admin of the server with the old copy sees to it that it reaches the other (federation), and lets it fetch the list again; any change of the user’s devices, such as a new login, makes it do so.',
  },
  'device/list-resync-failing': {
    severity: 'warning',
    certainty: 'proof',
    meaning: 'A server knows that its copy of the user’s devices is out of date, and has not managed to fetch it anew.',
    remedy: 'The admins see why the two servers do not reach each other (federation, TLS, back-off after an outage).',
  },
  'device/list-too-long': {
    severity: 'error',
    certainty: 'proof',
    meaning:
      'The user has more than 1,000 devices: Synapse ignores such a list, and takes what it had before for valid.',
    remedy: 'Log out devices that nobody uses; the admin of the user’s server can do it by the admin API.',
  },
  'device/list-unsent': {
    severity: 'warning',
    certainty: 'strong',
    meaning: 'Changes of the user’s devices are not delivered to a server that must know of them.',
    remedy:
      'None needed if that server is gone for good. Otherwise its admin and the admin of this one see why they do not reach each other.',
  },
  'megolm/index-reused': {
    severity: 'error',
    certainty: 'proof',
    meaning:
      'Two messages were encrypted at the same place of one session: the sender’s store was copied or rolled back. Clients refuse the second as a replay.',
    remedy:
      'The sender logs this device out and in anew. For a bot: one store belongs to one running process, and an old copy of it is never put back.',
  },
  'megolm/signature-bad': {
    severity: 'error',
    certainty: 'proof',
    meaning:
      'The message’s signature is not by the session that it names: it was altered, or the session ID is forged.',
    remedy: 'Compare the event with the copy of the sender’s server. Clients refuse to read it, and are right.',
  },
  'megolm/rotation-overdue': {
    severity: 'warning',
    certainty: 'proof',
    meaning:
      'A session was used longer than the room’s settings allow: whoever gets its key can read more than was meant.',
    remedy: 'Update or restart the sender’s client; it should start a new session by itself.',
  },
  'megolm/sender-device-gone': {
    severity: 'note',
    certainty: 'hint',
    meaning: 'A message names a device that its sender no longer has: nobody can ask that device for the key again.',
    remedy:
      'None needed: logging out is normal. Whoever cannot read the message asks another device of the sender, or the backup.',
  },
  'room/encryption-lost': {
    severity: 'error',
    certainty: 'proof',
    meaning: 'Encryption was switched on in the room, and the state no longer says so: messages are sent in the clear.',
    remedy:
      'Somebody with the power to do so sends m.room.encryption again. What was sent in the meantime stays readable to all servers in the room.',
  },
  'room/key-recipients-differ': {
    severity: 'error',
    certainty: 'strong',
    meaning:
      'Servers disagree who is in an encrypted room, so that keys of messages go to other people, depending on who sends.',
    remedy:
      'Repair the memberships first (`matrix-state diff`, `matrix-state blame`): who must be in joins again, who must not be is kicked again, on the servers that are wrong.',
  },
  'account/backup-untrusted': {
    severity: 'warning',
    certainty: 'proof',
    meaning: 'The key backup is not signed by the user’s current master key: clients will not use it.',
    remedy: 'The user sets up the key backup anew in a client that has the keys (Element: Settings, Encryption).',
  },
  'account/secrets-inconsistent': {
    severity: 'warning',
    certainty: 'strong',
    meaning:
      'Secrets of cross-signing or backup are not stored under the account’s default key: the recovery key opens some of them only.',
    remedy:
      'The user sets up recovery anew in a client that is verified (Element: Settings, Encryption, reset recovery key).',
  },
  'device/dehydrated': {
    severity: 'note',
    certainty: 'proof',
    meaning: 'A dehydrated device: nobody is logged in with it; it takes in keys while its owner is away.',
    remedy: 'None needed.',
  },
} as const satisfies Readonly<Record<string, FindingKind>>
