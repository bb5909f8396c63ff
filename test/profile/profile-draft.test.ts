import {spawn, spawnSync} from 'node:child_process'
import {randomUUID} from 'node:crypto'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import {join} from 'node:path'
import {afterEach, beforeEach, describe, expect, test, vi} from 'vitest'
import {StateError} from '../../src/errors.ts'
import {openProfile, removeProfile, replaceProfile, reserveProfile} from '../../src/profile/profile-file.ts'
import {newFolder, PROFILE, SECRETS} from './profiles.ts'

/** What a file system without hard links answers (`null`: the real one is asked), and the modes that files were made with. */
const fault = vi.hoisted(() => ({link: null as string | null, madeWith: [] as unknown[]}))
vi.mock('node:fs', async (original) => {
  const real = await original<typeof import('node:fs')>()
  const linkSync: typeof real.linkSync = (from, to) => {
    if (fault.link !== null) throw Object.assign(new Error('link'), {code: fault.link, syscall: 'link'})
    real.linkSync(from, to)
  }
  const openSync: typeof real.openSync = (path, flags, mode) => {
    if (flags === 'wx') fault.madeWith.push(mode)
    return real.openSync(path, flags, mode)
  }
  return {...real, linkSync, openSync}
})
afterEach(() => {
  // Whoever opens a file while it is still empty can read it for ever.
  expect(fault.madeWith.filter((mode) => mode !== 0o600)).toEqual([])
  fault.madeWith = []
  fault.link = null
})

const MAKER = join(import.meta.dirname, 'maker.ts')
const isPosix = process.platform !== 'win32'
const modeOf = (path: string): string => (statSync(path).mode & 0o777).toString(8)
let folder: string
beforeEach(() => {
  folder = newFolder()
})

function thrown(work: () => unknown): StateError {
  try {
    work()
  } catch (error) {
    if (error instanceof StateError) return error
    throw error
  }
  throw new Error('nothing was thrown')
}

/** A run of its own; `go` lets it commit, `ended` is what it said. */
function maker(where: string, name: string, user: string) {
  const child = spawn(process.execPath, [MAKER, where, name, user])
  let said = ''
  let stderr = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  const reserved = new Promise<void>((resolve) => {
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      said += text
      resolve()
    })
    child.on('close', () => {
      resolve()
    })
  })
  const ended = new Promise<string>((resolve) => {
    child.on('close', () => {
      expect(stderr).toBe('')
      resolve(said.trimEnd().split('\n').at(-1) ?? '')
    })
  })
  child.stdin.on('error', () => undefined)
  return {child, reserved, ended, go: () => child.stdin.write('go\n')}
}

describe('making a profile', () => {
  test('it is there whole, for its owner alone, in a folder for its owner alone, and nothing is beside it', () => {
    const inside = join(folder, 'config/matrix-state/profiles')
    const before = process.umask(0)
    try {
      const draft = reserveProfile('bot', inside)
      expect(existsSync(draft.path)).toBe(false)
      const [reserved] = readdirSync(inside)
      if (isPosix) expect(modeOf(join(inside, reserved!))).toBe('600')
      expect(statSync(join(inside, reserved!)).size).toBeGreaterThan(JSON.stringify(PROFILE).length * 10)
      expect(draft.commit(PROFILE)).toEqual(openProfile('bot', inside))
    } finally {
      process.umask(before)
    }
    expect(openProfile('bot', inside).profile).toEqual(PROFILE)
    expect(readdirSync(inside)).toEqual(['bot.json'])
    expect(statSync(join(inside, 'bot.json')).nlink).toBe(1)
    if (!isPosix) return
    expect(modeOf(join(inside, 'bot.json'))).toBe('600')
    for (const made of ['config', 'config/matrix-state', 'config/matrix-state/profiles']) {
      expect(modeOf(join(folder, made))).toBe('700')
    }
  })

  test.skipIf(!isPosix)('under a umask that takes everything, too; a folder that is there keeps its mode', () => {
    chmodSync(folder, 0o755)
    const before = process.umask(0o777)
    try {
      reserveProfile('bot', folder).commit(PROFILE)
    } finally {
      process.umask(before)
    }
    expect([modeOf(join(folder, 'bot.json')), modeOf(folder)]).toEqual(['600', '755'])
  })

  test('discarded, it leaves nothing, not even folders; a second time does no harm', () => {
    const draft = reserveProfile('bot', join(folder, 'a/b'))
    draft.discard()
    draft.discard()
    expect(readdirSync(folder)).toEqual([])
  })

  test('discarded, it leaves folders in which something else is by now', () => {
    const draft = reserveProfile('bot', join(folder, 'a/b'))
    reserveProfile('other', join(folder, 'a/b')).commit(PROFILE)
    draft.discard()
    expect(readdirSync(join(folder, 'a/b'))).toEqual(['other.json'])
  })

  test('committed, discarding does nothing', () => {
    const draft = reserveProfile('bot', folder)
    draft.commit(PROFILE)
    draft.discard()
    expect(openProfile('bot', folder).profile).toEqual(PROFILE)
  })

  test('a reservation holds no secret', () => {
    reserveProfile('bot', folder)
    for (const file of readdirSync(folder)) {
      for (const secret of SECRETS) expect(readFileSync(join(folder, file)).includes(secret)).toBe(false)
    }
  })

  test.runIf(process.platform === 'linux')('a folder in which nothing can be made is told, and does not hang', () => {
    const source = new URL('../../src/profile/profile-file.ts', import.meta.url).href
    const script = `const {reserveProfile} = await import(${JSON.stringify(source)}); reserveProfile('bot', '/proc/x/y')`
    // In a process of its own: what hangs here could not be ended.
    const {status, stderr} = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
      encoding: 'utf8',
      timeout: 20_000,
    })
    expect(status).toBe(1)
    expect(stderr).toContain('could not write "/proc/x/y/bot.json"')
  })

  test('what could not be opened again is not written, and nothing is left of it', () => {
    const draft = reserveProfile('bot', folder)
    const wrong = {...PROFILE, admin_token: 'syt_SECRET with spaces'}
    expect(() => draft.commit(wrong)).toThrow(/is not written: .* admin_token must be/)
    expect(readdirSync(folder)).toEqual([])
    expect(() => draft.commit(wrong)).not.toThrow(/SECRET/)
    expect(readdirSync(folder)).toEqual([])
  })
})

describe('a profile that exists', () => {
  test.each<[string, (path: string) => void]>([
    [
      'whole',
      (path) => {
        writeFileSync(path, JSON.stringify(PROFILE), {mode: 0o600})
      },
    ],
    [
      'damaged',
      (path) => {
        writeFileSync(path, '{', {mode: 0o600})
      },
    ],
    [
      'a folder',
      (path) => {
        mkdirSync(path)
      },
    ],
    [
      'a link to nothing',
      (path) => {
        symlinkSync('gone', path)
      },
    ],
  ])('%s: refused, and left as it is', (_, make) => {
    make(join(folder, 'bot.json'))
    const before = readdirSync(folder)
    const {code, hint} = thrown(() => reserveProfile('bot', folder))
    expect(code).toBe('PROFILE_EXISTS')
    expect(hint).toContain('matrix-state setup --profile bot --modify')
    expect(hint).toContain('matrix-state profile remove bot')
    expect(readdirSync(folder)).toEqual(before)
  })

  test.each([null, 'EPERM', 'EOPNOTSUPP', 'ENOSYS'])(
    'made since it was reserved (link: %s): never written over',
    (code) => {
      const [first, second] = [reserveProfile('bot', folder), reserveProfile('bot', folder)]
      fault.link = code
      first.commit(PROFILE)
      expect(thrown(() => second.commit({...PROFILE, admin_token: null})).code).toBe('PROFILE_EXISTS')
      expect(openProfile('bot', folder).profile).toEqual(PROFILE)
      expect(readdirSync(folder)).toEqual(['bot.json'])
      if (isPosix) expect(modeOf(join(folder, 'bot.json'))).toBe('600')
    },
  )

  test('of eight runs at once one makes it, and seven say that it exists', async () => {
    const users = Array.from({length: 8}, (_, number) => `@u${String(number)}:example.org`)
    const runs = users.map((user) => maker(folder, 'bot', user))
    await Promise.all(runs.map(({reserved}) => reserved))
    for (const {go} of runs) go()
    const ended = await Promise.all(runs.map((run) => run.ended))
    expect(ended.map((said) => said.split(' ')[0]).toSorted()).toEqual([
      ...Array<string>(7).fill('PROFILE_EXISTS'),
      'done',
    ])
    const winner = users[ended.indexOf('done')]
    expect(openProfile('bot', folder).profile.account?.user_id).toBe(winner)
    expect(readdirSync(folder)).toEqual(['bot.json'])
  }, 60_000)
})

describe('drafts of killed runs', () => {
  test('hold no secret, are for their owner alone, and the next setup removes those older than an hour', async () => {
    const run = maker(folder, 'bot', '@u:example.org')
    await run.reserved
    run.child.kill('SIGKILL')
    await run.ended
    const [left] = readdirSync(folder)
    expect(left).toMatch(/^\.bot\..*\.draft$/)
    if (isPosix) expect(modeOf(join(folder, left!))).toBe('600')
    expect(readFileSync(join(folder, left!)).includes('SECRET')).toBe(false)
    reserveProfile('other', folder).discard()
    expect(readdirSync(folder)).toEqual([left])
    const long = new Date(Date.now() - 61 * 60 * 1000)
    utimesSync(join(folder, left!), long, long)
    writeFileSync(join(folder, '.keep.txt'), '')
    utimesSync(join(folder, '.keep.txt'), long, long)
    reserveProfile('other', folder).discard()
    expect(readdirSync(folder)).toEqual(['.keep.txt'])
  })

  test('are removed by whoever changes or removes a profile, too', () => {
    const opened = reserveProfile('bot', folder).commit(PROFILE)
    const long = new Date(Date.now() - 61 * 60 * 1000)
    const abandon = (): void => {
      const path = join(folder, `.bot.${randomUUID()}.draft`)
      writeFileSync(path, '', {mode: 0o600})
      utimesSync(path, long, long)
    }
    abandon()
    const changed = replaceProfile(opened, {...PROFILE, insecure: true})
    expect(readdirSync(folder)).toEqual(['bot.json'])
    abandon()
    removeProfile(changed)
    expect(readdirSync(folder)).toEqual([])
  })

  test('one that was taken for abandoned is made again', () => {
    const draft = reserveProfile('bot', join(folder, 'a'))
    rmSync(join(folder, 'a'), {recursive: true})
    draft.commit(PROFILE)
    expect(openProfile('bot', join(folder, 'a')).profile).toEqual(PROFILE)
    expect(readdirSync(join(folder, 'a'))).toEqual(['bot.json'])
  })
})

describe.skipIf(!isPosix)('a disk that is full', () => {
  const run = (line: string) =>
    spawnSync('sh', ['-c', line, 'sh', process.execPath, MAKER, folder], {encoding: 'utf8', input: 'go\n'})

  test('shows before anything is done on a server (ulimit), and nothing is left', () => {
    const {stdout, stderr} = run('ulimit -f 8; exec "$1" "$2" "$3/new/er" bot')
    expect([stdout, stderr]).toEqual([
      expect.stringMatching(/^OUTPUT_FAILED could not write .*bot[.]json": files of that size are not allowed here\n$/),
      '',
    ])
    expect(readdirSync(folder)).toEqual([])
  })

  test.skipIf(process.platform !== 'linux' || process.getuid?.() !== 0)(
    'shows on a tiny file system, and what was reserved is enough',
    () => {
      if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=80k', 'tmpfs', folder]).status !== 0) return
      try {
        const draft = reserveProfile('bot', folder)
        const filler = join(folder, 'filler')
        try {
          for (;;) writeFileSync(filler, 'x'.repeat(4096), {flag: 'a'})
        } catch (error) {
          expect(error).toMatchObject({code: 'ENOSPC'})
        }
        expect(thrown(() => reserveProfile('other', folder))).toMatchObject({
          code: 'OUTPUT_FAILED',
          message: expect.stringContaining('no space left on the disk') as string,
        })
        const opened = draft.commit(PROFILE)
        expect(openProfile('bot', folder).profile).toEqual(PROFILE)
        // What it gave back is filled again.
        try {
          for (;;) writeFileSync(filler, 'x'.repeat(512), {flag: 'a'})
        } catch (error) {
          expect(error).toMatchObject({code: 'ENOSPC'})
        }
        expect(thrown(() => replaceProfile(opened, {...PROFILE, admin_token: null})).code).toBe('OUTPUT_FAILED')
        expect(readFileSync(join(folder, 'bot.json'), 'utf8')).toBe(opened.text)
        expect(readdirSync(folder).toSorted()).toEqual(['bot.json', 'filler'])
      } finally {
        spawnSync('umount', [folder])
      }
    },
  )

  test('a folder that cannot be written is the same', () => {
    writeFileSync(join(folder, 'file'), '')
    expect(thrown(() => reserveProfile('bot', join(folder, 'file/profiles')))).toMatchObject({
      code: 'OUTPUT_FAILED',
      message: expect.stringContaining('a part of the path is a file') as string,
    })
  })
})

describe('replacing', () => {
  const changed = {...PROFILE, homeserver: 'https://new.example.org', changed_ts: 1_770_000_000_000}

  test('the profile is the other one, of mode 0600, and nothing is beside it', () => {
    const opened = reserveProfile('bot', folder).commit(PROFILE)
    expect(replaceProfile(opened, changed)).toEqual(openProfile('bot', folder))
    expect(openProfile('bot', folder).profile).toEqual(changed)
    expect(readdirSync(folder)).toEqual(['bot.json'])
    if (isPosix) expect(modeOf(join(folder, 'bot.json'))).toBe('600')
  })

  test('fields of later programs stay', () => {
    writeFileSync(join(folder, 'bot.json'), JSON.stringify({...PROFILE, later: [1]}), {mode: 0o600})
    replaceProfile(openProfile('bot', folder), changed)
    expect(JSON.parse(openProfile('bot', folder).text)).toEqual({...changed, later: [1]})
  })

  test.each<[string, (path: string) => void]>([
    [
      'changed',
      (path) => {
        writeFileSync(path, '{}')
      },
    ],
    [
      'cut',
      (path) => {
        writeFileSync(path, readFileSync(path).subarray(0, -1))
      },
    ],
    [
      'longer',
      (path) => {
        writeFileSync(path, `${readFileSync(path, 'utf8')} `)
      },
    ],
    [
      'removed',
      (path) => {
        rmSync(path)
      },
    ],
  ])('one that was %s meanwhile is left as it is', (_, change) => {
    const opened = reserveProfile('bot', folder).commit(PROFILE)
    change(opened.path)
    const before = existsSync(opened.path) ? readFileSync(opened.path, 'utf8') : null
    expect(thrown(() => replaceProfile(opened, changed))).toMatchObject({
      code: 'PROFILE_UNUSABLE',
      message: expect.stringContaining('changed meanwhile') as string,
    })
    expect(existsSync(opened.path) ? readFileSync(opened.path, 'utf8') : null).toBe(before)
    expect(readdirSync(folder)).toEqual(before === null ? [] : ['bot.json'])
  })

  test('two at once: the one that is under way wins; what a killed one left is in nobody’s way after a minute', () => {
    const opened = reserveProfile('bot', folder).commit(PROFILE)
    const lock = join(folder, '.bot.json.replacing')
    writeFileSync(lock, '')
    expect(thrown(() => replaceProfile(opened, changed)).message).toContain('another matrix-state is changing it')
    expect(openProfile('bot', folder).profile).toEqual(PROFILE)
    const long = new Date(Date.now() - 61_000)
    utimesSync(lock, long, long)
    replaceProfile(opened, changed)
    expect(readdirSync(folder)).toEqual(['bot.json'])
  })

  test.skipIf(!isPosix)('a symbolic link stays one, and what it leads to is replaced', () => {
    const opened = reserveProfile('real', folder).commit(PROFILE)
    symlinkSync('real.json', join(folder, 'bot.json'))
    replaceProfile(openProfile('bot', folder), changed)
    expect(openProfile('real', folder).profile).toEqual(changed)
    expect(readdirSync(folder).toSorted()).toEqual(['bot.json', 'real.json'])
    expect(thrown(() => replaceProfile(opened, PROFILE)).code).toBe('PROFILE_UNUSABLE')
  })
})
