import {defineConfig} from 'vitest/config'

/** Scripts with a runner of their own: `npm run test:live`, `bench`, `fuzz`, `mutants`. */
const elsewhere = ['test/browser/**', 'test/bench/**', 'test/fuzz/**', 'test/mutants/**']

const shared = {
  environment: 'node',
  pool: 'forks',
  testTimeout: 30_000,
  hookTimeout: 60_000,
  // @oclif/test and the tests of the command line look at what was printed.
  disableConsoleIntercept: true,
} as const

export default defineConfig({
  test: {
    projects: [
      {test: {...shared, name: 'library', include: ['test/**/*.test.ts'], exclude: [...elsewhere, 'test/cli/**']}},
      // Tests of the built program: nothing here may ever run an old dist/.
      {
        test: {
          ...shared,
          name: 'program',
          include: ['test/cli/**/*.test.ts'],
          globalSetup: ['test/cli/build-first.ts'],
        },
      },
    ],
  },
})
