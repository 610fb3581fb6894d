// Caffe's text files (nets and solvers) to messages with places.

import { closeSync, openSync, readSync, fstatSync } from 'node:fs'
import type protobuf from 'protobufjs'
import textformat from 'protobufjs/ext/textformat.js'
import { AppError } from '../net/errors'
import type { NetMessage, SolverMessage } from './messages'
import { NetParameter, SolverParameter } from './proto'
import { checkTextTree } from './textCheck'
import { childMessages, readTextTree, type TextMessage } from './textTree'

/** The largest prototxt met in practice is about 1 MB; blobs do not belong in text. */
export const maxPrototxtBytes = 16 * 1024 * 1024

function parse(
  type: protobuf.Type,
  text: string,
  file: string,
): { object: Record<string, unknown>; tree: TextMessage } {
  // a byte order mark is not part of the format, but editors leave it
  const source = text.replace(/^\uFEFF/, '')
  const tree = readTextTree(source, file)
  checkTextTree(type, tree)
  try {
    const message = textformat.fromText(type, source)
    return { object: type.toObject(message, { longs: Number, enums: String, bytes: Array }), tree }
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause)
    const line = /\(line (\d+)\)$/.exec(message)
    throw new AppError('prototxt-syntax', message.replace(/ \(line \d+\)$/, ''), {
      file,
      line: line === null ? undefined : Number(line[1]),
      cause,
    })
  }
}

function attachPlaces(net: NetMessage, tree: TextMessage): void {
  net.text = tree
  const places = childMessages(tree, 'layer')
  net.layer?.forEach((layer, i) => (layer.text = places[i]))
  const legacyPlaces = childMessages(tree, 'layers')
  net.layers?.forEach((layer, i) => (layer.text = legacyPlaces[i]))
}

/** Parses a NetParameter as written (not upgraded). `file` names the text in errors and places.
 *  Throws AppError: 'prototxt-syntax', 'unknown-field', 'bad-value', 'repeated-field', 'missing-field', 'unknown-layer'. */
export function parseNet(text: string, file: string): NetMessage {
  const { object, tree } = parse(NetParameter, text, file)
  const net: NetMessage = object
  attachPlaces(net, tree)
  return net
}

/** Parses a SolverParameter as written. Same errors as parseNet. */
export function parseSolverMessage(text: string, file: string): SolverMessage {
  const { object, tree } = parse(SolverParameter, text, file)
  const solver: SolverMessage = object
  solver.text = tree
  for (const key of ['net_param', 'train_net_param'] as const) {
    const place = childMessages(tree, key)[0]
    const net = solver[key]
    if (net !== undefined && place !== undefined) attachPlaces(net, place)
  }
  const testPlaces = childMessages(tree, 'test_net_param')
  solver.test_net_param?.forEach((net, i) => attachPlaces(net, testPlaces[i]))
  return solver
}

/** Reads a text file of at most maxPrototxtBytes. Throws AppError 'unreadable-file' or 'file-too-large'. */
export function readPrototxtFile(file: string): string {
  let descriptor: number
  try {
    descriptor = openSync(file, 'r')
  } catch (cause) {
    throw new AppError('unreadable-file', 'this file cannot be opened', { file, cause })
  }
  try {
    const stat = fstatSync(descriptor)
    if (!stat.isFile()) throw new AppError('unreadable-file', 'this is not a file', { file })
    if (stat.size > maxPrototxtBytes) {
      const message = `${stat.size} bytes are too many for a prototxt (at most ${maxPrototxtBytes})`
      throw new AppError('file-too-large', message, { file })
    }
    const buffer = Buffer.alloc(stat.size)
    let length = 0
    while (length < buffer.length) {
      const read = readSync(descriptor, buffer, length, buffer.length - length, length)
      if (read === 0) break
      length += read
    }
    return buffer.toString('utf8', 0, length)
  } finally {
    closeSync(descriptor)
  }
}
