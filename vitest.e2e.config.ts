import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/e2e/**/*.test.ts'],
    testTimeout: 240_000,
    hookTimeout: 120_000,
    // one window at a time: the tests measure nothing, but they do wait for an engine that wants the cores
    fileParallelism: false,
  },
})
