import {StateError, type ErrorCode} from '../errors.ts'

/** What a bootstrap that failed has left on the server. */
export type Left =
  /** Nothing: the recovery key opens nothing. */
  | 'nothing'
  /** Secret storage, which could not be taken back; no cross-signing. */
  | 'storage'
  /** Perhaps cross-signing: the server did not say. */
  | 'unknown'
  /** Secret storage and cross-signing; the device is not signed. */
  | 'cross-signing'

/** A bootstrap that did not come to its end. */
export class BootstrapError extends StateError {
  readonly left: Left
  constructor(code: ErrorCode, message: string, left: Left, options: ErrorOptions & {readonly hint: string}) {
    super(code, message, options)
    this.left = left
  }
}

/** The failure to sign a device of an account whose cross-signing was just made. */
export function notSigned(
  userId: string,
  deviceId: string,
  masterKey: string,
  code: ErrorCode,
  why: string,
  cause?: unknown,
): BootstrapError {
  return new BootstrapError(
    code,
    `${userId} has cross-signing now (master key ${masterKey}) and secret storage, but its device ${deviceId} was not signed: ${why}`,
    'cross-signing',
    {
      cause,
      hint: 'Keep the recovery key: it opens the private keys. Log in to the account with another client, enter the recovery key, and verify the device there; then repeat this without --bootstrap.',
    },
  )
}

export function hasCrossSigning(userId: string): StateError {
  return new StateError(
    'OTHER_IDENTITY',
    `${userId} has cross-signing already: a bootstrap would replace its identity.`,
    {
      hint: 'Verify the bot’s device instead: log in to the account with another client, enter its recovery key, and verify the device there (Element: Settings, Sessions); then repeat this without --bootstrap.',
    },
  )
}

/** Says with the failure that the temporary device stays. */
export function withLogin(reason: unknown, name: string, stays: string): unknown {
  const tells = `The temporary device ${JSON.stringify(name)} could not be logged out (${stays}): log it out in another client.`
  if (!(reason instanceof StateError)) {
    return new BootstrapError('SERVER_UNREACHABLE', tells, 'nothing', {
      cause: reason,
      hint: 'Nothing was created; the recovery key, if one was shown, opens nothing.',
    })
  }
  const left = reason instanceof BootstrapError ? reason.left : 'nothing'
  const hint = `${reason.hint === undefined ? '' : `${reason.hint} `}${tells}`
  return new BootstrapError(reason.code, reason.message, left, {cause: reason, hint})
}

/** As the end of another sentence. */
export function inSentence({message}: StateError): string {
  return /[.!?)]$/u.test(message) ? message : `${message}.`
}
