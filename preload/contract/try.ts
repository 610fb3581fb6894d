// Trying models out: single images through the original and a pruned model, and both over the whole test set. Progress and
// cancelling are those of models.ts.

import type { ClassAccuracy, Thumbnail, TryAnswer, TryImage, TryNet } from '../../main/onnx/tryTypes'
import { array, floats, id, integer, object, optional, type Schema } from '../schema'
import { projectAddress } from './common'

/** Pixels of the largest input that crosses at once: 3 x 2048 x 2048. */
const largestInput = 3 * 2048 * 2048
export const largestThumbnails = 200

const index = integer(0, Number.MAX_SAFE_INTEGER)
/** An ONNX model of a run. */
const model = { projectId: id, runId: id, modelId: id }

export const tryRequests = {
  'try:net': projectAddress,
  'try:image': object({ projectId: id, index }),
  'try:thumbnails': object({ projectId: id, indices: array(index, largestThumbnails) }),
  'try:predict': object({
    projectId: id,
    /** The pruned model; without it only the original is asked. */
    runId: optional(id),
    modelId: optional(id),
    /** (C, H, W) of the net's input, 0..255, colour as BGR */
    pixels: floats(largestInput),
  }),
  /** What is known from before; null where it was not measured for this file. */
  'try:known-classes': object(model),
  'try:class-accuracy': object({ ...model, job: id }),
} satisfies Record<string, Schema<unknown>>

export interface TryResponses {
  'try:net': TryNet
  'try:image': TryImage
  'try:thumbnails': Thumbnail[]
  'try:predict': TryAnswer
  'try:known-classes': ClassAccuracy | null
  'try:class-accuracy': ClassAccuracy
}
