// Long work that the window follows and can end, by a name of the window's choosing.

import type { ModelProgress } from '../runs/models'

export class CancellableJobs {
  private readonly stoppers = new Map<string, AbortController>()

  constructor(private readonly tell: (progress: { job: string } & ModelProgress) => void) {}

  async run<T>(
    job: string,
    work: (tell: (progress: ModelProgress) => void, signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const stopper = new AbortController()
    this.stoppers.set(job, stopper)
    try {
      return await work((progress) => this.tell({ job, ...progress }), stopper.signal)
    } finally {
      this.stoppers.delete(job)
    }
  }

  cancel(job: string): void {
    this.stoppers.get(job)?.abort()
  }
}
