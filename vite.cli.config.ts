import { resolve } from 'node:path'
import { defineConfig } from 'vite'

// The terminal command runs in plain Node: no Electron, dependencies from node_modules.
export default defineConfig({
  build: {
    ssr: resolve(import.meta.dirname, 'main/cli/index.ts'),
    outDir: 'out/cli',
    target: 'node20',
    emptyOutDir: true,
  },
})
