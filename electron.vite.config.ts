import vue from '@vitejs/plugin-vue'
import { defineConfig } from 'electron-vite'
import { join, resolve } from 'node:path'

import { bundledPackages } from './scripts/dist/bundledPackages.mjs'

const inProject = (path: string) => resolve(import.meta.dirname, path)
// A second set of bundles beside the usual one, for work on several at a time.
const out = resolve(import.meta.dirname, process.env.OLMP_OUT ?? 'out')

// Node 20 and Chrome 130 are what the oldest Electron supported (33) has.
export default defineConfig({
  main: {
    plugins: [bundledPackages()],
    build: {
      outDir: join(out, 'main'),
      target: 'node20',
      externalizeDeps: true,
      rollupOptions: {
        input: { index: inProject('main/index.ts'), engine: inProject('main/engine/host.ts') },
      },
    },
  },
  preload: {
    plugins: [bundledPackages()],
    build: {
      outDir: join(out, 'preload'),
      target: 'node20',
      rollupOptions: {
        input: { index: inProject('preload/index.ts') },
        // a sandboxed preload script is CommonJS
        output: { format: 'cjs', entryFileNames: '[name].cjs' },
      },
    },
  },
  renderer: {
    root: inProject('renderer'),
    plugins: [vue(), bundledPackages()],
    build: {
      outDir: join(out, 'renderer'),
      emptyOutDir: true,
      target: 'chrome130',
      rollupOptions: { input: inProject('renderer/index.html') },
    },
  },
})
