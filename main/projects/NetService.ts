// A project's net for the window: its graph, and what its layers hold.

import { stat } from 'node:fs/promises'

import type { EngineProcess } from '../engine/EngineProcess'
import type { LayerWeights, NetPhase, ShownNet } from './netTypes'
import type { ProjectStore } from './ProjectStore'
import type { Project } from './types'

export interface NetServiceOptions {
  engine: Pick<EngineProcess, 'request'>
  store: Pick<ProjectStore, 'open' | 'runFolderOf'>
}

export interface LayerOfProject {
  projectId: string
  layer: string
  /** Absent: the reference model. */
  runId?: string
  /** Absent: the newest. */
  checkpoint?: string
  /** Of the reference model: a crate to look ahead with. */
  rate?: number
}

/** Graphs kept: the phases of a few projects. */
const keptGraphs = 12

export class NetService {
  private readonly graphs = new Map<string, Promise<ShownNet>>()

  constructor(private readonly options: NetServiceOptions) {}

  async graph(projectId: string, phase?: NetPhase): Promise<ShownNet> {
    const project = await this.options.store.open(projectId)
    const { source } = project.report
    const key = JSON.stringify([source, phase, await modified(project)])
    const graph = this.graphs.get(key) ?? this.options.engine.request('netGraph', { source, phase })
    // Set anew, the newest is the last.
    this.graphs.delete(key)
    this.graphs.set(key, graph)
    graph.catch(() => this.graphs.delete(key))
    for (const old of [...this.graphs.keys()].slice(0, -keptGraphs)) this.graphs.delete(old)
    return graph
  }

  async layerWeights({ projectId, layer, runId, checkpoint, rate }: LayerOfProject): Promise<LayerWeights> {
    const { engine, store } = this.options
    const { report } = await store.open(projectId)
    const run =
      runId === undefined ? undefined : { runFolder: store.runFolderOf(projectId, runId), checkpoint }
    return engine.request('layerWeights', { source: report.source, layer, run, rate })
  }
}

/** When the files of the nets were last changed. */
async function modified({ report }: Project): Promise<(number | null)[]> {
  const files = report.files.flatMap(({ role, chosen }) =>
    chosen !== null && (role === 'net' || role === 'deploy') ? [chosen] : [],
  )
  return Promise.all(files.map(async (file) => (await stat(file).catch(() => null))?.mtimeMs ?? null))
}
