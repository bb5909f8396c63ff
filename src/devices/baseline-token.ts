import {type Finding, finding} from '../finding/finding.ts'
import type {BaselineEvidence, TokenOutcome} from './baseline-evidence.ts'
import {type Made, recorded} from './baseline-parts.ts'
import {clipped} from './words.ts'

const WHOAMI = 'GET /_matrix/client/v3/account/whoami'

/** `baseline/token-refused`, `baseline/other-account`. */
export function tokenFindings({baseline, token, asBot}: BaselineEvidence): readonly Finding[] {
  const {user_id: userId, device_id: deviceId} = baseline
  const subject = {kind: 'device', user_id: userId, device_id: deviceId} as const
  if (token.kind === 'refused')
    return [
      finding(
        'baseline/token-refused',
        subject,
        !asBot
          ? 'The homeserver does not take the access token that matrix-state has of its own: it was logged out, or the token was replaced.'
          : token.softLogout
            ? 'The homeserver no longer takes the access token, and keeps the device: it was logged out softly, or the token expired.'
            : 'The homeserver does not take the access token: the device was logged out, or the token was replaced or mistyped.',
        [{source: token.route, where: WHOAMI, value: clipped(token.said, 300)}],
        !asBot
          ? {remedy: 'Log matrix-state in again: matrix-state setup --modify. The bot’s own device is another one.'}
          : token.softLogout
            ? {remedy: 'Log in again with the same device ID, and give the profile the new token: the keys stay.'}
            : {},
      ),
    ]
  if (token.kind !== 'account' || isExpected(token, userId)) return []
  const whose = token.userId === userId ? `device ${clipped(token.deviceId ?? '?')}` : clipped(token.userId)
  return [
    finding(
      'baseline/other-account',
      subject,
      `The access token belongs to ${whose}, not to ${token.userId === userId ? `device ${clipped(deviceId)}` : clipped(userId)}.`,
      [
        recorded(baseline, 'user and device', `${userId} ${deviceId}`),
        {
          source: token.route,
          where: WHOAMI,
          value: clipped(`${token.userId} ${token.deviceId ?? '(no device told)'}`, 300),
        },
      ],
    ),
  ]
}

type Account = Extract<TokenOutcome, {kind: 'account'}>

/** A server that does not tell the device contradicts nothing. */
function isExpected({userId, deviceId, expected}: Account, botId: string): boolean {
  return userId === botId && (deviceId === null || expected.includes(deviceId))
}

export function tokenCheck({baseline, token}: BaselineEvidence): Made {
  const id = 'token'
  switch (token.kind) {
    case 'account': {
      const {userId, deviceId, expected} = token
      if (deviceId === null && !expected.includes(null))
        return {
          id,
          summary: `The token is of ${clipped(userId)}; of which device, the server does not tell.`,
          because: 'no-answer',
        }
      const own = deviceId === baseline.device_id ? ', the bot’s own' : ''
      const device = deviceId === null ? '' : `, device ${clipped(deviceId)}${own}`
      return {id, summary: `The homeserver takes the token: ${clipped(userId)}${device}.`, because: null}
    }
    case 'refused':
      return {id, summary: 'The token is refused.', because: null}
    case 'absent':
      return {id, summary: 'There is no token to try.', because: 'no-access'}
    case 'unanswered':
      return {id, summary: `Whether the token is taken: ${token.why}`, because: 'no-answer'}
  }
}
