import {expect, test} from 'vitest'
import {saidVersion, versionIn} from '../../src/matrix/room-version.ts'

test.each([
  ['a version', {room_version: '10'}, '10', '10'],
  ['one that nobody knows', {room_version: 'x'}, 'x', 'x'],
  ['none', {}, '1', '1'],
  ['null', {room_version: null}, '1', '1'],
  ['a number', {room_version: 5}, 5, null],
  ['a list', {room_version: ['10']}, ['10'], null],
  ['a content that is a list', ['10'], '1', '1'],
  ['a content that is a text', '10', '1', '1'],
  ['no content', undefined, '1', '1'],
])('a create event that names %s', (_, content, said, version) => {
  expect(saidVersion(content)).toEqual(said)
  expect(versionIn(content)).toBe(version)
})
