// olmp front RUN: the nets that a compression in cycles has kept

import path from 'node:path'

import { AppError } from '../net/errors'
import { readFront } from '../runs/front'
import { RunFolder } from '../runs/RunFolder'
import { integer, percent, ratio } from './format'
import type { Terminal } from './terminal'

export async function frontCommand(terminal: Terminal, folder: string): Promise<void> {
  const run = await RunFolder.open(path.resolve(folder))
  const front = await readFront(run.path)
  if (front.length === 0) {
    throw new AppError('no-front', 'the run has kept no nets on its way', {
      file: run.path,
      hint: 'those of the recommended preset do, from the end of their first cycle on',
    })
  }
  const header = ['iteration', 'kept', 'compression', 'test accuracy', 'validation']
  const rows = front.map(({ iteration, kept, compression, testAccuracy, validationAccuracy }) => [
    String(iteration),
    integer(kept),
    ratio(compression),
    percent(testAccuracy),
    validationAccuracy === null ? '' : percent(validationAccuracy),
  ])
  const widths = header.map((name, i) => Math.max(name.length, ...rows.map((row) => row[i].length)))
  const line = (cells: string[]): string => cells.map((cell, i) => cell.padStart(widths[i])).join('  ')
  terminal.result({ front }, () => [
    line(header),
    ...rows.map(line),
    `olmp export ${folder} --front ITERATION --onnx FILE writes one of them`,
  ])
}
