// The main job from a terminal: inspect, test, compress, interrupt, resume, export, verify, count.

import { copyFileSync, existsSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'

import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { caffeRoot } from '../../main/caffe/proto'
import type { SideBySide } from '../../main/runs/models'
import type { FrontRecord, RunResult, Sparsity } from '../../main/runs/types'
import { jsonOf, olmp, samplesFolder, type Outcome } from './olmp'

const sample = path.join(samplesFolder, 'lenet-300-100')
const weights = path.join(sample, 'lenet300100_iter_30000.caffemodel')
const mnist = ['--data-train', 'mnist', '--data-test', 'mnist', '--threads', '1', '--json']
const SAMPLE_ACCURACY = 0.982

let folder = ''
let cache = ''
let settings = ''
const inFolder = (name: string): string => path.join(folder, name)

beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'olmp-cli-'))
  cache = inFolder('cache')
  settings = inFolder('settings.json')
  writeFileSync(settings, JSON.stringify({ pruneInterval: 100, evaluations: 200, testInterval: 0 }))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const compress = (run: string, iterations: number): string[] => {
  const flags = ['--iterations', String(iterations), '--seed', '3', '--settings', settings, '--run-dir', run]
  return ['compress', sample, ...mnist, '--preset', 'olmp-ncs-corrected', ...flags]
}

describe('olmp', () => {
  it('inspects the sample', async () => {
    const report = jsonOf<{ name: string; parameters: number; obstacle: string | null }>(
      await olmp(['inspect', sample, ...mnist], { cache }),
    )
    expect(report).toMatchObject({ name: 'LeNet-300-100', parameters: 266610, obstacle: null })
  })

  it('tests it on all test images', async () => {
    const result = jsonOf(await olmp(['test', sample, ...mnist], { cache }))
    expect(result).toMatchObject({ accuracy: SAMPLE_ACCURACY, images: 10000, loss: expect.any(Number) })
  })

  it('compresses, exports and verifies, and the files say the same', async () => {
    const before = readdirSync(sample).map((name) => statSync(path.join(sample, name)).mtimeMs)
    const run = inFolder('run')
    const result = jsonOf<RunResult>(await olmp(compress(run, 600), { cache }))
    expect(result).toMatchObject({
      runDir: run,
      referenceAccuracy: SAMPLE_ACCURACY,
      seed: 3,
      iterations: 601,
    })
    expect(result.compression).toBeGreaterThan(2)
    expect(result.accuracy).toBeGreaterThan(0.9)
    expect(Object.keys(result.seconds)).toEqual(expect.arrayContaining(['total', 'train', 'search', 'test']))

    const [onnx, caffemodel] = [inFolder('pruned.onnx'), inFolder('pruned.caffemodel')]
    const exported = jsonOf<Record<string, number>>(
      await olmp(['export', run, '--onnx', onnx, '--caffemodel', caffemodel, '--json'], { cache }),
    )
    expect(exported).toMatchObject({
      file: onnx,
      bytes: statSync(onnx).size,
      accuracyEngine: result.accuracy,
      accuracyOnnx: result.accuracy,
      agreement: 1,
    })
    expect(exported.maxAbsDiff).toBeLessThan(1e-4)

    const sparsity = jsonOf<Sparsity>(await olmp(['sparsity', caffemodel, '--json'], { cache }))
    expect(sparsity).toEqual(result.sparsity)
    const again = jsonOf<{ accuracy: number }>(
      await olmp(['test', sample, ...mnist, '--weights', caffemodel], { cache }),
    )
    expect(again.accuracy).toBe(result.accuracy)
    expect(readdirSync(sample).map((name) => statSync(path.join(sample, name)).mtimeMs)).toEqual(before)
  })

  it('compresses by the recommended preset, and exports any net it passed', async () => {
    const run = inFolder('cycles')
    const flags = [
      '--effort',
      'quick',
      '--target',
      '60,100',
      '--no-augmentation',
      '--seed',
      '2',
      '--run-dir',
      run,
    ]
    const result = jsonOf<RunResult>(await olmp(['compress', sample, ...mnist, ...flags], { cache }))
    expect(result.compression).toBeGreaterThanOrEqual(100)
    expect(result.accuracy).toBeGreaterThan(0.96)
    const { front } = jsonOf<{ front: FrontRecord[] }>(await olmp(['front', run, '--json'], { cache }))
    const point = front.find(({ compression }) => compression >= 60)
    expect(point?.compression).toBeLessThan(80)
    const onnx = inFolder('front.onnx')
    const named = ['--front', String(point?.iteration)]
    const exported = jsonOf<Record<string, number>>(
      await olmp(['export', run, '--onnx', onnx, ...named, '--json'], { cache }),
    )
    expect(exported).toMatchObject({ accuracyOnnx: point?.testAccuracy, compression: point?.compression })
    const small = inFolder('compact.onnx')
    const compact = jsonOf<Record<string, number> & { sideBySide: SideBySide }>(
      await olmp(['export', run, '--onnx', small, ...named, '--compact', '--json'], { cache }),
    )
    expect(compact).toMatchObject({ accuracyOnnx: point?.testAccuracy, bytes: statSync(small).size })
    const { original, masked } = compact.sideBySide
    expect(original.parameters).toBe(266610)
    expect(masked).toMatchObject({ parameters: 266610, nonzero: point?.kept, bytes: exported.bytes })
    expect(compact.sideBySide.compact.parameters).toBeLessThan(266610 / 2)
    expect(compact.bytes).toBeLessThan(exported.bytes / 2)
    const refused = await olmp(['compress', sample, ...mnist, '--iterations', '40'], { cache })
    expect(refused.status).toBe(1)
    expect(refused.stderr).toContain('--iterations belongs to the published presets')
  })

  it('leaves a resumable run at Ctrl-C, which ends as if never interrupted', async () => {
    const [whole, cut] = [inFolder('whole'), inFolder('cut')]
    const expected = jsonOf<RunResult>(await olmp(compress(whole, 400), { cache }))
    let interrupted = false
    const outcome = await olmp(compress(cut, 400), {
      cache,
      onOutput: (text, child) => {
        if (interrupted || !text.includes('Iteration 200, loss')) return
        interrupted = true
        child.kill('SIGINT')
      },
    })
    expect(outcome.status).toBe(130)
    expect(outcome.stdout).toBe('')
    expect(outcome.stderr).toContain(`olmp resume ${cut}`)
    expect(existsSync(path.join(cut, 'result.json'))).toBe(false)

    const resumed = jsonOf<RunResult>(await olmp(['resume', cut, '--json'], { cache }))
    const { compression, accuracy, sparsity } = resumed
    expect({ compression, accuracy, sparsity }).toEqual({
      compression: expected.compression,
      accuracy: expected.accuracy,
      sparsity: expected.sparsity,
    })
    const second = await olmp(['resume', cut], { cache })
    expect(second.status).toBe(1)
    expect(second.stderr).toContain('the run is finished')
    const longer = jsonOf<RunResult>(await olmp(['resume', cut, '--extend', '50', '--json'], { cache }))
    expect(longer).toMatchObject({ iterations: resumed.iterations + 50, sparsity: resumed.sparsity })
  })

  it('goes on from a snapshot of Caffe: weights, momentum and iteration', async () => {
    copyFileSync(weights, inFolder('half.caffemodel'))
    const snapshot = inFolder('half.solverstate')
    const counts = [[300, 784], [300], [100, 300], [100], [10, 100], [10]]
    const SolverState = caffeRoot.lookupType('SolverState')
    const write = (momentum: number): void => {
      const history = counts.map((dim) => ({
        shape: { dim },
        data: Array.from({ length: dim.reduce((product, size) => product * size, 1) }, () => momentum),
      }))
      const state = { iter: 150, learned_net: '/their/models/half.caffemodel', history }
      writeFileSync(snapshot, SolverState.encode(SolverState.fromObject(state)).finish())
    }
    const out = inFolder('whole.caffemodel')
    const flags = ['--iterations', '210', '--out', out, '--snapshot', snapshot]
    const goOn = (): Promise<Outcome> => olmp(['train', sample, ...mnist, ...flags], { cache })

    write(1e-4)
    const resumed = await goOn()
    expect(resumed.stderr).not.toContain('Iteration 100,')
    // inv policy at iteration 200: 0.01 (1 + 1e-4 * 200)^-0.75
    expect(resumed.stderr).toContain('Iteration 200, lr = 0.00985258')
    write(0)
    expect(jsonOf<{ loss: number }>(resumed).loss).not.toBe(jsonOf<{ loss: number }>(await goOn()).loss)
  })

  it('trains from the fillers and writes a caffemodel that tests the same', async () => {
    const file = inFolder('trained.caffemodel')
    const trained = jsonOf<{ accuracy: number; bytes: number }>(
      await olmp(['train', sample, ...mnist, '--iterations', '300', '--seed', '5', '--out', file], { cache }),
    )
    expect(trained.accuracy).toBeGreaterThan(0.85)
    expect(trained.bytes).toBe(statSync(file).size)
    const tested = jsonOf<{ accuracy: number }>(
      await olmp(['test', sample, ...mnist, '--weights', file], { cache }),
    )
    expect(tested.accuracy).toBe(trained.accuracy)
    expect(statSync(weights).size).toBeGreaterThan(1e6)
  })
})
