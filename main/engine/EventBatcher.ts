// Run events gathered, so that a fast run does not send a message per iteration.

import type { RunEvent } from '../runs/types'

export interface RunName {
  projectId: string
  runId: string
}

export interface EventBatch extends RunName {
  events: RunEvent[]
}

export class EventBatcher {
  private batch: EventBatch | null = null
  private timer: NodeJS.Timeout | null = null

  constructor(
    private readonly intervalMs: number,
    private readonly send: (batch: EventBatch) => void,
  ) {}

  add({ projectId, runId }: RunName, event: RunEvent): void {
    if (this.batch !== null && this.batch.runId !== runId) this.flush()
    this.batch ??= { projectId, runId, events: [] }
    this.batch.events.push(event)
    this.timer ??= setTimeout(() => this.flush(), this.intervalMs)
  }

  flush(): void {
    if (this.timer !== null) clearTimeout(this.timer)
    this.timer = null
    const { batch } = this
    this.batch = null
    if (batch !== null) this.send(batch)
  }
}
