import {existsSync} from 'node:fs'
import {homedir} from 'node:os'
import {join} from 'node:path'
import {describe, expect, test} from 'vitest'
import {isProfileName, profileFolder, profilePath, setupLine} from '../../src/profile/profile-folder.ts'
import {newFolder} from './profiles.ts'

describe('the folder of profiles', () => {
  test.each<[string, Record<string, string>, NodeJS.Platform, string]>([
    ['what is given', {MATRIX_STATE_PROFILE_DIR: '/data', XDG_CONFIG_HOME: '/x'}, 'linux', '/data'],
    ['XDG', {XDG_CONFIG_HOME: '/x', HOME: '/home/u'}, 'linux', '/x/matrix-state/profiles'],
    ['XDG, on a Mac, too', {XDG_CONFIG_HOME: '/x', HOME: '/home/u'}, 'darwin', '/x/matrix-state/profiles'],
    [
      'a path of XDG that is relative does not count',
      {XDG_CONFIG_HOME: 'x', HOME: '/h'},
      'linux',
      '/h/.config/matrix-state/profiles',
    ],
    [
      'empty variables do not count',
      {MATRIX_STATE_PROFILE_DIR: '', XDG_CONFIG_HOME: '', HOME: '/h'},
      'linux',
      '/h/.config/matrix-state/profiles',
    ],
    ['a Mac', {HOME: '/Users/u'}, 'darwin', '/Users/u/Library/Application Support/matrix-state/profiles'],
    ['Windows', {APPDATA: '/roaming', HOME: '/h'}, 'win32', '/roaming/matrix-state/profiles'],
    ['no variable at all', {}, 'linux', join(homedir(), '.config/matrix-state/profiles')],
  ])('%s', (_, env, platform, folder) => {
    expect(profileFolder(env, platform)).toBe(folder)
  })

  test('a relative path that is given is one from here', () => {
    expect(profileFolder({MATRIX_STATE_PROFILE_DIR: 'here'})).toBe(join(process.cwd(), 'here'))
  })

  test('asking makes nothing', () => {
    const folder = join(newFolder(), 'not-yet')
    profilePath('a', profileFolder({MATRIX_STATE_PROFILE_DIR: folder}))
    expect(existsSync(folder)).toBe(false)
  })
})

describe('names', () => {
  test.each(['default', 'a', '0', 'Bot.example-org_2', 'x'.repeat(64)])('%s is one', (name) => {
    expect(isProfileName(name)).toBe(true)
    expect(profilePath(name, '/p')).toBe(`/p/${name}.json`)
  })

  test.each(['', '.', '..', '.hidden', '-f', '_a', 'a/b', '../a', 'a\\b', 'a b', 'ä', 'a\n', 'a\0', 'x'.repeat(65)])(
    '%j is none',
    (name) => {
      expect(isProfileName(name)).toBe(false)
      expect(() => profilePath(name, '/p')).toThrow(expect.objectContaining({code: 'USAGE'}))
    },
  )

  test('the line that makes a profile names it, but for the default', () => {
    expect(setupLine('default')).toBe('matrix-state setup')
    expect(setupLine('bot')).toBe('matrix-state setup --profile bot')
  })
})
