// What Electron's distribution has and an installed app does not need.
import fs from 'node:fs'
import path from 'node:path'

export default function afterPack({ appOutDir, packager }) {
  const resources = packager.getResourcesDir(appOutDir)
  // the window that Electron shows where there is no app
  fs.rmSync(path.join(resources, 'default_app.asar'), { force: true })
}
