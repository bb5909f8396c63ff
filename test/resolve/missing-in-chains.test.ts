import {expect, test} from 'vitest'
import {loadRoomFrom} from '../../src/investigate/load-room.ts'
import {resolveStates} from '../../src/resolve/states.ts'

test('an event that is missing from the chains of given states is named once, however many cite it', () => {
  const room_id = '!r:a'
  const sender = '@alice:a'
  const event = (
    event_id: string,
    type: string,
    state_key: string,
    content: object,
    auth_events: readonly string[],
  ) => ({
    event_id,
    room_id,
    sender,
    type,
    state_key,
    content,
    prev_events: [],
    auth_events,
  })
  const events = [
    event('$create', 'm.room.create', '', {creator: sender}, []),
    event('$join', 'm.room.member', sender, {membership: 'join'}, ['$create', '$gone']),
    event('$name', 'm.room.name', '', {name: 'n'}, ['$create', '$join', '$gone']),
    event('$topic', 'm.room.topic', '', {topic: 't'}, ['$create', '$join', '$gone']),
  ]
  const lines = events.map((each, index) => ({text: JSON.stringify(each), line: index + 1}))
  const {graph} = loadRoomFrom('test', lines, {trustIds: true})
  const states = [
    ['$create', '$join', '$name'],
    ['$create', '$join', '$topic'],
  ]
  expect(resolveStates(graph, states).missing).toEqual(['$gone'])
})
