// Events as rows. The caller makes the transactions.

import type { DatabaseSyncInstance, StatementSyncInstance } from '@photostructure/sqlite'

import type { RunEvent } from './types'

const STATEMENTS = {
  iteration: 'INSERT OR REPLACE INTO iterations VALUES (?, ?, ?, ?, ?, ?)',
  test: 'INSERT INTO tests VALUES (?, ?, ?, ?, ?, ?)',
  search: 'INSERT OR REPLACE INTO searches VALUES (?, ?, ?, ?)',
  candidate: 'INSERT OR REPLACE INTO candidates VALUES (?, ?, ?, ?, ?, ?, ?)',
  density: 'INSERT OR REPLACE INTO densities VALUES (?, ?, ?, ?)',
  phase: 'INSERT INTO phases VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
  log: 'INSERT INTO log (event, time_ms, level, text) VALUES (?, ?, ?, ?)',
}
type StatementName = keyof typeof STATEMENTS

export class HistoryWriter {
  private readonly prepared: Record<StatementName, StatementSyncInstance>

  constructor(database: DatabaseSyncInstance) {
    const entries = Object.entries(STATEMENTS).map(([name, sql]) => [name, database.prepare(sql)])
    this.prepared = Object.fromEntries(entries) as Record<StatementName, StatementSyncInstance>
  }

  /** Checkpoints, nets of the front, results and errors have files of their own. */
  write(number: number, event: RunEvent): void {
    switch (event.kind) {
      case 'iterations':
        for (const { iteration, loss, accuracy, learningRate, compression } of event.records)
          this.prepared.iteration.run(iteration, number, loss, accuracy, learningRate, compression)
        break
      case 'test': {
        const { iteration, accuracy, loss, compression, images } = event.record
        this.prepared.test.run(number, iteration, accuracy, loss, compression, images)
        break
      }
      case 'search':
        for (const { iteration, generation, bestKept, kept, accuracy, feasible } of event.records) {
          this.prepared.search.run(iteration, generation, number, bestKept)
          for (let i = 0; i < kept.length; i++) {
            const values = [kept[i], accuracy[i], feasible[i] ? 1 : 0]
            this.prepared.candidate.run(iteration, generation, i, number, ...values)
          }
        }
        break
      case 'densities':
        for (const { iteration, kept } of event.records)
          kept.forEach((share, layer) => this.prepared.density.run(iteration, layer, number, share))
        break
      case 'phase': {
        const { phase, text, iteration, iterations, cycle } = event
        const ofCycle = [cycle?.number ?? null, cycle?.of ?? null, cycle?.step ?? null]
        this.prepared.phase.run(number, phase, text, iteration, iterations, ...ofCycle)
        break
      }
      case 'log':
        this.prepared.log.run(number, event.timeMs, event.level, event.text.replaceAll('\n', ' '))
        break
      case 'front':
      case 'checkpoint':
      case 'result':
      case 'error':
        break
    }
  }
}
