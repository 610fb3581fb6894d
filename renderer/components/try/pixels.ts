// Pixels between the window's canvases (RGBA, 8 bits) and a net's input ((C, H, W), 0..255, colour as BGR).

export type InputShape = [number, number, number]

/** RGBA of the input's own size as the net takes it; what is transparent is seen on black. */
export function toInput(rgba: Uint8ClampedArray, [channels, height, width]: InputShape): Float32Array {
  const area = height * width
  const values = new Float32Array(channels * area)
  for (let i = 0; i < area; i++) {
    const alpha = rgba[4 * i + 3] / 255
    const [r, g, b] = [0, 1, 2].map((c) => rgba[4 * i + c] * alpha)
    // OpenCV's weights, by which Caffe makes colour grey
    if (channels === 1) values[i] = Math.round(0.299 * r + 0.587 * g + 0.114 * b)
    else [b, g, r].slice(0, channels).forEach((value, c) => (values[c * area + i] = value))
  }
  return values
}

/** For the eye; values from `least` to `greatest` become black to white. */
export function toRgba(
  values: Float32Array,
  [channels, height, width]: InputShape,
  least = 0,
  greatest = 255,
): Uint8ClampedArray<ArrayBuffer> {
  const area = height * width
  const rgba = new Uint8ClampedArray(4 * area)
  const range = greatest === least ? 1 : greatest - least
  const level = (value: number) => (255 * (value - least)) / range
  for (let i = 0; i < area; i++) {
    const colour = channels >= 3 ? [2, 1, 0].map((c) => values[c * area + i]) : Array(3).fill(values[i])
    rgba.set([...colour.map(level), 255], 4 * i)
  }
  return rgba
}

/** A grey drawing as MNIST's makers treated digits: scaled so that the longer side of its box is 20 pixels, its centre of
 *  mass put into the middle of 28 by 28 (LeCun, Cortes, Burges: the MNIST database). `size` is the drawing's side. */
export function likeMnist(drawing: Float32Array, size: number): Float32Array {
  const box = boundingBox(drawing, size)
  const result = new Float32Array(28 * 28)
  if (box === null) return result
  const scale = 20 / Math.max(box.right - box.left + 1, box.bottom - box.top + 1)
  const [massX, massY] = centreOfMass(drawing, size)
  for (let y = 0; y < 28; y++) {
    for (let x = 0; x < 28; x++) {
      const left = massX + (x - 13.5 - 0.5) / scale
      const top = massY + (y - 13.5 - 0.5) / scale
      result[y * 28 + x] = average(drawing, size, left + 0.5, top + 0.5, 1 / scale)
    }
  }
  return result
}

function boundingBox(values: Float32Array, size: number) {
  let [left, right, top, bottom] = [size, -1, size, -1]
  values.forEach((value, i) => {
    if (value < 16) return
    const [x, y] = [i % size, Math.floor(i / size)]
    left = Math.min(left, x)
    right = Math.max(right, x)
    top = Math.min(top, y)
    bottom = Math.max(bottom, y)
  })
  return right < 0 ? null : { left, right, top, bottom }
}

function centreOfMass(values: Float32Array, size: number): [number, number] {
  let [sum, x, y] = [0, 0, 0]
  values.forEach((value, i) => {
    sum += value
    x += value * (i % size)
    y += value * Math.floor(i / size)
  })
  return [x / sum, y / sum]
}

/** Mean over a square of the drawing; what is outside counts as black. */
function average(values: Float32Array, size: number, left: number, top: number, side: number): number {
  const samples = Math.max(1, Math.ceil(side))
  let sum = 0
  for (let j = 0; j < samples; j++) {
    for (let i = 0; i < samples; i++) {
      const x = Math.floor(left + ((i + 0.5) * side) / samples)
      const y = Math.floor(top + ((j + 0.5) * side) / samples)
      if (x >= 0 && y >= 0 && x < size && y < size) sum += values[y * size + x]
    }
  }
  return sum / samples ** 2
}

/** An image file at the net's size: scaled to cover it, the middle taken. Rejects where it is no image. */
export async function decodeFile(file: Blob, shape: InputShape): Promise<Float32Array> {
  const [, height, width] = shape
  const bitmap = await createImageBitmap(file)
  try {
    const canvas = new OffscreenCanvas(width, height)
    const context = canvas.getContext('2d', { willReadFrequently: true })
    if (context === null) throw new Error('no canvas')
    const scale = Math.max(width / bitmap.width, height / bitmap.height)
    const [w, h] = [bitmap.width * scale, bitmap.height * scale]
    context.imageSmoothingQuality = 'high'
    context.drawImage(bitmap, (width - w) / 2, (height - h) / 2, w, h)
    return toInput(context.getImageData(0, 0, width, height).data, shape)
  } finally {
    bitmap.close()
  }
}
