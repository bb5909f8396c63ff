import {spawnSync} from 'node:child_process'
import {join} from 'node:path'
import {expect, test} from 'vitest'
import {ROOT} from './program.ts'

/** What is built has other file names than the sources: threads must find their program there, too. */
test('the built library verifies on threads', () => {
  const module = (path: string): string => JSON.stringify(join(ROOT, path))
  const script = `
    import {verifyEvidence} from ${module('dist/src/investigate/verify-evidence.js')}
    import {MemoryCase} from ${module('test/investigate/memory-case.ts')}
    import {keyOf, ROOM_ID, signedEvent} from ${module('test/matrix/signed-events.ts')}
    const room = new MemoryCase(ROOM_ID, '11')
    room.give('x', Array.from({length: 600}, (_, depth) => JSON.stringify(signedEvent('11', {depth}))))
    room.addKeys([keyOf('a.example')])
    const {verified, workers} = await verifyEvidence(room, {workers: 2})
    process.stdout.write(JSON.stringify({verified, workers}))
  `
  const run = spawnSync(process.execPath, ['--input-type=module', '--eval', script], {encoding: 'utf8', cwd: ROOT})
  expect(run.stderr).toBe('')
  expect(JSON.parse(run.stdout)).toEqual({verified: 600, workers: 2})
})
