import type {RoomDrawing} from './room-drawing.ts'

/** All that a reader must know before believing the picture. */
export function drawingSays({says, complete, open, focus, edgesAre}: RoomDrawing): readonly string[] {
  return [
    ...(focus.kind === 'around' ? [`Only what is within ${steps(focus.radius)} of ${focus.eventId}.`] : []),
    ...(focus.kind === 'slot'
      ? [
          `Only what set ${focus.type}${focus.stateKey === '' ? '' : ` ${focus.stateKey}`}, the merges that changed it, ${edgesAre === 'auth' ? 'the tips, and the auth events of all these' : 'and the tips; what lies between is one edge'}.`,
        ]
      : []),
    ...says,
    ...(complete ? open : ['The evidence is incomplete.', ...open]),
  ]
}

function steps(radius: number): string {
  return radius === 1 ? '1 step' : `${radius.toLocaleString('en-US')} steps`
}
