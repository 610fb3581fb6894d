// Checks a text tree against a message type, so that every refusal names the place and the nearest valid name.

import protobuf from 'protobufjs'
import { AppError } from '../net/errors'
import type { SourceLocation } from '../net/graph'
import { layerRules } from './build/rules'
import { didYouMean } from './suggest'
import { clip, findField, isTextMessage, type TextField, type TextMessage, type TextScalar } from './textTree'

function refuse(code: string, message: string, at: SourceLocation, hint?: string): never {
  throw new AppError(code, message, { ...at, hint })
}

// strings are names and paths
const maxStringLength = 4096

const integerRanges: Record<string, [bigint, bigint]> = {
  int32: [-(2n ** 31n), 2n ** 31n - 1n],
  uint32: [0n, 2n ** 32n - 1n],
  // wider values would not survive as a JavaScript number
  int64: [-(2n ** 53n), 2n ** 53n],
}

function checkInteger(field: protobuf.Field, value: TextScalar): void {
  // longer ones are out of any range, and slow to find so
  if (value.raw.length > 64)
    refuse('bad-value', `'${field.name}' is out of range: ${clip(value.raw)}`, value.at)
  const digits = value.raw.replace(/^-/, '')
  if (
    value.kind !== 'number' ||
    !/^(0[xX][0-9A-Fa-f]+|[0-9]+)$/.test(digits) ||
    /^0[0-9]*[89]/.test(digits)
  ) {
    refuse('bad-value', `'${field.name}' needs a whole number, found '${clip(value.raw)}'`, value.at)
  }
  const octal = /^0[0-7]+$/.test(digits)
  const magnitude = BigInt(octal ? `0o${digits.slice(1)}` : digits)
  const number = value.raw.startsWith('-') ? -magnitude : magnitude
  const [low, high] = integerRanges[field.type]
  if (number < low || number > high) {
    refuse(
      'bad-value',
      `'${field.name}' is out of range: ${clip(value.raw)} is not within ${low} to ${high}`,
      value.at,
    )
  }
}

function checkScalar(field: protobuf.Field, value: TextScalar): void {
  if (field.resolvedType instanceof protobuf.Enum) {
    const names = Object.keys(field.resolvedType.values)
    const known =
      value.kind === 'word' ? names.includes(value.raw) : Number(value.raw) in field.resolvedType.valuesById
    if (value.kind === 'string' || !known) {
      const quoted = value.kind === 'string' && names.includes(value.raw)
      const hint = quoted ? 'write it without quotes' : didYouMean(value.raw, names)
      const expected = `'${field.name}' takes one of ${names.join(', ')}`
      refuse('bad-value', `${expected}; found '${clip(value.raw)}'`, value.at, hint)
    }
    return
  }
  switch (field.type) {
    case 'string':
    case 'bytes':
      if (value.kind !== 'string') {
        refuse(
          'bad-value',
          `'${field.name}' needs a string, found ${clip(value.raw)}`,
          value.at,
          'put it in quotes',
        )
      }
      if (value.raw.length > maxStringLength) {
        refuse('bad-value', `'${field.name}' is a string of ${value.raw.length} characters`, value.at)
      }
      return
    case 'bool':
      if (!/^(true|false|t|f|True|False|0|1)$/.test(value.raw) || value.kind === 'string') {
        refuse('bad-value', `'${field.name}' needs true or false, found '${clip(value.raw)}'`, value.at)
      }
      return
    case 'float':
    case 'double':
      if (value.kind === 'string' || (value.kind === 'word' && !/^-?(inf|infinity|nan)$/i.test(value.raw))) {
        refuse('bad-value', `'${field.name}' needs a number, found '${clip(value.raw)}'`, value.at)
      }
      return
    default:
      checkInteger(field, value)
  }
}

/** Layers of other Caffe branches bring parameter messages of their own: then the layer type is what is unknown. */
function refuseUnknownField(type: protobuf.Type, message: TextMessage, field: TextField): never {
  const layerType = type.name === 'LayerParameter' ? findField(message, 'type')?.value : undefined
  if (layerType !== undefined && !isTextMessage(layerType) && !layerRules.has(layerType.raw)) {
    const unknown = `the layer type '${clip(layerType.raw)}', to which '${field.name}' belongs, is not known`
    refuse('unknown-layer', `${unknown}; supported are ${[...layerRules.keys()].join(', ')}`, layerType.at)
  }
  const hint = didYouMean(field.name, Object.keys(type.fields))
  refuse('unknown-field', `unknown field '${clip(field.name)}' in ${type.name}`, field.at, hint)
}

/** Throws AppError 'unknown-field', 'bad-value', 'repeated-field' or 'missing-field' with file, line and column. */
export function checkTextTree(type: protobuf.Type, message: TextMessage): void {
  const seen = new Map<string, TextField>()
  for (const written of message.fields) {
    const field = Object.hasOwn(type.fields, written.name) ? type.fields[written.name] : undefined
    if (field === undefined) refuseUnknownField(type, message, written)
    const earlier = seen.get(written.name)
    if (earlier !== undefined && !field.repeated) {
      const where = `line ${earlier.at.line}`
      refuse('repeated-field', `'${written.name}' is given twice; it was set on ${where}`, written.at)
    }
    seen.set(written.name, written)
    if (field.resolvedType instanceof protobuf.Type) {
      if (!isTextMessage(written.value)) {
        refuse(
          'bad-value',
          `'${written.name}' is a ${field.resolvedType.name}`,
          written.value.at,
          'write it as { ... }',
        )
      }
      checkTextTree(field.resolvedType, written.value)
    } else {
      if (isTextMessage(written.value)) {
        refuse('bad-value', `'${written.name}' takes a value, not a message in braces`, written.at)
      }
      checkScalar(field, written.value)
    }
  }
  for (const field of type.fieldsArray) {
    if (field.required && !seen.has(field.name)) {
      refuse('missing-field', `${type.name} needs '${field.name}'`, message.at)
    }
  }
}
