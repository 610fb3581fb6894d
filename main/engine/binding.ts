// The typed face of the native addon (native/addon): the only place that says what crosses between TypeScript and C++.
// Every Promise is settled from the session's own worker thread; calls on one session run in the order made.
// Errors are AppErrors-to-be: Error objects with `code`, and `file` where a file is at fault (see engineError).

import type { Phase, Shape } from '../net/graph'

export interface EngineAddon {
  systemInfo(): SystemInfo
  /** Builds the nets, allocates, opens the data. */
  createSession(options: SessionOptions): Promise<Session>
  /** What such a session would take of its device's memory as it is now, without taking it; null on the CPU, and where there
   *  is no such device. */
  estimateMemory(options: SessionOptions): Promise<MemoryEstimate | null>
  /** Opens an LMDB of Datums read-only, without a lock file, and describes it by its entry count and first datum. */
  describeDatums(folder: string): Promise<DatumSetInfo>
  /** Decoded datums [start, start + count) in key order, for previews. Pixels as stored (0..255 for bytes), (C, H, W). */
  readDatums(folder: string, start: number, count: number): Promise<DatumImage[]>
  /** Creates an LMDB in stock 0.9 format, keys and values as given, in ascending order; batches of 1000 per commit
   *  as Caffe's convert tools do. The folder must not exist or be empty. */
  createLmdbWriter(folder: string, mapSizeBytes: number): LmdbWriter
  /** MNIST's idx files (not gzipped) as the LMDB that Caffe's convert_mnist_data makes: keys %08d, uint8 datums. */
  convertMnist(imagesFile: string, labelsFile: string, folder: string): Promise<void>
}

export interface LmdbWriter {
  put(entries: { key: Uint8Array; value: Uint8Array }[]): Promise<void>
  close(): Promise<void>
}

export interface SystemInfo {
  engineVersion: string
  /** Highest instruction set the kernels use here: capped by OLMP_MAX_CPU_ISA=AVX2. */
  cpuIsa: 'AVX2' | 'AVX512'
  logicalCpus: number
  onednnVersion: string
  /** Free memory is that of the first device, the one that is used, when asked; 0 for the others. */
  cuda: {
    available: boolean
    reason: string
    /** What is missing that CUDA is used without (cuDNN), and what to install; '' where nothing is. */
    note: string
    devices: { name: string; freeBytes: number; totalBytes: number }[]
  }
}

/** In how many equal parts each net's batch is computed: 1, or more where a device's memory does not take the whole. Gradients
 *  are accumulated over the parts; losses and outputs are means over them. */
export interface BatchParts {
  train: number
  test: number
}

export interface MemoryEstimate {
  /** With the batch in these parts, about. */
  neededBytes: number
  freeBytes: number
  totalBytes: number
  fits: boolean
  batchParts: BatchParts
  /** Why a batch that does not fit is not computed in parts (e.g. batch statistics); '' otherwise. */
  whyNotInParts: string
}

export interface DatumSetInfo {
  entries: number
  /** (C, H, W) of the first datum, decoded. */
  shape: [number, number, number]
  encoded: boolean
  floatData: boolean
}

export interface DatumImage {
  shape: [number, number, number]
  label: number
  pixels: Float32Array
}

export interface SessionOptions {
  /** JSON.stringify(NetGraph) of each phase wanted; parameters are shared by layer name and blob index. */
  train?: string
  test?: string
  /** JSON.stringify(SolverSpec); needed for train(). */
  solver?: string
  device: 'cpu' | 'cuda'
  /** OpenMP threads of this session. */
  threads: number
  /** Seeds fillers, dropout, mirror and crop. */
  seed: number
  /** On CUDA: matrix products and convolutions may round their operands to TF32, for speed. */
  tf32?: boolean
  /** How a rate reaches a mask: 'exact' as given, 'mask-element' through the first mask element as float32, as in the
   *  authors' code (METHOD: `1 + c` read back minus 1 where the element is 1, `-c` where it is 0; c = 0 is no update). */
  rateEncoding: 'exact' | 'mask-element'
}

/** A parameter blob of the session. Index = position in Session.parameters. */
export interface ParameterInfo {
  layer: string
  /** Blob index within the layer (0 weights, 1 bias). */
  slot: number
  shape: Shape
  lrMult: number
  decayMult: number
  /** Index of the prunable layer this belongs to (position in Session.prunableLayers), or -1. */
  prunable: number
}

export type ParameterPart = 'value' | 'diff' | 'mask' | 'history' | 'history2'

/** A blob's place in a file: little-endian IEEE floats, contiguous. */
export interface BlobPlacement {
  parameter: number
  part: 'value' | 'mask' | 'history' | 'history2'
  file: string
  offsetBytes: number
  count: number
  type: 'float32' | 'float64'
}

export interface LayerMoments {
  /** Mean and population standard deviation of |w| over the nonzero weights and biases together. */
  mu: number
  sigma: number
  nonzero: number
}

export interface KeptCounts {
  weights: number
  biases: number
  keptWeights: number
  keptBiases: number
}

export interface TrainResult {
  /** Iterations done; fewer than asked where cancelled or where the loss stopped being finite. */
  completed: number
  stop: 'done' | 'cancelled' | 'nonFiniteLoss'
  /** One row per iteration: values of `trainOutputs` (mean over each output blob) in order, then the weighted total
   *  loss, then the learning rate. */
  rows: Float64Array
}

/** By which candidates of a search are given up: their accuracy and loss are then NaN. An engine may measure them all the
 *  same. */
export interface SearchBounds {
  /** One per candidate: it need not be measured where it keeps as many weights and biases, or more. */
  mostKept: Float64Array
  /** A candidate that cannot come to this accuracy any more need not be finished. */
  leastAccuracy: number
}

export interface RateEvaluations {
  /** One entry per candidate; those not reached before cancel() are missing at the end. Accuracy is NaN where the
   *  train net has no Accuracy layer, and where the candidate was given up. */
  accuracy: Float64Array
  loss: Float64Array
  /** Weights and biases kept over all prunable layers. */
  kept: Float64Array
}

export interface Session {
  readonly parameters: ParameterInfo[]
  /** Names of the Convolution and InnerProduct layers, in net order. Rates and moments use this order. */
  readonly prunableLayers: string[]
  /** Names of the scalar outputs of the train net (its unread tops), in order. */
  readonly trainOutputs: string[]
  readonly testOutputs: string[]
  /** Solver iteration: updates applied so far. */
  readonly iteration: number
  /** Bytes held by blobs, parameters and buffers. */
  readonly memoryBytes: number
  readonly batchParts: BatchParts

  // --- parameters
  /** Initialises the parameters given, or every one, by their fillers. */
  fillParameters(parameters?: number[]): Promise<void>
  loadParameters(placements: BlobPlacement[]): Promise<void>
  getParameter(index: number, part: ParameterPart): Promise<Float32Array>
  setParameter(index: number, part: ParameterPart, values: Float32Array): Promise<void>
  setIteration(iteration: number): Promise<void>

  // --- running
  /** `iterations` times: mask anew the layers whose bit is set in remask[i] (bit l = prunable layer l) with the current
   *  rates, then forward, backward, update on the next batch. Nets of more than 32 prunable layers have
   *  W = ceil(prunable layers / 32) words per iteration: layer l is bit l % 32 of remask[i * W + floor(l / 32)]. `rates`:
   *  the learning rate of each iteration, in place of the solver's policy. */
  train(iterations: number, remask?: Uint32Array, rates?: Float64Array): Promise<TrainResult>
  /** Mean of each test output over `iterations` batches; the cursor continues where the last test ended, as in Caffe.
   *  After cancel(): of the batches done, NaN where there was none. */
  test(iterations: number): Promise<Float64Array>
  /** Forward of the train net on the batch already loaded (the data layer is not advanced; loads one if there is none).
   *  Means of trainOutputs, then the total loss. */
  forwardTrainBatch(): Promise<Float64Array>
  /** One test batch: advances the data, runs forward, returns copies of the blobs named. */
  forwardTest(blobs: string[]): Promise<Float32Array[]>
  /** Puts the data layers of a phase back to their first datum. */
  rewind(phase: Phase): Promise<void>

  // --- single steps, for tests
  setBlob(phase: Phase, blob: string, part: 'data' | 'diff', values: Float32Array): Promise<void>
  getBlob(phase: Phase, blob: string, part: 'data' | 'diff'): Promise<Float32Array>
  /** On what the blobs hold: data layers load a batch only where there is none. */
  forward(phase: Phase): Promise<void>
  /** Backward from the diffs of the tops: losses start from their weight, other unread tops from what setBlob put there. */
  backward(phase: Phase): Promise<void>

  // --- masks
  /** Takes mu and sigma from the current parameters and keeps them. */
  computeMoments(): Promise<LayerMoments[]>
  setMoments(moments: LayerMoments[]): Promise<void>
  /** Current rates c, one per prunable layer; used by train() and remask(). */
  setRates(rates: Float64Array): Promise<void>
  /** Masks the layers given anew with the current rates (hysteresis 0.9 t / 1.1 t). */
  remask(layers: number[]): Promise<void>
  /** Promises that masks will not change: gradients, decay and momentum are then computed for kept values alone. Their
   *  course stays the same but for rounding, and for clip_gradients, whose norm is then that of the kept. Any change of a
   *  mask takes the promise back. Part of the saved state. */
  freezeMasks(frozen: boolean): Promise<void>
  keptCounts(): Promise<KeptCounts[]>
  /** Fitness material for a population: candidate p has rates[p * L ... p * L + L). Each is applied to the masks, and the
   *  train net runs forward on the batch already loaded. 'independent': every candidate starts from the present masks,
   *  which are restored at the end. 'sequential': one after another on the live masks, which stay as the last leaves them.
   *  A rate that is NaN leaves the layer's masks as they are. */
  evaluateRates(
    rates: Float64Array,
    mode: 'independent' | 'sequential',
    bounds?: SearchBounds,
  ): Promise<RateEvaluations>

  // --- compression in cycles; scores and the held sample are not part of the saved state
  /** Momentum and whatever else the solver remembers, as before the first update. */
  resetHistory(): Promise<void>
  /** In place of the solver's; parameters' decay_mult still applies. Not part of the saved state. */
  setWeightDecay(decay: number): Promise<void>
  /** Score of every prunable parameter: |w| over the root mean square of those its layer keeps. */
  scoreMagnitude(): Promise<void>
  /** Score w^2 (E[g^2] + decay + damping), where E[g^2] is the diagonal of the Fisher information: the mean, over the images
   *  of the next `batches` training batches, of each image's own squared gradient (cross-entropy, no teacher), its label drawn
   *  from the net's own softmax. Errors: 'no-objective' without a SoftmaxWithLoss. */
  scoreFisher(batches: number, damping: number): Promise<void>
  /** Score of every pruned parameter: what the loss, the teacher included, would lose by one Newton step of it,
   *  (E[g]^2 - E[g^2] / n) / (b E[g^2] + decay + damping), where g are the gradients of the means over the next n = `batches`
   *  training batches of b images; 0 where noise outweighs it. Masks are no longer frozen afterwards. */
  scoreGrowth(batches: number, damping: number): Promise<void>
  /** After scoreGrowth: brings back the `count` pruned parameters with the highest scores, with value 0, at most `perOutput`
   *  of each output (first axis) of a layer. Answers how many came back. */
  growBest(count: number, perOutput: number): Promise<number>
  /** Keeps, of the parameters kept now, the `total` with the highest scores over all prunable layers, weights and biases
   *  alike; of equals those that come first. */
  keepBest(total: number): Promise<void>
  /** As many of each prunable layer as keepBest(total) would keep. */
  bestCounts(total: number): Promise<Float64Array>
  /** Keeps the counts[l] best of each prunable layer. */
  keepBestOfLayers(counts: Float64Array): Promise<void>
  /** Holds the next training batches for evaluateKeptCounts. */
  holdSample(batches: number): Promise<void>
  /** Candidate p keeps the counts[p * L + l] best of layer l, of what is kept now. Mean training loss of each on the held
   *  sample; dropout draws alike for all. Masks and generators are as before afterwards. After cancel() those not reached
   *  are missing at the end. */
  evaluateKeptCounts(counts: Float64Array): Promise<Float64Array>
  /** Keeps the logits that the present net, as the test net computes them, has for every item of the training data, as the
   *  teacher's. Not part of the saved state. Errors: 'no-sampling' where the training Data layer has no `sampling`. */
  computeTeacher(): Promise<void>
  /** The main loss's gradient becomes (1 - weight) (softmax(z) - y) + weight T (softmax(z / T) - softmax(t / T)) with the
   *  teacher's logits t (Hinton, Vinyals, Dean 2015); the loss told stays the cross-entropy. weight 0: labels alone. */
  setDistillation(weight: number, temperature: number): Promise<void>

  // --- state
  /** Everything that decides the future of the session (parameters, history, masks, moments, rates, generators, data
   *  positions, loaded batch, iteration) into one file, which is the caller's to sync. */
  saveState(file: string): Promise<void>
  loadState(file: string): Promise<void>

  /** Makes a running train(), test() or evaluateRates() return early at the next boundary. Safe at any time. */
  cancel(): void
  close(): Promise<void>
}
