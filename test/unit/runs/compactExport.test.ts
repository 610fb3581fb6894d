// A compressed net exported compact: smaller, the same on every test image, and measured beside the others.
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { exportModel } from '../../../main/runs/exportRun'
import { RunFolder } from '../../../main/runs/RunFolder'
import { runCompression } from '../../../main/runs/runner'
import { engineOrSkip, makeTinyModel, tinyCycles } from './tinyModel'

const addon = engineOrSkip()

describe.skipIf(addon === null)('a compact export', () => {
  if (addon === null) return
  const root = mkdtempSync(join(tmpdir(), 'olmp-compact-'))
  const deps = { addon, cacheFolder: join(root, 'cache') }
  const origin = { kind: 'checkpoint', runFolder: join(root, 'run') } as const

  beforeAll(async () => {
    const folder = join(root, 'model')
    await makeTinyModel(addon, folder)
    const run = await RunFolder.create(origin.runFolder, {
      source: { folder },
      settings: tinyCycles({ kind: 'size', kept: [100] }),
      device: 'cpu',
      threads: 1,
      checkpointIntervalIterations: 25,
      keepCheckpoints: 2,
    })
    await runCompression(run, deps, () => undefined)
  })
  afterAll(() => rmSync(root, { recursive: true, force: true }))

  it('is verified like the masked model, and smaller', async () => {
    const masked = await exportModel(origin, 'onnx', join(root, 'masked.onnx'), deps)
    const compact = await exportModel(origin, 'onnx-compact', join(root, 'compact.onnx'), deps)
    expect(compact.bytes).toBeLessThan(masked.bytes)
    expect(compact).toMatchObject({ sparsity: masked.sparsity, checkpoint: masked.checkpoint })
    if (compact.verification.kind !== 'onnxruntime' || masked.verification.kind !== 'onnxruntime')
      throw new Error('not verified')
    expect(compact.verification.accuracyOnnx).toBe(masked.verification.accuracyOnnx)
    expect(compact.verification).toMatchObject({ images: 10000, agreement: 1 })
    const { sideBySide } = compact
    const { total, kept } = masked.sparsity
    expect(sideBySide?.original).toMatchObject({ parameters: total, flops: 2 * (49 * 24 + 24 * 10) })
    expect(sideBySide?.original.nonzero).toBeGreaterThan(kept)
    expect(sideBySide?.masked).toMatchObject({
      parameters: total,
      nonzero: kept,
      flops: sideBySide?.original.flops,
      bytes: masked.bytes,
      gzipBytes: masked.gzipBytes,
    })
    expect(sideBySide?.compact.parameters).toBeLessThan(total)
    expect(sideBySide?.compact.flops).toBeLessThan(2 * (49 * 24 + 24 * 10))
    expect(sideBySide?.compact).toMatchObject({ bytes: compact.bytes, gzipBytes: compact.gzipBytes })
    expect(sideBySide?.compact.latency.medianMs).toBeGreaterThan(0)
    expect(readdirSync(root).sort()).toEqual(['compact.onnx', 'masked.onnx', 'model', 'run'])
  })

  it('can store its weights sparsely', async () => {
    const dense = await exportModel(origin, 'onnx-compact', join(root, 'dense.onnx'), deps)
    const sparse = await exportModel(origin, 'onnx-compact-sparse', join(root, 'sparse.onnx'), deps)
    expect(sparse.bytes).toBeLessThan(dense.bytes)
    expect(sparse.sideBySide?.compact.parameters).toBe(dense.sideBySide?.compact.parameters)
  })
})
