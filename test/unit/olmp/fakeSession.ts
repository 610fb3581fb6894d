// A session in a few lines: real masks with hysteresis over small weight vectors, training that moves the weights by a
// generator of its own, accuracies that fall with what is pruned. Deterministic; its state saves and loads by file name.

import type {
  KeptCounts,
  LayerMoments,
  ParameterInfo,
  RateEvaluations,
  Session,
  TrainResult,
} from '../../../main/engine/binding'
import { Mt19937, type RandomState } from '../../../main/olmp/mt19937'
import type { LoopNet } from '../../../main/olmp/compress'

interface FakeState {
  weights: number[][]
  masks: number[][]
  rates: number[]
  iteration: number
  random: RandomState
}

export interface FakeCall {
  name: string
  layers?: number[]
  iterations?: number
  mode?: string
  rates?: number[]
  value?: number
}

export const FAKE_WEIGHTS = 40

export function fakeNet(layers = ['conv1', 'ip1', 'ip2']): LoopNet {
  return {
    prunable: layers.map((name) => ({
      name,
      type: name.startsWith('conv') ? 'Convolution' : 'InnerProduct',
    })),
    trainOutputs: [
      { name: 'accuracy', lossWeight: 0 },
      { name: 'loss', lossWeight: 1 },
    ],
    testOutputs: [
      { name: 'accuracy', lossWeight: 0 },
      { name: 'loss', lossWeight: 1 },
    ],
    trainAccuracy: 0,
    testAccuracy: 0,
    testLoss: 1,
    testIterations: 10,
    testImages: 1000,
  }
}

export class FakeSession implements Session {
  /** None but running statistics; setParameter tells what becomes of them. */
  readonly parameters: ParameterInfo[] = []
  readonly prunableLayers: string[]
  readonly trainOutputs = ['accuracy', 'loss']
  readonly testOutputs = ['accuracy', 'loss']
  readonly memoryBytes = 0
  readonly batchParts = { train: 1, test: 1 }
  iteration = 0
  calls: FakeCall[] = []
  /** Called before every training step; for stops and divergence. */
  onTrainStep: (iteration: number) => 'go' | 'cancel' | 'diverge' = () => 'go'
  lossAt = (iteration: number): number => 1 / iteration
  /** Accuracy a fraction of kept parameters still has. */
  accuracyAt = (kept: number): number => (kept > 0.3 ? 1 : 0.5)
  private weights: number[][]
  private masks: number[][]
  private rates: number[] = []
  private readonly random = new Mt19937([5])

  constructor(
    net: LoopNet,
    private readonly saved: Map<string, string> = new Map(),
  ) {
    this.prunableLayers = net.prunable.map((layer) => layer.name)
    const initial = new Mt19937([3])
    this.weights = this.prunableLayers.map(() => Array.from({ length: FAKE_WEIGHTS }, () => initial.randn()))
    this.masks = this.weights.map((row) => row.map(() => 1))
  }

  async train(
    iterations: number,
    remask = new Uint32Array(iterations),
    rates?: Float64Array,
  ): Promise<TrainResult> {
    this.calls.push({ name: 'train', iterations, layers: [...remask], rates: rates && [...rates] })
    const rows: number[] = []
    for (let i = 0; i < iterations; i++) {
      const what = this.onTrainStep(this.iteration)
      if (what !== 'go') {
        const stop = what === 'cancel' ? 'cancelled' : 'nonFiniteLoss'
        return { completed: i, stop, rows: Float64Array.from(rows) }
      }
      this.weights.forEach((_, l) => {
        if (remask[i] & (1 << l)) this.applyMask(l, this.rates[l])
      })
      this.weights = this.weights.map((row) => row.map((w) => w + 0.02 * this.random.randn()))
      this.iteration += 1
      const loss = this.lossAt(this.iteration)
      rows.push(this.accuracyAt(this.keptShare()), loss, loss, rates?.[i] ?? 0.01)
    }
    return { completed: iterations, stop: 'done', rows: Float64Array.from(rows) }
  }

  async test(iterations: number): Promise<Float64Array> {
    this.calls.push({ name: 'test', iterations })
    return Float64Array.of(this.accuracyAt(this.keptShare()), 0.25)
  }

  async forwardTrainBatch(): Promise<Float64Array> {
    this.calls.push({ name: 'forwardTrainBatch' })
    this.random.randn()
    return Float64Array.of(this.accuracyAt(this.keptShare()), 0.5, 0.5)
  }

  async remask(layers: number[]): Promise<void> {
    this.calls.push({ name: 'remask', layers })
    layers.forEach((l) => this.applyMask(l, this.rates[l]))
  }

  async freezeMasks(frozen: boolean): Promise<void> {
    if (frozen) this.calls.push({ name: 'freezeMasks' })
  }

  async evaluateRates(rates: Float64Array, mode: 'independent' | 'sequential'): Promise<RateEvaluations> {
    this.calls.push({ name: 'evaluateRates', mode, rates: [...rates] })
    const layers = this.prunableLayers.length
    const kept: number[] = []
    const before = this.masks.map((row) => [...row])
    for (let p = 0; p < rates.length / layers; p++) {
      if (mode === 'independent') this.masks = before.map((row) => [...row])
      for (let l = 0; l < layers; l++) this.applyMask(l, rates[p * layers + l])
      kept.push(this.keptShare() * layers * FAKE_WEIGHTS)
    }
    if (mode === 'independent') this.masks = before
    const accuracy = kept.map((count) => this.accuracyAt(count / layers / FAKE_WEIGHTS))
    return {
      accuracy: Float64Array.from(accuracy),
      loss: new Float64Array(kept.length),
      kept: Float64Array.from(kept),
    }
  }

  async resetHistory(): Promise<void> {
    this.calls.push({ name: 'resetHistory' })
  }
  async setWeightDecay(decay: number): Promise<void> {
    this.calls.push({ name: 'setWeightDecay', value: decay })
  }
  async computeTeacher(): Promise<void> {
    this.calls.push({ name: 'computeTeacher' })
  }
  async setDistillation(weight: number): Promise<void> {
    this.calls.push({ name: 'setDistillation', value: weight })
  }
  async scoreFisher(): Promise<void> {
    this.calls.push({ name: 'scoreFisher' })
    this.random.randn()
  }
  async scoreGrowth(): Promise<void> {
    this.calls.push({ name: 'scoreGrowth' })
  }
  /** The first pruned ones, layer by layer. */
  async growBest(count: number): Promise<number> {
    this.calls.push({ name: 'growBest', value: count })
    let left = count
    this.masks = this.masks.map((row) => row.map((kept) => (kept === 0 && left-- > 0 ? 1 : kept)))
    return count - Math.max(0, left)
  }
  async scoreMagnitude(): Promise<void> {
    this.calls.push({ name: 'scoreMagnitude' })
  }
  async holdSample(): Promise<void> {
    this.calls.push({ name: 'holdSample' })
  }

  /** The largest over all layers. */
  async keepBest(total: number): Promise<void> {
    const counts = await this.bestCounts(total)
    this.calls.push({ name: 'keepBest', value: total })
    this.keepLargest([...counts])
  }
  async bestCounts(total: number): Promise<Float64Array> {
    const sizes = this.weights.map((row, l) => row.map((w, i) => (this.masks[l][i] === 1 ? Math.abs(w) : -1)))
    const least = sizes.flat().sort((a, b) => b - a)[total - 1]
    return Float64Array.from(sizes, (row) => row.filter((size) => size >= least).length)
  }
  async keepBestOfLayers(counts: Float64Array): Promise<void> {
    this.calls.push({ name: 'keepBestOfLayers', rates: [...counts] })
    this.keepLargest([...counts])
  }

  /** Least where the layers keep equally many. */
  async evaluateKeptCounts(counts: Float64Array): Promise<Float64Array> {
    const layers = this.prunableLayers.length
    const rows = Array.from({ length: counts.length / layers }, (_, p) =>
      counts.slice(p * layers, (p + 1) * layers),
    )
    this.calls.push({ name: 'evaluateKeptCounts', value: rows.length })
    return Float64Array.from(rows, (row) => row.reduce((sum, count) => sum + count * count, 0))
  }

  async keptCounts(): Promise<KeptCounts[]> {
    return this.masks.map((row) => ({
      weights: row.length - 4,
      biases: 4,
      keptWeights: row.slice(4).reduce((a, b) => a + b, 0),
      keptBiases: row.slice(0, 4).reduce((a, b) => a + b, 0),
    }))
  }

  async setRates(rates: Float64Array): Promise<void> {
    this.rates = [...rates]
  }

  async saveState(file: string): Promise<void> {
    const { weights, masks, rates, iteration } = this
    const state: FakeState = { weights, masks, rates, iteration, random: this.random.state() }
    this.saved.set(file, JSON.stringify(state))
  }

  async loadState(file: string): Promise<void> {
    const state: FakeState = JSON.parse(this.saved.get(file) ?? 'null')
    this.weights = state.weights
    this.masks = state.masks
    this.rates = state.rates
    this.iteration = state.iteration
    this.random.setState(state.random)
  }

  /** Weights and masks, to compare sessions by. */
  content(): { weights: number[][]; masks: number[][] } {
    return { weights: this.weights, masks: this.masks }
  }

  cancel(): void {
    this.calls.push({ name: 'cancel' })
  }
  async rewind(): Promise<void> {
    this.calls.push({ name: 'rewind' })
  }
  async close(): Promise<void> {}

  async computeMoments(): Promise<LayerMoments[]> {
    return this.weights.map(() => ({ mu: 0.8, sigma: 0.6, nonzero: FAKE_WEIGHTS }))
  }
  setMoments = unused
  setIteration = unused
  fillParameters = unused
  loadParameters = unused
  getParameter = unused
  async setParameter(index: number, _: string, values: Float32Array): Promise<void> {
    this.calls.push({ name: 'setParameter', value: index, rates: [...values] })
  }
  forwardTest = unused
  setBlob = unused
  getBlob = unused
  forward = unused
  backward = unused

  private keepLargest(counts: number[]): void {
    this.masks = this.weights.map((row, l) => {
      const sizes = row.map((w, i) => (this.masks[l][i] === 1 ? Math.abs(w) : -1))
      const least = [...sizes].sort((a, b) => b - a)[counts[l] - 1] ?? Infinity
      return sizes.map((size) => (size >= least ? 1 : 0))
    })
  }

  private keptShare(): number {
    return this.masks.flat().reduce((a, b) => a + b, 0) / (this.masks.length * FAKE_WEIGHTS)
  }

  /** mu 0.8, sigma 0.6: those of |N(0, 1)|. */
  private applyMask(layer: number, rate: number): void {
    const t = Math.max(0.8 + rate * 0.6, 0)
    this.masks[layer] = this.masks[layer].map((kept, i) => {
      const size = Math.abs(this.weights[layer][i])
      if (kept === 1) return size <= 0.9 * t ? 0 : 1
      return size > 1.1 * t ? 1 : 0
    })
  }
}

async function unused(): Promise<never> {
  throw new Error('the loop has no business calling this')
}
