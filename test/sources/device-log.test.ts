import {mkdtempSync, rmSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import path from 'node:path'
import {gzipSync} from 'node:zlib'
import {describe, expect, it, onTestFinished} from 'vitest'
import {openLogDeviceRoute, readRefusedUpload} from '../../src/sources/device-log.ts'
import {factsOf, stepsOf} from './device-gathered.ts'

const ALICE = '@alice:example.org'
const OLD = '{"key":"oldKey","signatures":{"@alice:example.org":{"ed25519:PHONE":"c2ln"}}}'
const NEW = "{'key': 'newKey', 'signatures': {'@alice:example.org': {'ed25519:PHONE': 'c2ln'}}}"
const message = (key = 'AAAAAQ', old = OLD, fresh = NEW): string =>
  `One time key signed_curve25519:${key} already exists. Old key: ${old}; new key: ${fresh}`
/** As Synapse 1.163.2 writes it at INFO. */
const SYNAPSE = `2026-11-22 06:43:16,787 - synapse.http.server - 132 - INFO - POST-41 - <XForwardedForRequest at 0x7f method='POST' uri='/_matrix/client/v3/keys/upload' clientproto='HTTP/1.1' site='8008'> SynapseError: 400 - ${message()}`
/** As clients on matrix-rust-sdk do: JSON within a string. */
const RUST = `2026-11-22T06:43:16.787661Z ERROR matrix_sdk::http_client: Error while sending request: Api(Server(MatrixError(Error { status_code: 400, body: Standard(StandardErrorBody { kind: Unknown, message: "${message('AAAAAw').replaceAll('"', String.raw`\"`)}" }) })))`

function logFile(bytes: string | Buffer): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'matrix-state-log-'))
  onTestFinished(() => {
    rmSync(folder, {recursive: true, force: true})
  })
  const file = path.join(folder, 'homeserver.log')
  writeFileSync(file, bytes)
  return file
}

describe('refused one-time keys in logs', () => {
  it('are read as Synapse and as clients write them', () => {
    const read = {
      keyId: 'signed_curve25519:AAAAAQ',
      userId: ALICE,
      deviceId: 'PHONE',
      ts: Date.UTC(2026, 10, 22, 6, 43, 16, 787),
    }
    expect(readRefusedUpload(SYNAPSE)).toEqual(read)
    expect(readRefusedUpload(RUST)).toEqual({...read, keyId: 'signed_curve25519:AAAAAw'})
    expect(readRefusedUpload(SYNAPSE.replace('06:43:16,787', '08:43:16,787+0200'))).toEqual(read)
    expect(readRefusedUpload(`  error: \`${message()}\``)).toEqual({...read, ts: null})
    expect(readRefusedUpload(message('AAAAAQ', '"bare"', "'bare'"))).toEqual({
      ...read,
      userId: null,
      deviceId: null,
      ts: null,
    })
    expect(readRefusedUpload('POST /keys/upload 200')).toBeNull()
  })

  it('come by user with their lines, in gzip too; whose nobody can tell is a note', async () => {
    const bob = SYNAPSE.replaceAll('@alice', '@bob')
    const lines = ['start', SYNAPSE, 'between', bob, message('AAAAAQ', '"x"', "'y'"), RUST, SYNAPSE, SYNAPSE]
    for (const bytes of [lines.join('\n'), gzipSync(lines.join('\r\n'))]) {
      const file = logFile(bytes)
      const steps = await stepsOf(openLogDeviceRoute(file), [ALICE])
      const [told] = factsOf(steps, ALICE, 'refused-uploads')
      expect(told?.refused.map(({key_id: key, line}) => [key, line])).toEqual([
        ['signed_curve25519:AAAAAQ', 2],
        ['signed_curve25519:AAAAAw', 6],
        ['signed_curve25519:AAAAAQ', 8],
      ])
      expect(steps.flatMap(({facts}) => facts)).toHaveLength(1)
      expect(steps[0]?.notes).toEqual([`${file}: refused one-time keys of users who are not named, in line 5.`])
    }
  })

  it('that stand across two blocks of a long log are found, and those before a cut are kept', async () => {
    const filler = `${'x'.repeat(1000)}\n`.repeat(65)
    const file = logFile(`${filler}${SYNAPSE}\n${filler}${'y'.repeat(3_000_000)}\n${SYNAPSE}\n`)
    const [told] = factsOf(await stepsOf(openLogDeviceRoute(file), [ALICE]), ALICE, 'refused-uploads')
    expect(told?.refused.map(({line}) => line)).toEqual([66, 133])
    const zipped = gzipSync(Buffer.from(`${SYNAPSE}\n${filler}`))
    const steps: unknown[] = []
    const context = {userIds: [ALICE], signal: new AbortController().signal, onPause: () => undefined}
    const reading = async (): Promise<void> => {
      const route = openLogDeviceRoute(logFile(zipped.subarray(0, zipped.length - 12)))
      for await (const step of route.gather(context)) steps.push(...step.facts)
    }
    await expect(reading()).rejects.toMatchObject({code: 'INPUT_TRUNCATED'})
    expect(steps).toHaveLength(1)
    await expect(stepsOf(openLogDeviceRoute('/nowhere/at/all.log'), [ALICE])).rejects.toMatchObject({
      code: 'INPUT_NOT_FOUND',
    })
  })
})
