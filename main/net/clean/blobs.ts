// The parameters of layers as the cleaner reads and changes them.

/** A blob and, where it can be pruned, its mask (0 pruned, else kept). Without a mask a value of 0 counts as pruned. */
export interface MaskedBlob {
  values: Float32Array
  mask?: Float32Array | Uint8Array
}

/** By layer name; blobs in Caffe's order. */
export type LayerBlobs = ReadonlyMap<string, MaskedBlob[]>

/** The blob whose entries other than 0 are those kept. */
export function keptEntries({ values, mask }: MaskedBlob): Float32Array | Uint8Array {
  return mask ?? values
}

/** The value that acts: 0 where pruned. */
export function effective({ values, mask }: MaskedBlob, i: number): number {
  return mask === undefined || mask[i] !== 0 ? values[i] : 0
}
