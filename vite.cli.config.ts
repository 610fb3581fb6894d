import { resolve } from 'node:path'
import { defineConfig } from 'vite'

import { bundledPackages } from './scripts/dist/bundledPackages.mjs'

// The terminal command runs in plain Node: no Electron, dependencies from node_modules.
export default defineConfig({
  plugins: [bundledPackages()],
  build: {
    ssr: resolve(import.meta.dirname, 'main/cli/index.ts'),
    outDir: resolve(import.meta.dirname, process.env.OLMP_OUT ?? 'out', 'cli'),
    target: 'node20',
    emptyOutDir: true,
  },
})
