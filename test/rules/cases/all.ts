import type {Pair} from '../pair.ts'
import {authEventsPairs} from './auth-events.ts'
import {createPairs} from './create.ts'
import {invitePairs} from './invite.ts'
import {joinPairs} from './join.ts'
import {memberPairs} from './leave-ban-knock.ts'
import {otherPairs} from './other.ts'
import {powerLevelsPairs} from './power-levels.ts'

export const PAIRS: readonly Pair[] = [
  ...createPairs,
  ...authEventsPairs,
  ...joinPairs,
  ...invitePairs,
  ...memberPairs,
  ...otherPairs,
  ...powerLevelsPairs,
]
