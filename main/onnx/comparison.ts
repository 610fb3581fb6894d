// Two sets of scores for the same labelled images, compared image by image.

/** How scores lie in memory: (items, classes, positions). */
export interface ScoreLayout {
  classes: number
  /** Values per class and item: 1 for a classifier, H * W for a map. */
  positions: number
  /** Caffe's ignore_label: positions with this label count in no accuracy. */
  ignoreLabel?: number | null
}

export class ScoreComparison {
  private labels = 0
  private correctEngine = 0
  private correctOnnx = 0
  private agreeing = 0
  private maxDifference = 0
  private maxMagnitude = 0

  constructor(private readonly layout: ScoreLayout) {}

  /** `engine` and `onnx` are (items, classes, positions), `labels` (items, positions). */
  add(engine: Float32Array, onnx: Float32Array, labels: Float32Array, items: number): void {
    const { classes, positions } = this.layout
    const size = classes * positions
    for (let i = 0; i < items * size; i++) {
      const difference = Math.abs(engine[i] - onnx[i])
      // a NaN on either side is a difference without bound
      if (!(difference <= this.maxDifference))
        this.maxDifference = Number.isNaN(difference) ? Infinity : difference
      this.maxMagnitude = Math.max(this.maxMagnitude, Math.abs(engine[i]))
    }
    for (let item = 0; item < items; item++) {
      for (let position = 0; position < positions; position++) {
        const first = item * size + position
        const label = labels[item * positions + position]
        if (label === (this.layout.ignoreLabel ?? undefined)) continue
        this.labels += 1
        if (isCorrect(engine, first, positions, classes, label)) this.correctEngine += 1
        if (isCorrect(onnx, first, positions, classes, label)) this.correctOnnx += 1
        if (best(engine, first, positions, classes) === best(onnx, first, positions, classes))
          this.agreeing += 1
      }
    }
  }

  get accuracyEngine(): number {
    return this.correctEngine / this.labels
  }

  get accuracyOnnx(): number {
    return this.correctOnnx / this.labels
  }

  /** Share of images for which both have the same best class. */
  get agreement(): number {
    return this.agreeing / this.labels
  }

  get maxAbsDiff(): number {
    return this.maxDifference
  }

  /** Largest absolute score of the engine. */
  get maxAbsScore(): number {
    return this.maxMagnitude
  }
}

/** Caffe's rule (accuracy_layer.cpp): a class with the same score as the true one counts against it. */
function isCorrect(
  scores: Float32Array,
  first: number,
  stride: number,
  classes: number,
  label: number,
): boolean {
  if (!(label >= 0 && label < classes)) return false
  const own = scores[first + label * stride]
  if (Number.isNaN(own)) return false
  for (let c = 0; c < classes; c++) if (c !== label && scores[first + c * stride] >= own) return false
  return true
}

function best(scores: Float32Array, first: number, stride: number, classes: number): number {
  let index = 0
  for (let c = 1; c < classes; c++) if (scores[first + c * stride] > scores[first + index * stride]) index = c
  return index
}

/** Softmax over the classes, in float64. */
export function softmax(scores: Float32Array, { classes, positions }: ScoreLayout): Float32Array {
  const result = new Float32Array(scores.length)
  const size = classes * positions
  for (let item = 0; item * size < scores.length; item++) {
    for (let position = 0; position < positions; position++) {
      const first = item * size + position
      let max = -Infinity
      for (let c = 0; c < classes; c++) max = Math.max(max, scores[first + c * positions])
      let sum = 0
      for (let c = 0; c < classes; c++) sum += Math.exp(scores[first + c * positions] - max)
      for (let c = 0; c < classes; c++) {
        result[first + c * positions] = Math.exp(scores[first + c * positions] - max) / sum
      }
    }
  }
  return result
}
