import {join} from 'node:path'
import {defineConfig} from 'vitest/config'

/** `npm run test:browser`: the explorer's page in a real browser. Not among the other tests, as a browser is not everywhere. */
export default defineConfig({
  root: join(import.meta.dirname, '../..'),
  test: {
    name: 'browser',
    environment: 'node',
    pool: 'forks',
    // One browser at a time: what is measured is measured alone.
    fileParallelism: false,
    include: ['test/browser/**/*.test.ts'],
    testTimeout: 120_000,
    hookTimeout: 180_000,
    disableConsoleIntercept: true,
  },
})
