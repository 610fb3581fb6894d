// olmp inspect FOLDER

import { releaseWeights } from '../caffe/caffemodel'
import { modelReport } from '../projects/modelReport'
import type { ModelReport } from '../projects/types'
import { importModel } from '../runs/openModel'
import type { ModelSource } from '../runs/types'
import { loadAddon } from '../engine/addon'
import { cacheFolder } from './environment'
import { bytes, integer, table } from './format'
import type { Context } from './options'

export async function inspectCommand({ terminal }: Context, source: ModelSource): Promise<void> {
  const model = await importModel(source, {
    addon: loadAddon(),
    cacheFolder: cacheFolder(),
    onProgress: (text) => terminal.progress(text, 0, 1),
  })
  try {
    const report = await modelReport(source, model)
    terminal.result(report, () => describe(report))
  } finally {
    if (model.weights !== null) releaseWeights(model.weights)
  }
}

function describe(report: ModelReport): string[] {
  return [
    `${report.name}: ${integer(report.parameters)} parameters, ${integer(report.prunableParameters)} of them prunable`,
    '',
    ...report.files.flatMap(({ role, chosen, candidates }) => [
      `${role}: ${chosen ?? 'none'}`,
      ...candidates.map(({ file, reason }) => `    ${file === chosen ? '*' : ' '} ${file}: ${reason}`),
    ]),
    ...(report.weightsBytes === null ? [] : [`weights file: ${bytes(report.weightsBytes)}`]),
    '',
    ...report.data.map(
      ({ phase, layer, statedSource, resolved, entries, shape }) =>
        `${phase} data '${layer}': ${statedSource} -> ${resolved ?? 'not found'}` +
        (entries === null || shape === null ? '' : ` (${integer(entries)} of ${shape.join('x')})`),
    ),
    '',
    ...table([
      ['layer', 'type', 'output', 'parameters', 'prunable'],
      ...report.layers.map((layer) => [
        layer.name,
        layer.type,
        layer.outputShape.join('x'),
        integer(layer.parameters),
        layer.prunable ? 'yes' : '',
      ]),
    ]),
    '',
    ...report.notes.map(({ level, message, file, line }) => {
      const place = [file, line].filter((part) => part !== undefined).join(':')
      return `${level}: ${place === '' ? '' : `${place}: `}${message}`
    }),
    report.obstacle === null ? 'Ready to compress.' : `Cannot be compressed yet: ${report.obstacle}`,
  ]
}
