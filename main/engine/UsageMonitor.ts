// What the engine process takes of the machine, told every two seconds while it works on a run.

import type { ProcessMetric } from 'electron'

import type { EngineUsage } from '../../preload/contract'

const intervalMs = 2000

export interface UsageMonitorOptions {
  /** Electron's app.getAppMetrics. */
  metrics(): ProcessMetric[]
  enginePid(): number | undefined
  isRunning(): boolean
  send(usage: EngineUsage): void
}

export class UsageMonitor {
  private last: { pid: number; timeMs: number; cpuSeconds: number } | null = null
  private readonly timer: NodeJS.Timeout

  constructor(private readonly options: UsageMonitorOptions) {
    this.timer = setInterval(() => this.look(Date.now()), intervalMs)
    this.timer.unref()
  }

  stop(): void {
    clearInterval(this.timer)
  }

  /** Nothing is told of the first look at a process: what it takes is a difference of two. */
  look(timeMs: number): void {
    const { metrics, enginePid, isRunning, send } = this.options
    const pid = enginePid()
    if (pid === undefined || !isRunning()) {
      this.last = null
      return
    }
    const metric = metrics().find((candidate) => candidate.pid === pid)
    if (metric === undefined) return
    const cpuSeconds = metric.cpu.cumulativeCPUUsage ?? 0
    const { last } = this
    this.last = { pid, timeMs, cpuSeconds }
    if (last === null || last.pid !== pid || timeMs <= last.timeMs) return
    const cpuPercent = ((cpuSeconds - last.cpuSeconds) / ((timeMs - last.timeMs) / 1000)) * 100
    // workingSetSize is in kilobytes
    send({ timeMs, cpuPercent: Math.max(0, cpuPercent), memoryBytes: metric.memory.workingSetSize * 1024 })
  }
}
