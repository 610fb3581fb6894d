// Runs on CUDA, its kernels run by the host: the recommended compression beside the CPU's, and what is left of a run when
// the GPU's memory ends.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import type { EngineAddon, MemoryEstimate, Session, SessionOptions } from '../../../main/engine/binding'
import { readHistory } from '../../../main/runs/HistoryReader'
import { moveRun } from '../../../main/runs/moveRun'
import { RunFolder } from '../../../main/runs/RunFolder'
import { runCompression } from '../../../main/runs/runner'
import type { RunResult } from '../../../main/runs/types'
import { engineOrSkip, makeTinyModel, tinyCycles, tinyRequest, tinySettings } from './tinyModel'

const addon = engineOrSkip()

const estimate: MemoryEstimate = {
  neededBytes: 1.2e9,
  freeBytes: 7.4e9,
  totalBytes: 8e9,
  fits: true,
  batchParts: { train: 1, test: 1 },
  whyNotInParts: '',
}

/** The engine with a GPU played by the host; its training fails at the given call for want of memory. */
function onGpu(real: EngineAddon, failAtTrain = Infinity): EngineAddon {
  let trained = 0
  const failing = (session: Session): Session =>
    new Proxy(session, {
      get(target, key) {
        const value: unknown = Reflect.get(target, key, target)
        if (key === 'train' && ++trained >= failAtTrain) {
          return () =>
            Promise.reject(
              Object.assign(new Error('Not enough GPU memory for blob'), { code: 'out-of-gpu-memory' }),
            )
        }
        return typeof value === 'function' ? (value.bind(target) as unknown) : value
      },
    })
  return {
    ...real,
    estimateMemory: (options) => Promise.resolve(options.device === 'cuda' ? estimate : null),
    createSession: async (options) => {
      if (options.device === 'cpu') return real.createSession(options)
      const played = { ...options, device: 'cuda-emulated' } as unknown as SessionOptions
      return failing(await real.createSession(played))
    },
  }
}

describe.skipIf(addon === null)('runs on CUDA', () => {
  if (addon === null) return
  const root = mkdtempSync(join(tmpdir(), 'olmp-cuda-runs-'))
  const model = join(root, 'model')
  let count = 0

  beforeAll(() => makeTinyModel(addon, model))
  afterAll(() => rmSync(root, { recursive: true, force: true }))

  const create = (change = {}, settings: unknown = tinyCycles({ kind: 'size', kept: [300] })) =>
    RunFolder.create(join(root, 'runs', `run-${++count}`), {
      ...tinyRequest(model, tinySettings('ncs'), change),
      settings: settings as ReturnType<typeof tinySettings>,
    })

  const run = (folder: RunFolder, engine: EngineAddon): Promise<RunResult | null> =>
    runCompression(folder, { addon: engine, cacheFolder: join(root, 'cache') }, () => undefined)

  const linesOf = (folder: RunFolder): string[] =>
    readHistory(folder.historyFile, (reader) => reader.log({ limit: 100_000 }).lines)?.map(
      ({ text }) => text,
    ) ?? []

  it('compresses in cycles as on the CPU, and tells what of its memory is needed', async () => {
    const onCpu = await run(await create(), addon)
    const folder = await create({ device: 'cuda', tf32: true })
    const result = await run(folder, onGpu(addon))
    // what dies on the way differs by rounding
    for (const { sparsity } of [onCpu, result].filter((found) => found !== null)) {
      expect(sparsity.kept).toBeLessThanOrEqual(300)
      expect(sparsity.kept).toBeGreaterThan(280)
    }
    expect(Math.abs((result?.accuracy ?? 0) - (onCpu?.accuracy ?? 1))).toBeLessThan(0.03)
    expect(result?.tf32).toBe(true)
    expect(onCpu?.tf32).toBeUndefined()
    expect(linesOf(folder)).toContain('GPU memory: about 1.2 GB needed, 7.4 GB of 8.0 GB free')
  })

  it('goes on from its checkpoint on the CPU when the memory of the GPU ends', async () => {
    const folder = await create({ device: 'cuda' })
    await expect(run(folder, onGpu(addon, 6))).rejects.toMatchObject({ code: 'out-of-gpu-memory' })
    const { record } = await RunFolder.open(folder.path)
    expect(record).toMatchObject({ state: 'failed', error: { code: 'out-of-gpu-memory' } })
    const moved = await moveRun(folder.path, 'cpu')
    const result = await run(moved, onGpu(addon))
    expect(result?.sparsity.kept).toBeLessThanOrEqual(300)
    expect(linesOf(moved).some((line) => line.startsWith('Resuming from checkpoint'))).toBe(true)
  })

  it('compresses by the search of the paper', async () => {
    const result = await run(await create({ device: 'cuda' }, tinySettings('as-published')), onGpu(addon))
    expect(result?.compression).toBeGreaterThan(1.5)
  })
})
