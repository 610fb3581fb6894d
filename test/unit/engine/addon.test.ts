import { afterEach, describe, expect, it, vi } from 'vitest'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { addonCandidates, loadAddon } from '../../../main/engine/addon'
import { projectRoot } from '../../helpers/shared'

describe('loadAddon', () => {
  afterEach(() => vi.unstubAllEnvs())

  it('looks in the build folder of the project', () => {
    vi.stubEnv('OLMP_ADDON', '')
    expect(addonCandidates()[0]).toBe(join(projectRoot, 'native', 'build', 'olmp.node'))
  })

  it('says what to do where there is no addon', () => {
    vi.stubEnv('OLMP_ADDON', '/nowhere/olmp.node')
    expect(() => loadAddon()).toThrow(
      expect.objectContaining({ code: 'addon-missing', file: '/nowhere/olmp.node' }),
    )
  })

  it('says what to do where the file is no addon', () => {
    const folder = mkdtempSync(join(tmpdir(), 'olmp-addon-'))
    try {
      const file = join(folder, 'olmp.node')
      writeFileSync(file, 'not a shared object')
      vi.stubEnv('OLMP_ADDON', file)
      expect(() => loadAddon()).toThrow(expect.objectContaining({ code: 'addon-not-loaded', file }))
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

  it('describes the machine', () => {
    const info = loadAddon().systemInfo()
    const { version } = JSON.parse(readFileSync(join(projectRoot, 'package.json'), 'utf8')) as {
      version: string
    }
    expect(info.engineVersion).toBe(version)
    expect(['AVX2', 'AVX512']).toContain(info.cpuIsa)
    expect(info.logicalCpus).toBeGreaterThan(0)
    expect(info.onednnVersion).toMatch(/^\d+\.\d+\.\d+$/)
    // Either there is a device, or a reason why there is none.
    expect(info.cuda.available).toBe(info.cuda.reason === '')
    expect(info.cuda.devices.length > 0).toBe(info.cuda.available)
  })
})
