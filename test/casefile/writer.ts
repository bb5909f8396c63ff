/** A process of its own that adds to a case: `node writer.ts CASE STEPS SIZE`. Says the number of each step once it is kept. */
import {writeSync} from 'node:fs'
import {openCaseForWriting} from '../../src/casefile/open-case.ts'
import {StateError} from '../../src/errors.ts'
import {event} from '../matrix/events.ts'

const [path = '', steps = '0', size = '1'] = process.argv.slice(2)
const writer = openCaseForWriting(path)
const source = writer.source({kind: 'file', name: 'writer', server: '', address: '', insecure: false}, [])
try {
  for (let step = Number(writer.marks(source).get('step') ?? 0); step < Number(steps); step += 1) {
    const texts = Array.from({length: Number(size)}, (_, index) =>
      JSON.stringify(event('6', {origin_server_ts: step * Number(size) + index + 1})),
    )
    writer.keep(
      source,
      {
        how: 'test',
        requests: 1,
        roomVersion: '6',
        events: texts.map((text) => ({text, eventId: null})),
        extremities: [{direction: 'forward', how: 'test', eventIds: [`$${step}`]}],
        marks: {step: String(step + 1)},
      },
      step,
    )
    writeSync(1, `${step + 1}\n`)
  }
} catch (error) {
  if (!(error instanceof StateError)) throw error
  writeSync(1, `${error.code}: ${error.message}\n`)
}
