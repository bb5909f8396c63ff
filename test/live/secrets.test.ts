import {mkdtemp, rm, writeFile} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import path from 'node:path'
import {afterAll, beforeAll, describe, expect, it} from 'vitest'
import {findSecrets} from './secrets.ts'

const TOKEN = 'syt_YWxpY2U_Secret+Value/=%_1a2b3c'
const SEED = 'vd4yWqk9X/0pJ3bT+q8mC1fVnO5sLh2eRzKwGuYxAiQ'

const LEAKS: readonly (readonly [string, string | Buffer])[] = [
  ['plain', `token=${TOKEN};`],
  ['percent-encoded', `?access_token=${encodeURIComponent(TOKEN)}`],
  ['hex', Buffer.from(TOKEN).toString('hex')],
  ['base64 of it alone', Buffer.from(TOKEN).toString('base64')],
  ['base64 with something before', Buffer.from(`u:${TOKEN}\n`).toString('base64')],
  ['base64 with one byte before', Buffer.from(`:${TOKEN}`).toString('base64')],
  ['base64url with four bytes before', Buffer.from(`user${TOKEN}??`).toString('base64url')],
  ['the seed as bytes', Buffer.concat([Buffer.from('key'), Buffer.from(SEED, 'base64'), Buffer.from('end')])],
  ['the seed in hex', Buffer.from(SEED, 'base64').toString('hex').toUpperCase()],
  ['the seed in a DER key', Buffer.concat([Buffer.alloc(16, 7), Buffer.from(SEED, 'base64')]).toString('base64')],
]

describe('the search for secrets', () => {
  let folder: string
  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'matrix-state-secrets-'))
  })
  afterAll(() => rm(folder, {recursive: true}))

  it.each(LEAKS)('finds %s', async (_name, text) => {
    const file = path.join(folder, 'leak')
    await writeFile(file, text)
    const {found} = await findSecrets(folder, [TOKEN, SEED])
    expect(found.length).toBeGreaterThan(0)
    expect(found.join('\n')).not.toContain(TOKEN)
  })

  it('finds nothing where there is nothing', async () => {
    await writeFile(path.join(folder, 'leak'), `${Buffer.from('something else').toString('base64')} syt_YWxpY2U_`)
    expect(await findSecrets(folder, [TOKEN, SEED])).toEqual({files: 1, found: []})
  })
})
