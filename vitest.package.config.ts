import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/dist/**/*.test.ts'],
    // one package, installed and taken away again: the tests are steps of one story
    fileParallelism: false,
    testTimeout: 240_000,
    hookTimeout: 300_000,
    bail: 1,
  },
})
