// The least that a program with oclif can do, with the same cache for compiled code that ours has.
import module from 'node:module'

module.enableCompileCache()
const {run, flush} = await import('@oclif/core')
await run(process.argv.slice(2), import.meta.url)
await flush()
