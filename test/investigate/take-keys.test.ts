import {expect, test} from 'vitest'
import {serversWithoutKeys} from '../../src/investigate/take-keys.ts'
import {signedEvent} from '../matrix/signed-events.ts'
import {MemoryCase} from './memory-case.ts'

test('only servers that had to sign are asked for keys, whoever else an event names', () => {
  const event = signedEvent('10') as {sender: string; signatures: Record<string, unknown>}
  const [, own = ''] = /:(.*)$/.exec(event.sender) ?? []
  const others = Object.fromEntries(
    Array.from({length: 50}, (_, n) => [`made-up-${String(n)}.example`, {'ed25519:1': 'x'}]),
  )
  const text = JSON.stringify({...event, signatures: {...event.signatures, ...others}})
  const room = new MemoryCase('!room:a.example', '10').give('x', [text])
  expect(serversWithoutKeys(room)).toEqual([own])
})
