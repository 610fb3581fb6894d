// A Vite plugin: writes down which npm packages went into a bundle, so that their notices go into the package.
const packageFolder = /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+/

export const bundledPackagesFile = 'bundled-packages.json'

export function bundledPackages() {
  return {
    name: 'bundled-packages',
    generateBundle(_options, bundle) {
      const folders = new Set()
      for (const output of Object.values(bundle)) {
        for (const id of Object.keys(output.modules ?? {})) {
          const folder = packageFolder.exec(id.replaceAll('\\', '/').replace('\0', ''))?.[0]
          if (folder !== undefined) folders.add(folder)
        }
      }
      const source = `${JSON.stringify([...folders].sort(), null, 2)}\n`
      this.emitFile({ type: 'asset', fileName: bundledPackagesFile, source })
    },
  }
}
