// The least that a program with oclif can do, as oclif's own template has it.
import {flush, run} from '@oclif/core'

await run(process.argv.slice(2), import.meta.url)
await flush()
