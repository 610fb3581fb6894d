// Entry of the engine process: holds the addon and everything a run consists of. Told what to do by main over the parent
// port; sends run events to main and to every attached window.

import type { MessagePortMain } from 'electron'

import { toErrorRecord } from '../net/errors'
import { EngineServices } from './EngineServices'
import { EventBatcher } from './EventBatcher'
import type {
  EngineFolders,
  EngineMethod,
  EngineMethods,
  EngineRequest,
  FromEngine,
  ToEngine,
} from './protocol'

const batchIntervalMs = 100

type Methods = {
  [M in EngineMethod]: (
    params: EngineMethods[M]['request'],
    onProgress: (text: string) => void,
  ) => Promise<EngineMethods[M]['response']>
}

const windows = new Set<MessagePortMain>()
const folders = JSON.parse(process.argv[2]) as EngineFolders

function toMain(message: FromEngine): void {
  process.parentPort.postMessage(message)
}

const batcher = new EventBatcher(batchIntervalMs, (batch) => {
  for (const port of windows) port.postMessage(batch)
  // Main needs what changes a run's state; the records are in the run's folder.
  const events = batch.events.filter(
    ({ kind }) => kind !== 'iterations' && kind !== 'search' && kind !== 'log',
  )
  if (events.length > 0) toMain({ kind: 'run-events', ...batch, events })
})
const services = new EngineServices(folders, (address, event) => batcher.add(address, event))

const methods: Methods = {
  systemInfo: () => services.systemInfo(),
  ensureSample: ({ sample }, onProgress) => services.ensureSample(sample, onProgress),
  inspectModel: ({ source }, onProgress) => services.inspectModel(source, onProgress),
  async run(address) {
    try {
      return await services.run(address)
    } finally {
      batcher.flush()
    }
  },
  stopRun: ({ state }) => services.stopRun(state),
  exportRun: ({ runFolder, file }, onProgress) => services.exportRun(runFolder, file, onProgress),
  shutDown: () => services.stopRun('paused'),
}

async function answer({ number, method, params }: EngineRequest): Promise<void> {
  const onProgress = (text: string) => toMain({ kind: 'progress', number, text })
  try {
    const work = methods[method] as (params: unknown, onProgress: (text: string) => void) => Promise<unknown>
    toMain({ kind: 'answer', number, ok: true, value: await work(params, onProgress) })
  } catch (error) {
    // What is not an AppError is a defect: its stack goes to the log by way of stderr.
    const record = toErrorRecord(error)
    if (record.code === 'internal' && error instanceof Error)
      process.stderr.write(`${error.stack ?? error.message}\n`)
    toMain({ kind: 'answer', number, ok: false, error: record })
  }
}

function attach(port: MessagePortMain): void {
  windows.add(port)
  port.on('close', () => windows.delete(port))
  port.start()
}

process.parentPort.on('message', ({ data, ports }) => {
  const message = data as ToEngine
  if (message.kind === 'attach') ports.forEach(attach)
  else void answer(message)
})
