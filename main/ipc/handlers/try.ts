import type { HandlersOf } from '../../../preload/contract'
import type { tryRequests } from '../../../preload/contract/try'
import type { HandlerServices } from './services'

export function tryHandlers({ tries }: HandlerServices): HandlersOf<typeof tryRequests> {
  return {
    'try:net': ({ projectId }) => tries.net(projectId),
    'try:image': ({ projectId, index }) => tries.image(projectId, index),
    'try:thumbnails': ({ projectId, indices }) => tries.thumbnails(projectId, indices),
    'try:predict': ({ projectId, pixels, ...model }) => tries.predict(projectId, pixels, model),
    'try:known-classes': (model) => tries.knownClasses(model),
    'try:class-accuracy': ({ job, ...model }) => tries.classAccuracy(model, job),
  }
}
