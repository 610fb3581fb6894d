// Caffe's messages as protobufjs types. Written by hand from the facts of caffe.proto (names, numbers, types).

import protobuf from 'protobufjs'
import { coreSchema } from './schema/core'
import { layerSchema } from './schema/layers'
import { legacySchema } from './schema/legacy'

function loadRoot(): protobuf.Root {
  const root = new protobuf.Root()
  // keepCase: the field names are Caffe's own spelling in every file a person reads
  for (const schema of [coreSchema, layerSchema, legacySchema])
    protobuf.parse(schema, root, { keepCase: true })
  root.resolveAll()
  return root
}

/** Package `caffe` with NetParameter, SolverParameter, BlobProto, Datum and all they hold. */
export const caffeRoot: protobuf.Root = loadRoot()

export const NetParameter = caffeRoot.lookupType('caffe.NetParameter')
export const SolverParameter = caffeRoot.lookupType('caffe.SolverParameter')
export const LayerParameter = caffeRoot.lookupType('caffe.LayerParameter')
export const BlobProto = caffeRoot.lookupType('caffe.BlobProto')
export const Datum = caffeRoot.lookupType('caffe.Datum')
