import {describe, expect, test} from 'vitest'
import {explainCan, explainEvent} from '../../src/investigate/explain-room.ts'
import {loadRoomFrom} from '../../src/investigate/load-room.ts'
import {explainText} from '../../src/report/explain-text.ts'
import {linesOf, serverRoom} from '../cli/dumps.ts'
import {ALICE, BOB, CAROL, publicRoom, type Room} from '../rules/build.ts'

const load = (lines: readonly string[]) => ({
  room: loadRoomFrom(
    'room',
    lines.map((text, index) => ({text, line: index + 1})),
  ),
})
const opened = (room: Room) => load(linesOf(room))
const PLAIN = {color: false} as const

describe('what people read', () => {
  test('fits a terminal of 80 columns, but for IDs', async () => {
    const room = load(serverRoom('rejected-v6').lines)
    for (const eventId of room.room.graph.ids) {
      const lines = explainText(await explainEvent(room, eventId), {...PLAIN, columns: 80}).split('\n')
      const wide = lines.filter((line) => line.length > 80 && line.trim().includes(' '))
      expect(wide).toEqual([])
    }
  })

  test('of a question, only the answer, the ways out, and the rules', () => {
    const room = opened(publicRoom('10').member('ban', BOB, 'ban', ALICE))
    const text = explainText(explainCan(room, {user: BOB, action: 'join'}), PLAIN)
    expect(text).toMatchInlineSnapshot(`
      "No, @bob:b.example cannot join, by rule 4.3.3: @bob:b.example is banned.

      It would be accepted
        - if @bob:b.example were not banned (now banned)
            who can bring that about: @alice:a.example (100), @mo:a.example (50)
        - if @bob:b.example were invited (now banned)
            who can bring that about: nobody in the room

      Rules, asked of its auth events and of the state before it alike
        2.1    passed   no two of its auth_events stand in one slot
        2.2    passed   each of its auth_events has a part in authorising it
        2.3    passed   none of its auth_events was rejected
        2.4    passed   there is a create event
        2.5    passed   its auth_events are of this room
        3      passed   the room lets its server in (m.federate true)
        4.1    passed   it has a user in its state_key and a membership
        4.3.1  no say   it is the creator's first join
        4.3.2  passed   people join themselves only
        4.3.3  rejected @bob:b.example is banned (@bob:b.example: ban)"
    `)
  })

  test('nothing from a room reaches the terminal as it is', async () => {
    const hostile = 'm.room.\u001b[31mred\u202e'
    const room = publicRoom('10').add('bad', {type: hostile, sender: CAROL, state_key: '\u001b]0;x', content: {}})
    const explanation = await explainEvent(opened(room), room.id('bad'))
    const text = explainText(explanation, {...PLAIN, full: true})
    expect(text).toContain('\\u{1b}[31mred')

    expect(text).not.toMatch(/[\u001b\u202e]/)
  })
})
