import {describe, expect, test} from 'vitest'
import {displayWidth} from '../../src/report/width.ts'
import {reportedRoom, writeRoomCase} from '../scenarios/room-case.ts'
import {Dumps} from './dumps.ts'
import {matrixState} from './program.ts'

const dumps = new Dumps()
const rooms = ['conflict-v10', 'creators-v12', 'split-reject-v10', 'split-sql-v11'].map(
  (name) => [name, writeRoomCase(dumps.path(`${name}.case`), reportedRoom(name))] as const,
)
const [, conflict] = rooms[0]!

describe.each([60, 80, 120])('a terminal of %i columns', (columns) => {
  test.concurrent.each([
    ...rooms.flatMap(([name, path]) => [
      [`resolve ${name}`, ['resolve', path]] as const,
      [`diff ${name}`, ['diff', path]] as const,
    ]),
    ['blame', ['blame', conflict, '@carol:localhost:18448']] as const,
    ['blame --full', ['blame', conflict, 'm.room.join_rules', '--full']] as const,
    ['explain', ['explain', conflict, '$Xt9lLivjLY']] as const,
    ['explain --can', ['explain', conflict, '--can', '@carol:localhost:18448', 'join']] as const,
  ])('%s breaks no line', async (_, args) => {
    const {stdout} = await matrixState(args, {env: {COLUMNS: String(columns)}})
    expect(stdout.length).toBeGreaterThan(200)
    // Commands are to be copied whole; what has no space cannot be wrapped.
    const wide = stdout
      .split('\n')
      .filter((line) => displayWidth(line) > columns && !line.startsWith('  matrix-state') && line.trim().includes(' '))
    expect(wide).toEqual([])
  })
})
