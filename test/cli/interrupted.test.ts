import {spawn} from 'node:child_process'
import {once} from 'node:events'
import {existsSync} from 'node:fs'
import {join} from 'node:path'
import {describe, expect, test} from 'vitest'
import {EXIT} from '../../src/cli/exit-codes.ts'
import {drips, ROOM, TOKEN} from '../sources/client-stub.ts'
import {RoomServer} from '../sources/room-stub.ts'
import {Dumps} from './dumps.ts'
import {ROOT} from './program.ts'

const dumps = new Dumps()

/** Runs `fetch` and presses Ctrl-C when the server is asked for something the first time. */
async function interruptedAt(end: string, server: RoomServer, path: string, ...more: readonly string[]) {
  const asked = new Promise<void>((resolve) => {
    server.faults.set(end, [
      (request, response) => {
        drips(request, response)
        resolve()
      },
    ])
  })
  const args = ['fetch', ROOM, '--case', path, '--homeserver', server.url, ...more]
  const child = spawn(process.execPath, [join(ROOT, 'bin/run.js'), ...args], {
    env: {...process.env, MATRIX_STATE_TOKEN: TOKEN},
  })
  let output = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (output += text))
  const ended = once(child, 'close')
  await asked
  child.kill('SIGINT')
  const [code] = (await ended) as [number | null]
  return {code, output}
}

describe('Ctrl-C', () => {
  test('says what was kept, and the same command goes on from there', async () => {
    const server = await RoomServer.start()
    server.chat(10, 'message')
    const path = dumps.path('kept.case')
    const first = await interruptedAt('/messages', server, path)
    expect(first.code).toBe(EXIT.interrupted)
    expect(first.output).toMatch(
      /^interrupted: .*kept\.case keeps the \d+ events that came; the same command goes on from there\n$/,
    )
    const again = await interruptedAt('/messages', server, path)
    expect(again.output).toBe(first.output)
  })

  test('before anything came says so, and leaves no file', async () => {
    const server = await RoomServer.start()
    const path = dumps.path('none.case')
    const ended = await interruptedAt('/whoami', server, path)
    expect(ended).toEqual({code: EXIT.interrupted, output: 'interrupted: nothing was kept yet\n'})
    expect(existsSync(path)).toBe(false)
  })

  test('says nothing where nothing is to be said', async () => {
    const server = await RoomServer.start()
    const ended = await interruptedAt('/whoami', server, dumps.path('none.case'), '--quiet')
    expect(ended).toEqual({code: EXIT.interrupted, output: ''})
  })
})
