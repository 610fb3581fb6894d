// The data of a model as the window asks for it, and the accuracy of the stored model: measured once, kept with the
// project or for the one about to be made.

import type { EngineProcess } from '../engine/EngineProcess'
import type { Phase } from '../net/graph'
import type { ModelSource } from '../runs/types'
import type { ProjectStore } from './ProjectStore'
import type { ClassBalance, DataPreview, ReferenceMeasurement } from './types'

export interface DataServiceOptions {
  engine: Pick<EngineProcess, 'request'>
  store: Pick<ProjectStore, 'update'>
  events: {
    send(name: 'data:progress', payload: { job: string; fraction: number }): void
    send(name: 'projects:changed', payload: undefined): void
  }
}

export class DataService {
  private readonly jobs = new Map<string, AbortController>()
  private readonly measured = new Map<string, number>()

  constructor(private readonly options: DataServiceOptions) {}

  /** The accuracy measured of this source since the app was started, or null. */
  known(source: ModelSource): number | null {
    return this.measured.get(key(source)) ?? null
  }

  async measure(job: string, source: ModelSource, projectId?: string): Promise<ReferenceMeasurement> {
    const { engine, store, events } = this.options
    const measurement = await this.asJob(job, (tell, signal) =>
      engine.request('referenceAccuracy', { source }, tell, signal),
    )
    this.measured.set(key(source), measurement.accuracy)
    if (projectId !== undefined) {
      const { accuracy } = measurement
      await store.update(projectId, (project) => ({ ...project, referenceAccuracy: accuracy }))
      events.send('projects:changed', undefined)
    }
    return measurement
  }

  preview(dataset: string, start: number, count: number): Promise<DataPreview> {
    return this.options.engine.request('dataPreview', { dataset, start, count })
  }

  predict(source: ModelSource, images: { phase: Phase; start: number; count: number }) {
    return this.options.engine.request('predictImages', { source, ...images })
  }

  classes(job: string, dataset: string): Promise<ClassBalance> {
    return this.asJob(job, (tell, signal) =>
      this.options.engine.request('classBalance', { dataset }, tell, signal),
    )
  }

  cancel(job: string): void {
    this.jobs.get(job)?.abort()
  }

  private async asJob<T>(
    job: string,
    work: (tell: (fraction: number) => void, signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const stopper = new AbortController()
    this.jobs.set(job, stopper)
    try {
      return await work(
        (fraction) => this.options.events.send('data:progress', { job, fraction }),
        stopper.signal,
      )
    } finally {
      this.jobs.delete(job)
    }
  }
}

function key({ folder, net, solver, weights, dataTrain, dataTest }: ModelSource): string {
  return JSON.stringify([folder, net, solver, weights, dataTrain, dataTest])
}
