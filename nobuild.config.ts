import {defineConfig} from 'vitest/config'
export default defineConfig({test: {include: ['test/cli/bot-examples.test.ts'], pool: 'forks', testTimeout: 30000}})
