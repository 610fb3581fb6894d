// A layer's settings as they are written in a prototxt.

import type { Filler, NetLayer } from '../../../preload/contract'

/** Every setting of the layer with its value, nested messages with their fields joined by dots. */
export function settingsOf({ params }: NetLayer): { name: string; value: string }[] {
  return flatten(params, '')
}

function flatten(value: unknown, name: string): { name: string; value: string }[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return [{ name, value: written(value) }]
  return Object.entries(value).flatMap(([key, own]) => flatten(own, name === '' ? key : `${name}.${key}`))
}

function written(value: unknown): string {
  if (Array.isArray(value)) {
    return (
      value.map((entry) => (typeof entry === 'object' ? JSON.stringify(entry) : String(entry))).join(', ') ||
      '–'
    )
  }
  return value === null || value === '' ? '–' : String(value)
}

/** `gaussian, std 0.01`: the type and what that type reads. */
export function fillerText({ type, value, min, max, mean, std, sparse, variance_norm }: Filler): string {
  switch (type) {
    case 'constant':
      return `constant, value ${value}`
    case 'uniform':
      return `uniform, min ${min}, max ${max}`
    case 'gaussian':
      return `gaussian, mean ${mean}, std ${std}${sparse < 0 ? '' : `, sparse ${sparse}`}`
    case 'xavier':
    case 'msra':
      return `${type}, ${variance_norm}`
    default:
      return type
  }
}
