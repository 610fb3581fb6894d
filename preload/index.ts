// The window's only door: one method per request, and events. Runs sandboxed, before the page.

import { contextBridge, ipcRenderer, webUtils } from 'electron'

import { type Api, channels, enginePortMessage, type Events, type MainEvent, mainEvents } from './contract'

type Listener = (payload: never) => void
const listeners = new Map<keyof Events, Set<Listener>>()

function emit<E extends keyof Events>(name: E, payload: Events[E]): void {
  for (const listener of listeners.get(name) ?? []) (listener as (payload: Events[E]) => void)(payload)
}

for (const name of mainEvents) {
  ipcRenderer.on(name, (_event, payload: Events[MainEvent]) => emit(name, payload))
}

// A port per engine process: after a crash the next process brings its own.
ipcRenderer.on(enginePortMessage, (event) => {
  const [port] = event.ports
  port.onmessage = (message: MessageEvent<Events['engine:run-events']>) =>
    emit('engine:run-events', message.data)
})

const requests = Object.fromEntries(
  channels.map((channel) => [channel, (request: unknown) => ipcRenderer.invoke(channel, request)]),
)

const on: Api['on'] = (name, listener) => {
  const set = listeners.get(name) ?? new Set()
  listeners.set(name, set)
  set.add(listener)
  return () => set.delete(listener)
}

const pathOfFile: Api['pathOfFile'] = (file) => webUtils.getPathForFile(file)

contextBridge.exposeInMainWorld('api', { ...requests, on, pathOfFile })
