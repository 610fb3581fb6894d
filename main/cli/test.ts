// olmp test FOLDER

import { loadAddon } from '../engine/addon'
import { AppError } from '../net/errors'
import { testRecord } from '../olmp/records'
import { testLines } from '../olmp/logLines'
import { memoryLines } from '../runs/gpuMemory'
import { testNet } from '../runs/loopNet'
import { batchOf, openModel } from '../runs/openModel'
import type { ModelSource } from '../runs/types'
import { cacheFolder } from './environment'
import { integer, percent } from './format'
import type { Context } from './options'

export async function testCommand(context: Context, source: ModelSource): Promise<void> {
  const { terminal, threads, device, tf32, seed } = context
  const opened = await openModel(source, {
    addon: loadAddon(),
    cacheFolder: cacheFolder(),
    threads,
    device,
    tf32,
    seed,
    rateEncoding: 'exact',
    needs: { train: false, test: true, weights: true, accuracy: true },
    onProgress: (text) => terminal.progress(text, 0, 1),
  })
  try {
    terminal.endProgress()
    for (const { text } of memoryLines(opened, batchOf)) terminal.log(text)
    for (const layer of opened.initialised)
      terminal.warn(`layer '${layer}' has no stored weights; initialised by its filler`)
    const { test, session, testIterations, testImages } = opened
    if (test === null) throw new AppError('no-test-net', 'there is no test net', { file: source.folder })
    const net = { ...testNet(test, session), testImages }
    const values = await session.test(testIterations)
    for (const line of testLines(0, net.testOutputs, values)) terminal.log(line)
    const { accuracy, loss, images } = testRecord(0, net, values, 1)
    terminal.result({ accuracy, loss, images }, () => [
      `Accuracy ${percent(accuracy)}, loss ${loss.toFixed(6)} on ${integer(images)} test images`,
    ])
  } finally {
    await opened.close()
  }
}
