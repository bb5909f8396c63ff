import {expect, test} from 'vitest'
import {loadRoomFrom} from '../../src/investigate/load-room.ts'
import {replay, VERDICT_NAMES} from '../../src/resolve/replay.ts'

const room_id = '!r:a'
const sender = '@alice:a'
const create = {event_id: '$create', room_id, sender, type: 'm.room.create', state_key: '', content: {creator: sender}}
const join = {
  event_id: '$join',
  room_id,
  sender,
  type: 'm.room.member',
  state_key: sender,
  content: {membership: 'join'},
}
const topic = (words: string) => ({
  event_id: '$topic',
  room_id,
  sender,
  type: 'm.room.topic',
  state_key: '',
  content: {topic: words},
})
const name = {event_id: '$name', room_id, sender, type: 'm.room.name', state_key: '', content: {name: 'n'}}
const after = (prev: readonly string[], auth: readonly string[]) => ({prev_events: prev, auth_events: auth})

test('which of two events under one made-up ID is the one, nobody can tell, whatever their order', () => {
  const [one, other] = ['one', 'other'].map((words) => ({...topic(words), ...after(['$join'], ['$create', '$join'])}))
  const rest = [
    {...create, ...after([], [])},
    {...join, ...after(['$create'], ['$create'])},
    {...name, ...after(['$topic'], ['$create', '$join'])},
  ]
  for (const events of [
    [...rest, one, other],
    [...rest, other, one],
  ]) {
    const lines = events.map((event, index) => ({text: JSON.stringify(event), line: index + 1}))
    const room = loadRoomFrom('test', lines, {trustIds: true})
    const {verdicts} = replay(room.graph)
    const verdict = (id: string) => VERDICT_NAMES[(verdicts[room.graph.row(id)] ?? 0) as 0 | 1 | 2]
    expect(['$create', '$join', '$topic', '$name'].map(verdict)).toEqual([
      'accepted',
      'accepted',
      'undetermined',
      'undetermined',
    ])
    expect(room.faults.map(({kind}) => kind)).toEqual(['different-copy'])
  }
})
