// Entry of the engine process: holds the addon and everything a run consists of. Told what to do by main over the parent
// port; sends run events to main and to every attached window.

import type { MessagePortMain } from 'electron'

import { EngineServices } from './EngineServices'
import { EventBatcher } from './EventBatcher'
import { jobs } from './jobs'
import type { EngineFolders, FromEngine, ToEngine } from './protocol'
import { RequestDesk } from './RequestDesk'

const batchIntervalMs = 100

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

const desk = new RequestDesk({
  jobs,
  engine: new EngineServices(folders, batcher),
  send: toMain,
  // To the log, by way of stderr.
  onDefect: (error) => process.stderr.write(`${error.stack ?? error.message}\n`),
})

function attach(port: MessagePortMain): void {
  windows.add(port)
  port.on('close', () => windows.delete(port))
  port.start()
}

process.parentPort.on('message', ({ data, ports }) => {
  const message = data as ToEngine
  if (message.kind === 'attach') ports.forEach(attach)
  else if (message.kind === 'cancel') desk.cancel(message.number)
  else void desk.take(message)
})
