// What the flags of several commands mean.

import path from 'node:path'

import { InvalidArgumentError } from 'commander'

import type { ModelSource } from '../runs/types'
import type { Terminal } from './terminal'

/** What every command that computes needs. */
export interface Context {
  terminal: Terminal
  threads: number
  device: 'cpu' | 'cuda'
  tf32: boolean
  seed: number
}

export interface SourceFlags {
  net?: string
  solver?: string
  weights?: string
  dataTrain?: string
  dataTest?: string
}

export function sourceFrom(folder: string, flags: SourceFlags): ModelSource {
  const dataset = (value: string | undefined): string | undefined =>
    value === undefined || value === 'mnist' ? value : path.resolve(value)
  const file = (value: string | undefined): string | undefined =>
    value === undefined ? value : path.resolve(value)
  return {
    folder: path.resolve(folder),
    net: file(flags.net),
    solver: file(flags.solver),
    weights: file(flags.weights),
    dataTrain: dataset(flags.dataTrain),
    dataTest: dataset(flags.dataTest),
  }
}

export function numberFrom(name: string, low: number, high: number): (text: string) => number {
  return (text) => {
    const value = Number(text)
    if (text.trim() === '' || !(value >= low && value <= high)) {
      throw new InvalidArgumentError(`${name} takes a number from ${low} to ${high}.`)
    }
    return value
  }
}

export function integerFrom(name: string, low: number, high: number): (text: string) => number {
  const parse = numberFrom(name, low, high)
  return (text) => {
    const value = parse(text)
    if (!Number.isInteger(value)) throw new InvalidArgumentError(`${name} takes a whole number.`)
    return value
  }
}

/** Compressions, comma-separated, as they rise. */
export function ratios(text: string): number[] {
  const values = text.split(',').map(numberFrom('--target', 1, 1e9))
  return values.sort((a, b) => a - b)
}
