#!/usr/bin/env node
// Runs the TypeScript as it stands in src/ and commands/: Node strips the types itself, and dist/ is never looked at.
import {readFileSync} from 'node:fs'
import {join} from 'node:path'
import {main} from '../src/cli/main.ts'

const root = join(import.meta.dirname, '..')
const pjson = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
const toSource = (path) => path.replace('./dist/', './').replace(/\.js$/, '.ts')
pjson.oclif.commands = toSource(pjson.oclif.commands)
pjson.oclif.helpClass = toSource(pjson.oclif.helpClass)
for (const [event, target] of Object.entries(pjson.oclif.hooks)) pjson.oclif.hooks[event] = toSource(target)
await main(process.argv.slice(2), {root, pjson, ignoreManifest: true})
